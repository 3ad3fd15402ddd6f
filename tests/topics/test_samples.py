"""Groups of samples, and the least certain of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dirvae.report.explorer import groups_of
from dirvae.topics.effects import shares_of
from dirvae.topics.posterior import credible_intervals
from dirvae.topics.samples import groupings_of, samples_of

RNG = np.random.default_rng(0)


def grouped(labels, covariates, labelled_by="label"):
    groups = groups_of(np.ones((40, 1)), labels, None, shares_of)
    return [
        (g.name, g.levels, g.of.tolist()) for g in groupings_of(labelled_by, groups, covariates)
    ]


def test_labels_come_first_and_categories_keep_their_order() -> None:
    site = pd.Series(["sea", "air", None, "sea"] * 10, name="site")
    size = pd.Categorical(["small", "big"] * 20, ["small", "big", "none"])
    frame = pd.DataFrame({"age": range(40), "size": size, "site": ["x", "y"] * 20})
    assert grouped(site, frame, "site") == [
        ("site", ["sea", "air", "no site"], [0, 1, 2, 0] * 10),
        ("size", ["small", "big"], [0, 1] * 20),
    ]
    assert [name for name, *_ in grouped(None, frame)] == ["size", "site"]
    assert [name for name, *_ in grouped(site, None)] == ["label"]


@pytest.mark.parametrize("with_none", [True, False])
def test_samples_of_small_labels_and_of_none_are_of_groups_too(with_none) -> None:
    # Of 31 labels the last is the smallest by name; The other rows are of the first, or of none.
    labels = [f"site {row:02}" for row in range(31)] + [None if with_none else "site 00"] * 9
    [(name, levels, of)] = grouped(labels, None, "site")
    assert name == "site"
    kept = [f"site {n:02}" for n in range(30)]
    assert levels == [*kept, "other", *(["no site"] if with_none else [])]
    assert [levels[place] for place in of] == [
        "no site" if label is None else "other" if label == "site 30" else label for label in labels
    ]


def test_a_label_called_as_a_group_of_ours_is_another_group() -> None:
    labels = ["other"] * 5 + ["no site"] * 4 + [f"site {row:02}" for row in range(29)] + [None] * 2
    [(_, levels, of)] = grouped(labels, None, "site")
    kept = [f"site {n:02}" for n in range(28)]
    assert levels == ["other", "no site", *kept, "(other)", "(no site)"]
    assert of == [0] * 5 + [1] * 4 + [*range(2, 30), 30] + [31] * 2


def test_one_word_or_too_many_make_no_groups() -> None:
    frame = pd.DataFrame({"one": ["a"] * 40, "each": [f"word {row}" for row in range(40)]})
    assert grouped(None, frame) == []


def test_the_widest_intervals_are_found_among_many() -> None:
    mean = RNG.dirichlet([2.0, 1.0, 0.2], 500)
    shapes = mean * RNG.gamma(3, 10, (500, 1))
    lower, upper = credible_intervals(mean, shapes, 0.8)
    width = upper - lower
    order = np.argsort(-width.max(1))[:20]
    found = samples_of(mean, shapes, [], 0.8)
    assert found.rows.tolist() == order.tolist()
    k = width[order].argmax(1)
    assert found.components.tolist() == k.tolist()
    np.testing.assert_array_equal(found.intervals[:, 2], upper[order, k])
    np.testing.assert_array_equal(found.intervals[:, 0], mean[order, k])
    widest = stats.beta(shapes, shapes / mean - shapes).std().max(1)
    middle = np.argsort(-widest)[250]
    assert found.wider == pytest.approx(width.max() / width[middle].max(), rel=1e-9)


def test_intervals_that_are_alike_are_told_to_be() -> None:
    mean = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    widths = [np.subtract(*stats.beta(a, a).ppf([0.95, 0.05])) for a in (50, 51, 60)]
    found = samples_of(mean, np.array([[51.0] * 2, [60.0] * 2, [50.0] * 2]), [], 0.9)
    assert found.rows.tolist() == [2, 0, 1]
    assert found.wider == pytest.approx(widths[0] / widths[1], rel=0.002)
