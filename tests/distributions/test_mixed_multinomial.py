"""Counts under a mixture of topics, sparse and dense, against SciPy and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse, special, stats

from dirvae.data import sparse_rows
from dirvae.distributions import MixedMultinomial, Multinomial
from dirvae.distributions._sparse import (
    RisingFactorials,
    as_sparse_rows,
    assigned_counts,
    fresh_counts,
    mixture_evidence,
    mixture_probs,
    narrowed,
    sparse_product,
)


@pytest.fixture
def counts():
    x = sparse.random(12, 30, 0.2, format="csr", random_state=np.random.default_rng(0))
    x.data = np.ceil(5 * x.data)
    return x


def simplex(*shape):
    return torch.rand(*shape, dtype=torch.float64).softmax(-1).requires_grad_()


def test_log_prob_is_scipys(counts):
    theta, beta = simplex(12, 4), simplex(4, 30)
    found = MixedMultinomial(theta, beta).log_prob(sparse_rows(counts, torch.float64))
    dense = counts.toarray()
    probs = (theta @ beta).detach().numpy()
    wanted = stats.multinomial.logpmf(dense, dense.sum(1), probs)
    np.testing.assert_allclose(found.detach(), wanted, rtol=1e-10)
    torch.testing.assert_close(MixedMultinomial(theta, beta).log_prob(torch.tensor(dense)), found)


def test_samples_lead_and_rows_trail(counts):
    theta, beta, x = simplex(3, 12, 4), simplex(4, 30), sparse_rows(counts, torch.float64)
    found = MixedMultinomial(theta, beta).log_prob(x)
    one_by_one = torch.stack([MixedMultinomial(t, beta).log_prob(x) for t in theta])
    torch.testing.assert_close(found, one_by_one)


def test_multinomial_of_sparse_counts_is_that_of_dense_ones(counts):
    logits = torch.randn(2, 12, 30, dtype=torch.float64, requires_grad=True)
    x = sparse_rows(counts, torch.float64)
    law = Multinomial(logits, validate_args=False)
    torch.testing.assert_close(law.log_prob(x), law.log_prob(x.to_dense()))
    assert torch.autograd.gradcheck(
        lambda at: Multinomial(at, validate_args=False).log_prob(x), (logits,)
    )


def test_few_words_of_many_are_those_of_all(counts, monkeypatch):
    """Of a few documents only the words that are there are touched; all topics have a gradient."""
    monkeypatch.setattr("dirvae.distributions._sparse.MANY_WORDS", 30)
    x = sparse_rows(counts[[3, 1, 1]], torch.float64)
    fewer, words = narrowed(x, torch.eye(30, dtype=torch.float64))
    assert fewer.shape == (3, words.shape[0])
    assert words.shape[0] == len(np.unique(counts[[3, 1]].indices)) < 30
    torch.testing.assert_close(fewer @ words, x.to_dense())
    theta, beta = simplex(3, 4), simplex(4, 30)
    gradients = []
    for value in (x, x.to_dense()):
        found = MixedMultinomial(theta, beta).log_prob(value)
        gradients.append(torch.autograd.grad(found.sum(), (theta, beta)))
    torch.testing.assert_close(*gradients)
    assert torch.autograd.gradcheck(lambda b: narrowed(x, b)[1], (beta,))
    assert torch.autograd.gradgradcheck(lambda b: narrowed(x, b)[1].tanh(), (beta,))
    weight = torch.randn(30, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: sparse_product(x, w), (weight,))
    assert torch.autograd.gradgradcheck(lambda w: sparse_product(x, w).tanh(), (weight,))


def test_rows_without_any_word_have_the_probability_1(monkeypatch):
    monkeypatch.setattr("dirvae.distributions._sparse.MANY_WORDS", 30)
    x = as_sparse_rows(torch.zeros(2, 30, dtype=torch.float64))
    theta, beta = simplex(2, 4), simplex(4, 30)
    found = MixedMultinomial(theta, beta).log_prob(x)
    assert found.tolist() == [0, 0]
    for gradient in torch.autograd.grad(found.sum(), (theta, beta)):
        assert not gradient.any()


@pytest.mark.parametrize("function", [mixture_evidence, mixture_probs, assigned_counts])
def test_gradients_are_those_of_finite_differences(counts, function):
    x = sparse_rows(counts, torch.float64)
    words = simplex(4, 30).t().detach().contiguous().requires_grad_()
    assert torch.autograd.gradcheck(lambda t, w: function(x, t, w), (simplex(12, 4), words))


def test_product_with_sparse_rows(counts):
    x = sparse_rows(counts, torch.float64)
    weight = torch.randn(30, 5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(sparse_product(x, weight), x.to_dense() @ weight)
    assert torch.autograd.gradcheck(lambda w: sparse_product(x, w), (weight,))
    assert torch.autograd.gradgradcheck(lambda w: sparse_product(x, w).tanh(), (weight,))


def test_assigned_counts_add_up_to_the_words(counts):
    x = sparse_rows(counts, torch.float64)
    found = assigned_counts(x, torch.ones(12, 4).double(), simplex(4, 30).t())
    np.testing.assert_allclose(found.sum(1).detach(), counts.sum(1).A1, rtol=1e-12)


def test_probabilities_are_those_of_the_places_of_counts(counts):
    theta, beta = simplex(12, 4), simplex(4, 30)
    found = mixture_probs(sparse_rows(counts, torch.float64), theta, beta.t())
    torch.testing.assert_close(found, (theta @ beta)[counts.nonzero()])


def test_rising_factorials_are_scipys_for_counts_of_any_kind():
    x = np.array([3.0, 0.5, 17.0, 1.0, 0.0, 16.0, 1e6, 2.0, 2.5])
    a = np.array([0.2, 1.0, 1e-3, 7.0, 2.0, 0.9, 30.0, 1e-8, 0.1])
    rising = RisingFactorials(torch.from_numpy(x).float())
    slope = special.digamma(x + a) - special.digamma(a)
    np.testing.assert_allclose(rising.slope(torch.from_numpy(a)), slope, rtol=1e-12)
    wanted = special.gammaln(x + a) - special.gammaln(a)
    np.testing.assert_allclose(rising.log(torch.from_numpy(a)), wanted, rtol=1e-12)
    given = torch.from_numpy(a).clamp(min=0.1).requires_grad_()
    assert torch.autograd.gradcheck(rising.log, (given,))
    assert torch.autograd.gradgradcheck(rising.log, (given,))
    assert RisingFactorials(torch.zeros(0)).slope(torch.zeros(0)).shape == (0,)


def test_a_small_count_at_a_vast_concentration_loses_no_digits():
    found = RisingFactorials(torch.tensor([2.0])).log(torch.tensor([1e15], dtype=torch.float64))
    assert float(found) == pytest.approx(2 * np.log(1e15), rel=1e-15)


def fresh(count, concentration):
    """Of one category among two: the other takes the rest of the precision, 100."""
    x = as_sparse_rows(torch.tensor([[count, 1.0]], dtype=torch.float64))
    probs = torch.tensor([concentration / 100, 1 - concentration / 100], dtype=torch.float64)
    return float(fresh_counts(x, probs, torch.tensor(100.0).double()).values()[0])


@pytest.mark.parametrize(("count", "concentration"), [(1, 3.0), (20, 0.5), (300, 7.0)])
def test_fresh_counts_are_those_of_an_urn(count, concentration):
    rng = np.random.default_rng(0)
    new = concentration / (concentration + np.arange(count))  # of each count to be a fresh draw
    draws = (rng.random((4000, count)) < new).sum(1)
    error = draws.std() / np.sqrt(4000)  # bound of 5 of them
    assert abs(fresh(count, concentration) - draws.mean()) <= 5 * error + 1e-12


def test_fresh_counts_are_all_of_a_vast_precision_and_one_of_a_tiny_one():
    x = as_sparse_rows(torch.tensor([[50.0, 3.0]]))
    half = torch.full((2,), 0.5)
    vast = fresh_counts(x, half, torch.tensor(1e8)).values()
    torch.testing.assert_close(vast, x.values(), rtol=1e-5, atol=0)
    tiny = fresh_counts(x, half, torch.tensor(1e-12)).values()
    torch.testing.assert_close(tiny, torch.ones(2))


def test_mean_and_draws_of_the_mixture():
    law = MixedMultinomial(torch.tensor([[0.25, 0.75]]), torch.eye(2), total_count=100)
    torch.testing.assert_close(law.mean, torch.tensor([[25.0, 75.0]]))
    draws = law.sample((400,), torch.Generator().manual_seed(0))
    assert draws.shape == (400, 1, 2)
    # Standard error of the mean: sqrt(100 * .25 * .75 / 400) = .22; bound of 5 of them.
    assert abs(float(draws[..., 0].mean()) - 25) < 1.1


def test_rows_without_words_say_nothing():
    x = as_sparse_rows(torch.zeros(2, 3))
    law = MixedMultinomial(torch.full((2, 2), 0.5), torch.full((2, 3), 1 / 3))
    assert law.log_prob(x).tolist() == [0.0, 0.0]
