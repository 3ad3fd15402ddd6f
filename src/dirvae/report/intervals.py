"""Figures of estimates with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from dirvae.report.figures import COLORS, GREY, literal_text, plain, require_as_many

__all__ = ["bands", "calibration", "forest"]

ROW_HEIGHT = 22  # pixels of a row in a forest
LEAST_HEIGHT = 160


def forest(
    estimate: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    names: Sequence[Any],
    *,
    x_title: str = "",
    reference: float | None = None,
) -> go.Figure:
    """A forest plot: one point with its interval in each row, from the top.

    Args:
        estimate: Points, shape (R,).
        lower: Lower ends, shape (R,).
        upper: Upper ends, shape (R,).
        names: Text beside each row, length R. Names may repeat.
        x_title: Title of the x axis.
        reference: Position of a vertical line, such as 0; None for no line.

    Example:
        >>> (points,) = forest([1.0], [0.5], [2.0], ["a"]).data
        >>> points.error_x.array.tolist(), points.error_x.arrayminus.tolist()
        ([1.0], [0.5])
    """
    middle, low, high = _checked(estimate, lower, upper)
    require_as_many("names", names, len(middle), "row")
    figure = go.Figure(
        go.Scatter(
            x=middle,
            y=np.arange(len(middle)),
            error_x={
                "array": high - middle,
                "arrayminus": middle - low,
                "thickness": 1.6,
                "width": 0,
                "color": COLORS[0],
            },
            customdata=np.column_stack([low, high]),
            text=[literal_text(name) for name in names],
            hovertemplate="%{text}: %{x:.3g} (%{customdata[0]:.3g} to %{customdata[1]:.3g})"
            "<extra></extra>",
            mode="markers",
            marker={"color": COLORS[0], "size": 7},
        )
    )
    if reference is not None:
        figure.add_vline(x=reference, line={"color": GREY, "width": 1})
    rows = {"tickvals": list(range(len(middle))), "ticktext": [literal_text(n) for n in names]}
    figure.update_yaxes(tickmode="array", showgrid=False, automargin=True, **rows)
    figure.update_yaxes(range=[len(middle) - 0.5, -0.5])
    figure.update_xaxes(title=literal_text(x_title))
    figure.update_layout(height=max(LEAST_HEIGHT, 70 + ROW_HEIGHT * len(middle)))
    plain(figure, margin={"l": 8, "r": 8, "t": 8, "b": 44})
    return figure.update_yaxes(zeroline=False)


def bands(
    x: Sequence[Any],
    estimate: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    names: Sequence[Any],
    *,
    x_title: str = "",
    y_title: str = "",
) -> go.Figure:
    """Lines with bands, such as shares over time; a click on a name hides its line and band.

    Args:
        x: Numbers or dates, length G.
        estimate: The lines, shape (G, K).
        lower: Lower ends of the bands, shape (G, K); NaN where there is no band.
        upper: Upper ends of the bands, shape (G, K); NaN where there is no band.
        names: Names of the K lines.
        x_title: Title of the x axis.
        y_title: Title of the y axis.

    Example:
        >>> one = np.ones((2, 1))
        >>> [trace.name for trace in bands([2000, 2001], one, one, one, ["a"]).data]
        ['a', 'a']
    """
    middle, low, high = _checked(estimate, lower, upper)
    figure, places = go.Figure(), list(x)
    require_as_many("x", places, len(middle), "row of estimate")
    require_as_many("names", names, middle.shape[1], "column of estimate")
    for k, name in enumerate(names):
        color = COLORS[k % len(COLORS)]
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        shared = {"name": literal_text(name), "legendgroup": str(k), "mode": "lines"}
        around, edge = _outline(places, low[:, k], high[:, k])
        figure.add_scatter(
            x=around,
            y=edge,
            fill="toself",
            fillcolor=f"rgba({red}, {green}, {blue}, 0.18)",
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            **shared,
        )
        dash = ("solid", "dash", "dot")[k // len(COLORS) % 3]
        line = {"color": color, "width": 2, "dash": dash}
        figure.add_scatter(x=places, y=middle[:, k], line=line, showlegend=True, **shared)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title=literal_text(x_title))
    figure.update_yaxes(title=literal_text(y_title), rangemode="tozero")
    return plain(figure, margin={"l": 54, "r": 8, "t": 34, "b": 44})


def _outline(places: list[Any], low: Any, high: Any) -> tuple[list[Any], Any]:
    """The edge of a band, in parts where ends between are not known."""
    known = ~np.isnan(low + high)
    parts = np.split(np.arange(len(places)), np.flatnonzero(np.diff(known)) + 1)
    around: list[Any] = []
    edge: list[Any] = []
    for part in parts:
        if not len(part) or not known[part[0]]:
            continue
        if around:
            around.append(None)
            edge.append([np.nan])
        there = [places[row] for row in part]
        around += [*there, *there[::-1]]
        edge.append(np.concatenate([low[part], high[part[::-1]]]))
    return around, np.concatenate(edge) if edge else np.empty(0)


def calibration(levels: ArrayLike, held: Mapping[str, ArrayLike]) -> go.Figure:
    """The share of intervals that contain the truth, against their stated level.

    Args:
        levels: Levels of the intervals, in (0, 1), shape (L,).
        held: For each name, the shares of intervals that contain the truth, shape (L,).

    Example:
        >>> figure = calibration([0.5, 0.9], {"posterior": [0.48, 0.91]})
        >>> [trace.name for trace in figure.data]
        ['as they say', 'posterior']
    """
    nominal = np.asarray(levels, dtype=np.float64)
    figure = go.Figure()
    line = {"color": GREY, "width": 1, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="as they say", mode="lines", line=line)
    for number, (name, shares) in enumerate(held.items()):
        color = COLORS[number % len(COLORS)]
        line = {"color": color, "width": 2}
        y = np.asarray(shares, dtype=np.float64)
        require_as_many(f"held[{name!r}]", y, len(nominal), "level")
        drawn = {"mode": "lines+markers", "line": line, "marker": {"size": 6}}
        figure.add_scatter(x=nominal, y=y, name=literal_text(name), **drawn)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title="level of the intervals", range=[0, 1], constrain="domain")
    figure.update_yaxes(
        title="share that holds the truth", range=[0, 1], constrain="domain", scaleanchor="x"
    )
    return plain(figure, margin={"l": 54, "r": 8, "t": 34, "b": 44})


def _checked(*values: ArrayLike) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(value, dtype=np.float64) for value in values]
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) > 1:
        raise ValueError(f"estimate, lower and upper have shapes {shapes}, must have one shape")
    return arrays
