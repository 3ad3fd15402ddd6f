"""The map of topics: circles as large as their shares, as near as they are alike."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.spatial.distance import pdist

from dirvae.report.explorer import layout
from dirvae.report.explorer.layout import HUES, hues, overlaps, positions, radii


def apart(places):
    return np.linalg.norm(places[:, None] - places, axis=2)


def test_topics_overlap_by_the_words_that_they_share():
    beta = np.random.default_rng(0).dirichlet(np.full(6, 0.4), 4)
    expected = [[sum(map(min, a, b)) for b in beta] for a in beta]
    np.testing.assert_allclose(overlaps(beta), expected)
    np.testing.assert_allclose(overlaps(beta), 1 - np.abs(beta[:, None] - beta).sum(2) / 2)


def test_areas_go_with_shares():
    size = radii([0.5, 0.3, 0.2])
    np.testing.assert_allclose(size**2 / size[0] ** 2, [1, 0.6, 0.4])
    assert np.pi * (size**2).sum() == pytest.approx(layout.COVERED)
    assert 0.15 < layout.COVERED < 0.4  # they are seen, and can still lie apart
    np.testing.assert_allclose(radii([5, 3, 2]), size)
    tiny, nothing, large = radii([1e-3, 0, 1])
    assert tiny == nothing  # a topic without a share is still there
    assert large == pytest.approx(tiny * np.sqrt(1000))


@pytest.mark.parametrize("seed", range(3))
def test_places_are_those_of_least_stress(seed):
    beta = np.random.default_rng(seed).dirichlet(np.full(9, 0.5), 5)
    wanted = 1 - overlaps(beta)

    def stress(flat):
        distance = pdist(flat.reshape(5, 2))
        asked = wanted[np.triu_indices(5, 1)]
        return ((distance - asked) ** 2 / asked**2).sum()

    start = layout._scaled(wanted)
    found = layout._majorised(start, wanted)
    assert stress(found.ravel()) < stress(start.ravel())
    assert np.abs(approx_fprime(found.ravel(), stress, 1e-7)).max() < 1e-3


def test_a_step_to_less_stress_is_that_of_majorisation(monkeypatch):
    monkeypatch.setattr(layout, "STEPS", 1)
    wanted = np.array([[0, 0.001, 0.5], [0.001, 0, 0.7], [0.5, 0.7, 0]])
    start = np.array([[0, 0], [0.2, 0.1], [0.5, -0.3]])
    weight = 1 / np.maximum(wanted, 0.01) ** 2  # of those that are nearly the same: no more
    # The step solves, for each i: sum_j w_ij (x_i - x_j) = sum_j w_ij d_ij (z_i - z_j) / |z_i-z_j|.
    found = layout._majorised(start, wanted)
    for i in range(3):
        others = [j for j in range(3) if j != i]
        left = sum(weight[i, j] * (found[i] - found[j]) for j in others)
        right = sum(
            weight[i, j]
            * wanted[i, j]
            * (start[i] - start[j])
            / np.linalg.norm(start[i] - start[j])
            for j in others
        )
        np.testing.assert_allclose(left, right, atol=1e-6)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-9)


def test_scaling_has_the_distances_of_a_plane_and_settles_signs():
    points = np.random.default_rng(3).random((6, 2))
    found = layout._scaled(apart(points))
    np.testing.assert_allclose(apart(found), apart(points), atol=1e-6)
    assert np.ptp(found[:, 0]) > np.ptp(found[:, 1])
    largest = np.abs(found).argmax(0)
    assert (found[largest, [0, 1]] > 0).all()
    turned = points @ [[0.6, -0.8], [0.8, 0.6]]
    np.testing.assert_allclose(layout._scaled(apart(turned)), found, atol=1e-6)
    np.testing.assert_allclose(found, layout._scaled(apart(-points)), atol=1e-6)


def test_a_map_fills_its_square_and_keeps_to_it():
    points = np.array([[0, 0], [4, 1], [2, 2], [1, 0]])
    places = positions(apart(points), [0.02, 0.03, 0.01, 0.02])
    np.testing.assert_allclose((places.min(0) + places.max(0)) / 2, 0.5, atol=1e-4)
    assert np.ptp(places, axis=0).max() == pytest.approx(1 - 2 * 0.03, abs=1e-4)
    scale = apart(places)[0, 1] / np.sqrt(17)
    np.testing.assert_allclose(apart(places), scale * apart(points), rtol=1e-3, atol=1e-4)


def test_one_topic_is_in_the_middle_and_two_are_beside_each_other():
    assert positions([[0]], [0.2]).tolist() == [[0.5, 0.5]]
    places = positions([[0, 0.4], [0.4, 0]], [0.1, 0.05])
    np.testing.assert_allclose(np.sort(places[:, 0]), [0.1, 0.9], atol=1e-3)
    np.testing.assert_allclose(places[:, 1], 0.5, atol=1e-3)


def test_circles_that_overlap_are_pushed_apart_until_they_touch():
    places = layout._apart(np.array([[0.5, 0.5], [0.53, 0.54], [0.9, 0.1]]), np.full(3, 0.1))
    assert 0.2 < apart(places)[0, 1] < 0.21
    np.testing.assert_allclose(places[2], [0.9, 0.1], atol=1e-5)  # it was in nobody's way
    move = places[1] - places[0]
    assert move[1] / move[0] == pytest.approx(4 / 3, rel=1e-3)  # in the direction that they had
    np.testing.assert_allclose(places[:2].mean(0), [0.515, 0.52], atol=1e-5)


def test_pushed_circles_stay_on_the_map():
    sizes = np.array([0.2, 0.1, 0.15])
    places = layout._apart(np.array([[0.1, 0.9], [0.12, 0.91], [0.95, 0.02]]), sizes)
    assert (places >= sizes[:, None] - 1e-12).all()
    assert (places <= 1 - sizes[:, None] + 1e-12).all()
    assert (apart(places) + np.eye(3) >= sizes[:, None] + sizes).all()


@pytest.mark.parametrize(
    "beta",
    [np.ones((2, 4)) / 4, np.ones((7, 4)) / 4, [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]],
)
def test_topics_that_are_the_same_do_not_hide_each_other(beta):
    size = radii(np.ones(len(beta)))
    places = positions(1 - overlaps(beta), size)
    far = apart(places) + 9 * np.eye(len(beta))
    assert (far > 0.98 * (size[:, None] + size)).all()


def test_the_same_topics_have_the_same_map():
    beta = np.random.default_rng(5).dirichlet(np.full(9, 0.5), 6)
    asked = 1 - overlaps(beta), radii(np.ones(6))
    np.testing.assert_array_equal(positions(*asked), positions(*asked))


def test_there_are_as_many_hues_as_the_page_has():
    style = files("dirvae.report.explorer").joinpath("explorer.css").read_text()
    assert {int(hue) for hue in re.findall(r"\.hue(\d+)", style)} == set(range(HUES))


def test_few_topics_have_a_hue_each_and_more_share_them():
    three = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    assert hues(three, 3).tolist() == [0, 1, 2]
    assert hues(three, 2).tolist() == [0, 0, 1]
    assert hues(np.eye(8)).tolist() == list(range(8))
    assert len(set(hues(np.eye(9)).tolist())) == 8


def test_circles_do_not_overlap_and_stay_on_the_map():
    beta = np.random.default_rng(1).dirichlet(np.full(30, 0.1), 40)
    size = radii(np.random.default_rng(2).dirichlet(np.ones(40)))
    places = positions(1 - overlaps(beta), size)
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(40)
    assert (apart > 0.93 * (size[:, None] + size)).all()
    assert (places >= size[:, None] - 1e-9).all()
    assert (places <= 1 - size[:, None] + 1e-9).all()


def test_the_map_keeps_distances_that_fit_a_plane():
    points = np.random.default_rng(0).random((12, 2))
    wanted = np.linalg.norm(points[:, None] - points, axis=2)
    places = positions(wanted, np.full(12, 1e-4))
    found = np.linalg.norm(places[:, None] - places, axis=2)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.9999
    np.testing.assert_allclose((places.min(0) + places.max(0)) / 2, 0.5, atol=1e-3)


def test_alike_topics_have_one_hue():
    beta = np.kron(np.eye(10), np.full(4, 0.25))[np.repeat(np.arange(10), 2)]
    beta = beta + np.random.default_rng(0).random(beta.shape) * 0.01
    found = hues(overlaps(beta / beta.sum(1, keepdims=True)))
    assert found.max() == 7
    assert (found[::2] == found[1::2]).all()
    assert hues(np.eye(8)).tolist() == list(range(8))
