"""Topics matched to those of another model."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dirvae.evaluation import match_topics, stability


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
