"""Weibull laws against scipy and mpmath, and the density of normalised Weibulls."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from scipy import stats
from torch import Tensor
from torch.distributions import kl_divergence

from dirvae.distributions.dirichlet import LogDirichlet
from dirvae.distributions.log_gamma import Gamma, LogGamma
from dirvae.distributions.weibull import LogWeibull, Weibull
from dirvae.distributions.weibull_dirichlet import (
    LogWeibullDirichlet,
    WeibullDirichlet,
    _sums,
    _sums_at_once,
)
from tests.magnitudes import EXAMPLES, magnitudes


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("scale", "c"), [(1.0, 0.3), (2.0, 1.0), (0.5, 7.0)])
def test_weibull_is_scipys(scale: float, c: float) -> None:
    ours, oracle = Weibull(tensor(scale), tensor(c)), stats.weibull_min(c, scale=scale)
    x = oracle.ppf([1e-6, 0.1, 0.5, 0.999])
    for what, actual in (("logpdf", ours.log_prob), ("cdf", ours.cdf)):
        expected = getattr(oracle, what)(x)
        np.testing.assert_allclose(actual(torch.from_numpy(x)).numpy(), expected, rtol=1e-9)
    for what, value in (("mean", ours.mean), ("var", ours.variance), ("entropy", ours.entropy())):
        assert math.isclose(float(value), float(getattr(oracle, what)()), rel_tol=1e-9)
    draws = ours.sample(torch.Size([20_000]), torch.Generator().manual_seed(0))
    assert stats.kstest(draws[:, 0].numpy(), oracle.cdf).pvalue > 1e-4


def oracle_kl(c: float, scale: float, log_p: mpmath.mpf) -> float:
    """KL of a Weibull by quadrature over the exponential e that it is a power of."""
    with mpmath.workdps(20):

        def ratio(e: mpmath.mpf) -> mpmath.mpf:
            x = scale * e ** (1 / mpmath.mpf(c))
            log_q = mpmath.log(c / mpmath.mpf(scale)) + (c - 1) * mpmath.log(x / scale) - e
            return (log_q - log_p(x)) * mpmath.exp(-e)

        points = [0, 1e-12, 1e-6, 1e-2, 1, 5, 20, 60, 200]
        return float(mpmath.quad(ratio, points, maxdegree=6))


@pytest.mark.parametrize("c", [1e4, 1e6, 1e8])
def test_a_narrow_weibull_keeps_its_digits_in_float32(c: float) -> None:
    scale, x = 0.3, torch.tensor(0.3) * (1 + torch.linspace(-3, 1, 9) / c)
    law, y = Weibull(torch.tensor(scale), torch.tensor(c)), x.log()
    given = mpmath.mpf(float(law.scale))
    for log, values in ((True, y), (False, x)):
        for value in values:
            v = mpmath.mpf(float(value))
            t = c * (v - mpmath.log(given)) if log else c * mpmath.log(v / given)
            exact = mpmath.log(c) + t - mpmath.exp(t) - (0 if log else mpmath.log(v))
            found = (law.log() if log else law).log_prob(value)
            assert float(found) == pytest.approx(float(exact), rel=1e-5)
            below = (law.log() if log else law).cdf(value)
            assert float(below) == pytest.approx(float(-mpmath.expm1(-mpmath.exp(t))), rel=1e-5)
    with mpmath.workdps(60):
        moments = [mpmath.gamma(1 + k / mpmath.mpf(c)) for k in (1, 2)]
        spread = given**2 * (moments[1] - moments[0] ** 2)
    assert float(law.variance) == pytest.approx(float(spread), rel=1e-5, abs=0)


@pytest.mark.parametrize(("c", "scale"), [(0.4, 2.0), (1.0, 1.0), (3.0, 0.2)])
@pytest.mark.parametrize("ours", [True, False])
def test_kls_are_the_quadrature(c: float, scale: float, ours: bool) -> None:
    q = (Weibull if ours else torch.distributions.Weibull)(tensor(scale), tensor(c))
    gamma = (Gamma if ours else torch.distributions.Gamma)(tensor(0.7), tensor(2.0))
    expected = oracle_kl(c, scale, lambda x: float(_gamma(x)))
    assert math.isclose(float(kl_divergence(q, gamma)), expected, rel_tol=1e-6)
    weibull = torch.distributions.Weibull(tensor(0.5), tensor(1.3))
    expected = oracle_kl(
        c,
        scale,
        lambda x: mpmath.log(1.3 / 0.5) + 0.3 * mpmath.log(x / 0.5) - (x / 0.5) ** 1.3,
    )
    assert math.isclose(float(kl_divergence(q, weibull)), expected, rel_tol=1e-6)


def _gamma(x: mpmath.mpf) -> mpmath.mpf:
    return 0.7 * mpmath.log(2) - 0.3 * mpmath.log(x) - 2 * x - mpmath.loggamma(0.7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_of_the_exponential_and_of_a_law_to_itself_is_zero(dtype: torch.dtype) -> None:
    one, two = torch.ones((), dtype=dtype), torch.tensor(2.0, dtype=dtype)
    assert abs(float(kl_divergence(Weibull(two, one), Gamma(one, 1 / two)))) < 1e-6
    assert abs(float(kl_divergence(Weibull(two, two / 9), Weibull(two, two / 9)))) < 1e-6
    plain = kl_divergence(Weibull(one, two), Gamma(two, one))
    torch.testing.assert_close(kl_divergence(LogWeibull(one, two), LogGamma(two, one)), plain)


def oracle_log_density(y: Tensor, scale: Tensor, c: Tensor) -> float:
    """Density of log z: the log total is integrated out, piece by piece about its mode."""
    with mpmath.workdps(20):
        rows = list(zip(y.tolist(), scale.tolist(), c.tolist(), strict=True))

        def log_density(s: mpmath.mpf) -> mpmath.mpf:
            t = [ck * (yk - mpmath.log(lk) + s) for yk, lk, ck in rows]
            return sum(tk - mpmath.exp(tk) for tk in t)

        grid = np.linspace(-30, 30, 601)
        heights = [float(log_density(s)) for s in grid]
        mode, top = float(grid[int(np.argmax(heights))]), max(heights)
        steps = [0.05, 0.2, 0.5, 1, 2, 5, 10, 20, 60]
        points = [mode - d for d in reversed(steps)] + [mode] + [mode + d for d in steps]
        area = mpmath.quad(lambda s: mpmath.exp(log_density(s) - top), points, maxdegree=4)
        return float(mpmath.log(area) + top + sum(math.log(ck) for *_, ck in rows)) - rows[-1][0]


SHAPES = [(1.0, 1.0, 1.0), (0.3, 1.0, 0.5), (0.5, 6.0, 2.0), (0.2, 0.2, 6.0), (20.0, 9.0, 5.0)]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_density_on_the_simplex_is_the_quadrature(shapes: tuple[float, ...]) -> None:
    scale, c = tensor(1.0, 0.4, 3.0), tensor(*shapes)
    q = LogWeibullDirichlet(scale, c)
    y = q.sample(torch.Size([4]), torch.Generator().manual_seed(0))
    y = torch.cat((y, tensor(0.01, 0.98, 0.01).log()[None]))
    expected = [oracle_log_density(row, scale, c) for row in y]
    np.testing.assert_allclose(q.log_prob(y).numpy(), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("c", [1e-5, 0.3, 1.0, 50.0, 1e5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_concentrations_have_a_closed_form(c: float, dtype: torch.dtype) -> None:
    scale = torch.tensor([1.0, 0.4, 3.0, 2.0], dtype=dtype)
    q = LogWeibullDirichlet(scale, torch.full((4,), c, dtype=dtype))
    y = q.sample(torch.Size([100]), torch.Generator().manual_seed(0))
    shape = float(q.concentration[0])
    d = shape * (y.double() - scale.double().log())
    expected = math.lgamma(4) + 3 * math.log(shape) + d.sum(-1) - 4 * d.logsumexp(-1) - y[..., -1]
    actual = q.log_prob(y).double()
    assert float(((actual - expected).abs() / (1 + expected.abs())).max()) < (
        1e-9 if dtype == torch.float64 else 1e-6
    )


def test_log_prob_has_derivatives() -> None:
    scale = tensor(1.0, 0.4, 3.0).requires_grad_()
    c = tensor(0.3, 1.0, 2.0).requires_grad_()
    log_u = tensor(0.1, 0.3, -0.7).requires_grad_()

    def log_prob(scale: Tensor, c: Tensor, u: Tensor) -> Tensor:
        return LogWeibullDirichlet(scale, c).log_prob(torch.log_softmax(u, -1))

    assert torch.autograd.gradcheck(log_prob, (scale, c, log_u))
    assert torch.autograd.gradgradcheck(log_prob, (scale, c, log_u))


def test_equal_exponentials_are_uniform_on_the_simplex() -> None:
    q = WeibullDirichlet(torch.full((3,), 7.0), torch.ones(3))
    z = q.sample(torch.Size([20]))
    torch.testing.assert_close(q.log_prob(z), torch.full((20,), math.log(2.0)))
    with pytest.raises(ValueError, match="at least 2 components"):
        WeibullDirichlet(torch.ones(1), torch.ones(1))


def test_the_log_law_differs_by_the_jacobian_alone() -> None:
    q = WeibullDirichlet(tensor(1.0, 0.4, 3.0), tensor(0.8, 1.0, 2.0))
    y = q.log().sample(torch.Size([20]))
    expected = q.log_prob(y.exp()) + y[..., :-1].sum(-1)
    torch.testing.assert_close(q.log().log_prob(y), expected)


def test_nodes_all_at_once_have_the_sums_of_one_by_one() -> None:
    """The first is what is compiled."""
    c, d = tensor(0.8, 3.0, 1.5), tensor(0.4, -1.0, 0.3)
    offsets = torch.linspace(-2, 1.5, 40, dtype=torch.float64).view(-1, 1).expand(40, 2)
    step = offsets[1, 0] - offsets[0, 0]
    terms = (c * (d + offsets.unsqueeze(-1))).exp()
    total, height = c.sum().expand(2), tensor(1.0, 2.0)
    expected = _sums(terms[-1].clone(), (-c * step).exp(), offsets, total, height, slopes=True)
    for one, other in zip(_sums_at_once(terms, offsets, total, height), expected, strict=True):
        torch.testing.assert_close(one, other)


@settings(EXAMPLES, max_examples=4, phases=[Phase.generate])
@given(scale=magnitudes(0.1, 10.0, 2), c=magnitudes(0.5, 3.0, 2), a=magnitudes(0.2, 50.0, 2))
def test_kl_before_normalisation_is_larger_by_that_of_the_totals(
    scale: Tensor, c: Tensor, a: Tensor
) -> None:
    """Of two parts: by the trapezoid rule over their log ratio and the log of their total."""
    ratio = torch.linspace(-100, 100, 1001, dtype=torch.float64)
    s = torch.linspace(-90, 12, 511, dtype=torch.float64)
    y = torch.nn.functional.logsigmoid(torch.stack((ratio, -ratio), -1))
    log_q, log_p = (law.log_prob(y) for law in (LogWeibullDirichlet(scale, c), LogDirichlet(a)))
    mass = (log_q + y[:, 1]).exp() * (ratio[1] - ratio[0])
    given_z = (
        LogWeibull(scale, c).log_prob(y[:, None] + s[:, None]).sum(-1)  # given z, up to a factor
    ).log_softmax(-1) - (s[1] - s[0]).log()
    totals = given_z.exp() * (given_z - LogGamma(a.sum(), 1.0).log_prob(s)) * (s[1] - s[0])
    torch.testing.assert_close(mass.sum(), torch.ones(()).double(), rtol=0, atol=1e-7)
    expected = (mass * (log_q - log_p + totals.sum(-1))).sum()
    found = kl_divergence(Weibull(scale, c), Gamma(a, 1.0)).sum()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
