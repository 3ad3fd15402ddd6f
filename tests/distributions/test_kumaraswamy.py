"""The divergence of a Kumaraswamy from a Beta, where the usual ten-term series fails."""

from __future__ import annotations

import math
from functools import cache

import mpmath
import pytest
import torch
from torch.distributions import kl_divergence

from dirvae import distributions as dd
from dirvae.distributions.kumaraswamy import expected_log1m

GRID = [(a, b) for a in (0.05, 0.7, 5.0, 80.0) for b in (0.05, 0.3, 1.0, 7.0, 300.0)]
PRIORS = [(1.0, 5.0), (0.3, 0.2), (7.0, 1.0)]


@cache
def oracle_means(a: float, b: float) -> tuple[float, float]:
    """E[log x] and E[log(1 - x)] by quadrature over y = -log(1 - x^a), exponential with rate b."""
    with mpmath.workdps(20):

        def log_x(y: mpmath.mpf) -> mpmath.mpf:
            near_zero = y < 1  # where exp(-y) would round to 1
            log = mpmath.log(-mpmath.expm1(-y)) if near_zero else mpmath.log1p(-mpmath.exp(-y))
            return log / a

        def log1m(y: mpmath.mpf) -> mpmath.mpf:
            return mpmath.log(-mpmath.expm1(log_x(y)))

        points = [0, *[mpmath.mpf(10) ** k / b for k in (-9, -3, 0)], 5 / b, 20 / b, 55 / b]
        weight = lambda y: b * mpmath.exp(-b * y)  # noqa: E731
        first = mpmath.quad(lambda y: log_x(y) * weight(y), points, maxdegree=5)
        second = mpmath.quad(lambda y: log1m(y) * weight(y), points, maxdegree=5)
        return float(first), float(second)


def oracle_kl(a: float, b: float, alpha: float, beta: float) -> float:
    log_x, log1m = oracle_means(a, b)
    negative_entropy = math.log(a * b) + (a - 1) * log_x - (b - 1) / b
    log_beta = math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)
    return negative_entropy - (alpha - 1) * log_x - (beta - 1) * log1m + log_beta


@pytest.fixture(scope="module")
def oracle() -> torch.Tensor:
    rows = [[oracle_kl(a, b, *prior) for prior in PRIORS] for a, b in GRID]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 5e-6)], ids=str
)
def test_kl_is_the_quadrature(oracle: torch.Tensor, dtype: torch.dtype, tolerance: float) -> None:
    a, b = torch.tensor(GRID, dtype=dtype).unsqueeze(-1).unbind(1)
    alpha, beta = torch.tensor(PRIORS, dtype=dtype).unbind(1)
    kl = kl_divergence(dd.Kumaraswamy(a, b), dd.Beta(alpha, beta)).double()
    assert float(((kl - oracle).abs() / oracle.clamp_min(1)).max()) < tolerance


def test_the_ten_term_series_is_off_by_more_than_eight_nats() -> None:
    a, b, beta = 5.0, 0.3, 5.0
    series = -sum(b / (m + a * b) * float(mpmath.beta(m / a, b)) for m in range(1, 11))
    exact = float(expected_log1m(torch.tensor(a), torch.tensor(b)))
    assert (beta - 1) * (series - exact) > 8
    kl = kl_divergence(dd.Kumaraswamy(a, b), torch.distributions.Beta(1.0, beta))
    assert math.isclose(float(kl), oracle_kl(a, b, 1.0, beta), rel_tol=1e-6)


def test_kl_of_uniform_to_itself_is_zero() -> None:
    for dtype in (torch.float32, torch.float64):
        one = torch.ones((), dtype=dtype)
        assert abs(float(kl_divergence(dd.Kumaraswamy(one, one), dd.Beta(one, one)))) < 1e-6


def test_kl_of_a_law_to_itself_is_zero_where_its_log_gammas_are_large() -> None:
    a, b = torch.tensor([1.0, 1.0, 1e4, 1e6]), torch.tensor([1e4, 1e6, 1.0, 1.0])
    kl = kl_divergence(dd.Kumaraswamy(a, b), dd.Beta(a, b))  # both are the same where one is 1
    assert float(kl.abs().max()) < 5e-3
    left = torch.arange(999, 0, -1).float()
    uniform = dd.StickBreakingKumaraswamy(torch.ones(999), left)
    assert abs(float(kl_divergence(uniform, dd.Dirichlet(torch.ones(1000))))) < 1e-3


@pytest.mark.parametrize("q", [dd.Kumaraswamy, torch.distributions.Kumaraswamy])
@pytest.mark.parametrize("p", [dd.Beta, torch.distributions.Beta])
def test_kl_is_registered_for_torch_classes_too(q: type, p: type) -> None:
    kl = kl_divergence(q(torch.tensor(2.0), torch.tensor(3.0)), p(torch.tensor(1.0), 5.0))
    assert math.isclose(float(kl), oracle_kl(2.0, 3.0, 1.0, 5.0), rel_tol=1e-5)


def test_derivatives_by_gradcheck_and_vmap() -> None:
    a = torch.tensor([0.2, 1.0, 6.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[0.1], [1.0], [50.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(expected_log1m, (a, b))
    slopes = torch.func.vmap(torch.func.grad(lambda x: expected_log1m(x, b[0, 0].detach())))
    direct = torch.autograd.grad(expected_log1m(a, b[0]).sum(), a)[0]
    torch.testing.assert_close(slopes(a.detach()), direct)


def test_both_ends_are_exact_in_float32() -> None:
    q = dd.Kumaraswamy(torch.tensor(0.01), torch.tensor(0.01))
    pair = q.log().sample(torch.Size([10_000]))
    assert bool((pair <= 0).all())
    assert bool(pair.isfinite().all())
    # log(1 - x^a) is exponential with rate b: read back from the pair, log(1 - x) alone holds it.
    near_one = pair[..., 1] < -50
    y = -(pair[near_one, 1] + math.log(0.01))
    assert 0.3 < float(near_one.float().mean()) < 0.8
    assert abs(float((0.01 * (y - y.min())).mean()) - 1) < 0.06


def test_mode_of_draws_far_below_the_smallest_float() -> None:
    q = dd.Kumaraswamy(torch.tensor(1e-3), torch.tensor(1.0))
    log_x = q.log().sample(torch.Size([5000]))[:, 0]
    assert abs(float((-1e-3 * log_x).mean()) - 1) < 5 / 5000**0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_variance_is_mpmaths_to_where_it_underflows(dtype: torch.dtype) -> None:
    grid = [*GRID, (0.01, 1e4), (1e4, 0.01), (1e-3, 1.0)]
    for a, b in grid:
        with mpmath.workdps(60):
            moments = [b * mpmath.beta(1 + mpmath.mpf(k) / a, b) for k in (1, 2)]
            exact = float(moments[1] - moments[0] ** 2)
        q = dd.Kumaraswamy(torch.tensor(a, dtype=dtype), torch.tensor(b, dtype=dtype))
        least = torch.finfo(dtype).tiny
        assert float(q.variance) == pytest.approx(exact, rel=3e-6, abs=least)


def test_a_stick_that_is_as_good_as_zero_leaves_the_others_their_variance() -> None:
    a, b = torch.tensor([0.01, 1.0]), torch.tensor([1e4, 1.0])
    variance = dd.StickBreakingKumaraswamy(a, b).variance
    torch.testing.assert_close(variance, torch.tensor([0.0, 1 / 12, 1 / 12]))


@pytest.mark.parametrize(("a", "b"), [(1e3, 1e3), (1e6, 1.0), (0.5, 1e4)])
def test_moments_of_sticks_keep_their_digits_in_float32(a: float, b: float) -> None:
    with mpmath.workdps(60):
        first, second = (b * mpmath.beta(1 + mpmath.mpf(k) / a, b) for k in (1, 2))
        rest, square_rest = 1 - first, 1 - 2 * first + second
        means = [first, rest * first, rest**2]
        squares = [second, square_rest * second, square_rest**2]
        spreads = [square - mean**2 for square, mean in zip(squares, means, strict=True)]
    law = dd.StickBreakingKumaraswamy(torch.full((2,), a), torch.full((2,), b))
    assert law.mean.tolist() == pytest.approx([float(m) for m in means], rel=1e-6, abs=0)
    assert law.variance.tolist() == pytest.approx([float(v) for v in spreads], rel=1e-3, abs=0)


TINY = [1e-18, 1e-12, 1e-6, 1e-3, 0.0199, 0.0201, 0.5, 3.0]


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-9), (torch.float32, 2e-6)])
@pytest.mark.parametrize("b", TINY)
@pytest.mark.parametrize("a", [1e-6, 0.5, 3.0])
def test_entropy_and_mean_log_are_mpmaths_with_their_slopes(
    a: float, b: float, dtype: torch.dtype, rtol: float
) -> None:
    given = [torch.tensor(v, dtype=dtype, requires_grad=True) for v in (a, b)]
    q = dd.Kumaraswamy(*given, validate_args=False)
    entropy, mean = q.entropy(), q.log().mean[0]
    slopes = torch.autograd.grad(entropy, given)
    mean_slopes = torch.autograd.grad(mean, given)
    with mpmath.workdps(80):
        a, b = (mpmath.mpf(v.item()) for v in given)
        harmonic = mpmath.digamma(b + 1) + mpmath.euler
        slope = mpmath.polygamma(1, b + 1)
        terms = {
            "entropy": [1 - 1 / b, (1 - 1 / a) * harmonic, -mpmath.log(a), -mpmath.log(b)],
            "entropy by a": [harmonic / a**2, -1 / a],
            "entropy by b": [1 / b**2, (1 - 1 / a) * slope, -1 / b],
            "mean": [-harmonic / a],
            "mean by a": [harmonic / a**2],
            "mean by b": [-slope / a],
        }
    for (name, parts), found in zip(
        terms.items(), (entropy, *slopes, mean, *mean_slopes), strict=True
    ):
        if max(map(abs, parts)) < torch.finfo(dtype).max:
            # Of sums the largest term says how many digits can be right; torch's trigamma has nine.
            error = rtol * float(max(map(abs, parts)))
            assert found.item() == pytest.approx(float(sum(parts)), rel=0, abs=error), name


def test_kl_of_two_tiny_concentrations_has_mpmaths_slope() -> None:
    """By c, for E[log(1 - x)] is no part of it: digamma(c) - digamma(c + d) - E[log x]."""
    a, c = torch.tensor(1e-6), torch.tensor(2.0, requires_grad=True)
    kl = kl_divergence(dd.Kumaraswamy(a, a), dd.Beta(c, torch.tensor(1.0)))
    with mpmath.workdps(50):
        exact_a = mpmath.mpf(a.item())
        log_x = -(mpmath.digamma(exact_a + 1) + mpmath.euler) / exact_a
        exact = mpmath.digamma(2) - mpmath.digamma(3) - log_x
    [slope] = torch.autograd.grad(kl, c)
    assert float(slope) == pytest.approx(float(exact), rel=1e-5)
