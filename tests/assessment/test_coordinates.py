from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    Categorical,
    Distribution,
    Gamma,
    Independent,
    MixtureSameFamily,
    VonMises,
)
from torch.distributions import Dirichlet as TorchDirichlet

from dirvae.assessment.coordinates import coordinates_of
from dirvae.distributions import Dirichlet, ScaledDirichlet, draw

A = torch.tensor([0.7, 1.5, 3.0]).double()
PRIORS = {
    "Dirichlet": Dirichlet(A),
    "ScaledDirichlet": ScaledDirichlet(A, torch.tensor([0.5, -1.0, 0.0]).double()),
    "torch's Dirichlet": TorchDirichlet(A),
    "Gammas": Independent(Gamma(A, 2 * A), 1),
    "angles": Independent(VonMises(0 * A, A), 1),
    "a mixture": MixtureSameFamily(
        Categorical(torch.tensor([0.3, 0.7]).double()), Dirichlet(torch.stack([A, 2 * A.flip(0)]))
    ),
}


@pytest.mark.parametrize("name", PRIORS)
def test_the_density_integrates_to_1_with_the_priors_own_mean(name: str) -> None:
    prior: Distribution = PRIORS[name]
    prior_of_one = prior.expand(torch.Size([1]))
    found = coordinates_of(prior_of_one)
    placed = found.place(prior_of_one)
    u = placed.sample(torch.Size([20_000]), torch.Generator().manual_seed(0))[:, 0]
    # Weights of the prior's draws against a wide Gaussian: their mean is the integral, 1.
    wide = torch.distributions.MultivariateNormal(u.mean(0), 2 * torch.cov(u.T))
    other = wide.sample((20_000,))
    weight = (placed.log_prob(other) - wide.log_prob(other)).exp()
    assert abs(float(weight.mean()) - 1) < 5 * float(weight.std()) / 20_000**0.5
    of_latent = weight.unsqueeze(-1) * found.latent(other)
    error = of_latent.std(0) / 20_000**0.5
    assert bool(((of_latent.mean(0) - prior.mean).abs() < 5 * error).all())


def test_laws_with_and_without_a_logarithm_share_coordinates() -> None:
    u = torch.tensor([[0.3, -1.2], [2.0, 0.1]]).double()
    ours, theirs = PRIORS["Dirichlet"], PRIORS["torch's Dirichlet"]
    found = coordinates_of(ours)
    torch.testing.assert_close(found.place(ours).log_prob(u), found.place(theirs).log_prob(u))
    torch.testing.assert_close(found.latent(u), coordinates_of(theirs).latent(u))


def test_small_proportions_of_a_law_without_a_logarithm_keep_their_digits() -> None:
    law = TorchDirichlet(torch.full((3,), 0.05).double())
    found, shape = coordinates_of(law), torch.Size([1000])
    z = found.latent(found.place(law).sample(shape, torch.Generator().manual_seed(0)))
    drawn = draw(law, shape, torch.Generator().manual_seed(0))
    assert float(drawn.min()) < 1e-50
    torch.testing.assert_close(z.log(), drawn.log())


def test_angles_stay_on_the_circle() -> None:
    """Of which torch names all real numbers as the support, where the density has no integral."""
    z = coordinates_of(PRIORS["angles"]).latent(torch.tensor([-10.0, 0.0, 10.0]).double())
    torch.testing.assert_close(
        z, torch.tensor([-1.0, 0.0, 1.0]).double() * torch.pi, rtol=1e-3, atol=1e-9
    )


def test_angles_stay_within_a_turn_however_they_are_wrapped() -> None:
    inner = Independent(VonMises(torch.zeros(2, 3), torch.ones(2, 3)), 1)
    found = coordinates_of(Independent(inner, 0))
    assert bool((found.latent(torch.full((2, 3), 50.0)).abs() <= torch.pi).all())
