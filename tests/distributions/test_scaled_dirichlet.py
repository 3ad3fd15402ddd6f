"""The scaled Dirichlet: moments and KL against quadrature, and the laws that it contains."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy import integrate
from scipy.special import betaln, expit, log_expit
from torch.distributions import kl_divergence

from dirvae.distributions import Dirichlet, LogDirichlet, LogScaledDirichlet, ScaledDirichlet
from tests.magnitudes import EPS, EXAMPLES, magnitudes, reals

PAIRS = [(0.3, 0.2, 1.0), (2.0, 5.0, -3.0), (1.0, 0.5, 6.0), (400.0, 30.0, 0.7), (0.1, 1.0, 30.0)]


def pair(a: float, b: float, shift: float) -> ScaledDirichlet:
    return ScaledDirichlet(torch.tensor([a, b]).double(), torch.tensor([shift, 0.0]).double())


def log_density(t: float, a: float, b: float) -> float:
    """Of t = logit w for w ~ Beta(a, b)."""
    return a * log_expit(t) + b * log_expit(-t) - betaln(a, b)


def of_beta(a: float, b: float, shift: float, function: Callable[[float], float]) -> float:
    """E[f(logit z)] for logit z = logit w + shift, w ~ Beta(a, b), by quadrature over logit w."""
    middle, length = np.log(a / b), min(1.0, a, b)
    edges = middle + np.array([-60 / length, -5, -1, 0, 1, 5, 60 / length])
    edges = np.sort(np.append(edges, -shift))
    pieces = [
        integrate.quad(lambda t: np.exp(log_density(t, a, b)) * function(t + shift), *piece)[0]
        for piece in pairwise(edges)
    ]
    return float(np.sum(pieces))


@pytest.mark.parametrize(("a", "b", "shift"), PAIRS)
def test_moments_of_two_parts(a: float, b: float, shift: float) -> None:
    law = pair(a, b, shift)
    mean = of_beta(a, b, shift, expit)
    square = of_beta(a, b, shift, lambda t: expit(t) ** 2)
    nodes_are_close = abs(shift) < 10
    rtol = 1e-7 if nodes_are_close else 1e-6
    np.testing.assert_allclose(law.mean.numpy(), [mean, 1 - mean], rtol=rtol)
    np.testing.assert_allclose(law.variance[0], square - mean**2, rtol=1e-6)


@pytest.mark.parametrize(("a", "b", "shift"), PAIRS)
def test_kl_of_two_parts(a: float, b: float, shift: float) -> None:
    law, prior = pair(a, b, shift), Dirichlet(torch.tensor([0.9, 1.4]).double())

    def log_ratio(t: float) -> float:
        return log_density(t - shift, a, b) - log_density(t, 0.9, 1.4)

    expected = of_beta(a, b, shift, log_ratio)
    np.testing.assert_allclose(kl_divergence(law, prior), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_shift_it_is_the_dirichlet(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    a = (5 * torch.rand(20, 6, generator=generator)).to(dtype) + 0.05
    law, same = ScaledDirichlet(a, torch.full((6,), 3.0, dtype=dtype)), Dirichlet(a)
    tolerance = 2e-6 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(law.mean, same.mean, rtol=0, atol=tolerance)
    torch.testing.assert_close(law.variance, same.variance, rtol=0, atol=tolerance)
    assert float(kl_divergence(law, same).abs().max()) < tolerance
    y = same.log().sample(generator=generator)
    torch.testing.assert_close(law.log().log_prob(y), same.log().log_prob(y), rtol=1e-5, atol=1e-5)


def test_kl_and_moments_are_differentiated_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    a = (torch.rand(3, 4, generator=generator).double() + 0.3).requires_grad_()
    loc = torch.randn(3, 4, generator=generator).double().requires_grad_()
    prior = torch.rand(4, generator=generator).double().add(0.5).requires_grad_()

    def kl(a: torch.Tensor, loc: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        return kl_divergence(ScaledDirichlet(a, loc, False), Dirichlet(prior, False))

    assert torch.autograd.gradcheck(kl, (a, loc, prior))
    assert torch.autograd.gradcheck(lambda a, loc: ScaledDirichlet(a, loc, False).mean, (a, loc))


@pytest.mark.parametrize("size", [3, 50])
def test_float32_agrees_with_float64(size: int) -> None:
    generator = torch.Generator().manual_seed(1)
    a = 10 ** (2 * torch.rand(50, size, generator=generator) - 0.5)
    loc = 2 * torch.randn(50, size, generator=generator)
    prior = torch.full((size,), 0.98)
    low = kl_divergence(ScaledDirichlet(a, loc), Dirichlet(prior))
    high = kl_divergence(ScaledDirichlet(a.double(), loc.double()), Dirichlet(prior.double()))
    torch.testing.assert_close(low.double(), high, rtol=2e-6, atol=2e-5)


def test_log_law_shares_the_kl() -> None:
    a, loc, prior = torch.rand(5) + 0.5, torch.randn(5), torch.rand(5) + 0.5
    plain = kl_divergence(ScaledDirichlet(a, loc), Dirichlet(prior))
    log = kl_divergence(LogScaledDirichlet(a, loc), LogDirichlet(prior))
    torch.testing.assert_close(plain, log)


@pytest.mark.parametrize("size", [3, 10])
def test_moments_of_a_row_are_the_same_wherever_it_is_in_a_batch(size: int) -> None:
    random = torch.Generator().manual_seed(0)
    a = 3 * torch.rand(size, generator=random, dtype=torch.float64) + 0.1
    loc = torch.randn(size, generator=random, dtype=torch.float64)
    q = ScaledDirichlet(a.expand(61, size).contiguous(), loc.expand(61, size).contiguous())
    for moment in (q.mean, q.variance):
        assert bool((moment == moment[0]).all())


# --- identities, over concentrations of all sizes ---

SIZES, SHIFTS = magnitudes(0.1, 1e3, 4), reals(5.0, 4)


@EXAMPLES
@given(a=magnitudes(1e-3, 1e5, 4), loc=SHIFTS, y=reals(20.0, 4))
def test_density_is_the_dirichlets_at_the_shifted_ratios(
    a: torch.Tensor, loc: torch.Tensor, y: torch.Tensor
) -> None:
    log_z, log_w = y.log_softmax(-1), (y - loc).log_softmax(-1)
    expected = LogDirichlet(a).log_prob(log_w) + log_w[-1] - log_z[-1]
    terms = float(a.sum() * (log_z.abs().max() + loc.abs().max() + a.sum().log().abs() + 1))
    found = LogScaledDirichlet(a, loc).log_prob(log_z)
    torch.testing.assert_close(found, expected, rtol=0, atol=64 * EPS * (terms + 50))


@EXAMPLES
@given(a=SIZES, b=SIZES, loc=SHIFTS, other=SHIFTS, common=reals(30.0, 1))
def test_a_shift_of_all_parts_changes_nothing(
    a: torch.Tensor,
    b: torch.Tensor,
    loc: torch.Tensor,
    other: torch.Tensor,
    common: torch.Tensor,
) -> None:
    q, moved, p = ScaledDirichlet(a, loc), ScaledDirichlet(a, loc + common), Dirichlet(b)
    torch.testing.assert_close(moved.mean, q.mean, rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(moved.log().mean, q.log().mean, rtol=1e-6, atol=1e-6)
    scale = 1 + float((a + b).sum())
    for target in (p, ScaledDirichlet(b, other)):
        kl = kl_divergence(q, target)
        torch.testing.assert_close(kl_divergence(moved, target), kl, rtol=0, atol=1e-9 * scale)


@EXAMPLES
@given(a=SIZES, b=SIZES, loc=SHIFTS, other=SHIFTS)
def test_kl_is_that_of_both_shifted_alike(
    a: torch.Tensor, b: torch.Tensor, loc: torch.Tensor, other: torch.Tensor
) -> None:
    found = kl_divergence(ScaledDirichlet(a, loc), ScaledDirichlet(b, other))
    expected = kl_divergence(ScaledDirichlet(a, loc - other), Dirichlet(b))
    scale = 1 + float((a + b).sum())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * scale)


@EXAMPLES
@given(a=SIZES, b=SIZES, loc=SHIFTS)
def test_slope_of_the_kl_in_the_shift_is_that_of_the_mean(
    a: torch.Tensor, b: torch.Tensor, loc: torch.Tensor
) -> None:
    """The mean of log sum w e^c has the slope E z in c."""
    leaf = loc.clone().requires_grad_()
    (slope,) = torch.autograd.grad(kl_divergence(ScaledDirichlet(a, leaf), Dirichlet(b)), leaf)
    expected = b.sum() * ScaledDirichlet(a, loc).mean - b
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-6 * float(b.sum()))


class TestRowsUnderManyLaws:
    """A mixture asks for rows (..., 1, K) under J laws: there densities are matrix products."""

    @EXAMPLES
    @given(a=magnitudes(1e-3, 1e4, 12), loc=reals(40.0, 12))
    def test_densities_are_those_of_each_law(self, a: torch.Tensor, loc: torch.Tensor) -> None:
        a, loc = a.view(4, 3), loc.view(4, 3)
        y = LogDirichlet(torch.tensor([0.05, 1.0, 20.0]).double()).sample(
            torch.Size([2, 5]), generator=torch.Generator().manual_seed(0)
        )
        each = [LogScaledDirichlet(*row).log_prob(y) for row in zip(a, loc, strict=True)]
        found = LogScaledDirichlet(a, loc).log_prob(y.unsqueeze(-2))
        torch.testing.assert_close(found, torch.stack(each, -1), rtol=1e-9, atol=1e-9)

    def test_gradients_are_those_of_each_law(self) -> None:
        source = torch.Generator().manual_seed(0)
        a, loc = (torch.randn(4, 3, dtype=torch.float64, generator=source) for _ in range(2))
        y = torch.randn(5, 3, dtype=torch.float64, generator=source).log_softmax(-1)
        leaves = [v.requires_grad_() for v in (a.exp(), loc, y)]
        weights = torch.randn(5, 4, dtype=torch.float64, generator=source)

        def loss(together: bool) -> torch.Tensor:
            a, loc, y = leaves
            if together:
                return (weights * LogScaledDirichlet(a, loc).log_prob(y.unsqueeze(-2))).sum()
            laws = [LogScaledDirichlet(a[j], loc[j]) for j in range(4)]
            return sum((weights[:, j] * law.log_prob(y)).sum() for j, law in enumerate(laws))

        found, expected = (torch.autograd.grad(loss(way), leaves) for way in (True, False))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)

    @pytest.mark.parametrize("far", [500.0, 2000.0])
    def test_far_shifts_do_not_underflow(self, far: float) -> None:
        loc = torch.tensor([[0.0, far, 0.0], [-far / 2, 0.0, far / 2]]).double()
        a = torch.tensor([[0.5, 0.2, 1.0], [2.0, 0.1, 0.3]]).double()
        y = torch.tensor([[-900.0, 0.0, -900.0], [-1.0, -800.0, -0.5]]).double().log_softmax(-1)
        each = [LogScaledDirichlet(*row).log_prob(y) for row in zip(a, loc, strict=True)]
        found = LogScaledDirichlet(a, loc).log_prob(y.unsqueeze(-2))
        torch.testing.assert_close(found, torch.stack(each, -1), rtol=1e-12, atol=0)

    def test_float32_keeps_its_digits_at_large_concentrations(self) -> None:
        a, loc = torch.full((2, 3), 1e5), torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0]])
        y = LogScaledDirichlet(a, loc).sample(torch.Size([4]))
        found = LogScaledDirichlet(a, loc).log_prob(y.unsqueeze(-2))
        exact = LogScaledDirichlet(a.double(), loc.double()).log_prob(y.double().unsqueeze(-2))
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("a", [1e3, 1e5])
def test_variance_of_a_narrow_law_keeps_its_digits_in_float32(a: float) -> None:
    law = ScaledDirichlet(torch.tensor([a, a]), torch.tensor([-2.0, 2.0]))

    def moment(power: int) -> float:  # of z - expit(-4), with w ~ Beta(a, a) near 1/2
        spread = 40 / a**0.5
        return integrate.quad(
            lambda t: np.exp(log_density(t, a, a)) * (expit(t - 4) - expit(-4)) ** power,
            -spread,
            spread,
            points=[0],
            epsabs=0,
        )[0]

    expected = np.full(2, moment(2) - moment(1) ** 2)
    np.testing.assert_allclose(law.variance.numpy(), expected, rtol=1e-5)
