"""What a page of counts holds of samples is what the model says."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirvae.report.explorer.samples import (
    Grouping,
    Samples,
    against_mean,
    evenly,
    samples_payload,
)
from tests.report.explorer.example import composition, data_of, samples


@cache
def data() -> Any:
    counts, known = samples()
    return data_of(composition().report(counts, ids=list(counts.index), covariates=known))


@cache
def posterior() -> Any:
    return composition().posterior(samples()[0], level=0.9)


def test_bars_are_samples_in_order_of_their_largest_component() -> None:
    theta = pd.DataFrame(posterior().mean, samples()[0].index)
    found = data()["samples"]
    common = (-theta.mean()).argsort().tolist()
    first = theta.to_numpy().argmax(1)
    order = sorted(
        range(len(theta)), key=lambda row: (common.index(first[row]), -theta.iloc[row].max())
    )
    assert found["ids"] == theta.index[order].tolist()
    np.testing.assert_allclose(found["share"], 1000 * theta.iloc[order], atol=0.51)
    assert [data()["documents"][d]["id"] for d in found["held"]] == found["ids"]


def test_groups_are_those_of_words_with_their_means() -> None:
    counts, known = samples()
    [diet] = data()["samples"]["groupings"]  # an age is no group
    assert (diet["name"], diet["levels"]) == ("diet", ["fast", "home", "swap"])
    told = known["diet"].loc[data()["samples"]["ids"]]
    assert [diet["levels"][of] for of in diet["of"]] == told.tolist()
    theta = pd.DataFrame(posterior().mean, counts.index)
    np.testing.assert_allclose(diet["mean"], theta.groupby(known["diet"]).mean(), atol=5.1e-6)
    assert diet["n"] == [16, 16, 16]


def test_many_samples_are_evenly_chosen() -> None:
    theta = np.random.default_rng(0).dirichlet(np.ones(4), 1000)
    every = evenly(theta, 1000)
    assert sorted(every) == list(range(1000))
    assert evenly(theta, 100).tolist() == every[::10].tolist()
    assert len(evenly(theta, 300)) == 300


def test_features_are_those_that_tell_from_the_mean() -> None:
    beta = composition().topic_word_
    mean = posterior().mean.mean(0) @ beta
    features = samples()[0].columns.tolist()
    for k, row in enumerate(data()["apart"]):
        ratio = dict(zip(features, np.log2(beta[k] / mean), strict=True))
        says = {f: beta[k, c] * ratio[f] for c, f in enumerate(features) if ratio[f] > 0}
        lacks = {f: -mean[c] * ratio[f] for c, f in enumerate(features) if ratio[f] < 0}
        wanted = (
            sorted(says, key=lambda f: -says[f])[:6] + sorted(lacks, key=lambda f: -lacks[f])[:4]
        )
        wanted.sort(key=lambda f: -ratio[f])
        assert [data()["words"][w] for w, _ in row] == wanted
        np.testing.assert_allclose([r for _, r in row], [ratio[f] for f in wanted], atol=5.1e-4)
    first = features.index(data()["words"][0])
    assert data()["frequency"][0] == pytest.approx(mean[first], rel=1e-4)


def test_the_mean_is_that_of_the_samples_shown() -> None:
    counts = samples()[0].iloc[:8]
    found = data_of(composition().report(counts))
    mean = composition().transform(counts).mean(0) @ composition().topic_word_
    place = [found["words"].index(name) for name in counts.columns]
    np.testing.assert_allclose([found["frequency"][w] for w in place], mean, rtol=1e-4)


def test_absent_features_have_finite_ratios() -> None:
    [found] = against_mean(np.array([[1.0, 0.0, 0.0]]), np.array([0.5, 0.5, 0.0]))
    assert found[0] == (0, 1.0)
    assert np.isfinite([ratio for _, ratio in found]).all()


def test_least_certain_samples_have_the_widest_intervals() -> None:
    width = posterior().upper - posterior().lower
    order = np.argsort(-width.max(1))[:20]
    found = data()["samples"]["widest"]
    ids = samples()[0].index
    assert [data()["documents"][d]["id"] for d, *_ in found] == ids[order].tolist()
    assert [k for _, k, *_ in found] == width[order].argmax(1).tolist()
    for (_, k, *interval), row in zip(found, order, strict=True):
        parts = (posterior().mean, posterior().lower, posterior().upper)
        np.testing.assert_allclose(interval, [part[row, k] for part in parts], atol=5.1e-4)


def test_a_page_of_many_samples_holds_some_of_them() -> None:
    counts = np.random.default_rng(0).poisson(3, (320, 5))
    model = type(composition())(2, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(counts)
    html = model.report(counts)
    found = data_of(html)
    assert 20 < len(found["documents"]) < 61
    assert len(found["samples"]["ids"]) == 320
    assert found["samples"]["groupings"] == []
    for place, name in zip(found["samples"]["held"], found["samples"]["ids"], strict=True):
        assert place < 0 or found["documents"][place]["id"] == name
    assert sum(place >= 0 for place in found["samples"]["held"]) == len(found["documents"])
    assert "most of each component, and those with the widest intervals, cut to" in html


# --- small examples, by hand ------------------------------------------------------------------

SHARES = np.array(
    [[0.5, 0.2, 0.3], [0.1, 0.1234, 0.7766], [0.6, 0.4, 0.0], [0.0, 0.1, 0.9], [0.2, 0.7, 0.1]]
)  # the components, by their means: 2, 1, 0


def payload(**more: Any) -> Any:
    known = {
        "groupings": [
            Grouping("g" * 61, ["x", "y" * 61, "none"], np.array([0, -1, 1, 1, 0])),
        ],
        "rows": np.array([3, 0]),
        "components": np.array([1, 2]),
        "intervals": np.array([[0.1, 0.01239, 0.6], [0.3, 0.1, 0.59]]),
        "wider": 2.34567,
    }
    groups = SimpleNamespace(label=np.array([0, 1, -1, 0, 1]), time=np.array([4, 3, 2, 1, -1]))
    ids = ["a", "b", "c" * 61, "d", "e"]
    return samples_payload(Samples(**(known | more)), SHARES, ids, {3: 0, 0: 1, 4: 2}, groups)


def test_a_page_holds_samples_in_the_order_of_their_bars() -> None:
    # By the largest component: rows 1 and 3 of 2, row 4 of 1, rows 0 and 2 of 0.
    assert payload() == {
        "scale": 1000,
        "ids": ["d", "b", "e", "c" * 59 + "…", "a"],
        "held": [0, -1, 2, -1, 1],
        "label": [0, 1, 1, -1, 0],
        "time": [1, 3, -1, 2, 4],
        "share": [[0, 100, 900], [100, 123, 777], [200, 700, 100], [600, 400, 0], [500, 200, 300]],
        "groupings": [
            {
                "name": "g" * 59 + "…",
                "levels": ["x", "y" * 59 + "…", "none"],
                "of": [1, -1, 0, 1, 0],
                "n": [2, 2, 0],
                "mean": [[0.35, 0.45, 0.2], [0.3, 0.25, 0.45], [0, 0, 0]],
            }
        ],
        "wider": 2.346,
        "widest": [[0, 1, 0.1, 0.012, 0.6], [1, 2, 0.3, 0.1, 0.59]],
    }


def test_means_of_groups_have_five_digits() -> None:
    grouping = Grouping("g", ["x"], np.array([-1, 0, -1, 0, 0]))
    [found] = payload(groupings=[grouping])["groupings"]
    assert found["mean"] == [[0.1, 0.30780, 0.59220]]
    third = Grouping("g", ["x"], np.array([0, 0, -1, 0, -1]))
    assert payload(groupings=[third])["groupings"][0]["mean"] == [[0.2, 0.14113, 0.65887]]


def test_bars_are_by_the_commonest_component_then_by_share() -> None:
    assert evenly(SHARES).tolist() == [3, 1, 4, 2, 0]
    assert evenly(SHARES, 2).tolist() == [3, 4]
    assert evenly(SHARES, 4).tolist() == [3, 1, 4, 2]
    assert evenly(SHARES, 1).tolist() == [3]


@pytest.mark.parametrize(
    ("count", "size", "shown"),
    [(1199, 2, 1199), (1201, 2, 1200), (1300, 50, 1200), (1300, 51, 1176), (3, 60_001, 1)],
)
def test_a_page_holds_no_more_bars_than_it_can(count: int, size: int, shown: int) -> None:
    theta = np.zeros((count, size))
    theta[:, 0] = 1
    nothing = Samples([], *(np.empty(0, int),) * 2, np.empty((0, 3)), 1.0)
    groups = SimpleNamespace(label=np.zeros(count, int), time=np.zeros(count, int))
    found = samples_payload(nothing, theta, range(count), {}, groups)
    assert len(found["ids"]) == len(found["share"]) == shown
    assert set(found["held"]) == {-1}


def test_six_features_above_the_mean_and_four_below_are_shown() -> None:
    mean = np.full(20, 1 / 20)
    beta = np.array([np.r_[np.arange(10, 0, -1), np.full(10, 0.1)] / 56])
    [found] = against_mean(beta, mean)
    above = [(c, round(np.log2((10 - c) / 56 * 20), 5)) for c in range(6)]
    below = [(c, round(np.log2(0.1 / 56 * 20), 5)) for c in range(10, 14)]
    assert found == above + below


def test_frequent_features_say_more_than_rare_ones() -> None:
    mean = np.array([0.3, 0.001, 0.4, 0.2, 0.099])
    beta = np.array([[0.6, 0.004, 0.2, 0.05, 0.146], [*mean]])
    first, same = against_mean(beta, mean)
    assert [column for column, _ in first] == [1, 0, 4, 2, 3]
    assert [ratio for _, ratio in first] == [2, 1, round(np.log2(146 / 99), 5), -1, -2]
    assert same == []  # as it is in the mean, nothing tells it
    [many] = against_mean(np.array([[0.5, 0.5, *[0] * 7]]), np.array([0.25, 0.05, *[0.1] * 7]))
    assert [column for column, _ in many] == [1, 0, 2, 3, 4, 5]


def test_of_features_below_the_mean_the_commonest_are_shown() -> None:
    mean = np.array([0.1, 0.01, 0.2, 0.3, 0.02, 0.37])
    beta = np.r_[mean[:5] / 2, 0]
    beta[5] = 1 - beta.sum()
    [found] = against_mean(beta[None], mean)
    assert found == [(5, round(np.log2(beta[5] / 0.37), 5)), (3, -1), (2, -1), (0, -1), (4, -1)]


def test_what_a_page_shows_of_samples_stays_as_it_is() -> None:
    with pytest.raises(FrozenInstanceError):
        Samples([], *(np.empty(0, int),) * 2, np.empty((0, 3)), 1.0).wider = 2.0
