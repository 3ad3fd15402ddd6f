"""Which topics go together: ratios of planted pairs, and intervals that a bootstrap gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from dirvae import TopicModel
from dirvae.topics.pairs import _ratio, pairs_of
from tests.magnitudes import EXAMPLES, magnitudes
from tests.report.explorer.example import documents, model

CERTAIN = 1e7


@pytest.fixture(scope="module")
def uneven() -> Any:
    """Shares of 300 documents, where topics 0 and 2 are seldom together."""
    shares = np.random.default_rng(0).dirichlet([0.4, 0.9, 1.5, 0.7], 300)
    shares[shares[:, 0] > 0.3, 2] *= 0.1
    return shares / shares.sum(1, keepdims=True)


def ratio_of(theta: Any) -> Any:
    """By sums over documents and pairs, one after the other."""
    size, mean = theta.shape[1], theta.mean(0)
    both = np.array(
        [[(theta[:, k] * theta[:, j]).mean() for j in range(size)] for k in range(size)]
    )
    alone = np.outer(mean, mean)
    others = ~np.eye(size, dtype=bool)
    return both / alone * alone[others].sum() / both[others].sum()


def test_pairs_that_are_always_and_never_together() -> None:
    mean = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]] * 400) * 0.9998 + 5e-5
    found = pairs_of(mean, mean * CERTAIN, level=0.9, seed=0)
    # Of the six pairs two have all the weight: 3 on average, 0 for the other four.
    assert found.ratio[[0, 2], [1, 3]] == pytest.approx([3, 3], rel=0.01)
    assert found.upper[:2, 2:].max() < 0.01
    assert np.isnan(found.ratio.diagonal()).all()


@EXAMPLES
@given(shares=magnitudes(1e-3, 1e3, 20))
def test_ratios_have_the_weighted_average_1(shares: Any) -> None:
    theta = shares.view(5, 4).numpy()
    theta = theta / theta.sum(1, keepdims=True)
    others, mean = ~np.eye(4, dtype=bool), theta.mean(0)
    found = _ratio(theta)
    assert np.average(found[others], weights=np.outer(mean, mean)[others]) == pytest.approx(1)
    np.testing.assert_allclose(found[others], ratio_of(theta)[others], rtol=1e-9)


def test_intervals_of_certain_shares_are_those_of_a_bootstrap(uneven: Any) -> None:
    found = pairs_of(uneven, uneven * CERTAIN, level=0.8, seed=0)
    rng = np.random.default_rng(9)
    drawn = [ratio_of(uneven[rng.integers(300, size=300)]) for _ in range(400)]
    lower, middle, upper = np.quantile(drawn, [0.1, 0.5, 0.9], axis=0)
    pair = np.triu_indices(4, 1)
    # Of 200 draws a quantile is off by some tenth of the interval.
    width = (upper - lower)[pair]
    for values, wanted in zip(found, (middle, lower, upper), strict=True):
        assert np.abs((values - wanted)[pair] / width).max() < 0.25
    assert np.abs((found.ratio - ratio_of(uneven))[pair] / width).max() < 0.25
    assert found.upper[0, 2] < 1


def test_documents_that_say_little_make_wide_intervals(uneven: Any) -> None:
    few = pairs_of(uneven, uneven * 2, level=0.9, seed=0)
    many = pairs_of(uneven, uneven * CERTAIN, level=0.9, seed=0)
    pair = np.triu_indices(4, 1)
    assert ((few.upper - few.lower)[pair] > (many.upper - many.lower)[pair]).all()


def test_a_model_tells_of_its_pairs_the_surest_first() -> None:
    found = model().topic_pairs(documents()[0], level=0.8)
    table = found.table()
    assert len(table) == 6
    places = table["topic"], table["other_topic"]
    for name in ("ratio", "lower", "upper"):
        assert table[name] == getattr(found, name)[places].tolist()
        np.testing.assert_array_equal(getattr(found, name), getattr(found, name).T)
    ends = table["lower"], table["upper"]
    far = [max(np.log(low), -np.log(high)) for low, high in zip(*ends, strict=True)]
    assert far == sorted(far, reverse=True)
    names = model().topic_names_
    assert table["other_name"] == [names[k] for k in places[1]]
    assert repr(found).startswith("Pairs of 4 topics in the same documents, 80% intervals")
    (points,) = found.plot(3).data
    assert points.x.tolist() == sorted(table["ratio"][:3], reverse=True)
    first = int(np.argmax(table["ratio"][:3]))
    assert points.text[0] == f"{table['name'][first]} + {table['other_name'][first]}"


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(ValueError, match="level is 2, must be in"):
        model().topic_pairs(documents()[0], level=2)
    alone = TopicModel(1, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(documents()[0])
    with pytest.raises(ValueError, match="the model has one topic, must have two or more"):
        alone.topic_pairs(documents()[0])
