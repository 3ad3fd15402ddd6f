"""Figures of proportions: what stands where."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from dirvae.report.mixtures import LARGEST, simplex, stack, topic_map

STRANGE, SHOWN = "<b>a</b> & \x1b", r"&lt;b&gt;a&lt;/b&gt; &amp; \x1b"


def test_bars_stand_upon_each_other_by_component():
    figure = stack([[0.2, 0.8], [0.7, 0.3]], [STRANGE, "b"], ids=[STRANGE, "y"])
    assert figure.layout.barmode == "stack"
    assert [list(bar.y) for bar in figure.data] == [[0.2, 0.7], [0.8, 0.3]]
    assert [bar.name for bar in figure.data] == [SHOWN, "b"]
    assert list(figure.layout.xaxis.ticktext) == [SHOWN, "y"]
    with pytest.raises(ValueError, match="names has 1 names, must have 2, or none"):
        stack([[0.2, 0.8]], ["a"])


def test_rows_lie_at_the_mean_of_the_corners():
    theta = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]])
    figure = simplex(theta, ["a", "b", "c", STRANGE], labels=["x", "x", "y"])
    one, other, corners = figure.data
    places = np.column_stack([corners.x, corners.y])[:4]
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1)
    np.testing.assert_allclose(np.column_stack([one.x, one.y]), places[:2], atol=0.005)
    middle = places[2:].mean(0)
    np.testing.assert_allclose([other.x[0], other.y[0]], middle, atol=0.005)
    assert list(corners.text[:4]) == ["a", "b", "c", SHOWN]
    with pytest.raises(ValueError, match="theta has 2 components, must have 3 or more"):
        simplex([[0.5, 0.5]])


def test_a_map_of_three_topics_has_their_distances():
    beta = np.random.default_rng(0).dirichlet(np.ones(8), 3)
    (points,) = topic_map(beta, [0.5, 0.3, 0.2], [STRANGE, "b", "c"]).data
    place = np.column_stack([points.x, points.y])
    for i, j in ((0, 1), (0, 2), (1, 2)):  # three points always fit in a plane
        apart = np.linalg.norm(place[i] - place[j])
        assert apart == pytest.approx(jensenshannon(beta[i], beta[j]), rel=1e-6)
    assert points.marker.size.tolist() == [0.5, 0.3, 0.2]
    assert points.marker.sizemode == "area"
    across = np.sqrt(points.marker.size / points.marker.sizeref)
    np.testing.assert_allclose(across, LARGEST * np.sqrt([1, 0.6, 0.4]))
    assert points.hovertext[0] == SHOWN
    assert topic_map(np.ones((1, 3)) / 3, [1.0]).data[0].y.tolist() == [0]
