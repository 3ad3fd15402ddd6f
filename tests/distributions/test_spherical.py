"""Laws on the sphere against scipy's Bessel functions, closed forms in R^3 and mpmath."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaln, ive
from torch import Tensor
from torch.distributions import Distribution, constraints, kl_divergence

from dirvae.distributions._cosine import Cosine
from dirvae.distributions.power_spherical import PowerSpherical
from dirvae.distributions.spherical import HyperSphericalUniform, _reflect
from dirvae.distributions.von_mises_fisher import VonMisesFisher
from dirvae.testing import goodness_of_fit
from tests.magnitudes import EXAMPLES, magnitudes


def axis(dim: int) -> Tensor:
    return torch.nn.functional.normalize(torch.arange(1.0, dim + 1, dtype=torch.float64), dim=0)


def tensor(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("dim", [2, 3, 4, 10, 100])
@pytest.mark.parametrize("kappa", [1e-3, 0.5, 10.0, 1e3, 1e5])
def test_von_mises_fisher_is_the_bessel_formula(dim: int, kappa: float) -> None:
    q, order = VonMisesFisher(axis(dim), tensor(kappa)), dim / 2 - 1
    bessel = ive(order, kappa)
    if bessel < 1e-280:
        pytest.skip("scipy's Bessel function underflows")
    expected = order * math.log(kappa) - dim / 2 * math.log(2 * math.pi) - math.log(bessel)
    assert math.isclose(float(q.log_prob(q.loc)), expected, rel_tol=1e-11, abs_tol=1e-10)
    ratio = ive(order + 1, kappa) / bessel
    torch.testing.assert_close(q.mean, ratio * q.loc, rtol=1e-10, atol=1e-12)
    assert math.isclose(
        float(q.entropy()), -expected + kappa * (1 - ratio), rel_tol=1e-8, abs_tol=1e-8
    )


def test_log_prob_and_entropy_are_scipys() -> None:
    q, oracle = VonMisesFisher(axis(5), tensor(7.0)), stats.vonmises_fisher(axis(5).numpy(), 7.0)
    x = q.sample(torch.Size([20]))
    np.testing.assert_allclose(q.log_prob(x).numpy(), oracle.logpdf(x.numpy()), rtol=1e-9)
    assert math.isclose(float(q.entropy()), float(oracle.entropy()), rel_tol=1e-10)


@pytest.mark.parametrize("kappa", [1e-2, 1.0, 30.0, 1e4])
def test_path_in_three_dimensions_is_the_closed_form(kappa: float) -> None:
    """There F(w) = (e^(k w) - e^-k) / (e^k - e^-k): differentiated at fixed F, by hand."""
    law = Cosine(tensor([kappa]).expand(200), 3)
    s = law.sample(torch.Generator().manual_seed(0))
    slope = (law.slope(s, law.gap()) / torch.cosh(s) ** 2).numpy()
    with mpmath.workdps(60):

        def exact(s_value: float) -> float:
            w, k = mpmath.tanh(mpmath.mpf(s_value)), mpmath.mpf(kappa)
            rising = w * mpmath.exp(k * w) + mpmath.exp(-k)
            share = (mpmath.exp(k * w) - mpmath.exp(-k)) * mpmath.coth(k)
            return float((share - rising) / (k * mpmath.exp(k * w)))

        expected = np.array([exact(float(value)) for value in s])
    np.testing.assert_allclose(slope, expected, rtol=1e-8)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 3.0), (5, 0.1), (8, 50.0), (64, 500.0)])
def test_path_in_any_dimension_is_the_derivative_of_the_cdf(dim: int, kappa: float) -> None:
    with mpmath.workdps(20):
        power = mpmath.mpf(dim - 1)

        def height(u: mpmath.mpf, k: mpmath.mpf) -> mpmath.mpf:
            return mpmath.exp(k * (mpmath.tanh(u) - 1)) * mpmath.sech(u) ** power

        @cache
        def grid_and_mass(k: mpmath.mpf) -> tuple[list[float], mpmath.mpf]:
            mode = float(mpmath.asinh(2 * k / power) / 2)
            grid = [mode + step for step in (-30, -3, -1, 0, 1, 3, 30)]
            return grid, mpmath.quad(lambda u: height(u, k), grid)

        def cdf(s: float, k: mpmath.mpf) -> mpmath.mpf:
            grid, mass = grid_and_mass(k)
            return mpmath.quad(lambda u: height(u, k), [*(u for u in grid if u < s), s]) / mass

        law = Cosine(tensor([kappa]).expand(2), dim)
        s = law.sample(torch.Generator().manual_seed(0))
        expected = []
        for value in s.tolist():
            density = mpmath.diff(lambda u: cdf(u, mpmath.mpf(kappa)), value, h=1e-7)
            slope = mpmath.diff(lambda k, v=value: cdf(v, k), kappa, h=1e-7)
            expected.append(float(-slope / density))
    np.testing.assert_allclose(law.slope(s, law.gap()).numpy(), expected, rtol=1e-6)


class Inflated(Distribution):
    """A law on the sphere times an independent radius: one with a density in R^D."""

    arg_constraints = {}
    support = constraints.independent(constraints.real, 1)
    radius = torch.distributions.LogNormal(tensor(0.0), tensor(0.3))

    def __init__(self, law: Distribution) -> None:
        self.law = law
        super().__init__(law.batch_shape, law.event_shape)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        x = self.law.sample(sample_shape)
        return x * self.radius.sample(x.shape[:-1]).unsqueeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        r = value.norm(dim=-1, keepdim=True)
        log_r = self.radius.log_prob(r[..., 0]) - (value.shape[-1] - 1) * r[..., 0].log()
        return self.law.log_prob(value / r) + log_r


LAWS = [
    VonMisesFisher(axis(2), tensor([0.5, 4.0])),
    VonMisesFisher(axis(3), tensor([0.5, 10.0])),
    VonMisesFisher(-axis(4), tensor([0.5, 10.0])),
    PowerSpherical(axis(2), tensor([0.5, 4.0])),
    PowerSpherical(-axis(4), tensor([0.5, 10.0])),
]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_draws_have_the_density(law: Distribution) -> None:
    assert goodness_of_fit(Inflated(law), 40_000, torch.Generator().manual_seed(0)) > 1e-4


def test_a_wrong_direction_is_seen() -> None:
    class Wrong(VonMisesFisher):
        def log_prob(self, value: Tensor) -> Tensor:
            return VonMisesFisher(self.loc + 0.15, self.concentration).log_prob(value)

    wrong = Wrong(-axis(4), tensor([0.5, 10.0]))
    assert goodness_of_fit(Inflated(wrong), 40_000, torch.Generator().manual_seed(0)) < 1e-5


@pytest.mark.parametrize("dim", [2, 3, 4, 10, 100])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0, 1e4])
def test_power_spherical_is_the_papers_formula(dim: int, scale: float) -> None:
    q, beta = PowerSpherical(axis(dim), tensor(scale)), (dim - 1) / 2
    alpha = beta + scale
    log_normalizer = (alpha + beta) * math.log(2) + beta * math.log(math.pi)
    log_normalizer += gammaln(alpha) - gammaln(alpha + beta)
    x = q.sample(torch.Size([50]))
    expected = scale * np.log1p((x @ q.loc).numpy()) - log_normalizer
    np.testing.assert_allclose(q.log_prob(x).numpy(), expected, rtol=1e-8, atol=1e-8)
    law = stats.beta(alpha, beta)
    mean_log = law.expect(lambda b: math.log(2 * b), epsabs=1e-12) if scale < 100 else None
    if mean_log is not None:
        assert math.isclose(float(q.entropy()), log_normalizer - scale * mean_log, rel_tol=1e-6)
    half = (1 + q.sample(torch.Size([5000])) @ q.loc) / 2
    assert stats.kstest(half.numpy(), law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("Law", [PowerSpherical, VonMisesFisher])
@pytest.mark.parametrize("dim", [2, 3, 30])
def test_kl_to_uniform(Law: Any, dim: int) -> None:
    p = HyperSphericalUniform(dim)
    assert abs(float(kl_divergence(Law(axis(dim), tensor(1e-6)), p))) < 1e-9
    q = Law(axis(dim), tensor(9.0))
    x = q.sample(torch.Size([20_000]), torch.Generator().manual_seed(0))
    terms = q.log_prob(x) - p.log_prob(x)
    error = float(terms.std()) / 20_000**0.5
    assert abs(float(kl_divergence(q, p) - terms.mean())) < 5 * error
    with pytest.raises(ValueError, match="the same events"):
        kl_divergence(q, HyperSphericalUniform(dim + 1))


@pytest.mark.parametrize("Law", [PowerSpherical, VonMisesFisher])
@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_all_is_finite_at_extremes_in_float32(Law: Any, spread: float, sign: float) -> None:
    loc = torch.eye(6)[0].mul(sign).expand(100, 6).clone().requires_grad_()
    spread_leaf = torch.full((100,), spread, requires_grad=True)
    q = Law(loc, spread_leaf)
    x = q.rsample(generator=torch.Generator().manual_seed(0))
    (x.square() @ torch.arange(6.0) + q.log_prob(x) + q.entropy()).sum().backward()
    assert bool((x.norm(dim=-1) - 1).abs().max() < 1e-6)
    for leaf in (loc, spread_leaf):
        assert leaf.grad is not None
        assert bool(leaf.grad.isfinite().all())


def test_reflection_keeps_lengths_and_leaves_the_direction() -> None:
    loc = torch.nn.functional.normalize(torch.randn(100, 4, dtype=torch.float64), dim=-1)
    across = torch.nn.functional.normalize(torch.randn(100, 3, dtype=torch.float64), dim=-1)
    tangent = _reflect(loc, across)
    torch.testing.assert_close(tangent.norm(dim=-1), torch.ones(100).double())
    torch.testing.assert_close((tangent * loc).sum(-1), torch.zeros(100).double())


def test_uniform() -> None:
    p = HyperSphericalUniform(3)
    assert math.isclose(float(p.entropy()), math.log(4 * math.pi), rel_tol=1e-6)
    x = p.sample(torch.Size([5000]), torch.Generator().manual_seed(0))
    assert stats.kstest(x[:, 2].numpy(), stats.uniform(-1, 2).cdf).pvalue > 1e-4
    assert p.expand(torch.Size([4])).sample().shape == (4, 3)
    assert float(kl_divergence(p, p)) == 0
    with pytest.raises(ValueError, match="at least 2"):
        HyperSphericalUniform(1)
    with pytest.raises(ValueError, match="at least 2"):
        VonMisesFisher(torch.ones(1), 1.0)


@EXAMPLES
@given(dim=st.integers(2, 200), kappa=magnitudes(1e-3, 1e5, 1))
def test_squares_of_coordinates_have_the_mean_sum_1(dim: int, kappa: Tensor) -> None:
    laws = [law(axis(dim), kappa[0]) for law in (VonMisesFisher, PowerSpherical)]
    for law in laws:
        torch.testing.assert_close((law.mean**2 + law.variance).sum(), tensor(1.0))
    uniform = HyperSphericalUniform(dim)
    torch.testing.assert_close(uniform.variance, torch.full((dim,), 1 / dim))
    assert not uniform.mean.any()
    for law in (VonMisesFisher, PowerSpherical):
        near = law(axis(dim), tensor(1e-9)).variance
        torch.testing.assert_close(near, uniform.variance.double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("scale", [1e4, 1e6, 1e8])
def test_spread_across_the_direction_keeps_its_digits_in_float32(scale: float) -> None:
    law = PowerSpherical(torch.eye(3)[0], torch.tensor(scale))
    a, b = scale + 1, 1.0  # (1 + w) / 2 is Beta(a, b); across there are two axes
    across = 4 * a * b / ((a + b) * (a + b + 1)) / 2
    along = 4 * a * b / ((a + b) ** 2 * (a + b + 1))
    expected = torch.tensor([along, across, across])
    torch.testing.assert_close(law.variance, expected, rtol=1e-5, atol=0)
