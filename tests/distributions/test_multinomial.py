"""Counts with totals, of a million words, and under mixtures: shapes, digits and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import gammaln, log_softmax
from torch import Tensor

from dirvae.distributions import (
    DirichletMultinomial,
    MixedMultinomial,
    Multinomial,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
)
from dirvae.distributions._sparse import as_sparse_rows

LAWS = [
    lambda total: Multinomial(torch.zeros(4, 3), total),
    lambda total: DirichletMultinomial(torch.ones(4, 3), total),
    lambda total: MixedMultinomial(torch.full((4, 2), 0.5), torch.full((2, 3), 1 / 3), total),
]
TOPICS = torch.tensor([[0.7, 0.3, 0.0], [0.1, 0.9, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize("law", LAWS)
def test_totals_and_parameters_make_one_batch(law) -> None:
    totals = torch.tensor([[2.0], [5.0]])
    q = law(totals)
    assert q.batch_shape == (2, 4)
    assert q.mean.shape == q.variance.shape == (2, 4, 3)
    draws = q.sample((3,), torch.Generator().manual_seed(0))
    assert draws.shape == (3, 2, 4, 3)
    assert torch.equal(draws.sum(-1), totals.expand(3, 2, 4))
    wide = q.expand((5, 2, 4))
    assert torch.equal(wide.sample().sum(-1), totals.expand(5, 2, 4))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("value", [[1.0, 1.0, 0.0], np.array([1.0, 1.0, 0.0])])
def test_lists_and_arrays_are_values_too(law, value) -> None:
    expected = law(2).log_prob(torch.tensor([1.0, 1.0, 0.0]))
    assert expected.isfinite().all()
    assert torch.equal(law(2).log_prob(value), expected)


@pytest.mark.parametrize("law", LAWS)
def test_totals_that_fit_no_batch_are_refused(law) -> None:
    with pytest.raises(ValueError, match=r"total_count has shape \(3,\), which does not broadcast"):
        law(torch.ones(3))
    for wrong in (-1, 2.5, torch.tensor([1.0, -1.0, 1.0, 1.0])):
        with pytest.raises(ValueError, match="total_count has numbers that are not whole or below"):
            law(wrong)


# --- mixtures, in any batch ---


def mixed(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    return stats.multinomial.logpmf(x, x.sum(-1), weights @ TOPICS[:, :2].numpy())


@pytest.mark.parametrize("value_batch", [(), (1,), (4,), (2, 4), (5, 1, 4), (2, 1)])
@pytest.mark.parametrize("law_batch", [(), (1,), (4,), (2, 4)])
def test_a_mixture_takes_any_batch(
    law_batch: tuple[int, ...], value_batch: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(2), law_batch)
    x = rng.integers(0, 9, (*value_batch, 2)).astype(float)
    law = MixedMultinomial(torch.from_numpy(weights), TOPICS[:, :2])
    found = law.log_prob(torch.from_numpy(x))
    shape = np.broadcast_shapes(law_batch, value_batch)
    wide_x, wide_weights = np.broadcast_to(x, (*shape, 2)), np.broadcast_to(weights, (*shape, 2))
    wanted = mixed(wide_weights.reshape(-1, 2), wide_x.reshape(-1, 2)).reshape(shape)
    assert found.shape == shape
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def forms(x: list[list[float]]) -> list[Tensor]:
    dense = torch.tensor(x, dtype=torch.float64)
    return [dense, as_sparse_rows(dense)]


def test_a_word_of_probability_zero_has_minus_infinity() -> None:
    law = MixedMultinomial(torch.tensor([[0.5, 0.5]], dtype=torch.float64), TOPICS)
    for x in forms([[1.0, 1.0, 1.0]]):
        assert law.log_prob(x).tolist() == [-torch.inf]
    for x in forms([[1.0, 1.0, 0.0]]):
        np.testing.assert_allclose(law.log_prob(x), [np.log(2 * 0.4 * 0.6)])


@pytest.mark.parametrize("wrong", [-1.0, torch.nan])
def test_what_are_no_counts_are_refused(wrong: float) -> None:
    weights = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    for law in (
        MixedMultinomial(weights, TOPICS),
        Multinomial(torch.zeros(1, 3).double()),
        DirichletMultinomial(torch.ones(1, 3).double()),
    ):
        for x in forms([[1.0, wrong, 0.0]]):
            with pytest.raises(ValueError, match="value"):
                law.log_prob(x)


@pytest.mark.parametrize("shape", [(2, 4), (3, 3)])
def test_sparse_rows_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    x = as_sparse_rows(torch.ones(shape))
    for law in (
        MixedMultinomial(torch.full((2, 2), 0.5), torch.full((2, 3), 1 / 3)),
        Multinomial(torch.zeros(2, 3)),
        DirichletMultinomial(torch.ones(2, 3)),
    ):
        with pytest.raises(ValueError, match=r"value has shape \(\d, \d\), must be \(2, 3\)"):
            law.log_prob(x)


def test_one_law_scores_many_sparse_rows() -> None:
    x = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 4.0], [3.0, 1.0, 1.0]])
    for law in (
        MixedMultinomial(torch.tensor([0.3, 0.7]), torch.full((2, 3), 1 / 3)),
        Multinomial(torch.tensor([0.0, 1.0, -1.0])),
        DirichletMultinomial(torch.tensor([[0.5, 1.0, 2.0]])),
    ):
        torch.testing.assert_close(law.log_prob(as_sparse_rows(x)), law.log_prob(x))


@pytest.mark.parametrize(
    ("law", "name"), [(Multinomial, "logits"), (DirichletMultinomial, "concentration")]
)
def test_a_parameter_without_words_is_refused(law, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is a scalar, must have shape \(\.\.\., V\)"):
        law(torch.tensor(0.5), 3)


def test_shapes_of_a_mixture_must_fit() -> None:
    with pytest.raises(ValueError, match=r"must be \(\.\.\., K\) and \(K, V\)"):
        MixedMultinomial(torch.full((3,), 1 / 3), TOPICS)


def test_second_derivatives_of_dense_counts_are_right() -> None:
    x = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]], dtype=torch.float64)
    logits = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)

    def log_prob(logits: Tensor) -> Tensor:
        return MixedMultinomial(logits.softmax(-1), TOPICS).log_prob(x)

    assert torch.autograd.gradgradcheck(log_prob, (logits,))


# --- a million words in float32 ---


def million(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, topics and weights, all of them numbers that float32 has."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(size, 0.5), 3).astype(np.float32)
    theta = np.float32([0.2, 0.5, 0.3])
    p = theta.astype(float) @ topics.astype(float)
    return rng.multinomial(1_000_000, p / p.sum()).astype(np.float32), topics, theta


def coefficient(x: np.ndarray) -> float:
    return gammaln(x.sum() + 1) - gammaln(x + 1).sum()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("size", [5, 1000])
def test_a_million_words_in_float32(size: int, sparse: bool) -> None:
    counts, topics, theta = million(size)
    x, logits = counts.astype(float), np.log(theta @ topics + np.float32(1e-6))
    p = theta.astype(float) @ topics.astype(float)
    a = (300 * p).astype(np.float32) + np.float32(1e-3)
    wide_a = a.astype(float)
    ratio = gammaln(x + wide_a) - gammaln(wide_a)
    wanted = {
        Multinomial(torch.from_numpy(logits)[None]): x @ log_softmax(logits.astype(float)),
        MixedMultinomial(
            torch.from_numpy(theta)[None], torch.from_numpy(topics), validate_args=False
        ): x @ np.log(np.where(x > 0, p, 1)),
        DirichletMultinomial(torch.from_numpy(a)[None]): ratio.sum()
        + gammaln(wide_a.sum())
        - gammaln(x.sum() + wide_a.sum()),
    }
    value = torch.from_numpy(counts)[None]
    for law, evidence in wanted.items():
        found = law.log_prob(as_sparse_rows(value) if sparse else value)
        assert found.dtype == torch.float32
        expected = evidence + coefficient(x)
        # A float32 of this size is rounded by as much as it has to be, and no more.
        assert abs(float(found) - expected) < 1e-3 + 1e-7 * abs(expected), type(law)


@pytest.mark.parametrize("r", [0.5, 100.0, 1e6])
def test_a_million_counts_in_float32(r: float) -> None:
    x, mean = 1_000_500.0, 1_000_000.0
    wanted = stats.nbinom.logpmf(x, r, r / (r + mean))
    found = NegativeBinomial(torch.tensor(mean), torch.tensor(r)).log_prob(torch.tensor(x))
    assert found.dtype == torch.float32
    assert abs(float(found) - wanted) < 1e-4
    inflated = ZeroInflatedNegativeBinomial(
        torch.tensor(mean), torch.tensor(r), torch.tensor(0.0)
    ).log_prob(torch.tensor(x))
    assert abs(float(inflated) - wanted - np.log(0.5)) < 1e-4
