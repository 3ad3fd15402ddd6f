"""Plotly figures from arrays. Their text takes the page's colour, so all fit light and dark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from dirvae.alignment import is_missing
from dirvae.text import visible

__all__ = [
    "COLORS",
    "GREY",
    "bars",
    "classes",
    "curves",
    "distinct_texts",
    "heatmap",
    "image_strip",
    "literal_text",
    "means_and_spreads",
    "plain",
    "require_as_many",
    "tile",
    "verdicts",
]

COLORS = ("#3b82c4", "#d9822b", "#2a9d6f", "#b45fb0", "#c4473b", "#7a6fd0")
GREY = "#8a8f98"
_CLASS_COLORS = (
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"),
    *("#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
)
HOVER = ".6~g"  # digits, where a reader points
_GRID = "rgba(128, 128, 128, 0.22)"
_INK = [[0.0, "#ffffff"], [1.0, "#14171c"]]


def tile(images: ArrayLike, columns: int, gap: int = 1) -> NDArray[np.float32]:
    """Lay images out in rows; what lies between them is NaN.

    Args:
        images: Shape (N, height, width).
        columns: Images a row.
        gap: Pixels between images.

    Returns:
        One image, shape (rows * (height + gap) - gap, columns * (width + gap) - gap).

    Example:
        >>> tile(np.ones((3, 2, 2)), columns=2).shape
        (5, 5)
    """
    stack = np.asarray(images, dtype=np.float32)
    count, height, width = stack.shape
    rows = -(-count // columns)
    tall, wide = height + gap, width + gap
    canvas = np.full((rows * tall - gap, columns * wide - gap), np.nan, dtype=np.float32)
    for index, image in enumerate(stack):
        top, left = divmod(index, columns)
        canvas[top * tall : top * tall + height, left * wide : left * wide + width] = image
    return canvas


def image_strip(
    images: ArrayLike, columns: int, *, gap: int = 1, row_names: Sequence[str] = ()
) -> go.Figure:
    """Images with ink from 0 (paper) to 1 (black), as one heatmap.

    Args:
        images: Shape (N, height, width).
        columns: Images a row.
        gap: Pixels between images.
        row_names: Text to the left of each row, or none at all.

    Example:
        >>> len(image_strip(np.zeros((4, 8, 8)), columns=2).data)
        1
    """
    canvas = tile(images, columns, gap)
    shades = {"zmin": 0, "zmax": 1, "colorscale": _INK, "showscale": False}
    figure = go.Figure(
        go.Heatmap(z=np.round(canvas, 2), hoverinfo="skip", hoverongaps=False, **shades)
    )
    height, width = canvas.shape
    figure.update_xaxes(visible=False, range=[-0.5, width - 0.5], constrain="domain")
    figure.update_yaxes(visible=False, range=[height - 0.5, -0.5], constrain="domain")
    figure.update_yaxes(scaleanchor="x")
    if row_names:
        tall = np.shape(images)[1]
        middles = [(tall - 1) / 2 + row * (tall + gap) for row in range(len(row_names))]
        names = {
            "tickmode": "array",
            "tickvals": middles,
            "ticktext": [literal_text(name) for name in row_names],
        }
        figure.update_yaxes(visible=True, showgrid=False, ticklen=0, **names)
    return plain(figure, margin={"l": 52 if row_names else 0, "r": 0, "t": 0, "b": 0})


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_title: str,
    y_title: str,
    y_range: tuple[float, float] | None = None,
) -> go.Figure:
    """Lines by name; where the name ends in "*", dotted in the colour of the line before.

    Args:
        series: Name to x and y, each of shape (N,).
        x_title: Title of the x axis.
        y_title: Title of the y axis, with its unit.
        y_range: Lowest and highest y shown.

    Example:
        >>> [line.name for line in curves({"a": ([0], [1])}, x_title="x", y_title="y").data]
        ['a']
    """
    figure = go.Figure()
    color = -1
    for name, (x, y) in series.items():
        dotted = name.endswith("*")
        color += not dotted
        figure.add_scatter(
            x=np.asarray(x),
            y=np.asarray(y, dtype=np.float64),
            name=literal_text(name.removesuffix("*").strip()),
            mode="lines",
            showlegend=not dotted,
            line={
                "color": COLORS[color % len(COLORS)],
                "width": 1.2 if dotted else 2.2,
                "dash": "dot" if dotted else "solid",
            },
        )
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title, range=y_range, hoverformat=HOVER)
    return plain(figure, margin={"l": 54, "r": 8, "t": 34, "b": 44})


def bars(
    heights: ArrayLike,
    *,
    color: str = COLORS[0],
    x_title: str = "",
    y_title: str = "",
    names: Sequence[Any] = (),
) -> go.Figure:
    """A bar chart; the bars are numbered from 0, or have names.

    Args:
        heights: Heights of the bars, shape (K,).
        color: Color of the bars.
        x_title: Title of the x axis.
        y_title: Title of the y axis.
        names: Text under each bar. If empty, the bars are numbered.

    Example:
        >>> bars([1.0, 2.0], color="red", x_title="x", y_title="y").data[0].x.tolist()
        [0, 1]
    """
    tall = np.asarray(heights, dtype=np.float64)
    if len(names):
        require_as_many("names", names, len(tall), "bar")
    places: Any = distinct_texts(names) if len(names) else np.arange(len(tall))
    figure = go.Figure(go.Bar(x=places, y=tall, marker={"color": color}))
    figure.update_xaxes(title=x_title, showgrid=False, type="category" if len(names) else "linear")
    figure.update_yaxes(title=y_title, rangemode="tozero", hoverformat=HOVER)
    return plain(figure, margin={"l": 50, "r": 6, "t": 8, "b": 42})


def means_and_spreads(
    mean: ArrayLike,
    std: ArrayLike,
    prior_mean: ArrayLike,
    prior_std: ArrayLike,
    *,
    color: str,
    x_title: str,
    y_title: str,
) -> go.Figure:
    """Mean and one standard deviation of each component, from 0, the prior's beside it in grey.

    Args:
        mean: Shape (K,).
        std: Shape (K,).
        prior_mean: Shape (K,).
        prior_std: Shape (K,).
        color: Of the model's marks.
        x_title: Title of the x axis.
        y_title: Title of the y axis.

    Example:
        >>> one = np.ones(3)
        >>> figure = means_and_spreads(one, one, one, one, color="red", x_title="x", y_title="y")
        >>> [trace.name for trace in figure.data]
        ['prior', 'posterior means']
    """
    figure = go.Figure()
    drawn = (("prior", prior_mean, prior_std, GREY), ("posterior means", mean, std, color))
    for side, (name, middle, spread, shade) in zip((0.16, -0.16), drawn, strict=True):
        height = np.asarray(middle, dtype=np.float64)
        figure.add_scatter(
            x=np.arange(len(height)) + side,
            y=height,
            error_y={
                "array": np.asarray(spread, dtype=np.float64),
                "thickness": 1.6,
                "width": 0,
                "color": shade,
            },
            name=name,
            mode="markers",
            marker={"color": shade, "size": 6},
        )
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title=x_title, showgrid=False)
    figure.update_yaxes(title=y_title, hoverformat=HOVER)
    return plain(figure, margin={"l": 50, "r": 6, "t": 34, "b": 42})


def heatmap(
    values: ArrayLike,
    rows: Sequence[Any],
    columns: Sequence[Any],
    *,
    color: str = COLORS[0],
    x_title: str = "",
    y_title: str = "",
) -> go.Figure:
    """A heatmap of values of 0 or more, such as shares.

    Args:
        values: Shape (rows, columns).
        rows: Label of each row, from the top.
        columns: Label of each column.
        color: Color of the largest value; 0 is transparent.
        x_title: Title of the x axis.
        y_title: Title of the y axis.

    Example:
        >>> figure = heatmap([[0.5]], ["a"], ["b"], color="#ff0000", x_title="x", y_title="y")
        >>> float(figure.data[0].z[0, 0])
        0.5
    """
    shares = np.asarray(values, dtype=np.float64)
    require_as_many("rows", rows, shares.shape[0], "row of values")
    require_as_many("columns", columns, shares.shape[1], "column of values")
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=distinct_texts(columns),
            y=distinct_texts(rows),
            zmin=0,
            colorscale=[[0.0, _clear(color)], [1.0, color]],
            colorbar={"thickness": 10, "outlinewidth": 0},
            xgap=1,
            ygap=1,
            hovertemplate=f"{y_title} %{{y}}<br>{x_title} %{{x}}<br>%{{z:{HOVER}}}<extra></extra>",
        )
    )
    axes: dict[str, Any] = {"type": "category", "showgrid": False, "automargin": True}
    figure.update_xaxes(title=x_title, **axes)
    figure.update_yaxes(title=y_title, autorange="reversed", **axes)
    return plain(figure, margin={"l": 44, "r": 6, "t": 8, "b": 42})


def classes(points: ArrayLike, labels: Sequence[Any] | NDArray[Any]) -> go.Figure:
    """Points in the plane, coloured by class; the axes have no meaning and are not drawn.

    Args:
        points: Shape (N, 2).
        labels: Class of each point, shape (N,); more than ten share colours. None or NaN where
            there is none; these points are grey.

    Example:
        >>> [trace.name for trace in classes([[0, 0], [1, 1], [2, 0]], ["b", "a", "b"]).data]
        ['a', 'b']
    """
    placed = np.asarray(points, dtype=np.float64)
    require_as_many("labels", labels, len(placed), "row")
    known = np.array([not is_missing(label) for label in labels], dtype=bool)
    names = np.array([label for label, has in zip(labels, known, strict=True) if has])
    figure = go.Figure()
    drawn = [
        (name, _CLASS_COLORS[number % len(_CLASS_COLORS)], placed[known][names == name])
        for number, name in enumerate(np.unique(names))
    ]
    if not known.all():
        drawn.append(("no label", GREY, placed[~known]))
    for name, color, own in drawn:
        figure.add_scatter(
            x=own[:, 0],
            y=own[:, 1],
            name=literal_text(name),
            mode="markers",
            marker={"color": color, "size": 5},
            hovertemplate="%{fullData.name}<extra></extra>",
        )
    figure.update_layout(legend={"orientation": "h", "y": 0, "yanchor": "top", "x": 0})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return plain(figure, margin={"l": 4, "r": 4, "t": 4, "b": 4})


def verdicts(uses: Mapping[str, Sequence[str]], legend: Mapping[str, str]) -> go.Figure:
    """One square a component, coloured by its verdict; one row a model.

    Args:
        uses: From a model's name to the verdict on each of its K components, numbered from 0.
        legend: From each verdict to its colour, in the order of the legend.

    Example:
        >>> figure = verdicts({"a": ["yes", "no"]}, {"yes": "#00ff00", "no": "#ff0000"})
        >>> [(trace.name, trace.x.tolist()) for trace in figure.data]
        [('yes', [0]), ('no', [1])]
    """
    figure = go.Figure()
    for verdict, color in legend.items():
        places = [
            (component, literal_text(name))
            for name, found in uses.items()
            for component, use in enumerate(found)
            if use == verdict
        ]
        figure.add_scatter(
            x=np.array([component for component, _ in places], dtype=int),
            y=[name for _, name in places],
            name=verdict,
            mode="markers",
            marker={"color": color, "symbol": "square", "size": 13},
            hovertemplate="%{y}, component %{x}: %{fullData.name}<extra></extra>",
        )
    figure.update_layout(showlegend=True)
    order = {
        "categoryorder": "array",
        "categoryarray": [literal_text(name) for name in uses],
        "autorange": "reversed",
    }
    figure.update_layout(legend={"orientation": "h", "y": 1.05, "yanchor": "bottom", "x": 0})
    size = max(map(len, uses.values()), default=1)
    steps = {"tick0": 0, "dtick": 1 if size <= 25 else 10}
    figure.update_xaxes(title="Component", showgrid=False, range=[-0.6, size - 0.4], **steps)
    figure.update_yaxes(type="category", showgrid=False, automargin=True, **order)
    return plain(figure, margin={"l": 8, "r": 6, "t": 34, "b": 42})


def require_as_many(name: str, values: Any, count: int, of: str) -> None:
    """Raise ValueError unless each mark has a value: Plotly leaves out those without.

    Args:
        name: Of the argument.
        values: That it has.
        count: How many there must be.
        of: What each must be of.

    Example:
        >>> require_as_many("names", ["a", "b"], 3, "bar")
        Traceback (most recent call last):
        ValueError: names has 2 entries, must have one for each bar: 3
    """
    if len(getattr(values, "shape", (count,))) != 1:
        raise ValueError(f"{name} is a table, must be one column")
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} entries, must have one for each {of}: {count}")


def literal_text(text: Any) -> str:
    """Text for Plotly, which takes some of HTML, and TeX between dollars: nothing is obeyed.

    Example:
        >>> literal_text("<b>a</b>"), literal_text("$5 to $9")
        ('&lt;b&gt;a&lt;/b&gt;', '&#36;5 to &#36;9')
    """
    return escape(visible(text), quote=False).replace("$", "&#36;")


def distinct_texts(names: Sequence[Any]) -> list[str]:
    """Texts of a category each: those that repeat differ by spaces without width.

    Example:
        >>> [len(text) for text in distinct_texts(["sea", "sea", "air"])]
        [3, 4, 3]
    """
    texts: list[str] = []
    seen = Counter[str]()
    for name in names:
        text = literal_text(name)
        texts.append(text + "\u200b" * seen[text])
        seen[text] += 1
    return texts


def _clear(color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.04)"


def plain(figure: go.Figure, margin: Mapping[str, int]) -> go.Figure:
    """Return the figure without template and background; grid lines show on white and black.

    Args:
        figure: Changed in place.
        margin: In pixels, by side: l, r, t, b.
    """
    figure.update_layout(
        template="none",
        margin=margin,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12},
        hoverlabel={"font": {"color": "#ffffff"}},
        dragmode=False,
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False, title_standoff=8)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID, title_standoff=8)
    return figure
