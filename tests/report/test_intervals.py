"""Figures of estimates: what stands where."""

from __future__ import annotations

import numpy as np
import pytest

from dirvae.report.figures import COLORS, GREY
from dirvae.report.intervals import LEAST_HEIGHT, ROW_HEIGHT, bands, calibration, forest
from tests.report.room import require_room

STRANGE, SHOWN = "<b>a</b> & \x1b", r"&lt;b&gt;a&lt;/b&gt; &amp; \x1b"


def test_a_forest_has_each_interval_in_its_row_from_the_top():
    figure = forest([1.0, 3.0], [0.5, 1.0], [4.0, 3.5], [STRANGE, "b"], reference=0)
    (points,) = figure.data
    assert points.x.tolist() == [1, 3]
    assert points.y.tolist() == [0, 1]
    assert (points.x - points.error_x.arrayminus).tolist() == [0.5, 1]
    assert (points.x + points.error_x.array).tolist() == [4, 3.5]
    assert points.customdata.tolist() == [[0.5, 4], [1, 3.5]]
    assert list(points.text) == list(figure.layout.yaxis.ticktext) == [SHOWN, "b"]
    assert "%{customdata[0]:.3g} to %{customdata[1]:.3g}" in points.hovertemplate
    assert list(figure.layout.yaxis.tickvals) == [0, 1]
    assert tuple(figure.layout.yaxis.range) == (1.5, -0.5)
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1, line.line.color) == (0, 0, GREY)
    assert (points.error_x.width, points.error_x.color) == (0, points.marker.color)
    assert points.error_x.thickness < points.marker.size < 10
    axis = figure.layout.yaxis
    assert (axis.tickmode, axis.showgrid, axis.automargin) == ("array", False, True)
    assert axis.zeroline is False  # the first row is no zero


def test_a_forest_has_a_line_only_where_it_is_asked_for():
    assert forest([1], [0], [2], "a").layout.shapes == ()
    assert forest([1], [0], [2], "a", reference=0.5).layout.shapes[0].x0 == 0.5


def test_a_forest_is_as_high_as_it_has_rows():
    def layout(rows):
        one = np.ones(rows)
        return forest(one, one, one, [str(row) for row in range(rows)]).layout

    assert layout(1).height == layout(2).height == LEAST_HEIGHT < layout(9).height
    assert layout(60).height - layout(50).height == 10 * ROW_HEIGHT
    assert LEAST_HEIGHT < 200  # of a figure of one row: not a hole in the page
    wide = layout(60)
    drawn = wide.height - wide.margin.t - wide.margin.b
    assert 60 * ROW_HEIGHT <= drawn < 61 * ROW_HEIGHT
    assert 1.2 * wide.font.size < ROW_HEIGHT < 2.5 * wide.font.size


def test_a_band_goes_up_by_the_lower_ends_and_back_by_the_upper_ones():
    middle = np.array([[1.0, 5.0], [2.0, 6.0]])
    figure = bands([2000, 2001], middle, middle - 1, middle + 3, [STRANGE, "b"])
    band, line, other_band, other = figure.data
    assert list(band.x) == list(other_band.x) == [2000, 2001, 2001, 2000]
    assert list(line.x) == list(other.x) == [2000, 2001]
    assert list(band.y) == [0, 1, 5, 4]
    assert list(other_band.y) == [4, 5, 9, 8]
    assert list(line.y) == [1, 2]
    assert list(other.y) == [5, 6]
    assert [trace.name for trace in figure.data] == [SHOWN, SHOWN, "b", "b"]
    assert figure.layout.yaxis.rangemode == "tozero"


def test_a_click_on_a_name_hides_its_line_and_its_band():
    one = np.ones((2, 2))
    traces = bands([0, 1], one, one, one, ["same", "same"]).data
    groups = [trace.legendgroup for trace in traces]
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert [trace.showlegend for trace in traces] == [False, True, False, True]


def test_a_band_is_clear_and_in_the_colour_of_its_line():
    lines = 3 * len(COLORS) + 1
    one = np.ones((2, lines))
    traces = bands([0, 1], one, one, one, range(lines)).data
    for band, line in zip(traces[::2], traces[1::2], strict=True):
        *color, alpha = band.fillcolor.removeprefix("rgba(").removesuffix(")").split(", ")
        assert bytes(map(int, color)).hex() == line.line.color.removeprefix("#")
        assert 0.1 < float(alpha) < 0.3  # others are seen through it
        assert (band.fill, band.line.width, band.hoverinfo) == ("toself", 0, "skip")
        assert (band.mode, line.mode) == ("lines", "lines")
    looks = [(line.line.color, line.line.dash) for line in traces[1::2]]
    assert looks[: len(COLORS)] == [(color, "solid") for color in COLORS]
    assert len(set(looks)) == lines - 1
    assert looks[-1] == looks[0]


def test_calibration_stands_beside_the_diagonal():
    held = {STRANGE: [0.4, 0.95], "b": [0.3, 0.8]}
    figure = calibration([0.5, 0.9], held)
    diagonal, line, other = figure.data
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]
    assert (diagonal.line.color, diagonal.line.dash, diagonal.mode) == (GREY, "dot", "lines")
    assert (list(line.x), list(line.y), line.name) == ([0.5, 0.9], [0.4, 0.95], SHOWN)
    assert (list(other.y), other.name) == ([0.3, 0.8], "b")
    assert (line.line.color, other.line.color) == COLORS[:2]
    assert line.mode == "lines+markers"  # the levels are few
    assert diagonal.line.width < line.line.width < line.marker.size < 10
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert tuple(axis.range) == (0, 1)
        assert axis.constrain == "domain"
    assert figure.layout.yaxis.scaleanchor == "x"


def test_colours_of_calibration_begin_again_after_the_last():
    _, *lines = calibration([0.5], {str(k): [0.5] for k in range(len(COLORS) + 1)}).data
    assert [line.line.color for line in lines] == [*COLORS, COLORS[0]]


def test_text_has_its_room_and_the_drawing_the_rest():
    one = np.ones((2, 1))
    require_room(forest([1], [0], [2], "a"), bottom=2)
    require_room(bands([0, 1], one, one, one, "a"), left=2, top=1, bottom=2)
    require_room(calibration([0.5], {"a": [0.5]}), left=2, top=1, bottom=2)


def test_titles_of_axes_are_text():
    one = np.ones((2, 1))
    layout = bands([0, 1], one, one, one, "a", x_title=STRANGE, y_title="up").layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == (SHOWN, "up")
    assert forest([1], [0], [2], "a", x_title=STRANGE).layout.xaxis.title.text == SHOWN


@pytest.mark.parametrize("ends", [([0.0, 0.0], [2.0]), ([0.0], [2.0, 3.0])])
def test_shapes_that_differ_are_refused(ends):
    with pytest.raises(ValueError, match="estimate, lower and upper have shapes"):
        forest([1.0], *ends, ["a"])


def test_a_band_has_gaps_where_its_ends_are_not_known():
    low = np.array([[1.0], [np.nan], [2.0], [3.0], [np.nan]])
    band, line = bands(range(5), low + 1, low, low + 2, ["a"]).data
    assert list(band.x) == [0, 0, None, 2, 3, 3, 2]
    np.testing.assert_array_equal(band.y, [1, 3, np.nan, 2, 3, 5, 4])
    assert list(line.x) == list(range(5))
    nothing, _ = bands([0], [[1.0]], [[np.nan]], [[np.nan]], ["a"]).data
    assert list(nothing.x) == list(nothing.y) == []


ONE = np.ones((2, 3))


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: forest([1, 2], [0, 0], [3, 3], ["a"]), "names has 1 entries, .* each row: 2"),
        (lambda: bands([1], ONE, ONE, ONE, "abc"), "x has 1 entries, .* row of estimate: 2"),
        (lambda: bands([1, 2], ONE, ONE, ONE, "ab"), "names has 2 .* column of estimate: 3"),
        (lambda: calibration([0.5, 0.9], {"a": [0.4]}), r"held\['a'\] has 1 .* each level: 2"),
    ],
)
def test_no_mark_is_left_out_for_want_of_a_name(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()
