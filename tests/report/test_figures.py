"""Figures: what is drawn where, in which colour, and that all of it is seen."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from dirvae.report.figures import (
    COLORS,
    GREY,
    bars,
    classes,
    curves,
    heatmap,
    image_strip,
    literal_text,
    means_and_spreads,
    plain,
    tile,
    verdicts,
)
from tests.report.room import require_room

STRANGE, SHOWN = "<b>a</b> & \x1b", r"&lt;b&gt;a&lt;/b&gt; &amp; \x1b"
TITLES = {"x_title": "across", "y_title": "up"}
LONG = 0.123456789
PAIR = {"yes": "#00ff00", "no": "#ff0000"}


def a_curve(name="a"):
    return curves({name: ([0, 1], [1, 2])}, **TITLES)


def marks(**more):
    one = np.ones(2)
    return means_and_spreads(one, one, one, one, color="red", **TITLES, **more)


def titles_of(figure):
    return figure.layout.xaxis.title.text, figure.layout.yaxis.title.text


# --- images -----------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0, 1, 3])
@pytest.mark.parametrize(("count", "columns"), [(3, 2), (4, 2), (5, 2), (1, 1), (2, 3)])
def test_tiles_are_where_they_should_be(gap, count, columns):
    images = 1.0 + np.arange(count * 6).reshape(count, 2, 3)
    found = tile(images, columns, gap)
    rows = (count + columns - 1) // columns
    expected = np.full((rows * (2 + gap) - gap, columns * (3 + gap) - gap), np.nan)
    for place in range(count):
        for y in range(2):
            for x in range(3):
                top, left = place // columns, place % columns
                expected[top * (2 + gap) + y, left * (3 + gap) + x] = images[place, y, x]
    np.testing.assert_array_equal(found, expected)


def test_a_pixel_lies_between_images_where_nothing_else_is_asked_for():
    images = np.ones((2, 2, 2))
    np.testing.assert_array_equal(tile(images, 2), tile(images, 2, gap=1))
    np.testing.assert_array_equal(image_strip(images, 2).data[0].z, tile(images, 2, gap=1))


def test_a_strip_is_all_of_its_place_from_paper_to_ink():
    images = np.array([[[0, LONG, 1], [1, 0, 0]]] * 3)
    figure = image_strip(images, 2, gap=2)
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, np.round(tile(images, 2, gap=2), 2))
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert [end for end, _ in heat.colorscale] == [0, 1]
    paper, ink = (int(color.removeprefix("#"), 16) for _, color in heat.colorscale)
    assert paper == 0xFFFFFF
    assert ink < 0x202020
    height, width = heat.z.shape
    assert tuple(figure.layout.xaxis.range) == (-0.5, width - 0.5)
    assert tuple(figure.layout.yaxis.range) == (height - 0.5, -0.5)  # the first row is on top
    assert figure.layout.yaxis.scaleanchor == "x"  # pixels are squares
    assert (figure.layout.xaxis.constrain, figure.layout.yaxis.constrain) == ("domain", "domain")
    assert set(figure.layout.margin.to_plotly_json().values()) == {0}
    assert not any((heat.showscale, figure.layout.xaxis.visible, figure.layout.yaxis.visible))
    assert heat.hoverongaps is False


@pytest.mark.parametrize("gap", [0, 1, 4])
def test_the_name_of_a_row_is_at_its_middle(gap):
    figure = image_strip(np.zeros((6, 5, 3)), 2, gap=gap, row_names=["a", STRANGE, "c"])
    axis = figure.layout.yaxis
    rows = np.arange(3 * 5 + 2 * gap)
    middles = [rows[row * (5 + gap) : row * (5 + gap) + 5].mean() for row in range(3)]
    assert list(axis.tickvals) == middles
    assert list(axis.ticktext) == ["a", SHOWN, "c"]
    assert (axis.tickmode, axis.visible, axis.showgrid) == ("array", True, False)
    assert figure.layout.xaxis.visible is False
    assert axis.ticklen == 0
    margin = figure.layout.margin
    assert (margin.r, margin.t, margin.b) == (0, 0, 0)
    assert 48 <= margin.l <= 60  # seven letters, such as "10 to 9"


# --- lines and bars ---------------------------------------------------------------------------


def test_a_dotted_curve_has_the_colour_of_the_one_before():
    lines = {name: ([0, 1], [LONG, -2]) for name in ("a", "b", "b, training *", STRANGE)}
    drawn = curves(lines, y_range=(-3, 5), **TITLES)
    a, b, dotted, other = drawn.data
    assert [line.name for line in drawn.data] == ["a", "b", "b, training", SHOWN]
    assert [line.line.color for line in drawn.data] == [*COLORS[:2], COLORS[1], COLORS[2]]
    assert [line.line.dash for line in drawn.data] == ["solid", "solid", "dot", "solid"]
    assert [line.showlegend for line in drawn.data] == [True, True, False, True]
    assert dotted.line.width < b.line.width == other.line.width < 4
    assert (list(a.x), list(a.y)) == ([0, 1], [LONG, -2])
    assert {line.mode for line in drawn.data} == {"lines"}
    assert tuple(drawn.layout.yaxis.range) == (-3, 5)
    assert titles_of(drawn) == ("across", "up")
    assert a_curve().layout.yaxis.range is None


def test_colours_of_curves_begin_again_after_the_last():
    drawn = curves({str(k): ([0], [0]) for k in range(len(COLORS) + 1)}, **TITLES).data
    assert [line.line.color for line in drawn] == [*COLORS, COLORS[0]]


def test_bars_have_numbers_or_names():
    figure = bars([LONG, 1, 2], color="red", **TITLES)
    (bar,) = figure.data
    assert (list(bar.x), list(bar.y)) == ([0, 1, 2], [LONG, 1, 2])
    assert bar.marker.color == "red"
    assert titles_of(figure) == ("across", "up")
    assert figure.layout.xaxis.type == "linear"
    assert figure.layout.xaxis.showgrid is False
    assert figure.layout.yaxis.rangemode == "tozero"
    named = bars([1, 2], names=[STRANGE, 7])
    assert list(named.data[0].x) == [SHOWN, "7"]
    assert named.layout.xaxis.type == "category"  # else "7" is a number, and far to the right
    assert named.data[0].marker.color == COLORS[0]


def test_means_stand_beside_those_of_the_prior():
    figure = means_and_spreads(
        *([LONG, 3], [2 * LONG, 4], [3 * LONG, 5], [4 * LONG, 6]), color="red", **TITLES
    )
    prior, model = figure.data
    assert (prior.name, model.name) == ("prior", "posterior means")
    assert (list(model.y), list(prior.y)) == ([LONG, 3], [3 * LONG, 5])
    assert (list(model.error_y.array), list(prior.error_y.array)) == ([2 * LONG, 4], [4 * LONG, 6])
    assert (model.marker.color, model.error_y.color) == ("red", "red")
    assert (prior.marker.color, prior.error_y.color) == (GREY, GREY)
    assert (model.mode, prior.mode) == ("markers", "markers")
    # Left and right of the component's number, nearer to it than to the next one.
    apart = prior.x - model.x
    np.testing.assert_allclose((prior.x + model.x) / 2, [0, 1], atol=1e-12)
    assert ((apart > 0.2) & (apart < 0.5)).all()
    assert model.error_y.width == 0
    assert model.error_y.thickness < model.marker.size < 10
    assert titles_of(figure) == ("across", "up")
    assert figure.layout.xaxis.showgrid is False


# --- heat, points and squares -----------------------------------------------------------------


def test_heat_goes_from_clear_to_the_colour():
    figure = heatmap([[LONG, 1], [0, 2]], ["r", STRANGE], ["c", "3"], color="#ff8001", **TITLES)
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, [[LONG, 1], [0, 2]])
    assert (list(heat.y), list(heat.x)) == (["r", SHOWN], ["c", "3"])
    assert heat.zmin == 0
    (start, clear), (end, full) = heat.colorscale
    assert (start, end, full) == (0, 1, "#ff8001")
    red, green, blue, alpha = map(float, clear.removeprefix("rgba(").removesuffix(")").split(","))
    assert (red, green, blue) == (255, 128, 1)
    assert 0 < alpha < 0.06  # nearly nothing
    assert heat.hovertemplate == "up %{y}<br>across %{x}<br>%{z:.6~g}<extra></extra>"
    assert figure.layout.yaxis.autorange == "reversed"  # the first row is on top
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("category", "category")
    assert (figure.layout.xaxis.automargin, figure.layout.yaxis.automargin) == (True, True)
    assert (figure.layout.xaxis.showgrid, figure.layout.yaxis.showgrid) == (False, False)
    assert titles_of(figure) == ("across", "up")
    assert (heat.xgap, heat.ygap) == (1, 1)
    assert heat.colorbar.thickness < 15  # it takes from the drawing
    assert heat.colorbar.outlinewidth == 0
    assert heatmap([[1]], "a", "b").data[0].colorscale[1][1] == COLORS[0]


def test_points_have_the_colour_of_their_class():
    points = [[LONG, 1], [2, 3], [4, 5]]
    figure = classes(points, ["b", STRANGE, "b"])
    other, b = figure.data
    assert (other.name, b.name) == (SHOWN, "b")
    assert (list(other.x), list(other.y)) == ([2], [3])
    assert (list(b.x), list(b.y)) == ([LONG, 4], [1, 5])
    assert b.hovertemplate == "%{fullData.name}<extra></extra>"
    assert (b.mode, b.marker.size < 8) == ("markers", True)
    assert (figure.layout.xaxis.visible, figure.layout.yaxis.visible) == (False, False)
    assert figure.layout.legend.y <= 0  # under the points, which fill the rest
    assert figure.layout.legend.x == 0


def test_ten_classes_have_ten_colours_and_more_share_them():
    drawn = classes(np.zeros((12, 2)), list("abcdefghijkl")).data
    colors = [trace.marker.color for trace in drawn]
    assert len(set(colors[:10])) == 10
    assert colors[10:] == colors[:2]


def test_a_verdict_is_at_its_component_in_the_row_of_its_model():
    uses = {"a": ["no", "yes", "no"], STRANGE: ["yes", "no", "no", "other"]}
    figure = verdicts(uses, PAIR)
    yes, no = figure.data
    assert list(zip(yes.x, yes.y, strict=True)) == [(1, "a"), (0, SHOWN)]
    assert list(zip(no.x, no.y, strict=True)) == [(0, "a"), (2, "a"), (1, SHOWN), (2, SHOWN)]
    assert [(trace.name, trace.marker.color) for trace in figure.data] == list(PAIR.items())
    assert {trace.marker.symbol for trace in figure.data} == {"square"}
    axis = figure.layout.yaxis
    assert list(axis.categoryarray) == ["a", SHOWN]
    assert (axis.type, axis.categoryorder, axis.autorange) == ("category", "array", "reversed")
    assert (axis.automargin, axis.showgrid, figure.layout.xaxis.showgrid) == (True, False, False)
    assert figure.layout.showlegend is True  # of one verdict, too
    assert figure.layout.xaxis.title.text == "Component"
    assert "component %{x}: %{fullData.name}" in yes.hovertemplate


@pytest.mark.parametrize(("size", "step"), [(1, 1), (25, 1), (26, 10)])
def test_all_squares_are_within_the_axis_and_numbers_do_not_run_into_each_other(size, step):
    figure = verdicts({"a": ["yes"], "b": ["no"] * size}, PAIR)
    axis = figure.layout.xaxis
    assert (axis.tick0, axis.dtick) == (0, step)
    low, high = axis.range
    assert low == pytest.approx(-0.6)
    assert high == pytest.approx(size - 1 + 0.6)


def test_squares_of_25_components_are_beside_each_other_on_a_phone():
    (square, _) = verdicts({"a": ["yes"] * 25}, PAIR).data
    assert 8 <= square.marker.size <= 340 / 25


def test_no_models_have_no_verdicts():
    figure = verdicts({}, PAIR)
    assert [len(trace.x) for trace in figure.data] == [0, 0]
    assert tuple(figure.layout.xaxis.range) == pytest.approx((-0.6, 0.6))


# --- all figures ------------------------------------------------------------------------------

# Each with its lines of text at a side.
DRAWN = [
    (a_curve, {"left": 2, "top": 1, "bottom": 2}),
    (lambda: bars([1], **TITLES), {"left": 2, "bottom": 2}),
    (marks, {"left": 2, "top": 1, "bottom": 2}),
    (lambda: heatmap([[1]], "a", "b", **TITLES), {"left": 2, "bottom": 2}),
    (lambda: classes([[0, 0]], "a"), {}),
    (lambda: verdicts({"a": ["yes"]}, PAIR), {"top": 1, "bottom": 2}),  # to the left, Plotly's own
]


@pytest.mark.parametrize(("draw", "lines"), DRAWN)
def test_text_has_its_room_and_the_drawing_the_rest(draw, lines):
    require_room(draw(), **lines)


def test_a_figure_fits_a_light_and_a_dark_page():
    layout = a_curve().layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.xaxis.gridcolor == layout.yaxis.gridcolor == layout.yaxis.zerolinecolor
    assert layout.xaxis.gridcolor.startswith("rgba(128, 128, 128,")
    assert layout.font.color is None  # it is the page's
    assert layout.dragmode is False  # a finger that scrolls the page draws no box
    assert layout.xaxis.zeroline is False


def test_plain_changes_the_figure_and_returns_it():
    figure = a_curve()
    assert plain(figure, margin={"l": 1, "r": 2, "t": 3, "b": 4}) is figure
    margin = figure.layout.margin
    assert (margin.l, margin.r, margin.t, margin.b) == (1, 2, 3, 4)


def test_text_keeps_its_quotes():
    assert literal_text("\"a\" 'b' <") == "\"a\" 'b' &lt;"


def test_dollars_are_no_formula():
    """Plotly takes what matches this for TeX, where MathJax is there, as in notebooks."""
    formula = re.compile("([^$]*)([$]+[^$]*[$]+)([^$]*)")
    bar = bars([1, 2], names=["$5 to $9", "$x_1$"]).data[0]
    assert not any(map(formula.search, bar.x))
    assert [unescape(text) for text in bar.x] == ["$5 to $9", "$x_1$"]


def test_names_that_repeat_are_places_of_their_own():
    heat = heatmap([[1, 2, 3], [4, 5, 6]], ["r", "r"], ["c", "d", "c"], **TITLES).data[0]
    assert [len(set(heat.x)), len(set(heat.y))] == [3, 2]
    assert [text.strip("\u200b") for text in heat.x] == ["c", "d", "c"]
    assert [text.strip("\u200b") for text in heat.y] == ["r", "r"]
    bar = bars([1, 2, 3], names=["c", "c", "c"]).data[0]
    assert len(set(bar.x)) == 3
    assert {text.strip("\u200b") for text in bar.x} == {"c"}


@pytest.mark.parametrize(
    "labels", [["b", None, "a", "b"], [2.0, np.nan, 1.0, 2.0], pd.Series(["b", pd.NA, "a", "b"])]
)
def test_points_without_a_class_are_grey(labels):
    drawn = classes([[0, 1], [2, 3], [4, 5], [6, 7]], labels).data
    assert [list(trace.x) for trace in drawn] == [[4], [0, 6], [2]]
    assert (drawn[-1].name, drawn[-1].marker.color) == ("no label", GREY)
    assert GREY not in {trace.marker.color for trace in drawn[:-1]}


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: bars([1, 2, 3], names=["a", "b"]), "names has 2 entries, .* each bar: 3"),
        (lambda: heatmap([[1, 2]], ["a", "b"], ["c", "d"]), "rows has 2 .* row of values: 1"),
        (lambda: heatmap([[1, 2]], ["a"], ["c"]), "columns has 1 .* column of values: 2"),
        (lambda: classes([[0, 1], [2, 3]], ["a"]), "labels has 1 entries, .* each row: 2"),
    ],
)
def test_no_mark_is_left_out_for_want_of_a_name(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()
