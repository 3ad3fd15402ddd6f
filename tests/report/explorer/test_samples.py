"""What a page of counts holds of samples is what the model says."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirvae.report.explorer.samples import against_mean, evenly
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
