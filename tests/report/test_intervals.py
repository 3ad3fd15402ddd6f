"""Figures of estimates: what stands where."""

from __future__ import annotations

import numpy as np
import pytest

from dirvae.report.figures import COLORS
from dirvae.report.intervals import LEAST_HEIGHT, ROW_HEIGHT, bands, calibration, forest

STRANGE, SHOWN = "<b>a</b> & \x1b", r"&lt;b&gt;a&lt;/b&gt; &amp; \x1b"


def test_a_forest_has_each_interval_in_its_row_from_the_top():
    figure = forest([1.0, 3.0], [0.5, 1.0], [4.0, 3.5], [STRANGE, "b"], reference=0)
    (points,) = figure.data
    assert points.x.tolist() == [1, 3]
    assert points.y.tolist() == [0, 1]
    assert (points.x - points.error_x.arrayminus).tolist() == [0.5, 1]
    assert (points.x + points.error_x.array).tolist() == [4, 3.5]
    assert list(figure.layout.yaxis.ticktext) == [SHOWN, "b"]
    top, bottom = figure.layout.yaxis.range[::-1]
    assert top < 0 < 1 < bottom
    assert figure.layout.shapes[0].x0 == 0


def test_a_band_goes_up_by_the_lower_ends_and_back_by_the_upper_ones():
    middle = np.array([[1.0, 5.0], [2.0, 6.0]])
    figure = bands([2000, 2001], middle, middle - 1, middle + 3, [STRANGE, "b"])
    band, line, _, other = figure.data
    assert list(band.x) == [2000, 2001, 2001, 2000]
    assert list(band.y) == [0, 1, 5, 4]
    assert list(line.y) == [1, 2]
    assert list(other.y) == [5, 6]
    assert [band.name, line.name, other.name] == [SHOWN, SHOWN, "b"]
    assert line.line.color == COLORS[0]
    red, green, blue = bytes.fromhex(COLORS[0].removeprefix("#"))
    assert band.fillcolor == f"rgba({red}, {green}, {blue}, 0.18)"
    assert figure.layout.legend.x == 0
    assert figure.layout.legend.y > 1


def test_a_forest_is_as_high_as_it_has_rows():
    def height(rows):
        one = np.ones(rows)
        return forest(one, one, one, [str(row) for row in range(rows)]).layout.height

    assert height(1) == height(2) == LEAST_HEIGHT < height(9)
    assert height(60) - height(50) == 10 * ROW_HEIGHT
    assert LEAST_HEIGHT < 200  # of a figure of one row: not a hole in the page


def test_calibration_stands_beside_the_diagonal():
    diagonal, line = calibration([0.5, 0.9], {STRANGE: [0.4, 0.95]}).data
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]
    assert (list(line.x), list(line.y), line.name) == ([0.5, 0.9], [0.4, 0.95], SHOWN)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="estimate, lower and upper have shapes"):
        forest([1.0], [0.0, 0.0], [2.0], ["a"])
