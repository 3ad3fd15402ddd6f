"""Figures of proportions: what stands where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from dirvae.report.figures import COLORS, GREY
from dirvae.report.mixtures import LARGEST, simplex, stack, topic_map
from tests.report.room import require_room

STRANGE, SHOWN = "<b>a</b> & \x1b", r"&lt;b&gt;a&lt;/b&gt; &amp; \x1b"
BETA = np.random.default_rng(0).dirichlet(np.ones(8), 4)


# --- bars -------------------------------------------------------------------------------------


def test_bars_stand_upon_each_other_by_component():
    figure = stack([[0.2, 0.8], [0.71239, 0.28761]], [STRANGE, "b"], ids=[STRANGE, "y"])
    assert figure.layout.barmode == "stack"
    assert [list(bar.x) for bar in figure.data] == [[0, 1], [0, 1]]
    assert [list(bar.y) for bar in figure.data] == [[0.2, 0.71239], [0.8, 0.28761]]
    assert [bar.name for bar in figure.data] == [SHOWN, "b"]
    assert list(figure.layout.xaxis.tickvals) == [0, 1]
    assert list(figure.layout.xaxis.ticktext) == [SHOWN, "y"]
    assert figure.layout.xaxis.showticklabels is None
    assert tuple(figure.layout.yaxis.range) == (0, 1)
    assert (figure.layout.xaxis.showgrid, figure.layout.xaxis.automargin) == (False, True)
    require_room(figure, left=2, top=1, bottom=1)


def test_bars_without_ids_have_no_text():
    figure = stack([[0.2, 0.8]])
    assert [bar.name for bar in figure.data] == ["0", "1"]
    assert figure.layout.xaxis.showticklabels is False
    assert figure.layout.xaxis.ticktext is None


def test_many_components_are_told_apart_by_colour_and_pattern():
    size = 4 * len(COLORS) + 1
    bars = stack(np.full((1, size), 1 / size)).data
    looks = [(bar.marker.color, bar.marker.pattern.shape) for bar in bars]
    assert looks[: len(COLORS)] == [(color, "") for color in COLORS]
    assert len(set(looks)) == size - 1
    assert looks[-1] == looks[0]


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]])
def test_as_many_names_as_components(names):
    with pytest.raises(ValueError, match=f"names has {len(names)} names, must have 2, or none"):
        stack([[0.2, 0.8]], names)


# --- the simplex ------------------------------------------------------------------------------


def test_rows_lie_at_the_mean_of_the_corners():
    theta = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]])
    figure = simplex(theta, ["a", "b", "c", STRANGE], labels=["x", "x", "y"])
    one, other, corners = figure.data
    places = np.column_stack([corners.x, corners.y])
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1)
    np.testing.assert_allclose(np.column_stack([one.x, one.y]), places[:2], atol=0.005)
    middle = places[2:4].mean(0)
    np.testing.assert_allclose([other.x[0], other.y[0]], middle, atol=0.005)
    assert list(corners.text) == ["a", "b", "c", SHOWN, ""]
    assert figure.layout.showlegend is True
    assert (corners.showlegend, corners.line.color) == (False, GREY)
    assert simplex(theta).layout.showlegend is False
    assert list(simplex(theta).data[1].text) == ["0", "1", "2", "3", ""]


@pytest.mark.parametrize("size", [3, 4, 5, 8])
def test_corners_go_round_from_the_top_and_back_to_it(size):
    figure = simplex(np.full((1, size), 1 / size))
    corners = figure.data[1]
    place = np.asarray(corners.x) + 1j * np.asarray(corners.y)
    assert len(place) == size + 1
    np.testing.assert_allclose(place[0], 1j, atol=1e-12)
    np.testing.assert_allclose(place[1:] / place[:-1], np.exp(-2j * np.pi / size), atol=1e-12)
    # Names are outside of the polygon, and there is room for them.
    for y, position in zip(corners.y, corners.textposition, strict=True):
        assert abs(y) < 1e-9 or position == ("top center" if y > 0 else "bottom center")
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        low, high = axis.range
        assert low == -high
        assert 1.2 <= high <= 1.6
    assert figure.layout.yaxis.scaleanchor == "x"


def test_names_at_the_same_height_are_on_the_same_side():
    *_, corners = simplex(np.full((1, 4), 1 / 4)).data
    assert corners.textposition[1] == corners.textposition[3]


def test_two_components_have_no_corners():
    with pytest.raises(ValueError, match="theta has 2 components, must have 3 or more"):
        simplex([[0.5, 0.5]])


# --- the map ----------------------------------------------------------------------------------


def places_of(figure):
    (points,) = figure.data
    return np.column_stack([points.x, points.y])


def test_a_map_of_three_topics_has_their_distances():
    figure = topic_map(BETA[:3], [0.5, 0.3, 0.2], [STRANGE, "b", "c"])
    (points,) = figure.data
    place = places_of(figure)
    for i, j in ((0, 1), (0, 2), (1, 2)):  # three points always fit in a plane
        apart = np.linalg.norm(place[i] - place[j])
        assert apart == pytest.approx(jensenshannon(BETA[i], BETA[j]), rel=1e-6)
    assert points.marker.size.tolist() == points.customdata.tolist() == [0.5, 0.3, 0.2]
    assert points.marker.sizemode == "area"
    across = np.sqrt(points.marker.size / points.marker.sizeref)
    np.testing.assert_allclose(across, LARGEST * np.sqrt([1, 0.6, 0.4]))
    assert points.marker.sizemin < LARGEST / 8 < LARGEST < 100  # circles in a drawing of 300
    assert list(points.hovertext) == [SHOWN, "b", "c"]
    assert list(points.text) == ["0", "1", "2"]
    assert "%{customdata:.1%}" in points.hovertemplate
    assert (figure.layout.xaxis.visible, figure.layout.yaxis.visible) == (False, False)
    assert figure.layout.yaxis.scaleanchor == "x"
    assert list(topic_map(BETA, np.ones(4)).data[0].hovertext) == ["0", "1", "2", "3"]
    require_room(figure)


def test_a_map_of_four_topics_is_their_classical_scaling():
    apart = np.array([[jensenshannon(a, b) for b in BETA] for a in BETA]) ** 2
    centre = np.eye(4) - 1 / 4
    value, vector = np.linalg.eigh(-centre @ apart @ centre / 2)
    place = places_of(topic_map(BETA, np.ones(4)))
    expected = (vector * np.sqrt(np.maximum(value, 0)))[:, [3, 2]]
    np.testing.assert_allclose(np.abs(place), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(place @ place.T, expected @ expected.T, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_map_has_the_same_side_up_each_time(seed):
    beta = np.random.default_rng(seed).dirichlet(np.ones(8), 5)
    place = places_of(topic_map(beta, np.ones(5)))
    assert (place.max(0) > -place.min(0)).all()


def test_topics_that_are_the_same_are_at_one_place():
    np.testing.assert_allclose(places_of(topic_map(np.ones((3, 4)) / 4, np.ones(3))), 0, atol=1e-6)
    assert places_of(topic_map(np.ones((1, 3)) / 3, [1.0])).tolist() == [[0, 0]]


def test_two_topics_lie_on_a_line():
    place = places_of(topic_map(BETA[:2], [0.5, 0.5]))
    np.testing.assert_allclose(place[:, 1], 0, atol=1e-6)
    assert np.ptp(place[:, 0]) == pytest.approx(jensenshannon(BETA[0], BETA[1]))


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: stack(np.eye(3), ids=["a"]), "ids has 1 entries, .* each row: 3"),
        (lambda: stack(np.eye(3), ids=pd.DataFrame([1, 2, 3])), "ids is a table, must be one col"),
        (lambda: simplex(np.eye(3), labels=["a"]), "labels has 1 entries, .* each row: 3"),
        (lambda: topic_map(BETA, [0.5, 0.5]), "share has 2 entries, .* each topic: 4"),
    ],
)
def test_no_mark_is_left_out_for_want_of_a_name(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()


def test_what_is_known_of_rows_goes_by_index():
    theta = pd.DataFrame(np.eye(3), index=["x", "y", "z"])
    known = pd.Series(["of z", "of x", "of y"], index=["z", "x", "y"])
    axis = stack(theta, ids=known).layout.xaxis
    assert list(axis.ticktext) == ["of x", "of y", "of z"]
    straight = simplex(np.eye(3), labels=["of x", "of y", "of z"]).data
    for trace, other in zip(simplex(theta, labels=known).data, straight, strict=True):
        assert (trace.name, list(trace.x)) == (other.name, list(other.x))
