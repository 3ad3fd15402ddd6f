"""Figures of proportions, and of the topics that are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from dirvae.alignment import matched
from dirvae.report.figures import COLORS, GREY, HOVER, classes, literal_text, plain, require_as_many

__all__ = ["simplex", "stack", "topic_map"]

Floats = NDArray[np.float64]
LARGEST = 60  # pixels across the largest topic of a map


def stack(theta: ArrayLike, names: Sequence[Any] = (), ids: Sequence[Any] = ()) -> go.Figure:
    """A stacked bar for each row, made of the row's proportions.

    Args:
        theta: Rows that sum to 1, shape (N, K).
        names: Names of the K components; if empty, their numbers are used.
        ids: Text under each bar, length N; no text if empty. A series is matched by index to a
            DataFrame theta. Rows are drawn in the given order, so sort them first, for example by
            group.

    Example:
        >>> [bar.name for bar in stack([[0.2, 0.8]], ["a", "b"]).data]
        ['a', 'b']
    """
    shares = np.asarray(theta, dtype=np.float64)
    places = np.arange(len(shares))
    ids = matched("ids", ids, theta, rows="theta")
    if len(ids):
        require_as_many("ids", ids, len(shares), "row")
    figure = go.Figure()
    for k, name in enumerate(_named(names, shares.shape[1])):
        pattern = ("", "/", "x", ".")[k // len(COLORS) % 4]
        marker = {"color": COLORS[k % len(COLORS)], "pattern": {"shape": pattern}}
        figure.add_bar(x=places, y=shares[:, k], name=name, marker=marker)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    figure.update_layout(barmode="stack", bargap=0.05, legend=legend)
    figure.update_yaxes(title="share", range=[0, 1], hoverformat=HOVER)
    if len(ids):
        figure.update_xaxes(tickvals=places, ticktext=[literal_text(i) for i in ids])
    else:
        figure.update_xaxes(showticklabels=False)
    figure.update_xaxes(showgrid=False, automargin=True)
    return plain(figure, margin={"l": 50, "r": 8, "t": 34, "b": 30})


def simplex(
    theta: ArrayLike, names: Sequence[Any] = (), labels: Sequence[Any] | None = None
) -> go.Figure:
    """Rows in a triangle, or a polygon, whose corners are the components.

    A row lies at the mean of the corners, weighted by its proportions. With more than three
    components, different rows can lie at the same place.

    Args:
        theta: Rows that sum to 1, shape (N, K), with K 3 or more.
        names: Names of the K corners; if empty, their numbers are used.
        labels: Class of each row, which sets its colour, length N; None for no classes. A series is
            matched by index to a DataFrame theta.

    Raises:
        ValueError: If K is less than 3.

    Example:
        >>> points, corners = simplex([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]).data
        >>> np.column_stack([points.x, points.y]).round(2).tolist()
        [[0.0, 1.0], [0.0, -0.5]]
    """
    shares = np.asarray(theta, dtype=np.float64)
    labels = matched("labels", labels, theta, rows="theta")
    size = shares.shape[1]
    if size < 3:
        raise ValueError(f"theta has {size} components, must have 3 or more: see stack")
    angle = np.pi / 2 - 2 * np.pi * np.arange(size) / size
    corners = np.column_stack([np.cos(angle), np.sin(angle)])
    figure = classes(shares @ corners, [""] * len(shares) if labels is None else labels)
    figure.update_layout(showlegend=labels is not None)
    closed = np.vstack([corners, corners[:1]])
    figure.add_scatter(
        x=closed[:, 0],
        y=closed[:, 1],
        text=[*_named(names, size), ""],
        mode="lines+text",
        textposition=["top center" if y > 0 else "bottom center" for _, y in closed],
        line={"color": GREY, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(range=[-1.45, 1.45])
    figure.update_yaxes(range=[-1.25, 1.25], scaleanchor="x")
    return figure


def topic_map(topic_word: ArrayLike, share: ArrayLike, names: Sequence[Any] = ()) -> go.Figure:
    """Topics as circles in the plane; topics with common words lie close to each other.

    The places come from classical scaling of Jensen-Shannon distances. So the same topics always
    give the same map.

    Args:
        topic_word: beta, shape (K, V).
        share: Share of each topic in the documents, shape (K,). It sets the area of the circle.
        names: Names of the K topics; if empty, their numbers are used.

    References:
        Sievert & Shirley, "LDAvis", 2014.

    Example:
        >>> beta = [[0.5, 0.5, 0.0], [0.4, 0.6, 0.0], [0.0, 0.0, 1.0]]
        >>> x = topic_map(beta, [0.2, 0.3, 0.5]).data[0].x
        >>> bool(abs(x[0] - x[1]) < abs(x[0] - x[2]))
        True
    """
    beta, shares = (np.asarray(values, dtype=np.float64) for values in (topic_word, share))
    require_as_many("share", shares, len(beta), "topic")
    place = _scaled(cdist(beta, beta, "jensenshannon"))
    told = _named(names, len(beta))
    figure = go.Figure(
        go.Scatter(
            x=place[:, 0],
            y=place[:, 1],
            text=[str(k) for k in range(len(beta))],
            customdata=shares,
            hovertext=told,
            hovertemplate="%{text}: %{hovertext}<br>%{customdata:.1%}<extra></extra>",
            mode="markers+text",
            marker={
                "color": COLORS[0],
                "opacity": 0.55,
                "size": shares,
                "sizemode": "area",
                "sizeref": shares.max() / LARGEST**2,
                "sizemin": 4,
            },
        )
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return plain(figure, margin={"l": 8, "r": 8, "t": 8, "b": 8})


def _scaled(distance: Floats) -> Floats:
    """Places in the plane that have such distances, nearly: classical scaling, shape (K, 2)."""
    square = np.nan_to_num(distance) ** 2
    centred = -(square - square.mean(0) - square.mean(1)[:, None] + square.mean()) / 2
    value, vector = np.linalg.eigh(centred)
    place = vector[:, :-3:-1] * np.sqrt(np.maximum(value[:-3:-1], 0))
    sign = np.sign(place[np.abs(place).argmax(0), np.arange(place.shape[1])])
    flat = place * np.where(sign == 0, 1, sign)  # an eigenvector has no sign of its own
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _named(names: Sequence[Any], count: int) -> list[str]:
    if len(names) not in (0, count):
        raise ValueError(f"names has {len(names)} names, must have {count}, or none")
    return [literal_text(name) for name in names] if len(names) else [str(k) for k in range(count)]
