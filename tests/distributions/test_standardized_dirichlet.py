"""The scaled Dirichlet by place and certainty: what its two parameters mean, and at what cost."""

from __future__ import annotations

import pytest
import torch
from scipy.special import digamma, polygamma
from torch import Tensor
from torch.distributions import kl_divergence

from dirvae.distributions import Dirichlet, LogDirichlet, StandardizedDirichlet

PRIORS = (0.1, 0.98, 5.0, 30.0, 1000.0)
POSTERIOR = torch.Generator().manual_seed(0)
PLACE = torch.randn(20, 6, generator=POSTERIOR)
CERTAINTY = torch.randn(20, 6, generator=POSTERIOR).exp().clamp(min=0.5)


def law(b: float, place: Tensor, certainty: Tensor) -> StandardizedDirichlet:
    return StandardizedDirichlet(place, certainty, torch.full((6,), b, dtype=place.dtype))


@pytest.mark.parametrize("b", PRIORS)
def test_at_place_0_and_certainty_1_it_is_the_prior(b: float) -> None:
    for dtype, rtol in ((torch.float32, 1e-5), (torch.float64, 1e-7)):
        q = law(b, torch.zeros(6, dtype=dtype), torch.ones(6, dtype=dtype))
        prior = Dirichlet(torch.full((6,), b, dtype=dtype))
        torch.testing.assert_close(q.mean, prior.mean, rtol=rtol, atol=0)
        assert float(kl_divergence(q, prior).abs()) < rtol
    torch.testing.assert_close(q.variance, prior.variance, rtol=1e-6, atol=0)


@pytest.mark.parametrize("b", PRIORS)
def test_place_is_in_standard_deviations_whatever_the_certainty(b: float) -> None:
    q = law(b, PLACE.double(), CERTAINTY.double())
    log_gammas = q.loc.numpy() + digamma(q.concentration.numpy())
    expected = digamma(b) + polygamma(1, b) ** 0.5 * PLACE.double().numpy()
    torch.testing.assert_close(torch.from_numpy(log_gammas), torch.from_numpy(expected))


def test_certainty_is_the_precision_of_a_gaussian_under_a_large_prior() -> None:
    b, place, certainty = 1e5, torch.tensor([0.5, -1.0]), torch.tensor([3.0, 0.5])
    q = StandardizedDirichlet(place.double(), certainty.double(), torch.full((2,), b).double())
    # Of the difference of two Gaussians under that of two standard ones.
    variance, mean = float((1 / certainty).sum()) / 2, float(place[0] - place[1])
    expected = (variance + mean**2 / 2 - 1 - torch.tensor(variance).log()) / 2
    found = kl_divergence(q, Dirichlet(torch.full((2,), b).double()))
    torch.testing.assert_close(found, expected.double(), rtol=5e-3, atol=0)


# Of gradients that are of order 1; nodes are far apart where tiny concentrations are moved far.
@pytest.mark.parametrize(
    ("b", "atol"), [(0.1, 0.3), (0.98, 1e-3), (5.0, 1e-3), (30.0, 1e-3), (1000.0, 1e-2)]
)
def test_divergence_and_its_gradient_in_single_precision(b: float, atol: float) -> None:
    found = []
    for dtype in (torch.float32, torch.float64):
        leaves = [value.to(dtype, copy=True).requires_grad_() for value in (PLACE, CERTAINTY)]
        kl = kl_divergence(law(b, *leaves), Dirichlet(torch.full((6,), b, dtype=dtype)))
        found.append([kl.detach(), *torch.autograd.grad(kl.sum(), leaves)])
    for single, double in zip(*found, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=0, atol=atol)


def test_divergence_and_means_are_differentiated_exactly() -> None:
    leaves = [value[:2, :3].double().requires_grad_() for value in (PLACE, CERTAINTY)]
    b = torch.tensor([0.4, 1.0, 8.0], dtype=torch.float64, requires_grad=True)

    def kl(place: Tensor, certainty: Tensor, reference: Tensor) -> Tensor:
        q = StandardizedDirichlet(place, certainty, reference, False)
        return kl_divergence(q, Dirichlet(reference, False))

    def mean(place: Tensor, certainty: Tensor, reference: Tensor) -> Tensor:
        return StandardizedDirichlet(place, certainty, reference, False).log().mean

    assert torch.autograd.gradcheck(kl, (*leaves, b))
    assert torch.autograd.gradcheck(mean, (*leaves, b))


def test_its_logarithm_has_the_same_divergence() -> None:
    q = law(0.98, PLACE, CERTAINTY)
    prior = torch.full((6,), 0.98)
    plain, log = kl_divergence(q, Dirichlet(prior)), kl_divergence(q.log(), LogDirichlet(prior))
    torch.testing.assert_close(plain, log)
