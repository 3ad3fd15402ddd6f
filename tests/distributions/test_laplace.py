"""The Laplace approximation has a Dirichlet's mode and curvature; its KL is Monte Carlo's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from dirvae.distributions.laplace import laplace_softmax_normal
from dirvae.distributions.softmax_normal import LogSoftmaxNormal, SoftmaxNormal
from tests.magnitudes import EPS, EXAMPLES, magnitudes

A = torch.tensor([0.7, 3.0, 20.0, 5.0], dtype=torch.float64)


def in_softmax_basis(law: Distribution, h: Tensor) -> Tensor:
    """Log density of h up to what a shift adds: its Jacobian is the product of the z."""
    log_z = torch.log_softmax(h, -1)
    return law.log_prob(log_z.exp()) + log_z.sum(-1)


def test_mode_and_curvature_are_the_dirichlets() -> None:
    q, p = laplace_softmax_normal(A), Dirichlet(A)
    for law in (q, p):
        slope = torch.func.grad(lambda h, law=law: in_softmax_basis(law, h))(A.log())
        torch.testing.assert_close(slope, torch.zeros_like(A))
    curvatures = [
        torch.autograd.functional.hessian(lambda h, law=law: in_softmax_basis(law, h), A.log())
        for law in (q, p)
    ]
    torch.testing.assert_close(curvatures[0], curvatures[1])


def test_the_published_one_is_the_diagonal_of_the_centred_covariance() -> None:
    q, size = laplace_softmax_normal(A, diagonal=True), len(A)
    center = torch.eye(size, dtype=torch.float64) - 1 / size
    covariance = center @ torch.diag(1 / A) @ center
    torch.testing.assert_close(q.scale**2, covariance.diagonal())
    torch.testing.assert_close(q.loc, A.log() - A.log().mean())


def test_it_nears_the_dirichlet_as_concentrations_grow() -> None:
    gaps = [float(kl_divergence(Dirichlet(s * A), laplace_softmax_normal(s * A))) for s in (1, 100)]
    assert gaps[0] > 0.05
    assert 0 < gaps[1] < gaps[0] / 50


@pytest.mark.parametrize("a", [0.1, 1.0, 30.0])
def test_kl_is_monte_carlos(a: float) -> None:
    q = LogDirichlet(a * A)
    loc, scale = torch.tensor([[0.0, 1.0, 0.5, -1.0], [1.5, 1.0, 0.5, 0.2]]).double()
    y = q.sample(torch.Size([40_000]), torch.Generator().manual_seed(0))
    terms = q.log_prob(y) - LogSoftmaxNormal(loc, scale).log_prob(y)
    exact = kl_divergence(Dirichlet(a * A), SoftmaxNormal(loc, scale))
    assert abs(float(terms.mean() - exact)) < 5 * float(terms.std()) / 200
    logs = kl_divergence(q, LogSoftmaxNormal(loc, scale))
    torchs = kl_divergence(torch.distributions.Dirichlet(a * A), SoftmaxNormal(loc, scale))
    torch.testing.assert_close(torch.stack((logs, torchs)), exact.expand(2))


@EXAMPLES
@given(a=magnitudes(1e-2, 1e4, 3))
def test_precision_at_the_mode_is_the_covariance_of_counts(a: Tensor) -> None:
    """diag(a) - a a' / A, for the Dirichlet and for independent h_k of variance 1 / a_k."""
    expected = a.diag() - a.outer(a) / a.sum()
    for law in (Dirichlet(a), laplace_softmax_normal(a)):
        curvature = torch.autograd.functional.hessian(
            lambda h, law=law: in_softmax_basis(law, h), a.log()
        )
        torch.testing.assert_close(-curvature, expected, rtol=0, atol=1e3 * EPS * float(a.sum()))


@EXAMPLES
@given(a=magnitudes(1e-4, 1e4, 4))
def test_the_published_variance_is_its_formula_and_halves_that_of_two(a: Tensor) -> None:
    published = laplace_softmax_normal(a, diagonal=True).scale ** 2
    expected = (1 - 2 / 4) / a + (1 / a).sum() / 4**2
    torch.testing.assert_close(published, expected, rtol=64 * EPS, atol=0)
    of_ratio = [laplace_softmax_normal(a[:2], diagonal=d).scale.square().sum() for d in (0, 1)]
    torch.testing.assert_close(of_ratio[1], of_ratio[0] / 2, rtol=64 * EPS, atol=0)
