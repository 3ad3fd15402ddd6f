"""Likelihoods of counts against scipy, at the ends of their range, and of parts of a row."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats
from torch import Tensor
from torch.distributions import Distribution

from dirvae import distributions as dd
from dirvae.data import sparse_rows
from dirvae.distributions.log_space import log_gamma_ratio, log_multiset, scaled_lgamma1p
from tests.magnitudes import EXAMPLES, magnitudes


def t(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


LOGITS, A = t(0.5, -1.0, 0.0, 1.3), t(0.3, 2.0, 1.0, 0.7)
X = torch.from_numpy(np.random.default_rng(0).multinomial(12, [0.1, 0.4, 0.3, 0.2], 30)).double()


@pytest.mark.parametrize(("mean", "r"), [(0.01, 0.3), (3.0, 0.5), (40.0, 12.0), (500.0, 1e4)])
def test_negative_binomial_is_scipys(mean: float, r: float) -> None:
    x = np.unique(stats.nbinom(r, r / (r + mean)).rvs(500, random_state=0))
    oracle = stats.nbinom(r, r / (r + mean))
    law = dd.NegativeBinomial(t(mean), t(r))
    np.testing.assert_allclose(law.log_prob(torch.from_numpy(x)).numpy(), oracle.logpmf(x), 1e-9)
    np.testing.assert_allclose([float(law.mean), float(law.variance)], oracle.stats("mv"), 1e-12)


@EXAMPLES
@given(mean=magnitudes(1e-3, 1e4, 1), r=magnitudes(0.1, 1e4, 1), x=st.integers(0, 1000))
def test_negative_binomial_is_a_poisson_whose_rate_is_a_gamma(
    mean: Tensor, r: Tensor, x: int
) -> None:
    """By the trapezoid rule over the log of the rate, about where the integrand is largest."""
    s = torch.linspace(-7, 7, 4001, dtype=torch.float64)
    width = (x + r).rsqrt()
    log_rate = ((x + r) / (1 + r / mean)).log() + width * s.sinh()
    poisson = x * log_rate - log_rate.exp() - math.lgamma(x + 1)
    joint = dd.LogGamma(r, r / mean).log_prob(log_rate) + poisson + s.cosh().log()
    expected = (joint.logsumexp(0) + ((s[1] - s[0]) * width).log()).squeeze()
    found = dd.NegativeBinomial(mean, r).log_prob(t(float(x))).squeeze()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_draws_of_a_rate_beyond_the_integers_are_the_rates() -> None:
    x = dd.NegativeBinomial(torch.tensor(1e30), torch.tensor(2.0)).sample(torch.Size([20_000]))
    law = stats.gamma(2.0, scale=0.5e30)  # the Poisson adds nothing that a float holds
    assert stats.kstest(x.double().numpy(), law.cdf).pvalue > 1e-4


def test_zero_inflation_is_a_mixture_with_zero() -> None:
    x, gate = t(0, 1, 2, 7), 1 / (1 + math.exp(-0.4))
    plain = stats.nbinom(2.0, 2.0 / 5.0).pmf(x.numpy())
    oracle = np.log((1 - gate) * plain + gate * (x.numpy() == 0))
    law = dd.ZeroInflatedNegativeBinomial(t(3.0), t(2.0), t(0.4))
    np.testing.assert_allclose(law.log_prob(x).numpy(), oracle, 1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_zero_inflation_in_half_precision_is_computed_in_single(dtype: torch.dtype) -> None:
    given = [torch.tensor(v).to(dtype) for v in (3.0, 2.0, 0.4)]
    half = dd.ZeroInflatedNegativeBinomial(*given)
    single = dd.ZeroInflatedNegativeBinomial(*(v.float() for v in given))
    x = torch.tensor([0.0, 1.0, 7.0])
    for name in ("gate_logits", "mean", "variance", "mode"):
        assert getattr(half, name).dtype is torch.float32
        assert torch.equal(getattr(half, name), getattr(single, name))
    assert torch.equal(half.log_prob(x), single.log_prob(x))
    assert torch.equal(half.cdf(x), single.cdf(x))


def test_multinomial_is_scipys_row_by_row() -> None:
    rows = torch.cat((X[:5], X[5:10] * 3))
    oracle = [
        stats.multinomial(int(row.sum()), LOGITS.softmax(-1).numpy()).logpmf(row.numpy())
        for row in rows
    ]
    np.testing.assert_allclose(dd.Multinomial(LOGITS).log_prob(rows).numpy(), oracle, 1e-9)


def test_dirichlet_multinomial_is_scipys_row_by_row() -> None:
    rows = torch.cat((X[:5], X[5:10] * 3))
    oracle = [
        stats.dirichlet_multinomial(A.numpy(), int(row.sum())).logpmf(row.long().numpy())
        for row in rows
    ]
    np.testing.assert_allclose(dd.DirichletMultinomial(A).log_prob(rows).numpy(), oracle, 1e-9)


PARTIAL = [dd.Multinomial(LOGITS), dd.DirichletMultinomial(A)]


@pytest.mark.parametrize("law", PARTIAL, ids=lambda law: type(law).__name__)
def test_probabilities_of_all_counts_of_a_total_sum_to_one(law: Distribution) -> None:
    rows = [r for r in itertools.product(range(6), repeat=4) if sum(r) == 5]
    log_prob = law.log_prob(torch.tensor(rows, dtype=torch.float64))
    assert abs(float(log_prob.logsumexp(0))) < 1e-10


@pytest.mark.parametrize("law", PARTIAL, ids=lambda law: type(law).__name__)
def test_masked_law_is_the_conditional_given_the_observed_total(law: Distribution) -> None:
    """p(observed | their total) = p(x) summed over the unobserved, over the same for the total."""
    mask = torch.tensor([True, False, True, False])
    rows = torch.tensor(
        [r for r in itertools.product(range(5), repeat=4) if sum(r) == 4], dtype=torch.float64
    )
    log_prob, part = law.log_prob(rows), rows[:, mask]
    same_part = (part == t(2, 1)).all(-1)
    same_total = part.sum(-1) == 3
    oracle = log_prob[same_part].logsumexp(0) - log_prob[same_total].logsumexp(0)
    actual = law.masked_log_prob(t(2, math.nan, 1, 99), mask)
    torch.testing.assert_close(actual, oracle)


@pytest.mark.parametrize("law", PARTIAL, ids=lambda law: type(law).__name__)
def test_masks_of_all_and_of_nothing(law: Distribution) -> None:
    everything = law.masked_log_prob(X, torch.ones_like(X, dtype=torch.bool))
    torch.testing.assert_close(everything, law.log_prob(X))
    nothing = law.masked_log_prob(X, torch.zeros_like(X, dtype=torch.bool))
    assert torch.equal(nothing, torch.zeros(30, dtype=torch.float64))


@pytest.mark.parametrize("cls", [dd.Multinomial, dd.DirichletMultinomial])
def test_masked_gradients_are_finite(cls: type[Distribution]) -> None:
    parameter = A.clone().requires_grad_()
    mask = torch.tensor([[True, True, False, True], [False] * 4])
    value = torch.where(mask, 3.0, math.nan).double()
    (gradient,) = torch.autograd.grad(cls(parameter).masked_log_prob(value, mask).sum(), parameter)
    assert bool(gradient.isfinite().all())
    assert float(gradient[2]) == 0.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mean", [0.0, 1e-38, 1e-6, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("r", [1e-6, 1.0, 1e6, 1e12])
def test_negative_binomial_never_gives_nan(mean: float, r: float, dtype: torch.dtype) -> None:
    parameters = torch.tensor([mean, r, 0.0], dtype=dtype, requires_grad=True)
    x = torch.tensor([0.0, 1.0, 1e3, 1e9], dtype=dtype)
    for law in (
        dd.NegativeBinomial(parameters[0], parameters[1]),
        dd.ZeroInflatedNegativeBinomial(*parameters),
    ):
        log_prob = law.log_prob(x)
        assert not log_prob.isnan().any()
        assert bool((log_prob <= 1e-3).all())
        (gradient,) = torch.autograd.grad(log_prob.sum(), parameters)
        assert not gradient.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("r", [1e-6, 1.0, 1e12])
def test_a_negative_binomial_of_mean_zero_is_zero(r: float, dtype: torch.dtype) -> None:
    """As torch's Poisson of rate 0 is, to which it comes as r grows."""
    given = [torch.tensor(v, dtype=dtype, requires_grad=True) for v in (0.0, r, 0.4)]
    x = torch.tensor([0.0, 1.0, 1e9], dtype=dtype)
    law, inflated = dd.NegativeBinomial(*given[:2]), dd.ZeroInflatedNegativeBinomial(*given)
    oracle = torch.distributions.Poisson(torch.zeros((), dtype=dtype)).log_prob(x)
    for of_zero in (law, inflated):
        torch.testing.assert_close(of_zero.log_prob(x).detach(), oracle)
        assert of_zero.cdf(x).tolist() == pytest.approx([1.0, 1.0, 1.0])
        assert not bool(of_zero.sample(torch.Size([50])).any())
        slopes = torch.autograd.grad(of_zero.log_prob(x).sum(), given, allow_unused=True)
        assert all(slope is None or bool(slope.isfinite()) for slope in slopes)
    [slope] = torch.autograd.grad(law.log_prob(torch.zeros((), dtype=dtype)), given[0])
    assert float(slope) == -1.0  # of -r log(1 + mu / r)


@pytest.mark.parametrize(("mean", "r"), [(1e-38, 1.0), (1e-20, 1e15), (1e12, 1e-6), (3.0, 3.0)])
@pytest.mark.parametrize("x", [0.0, 1.0, 40.0, 1e9])
def test_a_negative_binomial_of_extreme_means_is_mpmaths(mean: float, r: float, x: float) -> None:
    """Also where r / mean is far above the largest float32."""
    given = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (mean, r)]
    found = dd.NegativeBinomial(*given).log_prob(t(x)).squeeze()
    slopes = torch.autograd.grad(found, given)
    with mpmath.workdps(60):
        mu, k, n = (mpmath.mpf(v) for v in (mean, r, x))
        exact = mpmath.loggamma(n + k) - mpmath.loggamma(k) - mpmath.loggamma(n + 1)
        exact -= k * mpmath.log1p(mu / k) + n * mpmath.log1p(k / mu)
        by_mean = (n / mu - 1) / (1 + mu / k)
        digammas = mpmath.digamma(n + k) - mpmath.digamma(k)
        by_r = digammas - mpmath.log1p(mu / k) + (mu - n) / (mu + k)
    assert found.item() == pytest.approx(float(exact), rel=1e-9, abs=1e-9)
    assert float(slopes[0]) == pytest.approx(float(by_mean), rel=1e-6, abs=1e-9)
    assert float(slopes[1]) == pytest.approx(float(by_r), rel=1e-6, abs=1e-12)


def test_the_slope_of_a_tiny_mean_survives_a_softmax() -> None:
    """In float32 it would be infinite, and infinity times a share of 0 is NaN."""
    logits, x = torch.tensor([0.0, -86.5, -1.0]), torch.tensor([50.0, 50.0, 1.0])
    slopes = []
    for dtype in (torch.float32, torch.float64):
        given = logits.to(dtype, copy=True).requires_grad_()
        found = dd.NegativeBinomial(given.softmax(-1), torch.ones(3, dtype=dtype)).log_prob(x)
        slopes += torch.autograd.grad(found.sum(), given)
        mean = given.detach().softmax(-1).double()
        oracle = x * (mean.log() - torch.log1p(mean)) - torch.log1p(mean)  # of r = 1
        torch.testing.assert_close(found.detach().double(), oracle, rtol=1e-6, atol=0)
    assert slopes[0].isfinite().all()
    assert float(slopes[0][1]) > 0
    assert float(slopes[1][1]) > 0


def test_float32_keeps_the_digits_of_nearly_poisson_counts() -> None:
    x = torch.tensor([0.0, 1.0, 10.0, 100.0])
    exact = dd.NegativeBinomial(t(10.0), t(1e6)).log_prob(x.double())
    rounded = dd.NegativeBinomial(torch.tensor(10.0), torch.tensor(1e6)).log_prob(x)
    assert float((rounded - exact).abs().max()) < 1e-3


@pytest.mark.parametrize("base", [0.01, 1.0, 17.0, 1e4, 1e8])
@pytest.mark.parametrize("step", [-0.005, 0.5, 3.0, 1e5])
def test_log_gamma_ratio(base: float, step: float) -> None:
    with mpmath.workdps(40):
        oracle = float(mpmath.loggamma(mpmath.mpf(base) + step) - mpmath.loggamma(base))
    assert math.isclose(
        float(log_gamma_ratio(t(base), t(step))), oracle, rel_tol=1e-10, abs_tol=1e-12
    )
    single = log_gamma_ratio(torch.tensor(base), torch.tensor(step))
    assert math.isclose(float(single), oracle, rel_tol=3e-5, abs_tol=2e-6)


@pytest.mark.parametrize("step", [0.5, 3.0, 16.0])
def test_log_gamma_ratio_where_its_series_is_shortest(step: float) -> None:
    """Just above 16 each term of Stirling's series counts."""
    with mpmath.workdps(40):
        oracle = float(mpmath.loggamma(mpmath.mpf(16.001) + step) - mpmath.loggamma(16.001))
    assert math.isclose(float(log_gamma_ratio(t(16.001), t(step))), oracle, rel_tol=5e-13)


@pytest.mark.parametrize("a", [1e-12, 1e-3, 0.0199, 0.0201, 0.7, 30.0])
def test_scaled_lgamma1p(a: float) -> None:
    with mpmath.workdps(40):
        oracle = (
            float((mpmath.loggamma(mpmath.mpf(a) + 1)) / a) if a > 1e-30 else -0.5772156649015329
        )
    assert math.isclose(float(scaled_lgamma1p(t(a))), oracle, rel_tol=3e-14)


@pytest.mark.parametrize("x", [0.0, 0.5, 3.0, 1e4, 1e8])
@pytest.mark.parametrize("a", [1e-30, 1e-3, 1.0, 17.0, 1e8])
def test_log_multiset(x: float, a: float) -> None:
    with mpmath.workdps(60):
        parts = (mpmath.mpf(x) + a, mpmath.mpf(a), mpmath.mpf(x) + 1)
        top, *bottom = (mpmath.loggamma(part) for part in parts)
        oracle = float(top - sum(bottom))
    found = float(log_multiset(t(x), t(a)))
    assert math.isclose(found, oracle, rel_tol=1e-10, abs_tol=1e-10)
    single = float(log_multiset(torch.tensor(x), torch.tensor(a)))
    assert math.isclose(single, oracle, rel_tol=3e-5, abs_tol=5e-6)


def test_dirichlet_multinomial_of_sparse_counts_is_that_of_dense_ones() -> None:
    x = sparse.random(12, 30, 0.2, format="csr", random_state=np.random.default_rng(0))
    x.data = np.ceil(50 * x.data)
    a = torch.rand(2, 12, 30, dtype=torch.float64, requires_grad=True)
    law, rows = dd.DirichletMultinomial(a), sparse_rows(x, torch.float64)
    torch.testing.assert_close(law.log_prob(rows), law.log_prob(rows.to_dense()))
    few, at_few = sparse_rows(x[:3], torch.float64), a[:, :3].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda at: dd.DirichletMultinomial(at).log_prob(few), (at_few,))


def test_dirichlet_multinomial_of_large_totals_keeps_its_digits_in_float32() -> None:
    """Ten thousand reads of 130 kinds, as of a sample of microbes."""
    rng = np.random.default_rng(0)
    a = 200 * rng.dirichlet(np.full(130, 0.3))
    x = rng.multinomial(10_000, rng.dirichlet(a))
    oracle = stats.dirichlet_multinomial(a, 10_000).logpmf(x)
    counts = torch.from_numpy(x)
    wide = dd.DirichletMultinomial(torch.from_numpy(a)).log_prob(counts.double())
    assert math.isclose(float(wide), oracle, rel_tol=1e-10)
    single = dd.DirichletMultinomial(torch.from_numpy(a).float()).log_prob(counts.float())
    assert math.isclose(float(single), oracle, abs_tol=0.05)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e12])
@pytest.mark.parametrize("total", [1.0, 1e4, 1e9])
def test_dirichlet_multinomial_never_gives_nan(scale: float, total: float) -> None:
    a = (scale * torch.tensor([0.2, 0.8, 1e-6])).requires_grad_()
    x = total * torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    log_prob = dd.DirichletMultinomial(a).log_prob(x)
    assert bool(log_prob.isfinite().all())
    assert float(log_prob[2].detach()) == 0.0
    (gradient,) = torch.autograd.grad(log_prob.sum(), a)
    assert bool(gradient.isfinite().all())


def test_means_and_variances_of_dirichlet_multinomial_are_scipys() -> None:
    law, oracle = dd.DirichletMultinomial(A, 12), stats.dirichlet_multinomial(A.numpy(), 12)
    np.testing.assert_allclose(law.mean.numpy(), oracle.mean(), 1e-12)
    np.testing.assert_allclose(law.variance.numpy(), oracle.var(), 1e-12)
    # Standard error of a mean of 4,000 draws; bound of 5 of them.
    draws = law.sample(torch.Size([4000]), torch.Generator().manual_seed(0))
    error = (law.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - law.mean).abs() < 5 * error).all())
    again = law.expand(torch.Size([3])).sample(torch.Size(), torch.Generator().manual_seed(0))
    assert again.shape == (3, 4)


def test_given_their_total_is_what_negative_binomials_are_of_one_dispersion() -> None:
    """A size factor multiplies all means, and drops out given the total."""
    size, rows = 3.7, [r for r in itertools.product(range(6), repeat=4) if sum(r) == 5]
    x = torch.tensor(rows, dtype=torch.float64)
    log_prob = dd.NegativeBinomial(size * A, A).log_prob(x).sum(-1)
    found = log_prob - log_prob.logsumexp(0)
    torch.testing.assert_close(found, dd.DirichletMultinomial(A).log_prob(x))


def test_impossible_categories_say_nothing_unless_counted() -> None:
    law = dd.Multinomial(t(0.0, -math.inf, 0.0))
    assert math.isclose(float(law.log_prob(t(1, 0, 1))), math.log(0.5), rel_tol=1e-12)
    assert float(law.log_prob(t(1, 1, 0))) == -math.inf


def test_fractional_counts_and_empty_rows() -> None:
    for law in PARTIAL:
        assert float(law.log_prob(t(0, 0, 0, 0))) == 0.0
        assert math.isfinite(float(law.log_prob(t(0.5, 0.0, 1.25, 2.0))))


@pytest.mark.parametrize("cls", [dd.Multinomial, dd.DirichletMultinomial])
def test_samples_have_their_own_totals(cls: type[Distribution]) -> None:
    totals = torch.tensor([0.0, 5.0, 10_000_000.0], dtype=torch.float64)
    x = cls(A.expand(3, 4), totals).sample(torch.Size([7]))
    assert x.shape == (7, 3, 4)
    assert torch.equal(x.sum(-1), totals.expand(7, 3))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 100])
def test_splitting_by_halves_draws_a_multinomial(size: int) -> None:
    # Chi-square at 1e-4.
    logits = torch.linspace(-1, 1, size, dtype=torch.float64)
    law = dd.Multinomial(logits, 100_000)
    x = law.sample((), torch.Generator().manual_seed(0))
    assert stats.chisquare(x.numpy(), law.mean.numpy()).pvalue > 1e-4 or size == 1
    assert float(x.sum()) == 100_000


def test_values_outside_the_support_are_refused() -> None:
    with pytest.raises(ValueError, match="support"):
        dd.NegativeBinomial(1.0, 1.0, validate_args=True).log_prob(torch.tensor(1.5))
    with pytest.raises(ValueError, match="support"):
        dd.Multinomial(torch.zeros(3), validate_args=True).log_prob(torch.tensor([-1.0, 0, 0]))
    with pytest.raises(ValueError, match="mean"):
        dd.NegativeBinomial(-1.0, 1.0, validate_args=True)
