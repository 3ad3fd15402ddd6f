"""Topics matched to those of another model."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dirvae.evaluation import match_topics, partners, stability, topic_stability


def test_matching_undoes_a_permutation(rng: np.random.Generator) -> None:
    beta = rng.dirichlet(np.full(40, 0.1), 8)
    order = rng.permutation(8)
    matching = match_topics(beta, beta[order])
    np.testing.assert_array_equal(order[matching.order], np.arange(8))
    np.testing.assert_allclose(matching.similarity, 1)
    assert stability([beta, beta[order], beta]) == pytest.approx(1)
    other = rng.dirichlet(np.full(40, 0.1), 8)
    pairs = [match_topics(*p).similarity.mean() for p in combinations([beta, other, beta], 2)]
    assert stability([beta, other, beta]) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: match_topics([[1.0]], [[1.0, 0.0]]), "must be alike"),
        (lambda: stability([[[1.0]]]), "must have two or more"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_partners_of_models_of_other_sizes() -> None:
    """The sum of similarities is largest, not each; a topic of zeros has no partner."""
    first = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 0, 0]])
    second = np.array([[0.8, 0.6, 0, 0], [0, 5.0, 0, 0]])
    cosine = first[:3] @ np.array([[0.8, 0.6, 0, 0], [0, 1, 0, 0]]).T
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    best = max(pairs, key=lambda pair: cosine[pair[0], 0] + cosine[pair[1], 1])
    assert best == (2, 1)
    found = partners(first, second)
    assert found.order.tolist() == [-1, 1, 0, -1]
    np.testing.assert_allclose(found.similarity, [0, 1, 0.96, 0])
    assert partners(first, second, least=0.97).order.tolist() == [-1, 1, -1, -1]
    assert partners(second, first).order.tolist() == [2, 1]
    with pytest.raises(ValueError, match="must have one V"):
        partners(first, second[:, :3])


def test_a_topic_is_as_stable_as_its_matches_and_all_as_the_models(rng: np.random.Generator):
    models = [rng.dirichlet(np.full(20, 0.2), 4) for _ in range(3)]
    found = topic_stability(models)
    both = match_topics(models[0], models[1]), match_topics(models[0], models[2])
    np.testing.assert_allclose(found[0], (both[0].similarity + both[1].similarity) / 2)
    to_first = match_topics(models[1], models[0]).similarity
    np.testing.assert_allclose(
        found[1], (to_first + match_topics(models[1], models[2]).similarity) / 2
    )
    assert found.mean() == pytest.approx(stability(models))
