"""VAEs by name: what their options bound and refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.distributions import Normal

from dirvae.distributions import Dirichlet, ScaledDirichlet, StandardizedDirichlet
from dirvae.models.latents import standard_prior
from dirvae.models.zoo import (
    concrete,
    dirichlet,
    inverse_cdf_dirichlet,
    mlp_vae,
    scaled_dirichlet,
)
from dirvae.nn import Fixed


def posterior(Latent: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    prior = Fixed(Dirichlet, concentration=torch.tensor([0.2, 1.0, 4.0]))
    vae = mlp_vae(5, Latent, prior, hidden_sizes=(8,), decoder_hidden_sizes=(8,), **options)
    return vae.infer(1000 * torch.randn(200, 5))


@pytest.mark.parametrize("Latent", [Dirichlet, ScaledDirichlet, StandardizedDirichlet])
def test_a_committed_posterior_is_never_its_prior(Latent: Any) -> None:
    prior = torch.tensor([0.2, 1.0, 4.0])
    assert (posterior(Latent, commitment=1.5).concentration > 1.5 * prior).all()
    free = posterior(Latent).concentration
    assert (free < 1.5 * prior).any()


@pytest.mark.parametrize(
    ("Latent", "commitment"), [(Normal, 1.5), (Dirichlet, -1.0), (Dirichlet, float("inf"))]
)
def test_a_commitment_that_means_nothing_is_refused(Latent: Any, commitment: float) -> None:
    with pytest.raises(ValueError, match="commitment is"):
        mlp_vae(5, Latent, standard_prior(Latent, 3), commitment=commitment)


@pytest.mark.parametrize("make", [dirichlet, scaled_dirichlet, inverse_cdf_dirichlet])
def test_a_number_of_components_has_the_default_prior(make: Any) -> None:
    vae = make(5, 4, hidden_sizes=(8,), decoder_hidden_sizes=(8,))
    assert vae.prior().concentration.tolist() == [0.75] * 4
    with pytest.raises(ValueError, match="prior_concentration is 1, must be K, 2 or more"):
        make(5, 1)


def test_a_concrete_latent_has_the_density_of_its_draws() -> None:
    torch.manual_seed(0)
    vae = concrete(5, 3, temperature=0.7, hidden_sizes=(8,), decoder_hidden_sizes=(8,))
    q, z = vae.infer(torch.eye(5)), torch.tensor([0.2, 0.3, 0.5])
    weight = q.logits.exp()
    # Maddison et al. 2017, eq. 10: (K - 1)! t^(K-1) prod_k (w_k z_k^(-t-1) / sum_i w_i z_i^(-t)).
    shares = weight * z**-1.7 / (weight * z**-0.7).sum(-1, keepdim=True)
    torch.testing.assert_close(q.log_prob(z).exp(), 2 * 0.7**2 * shares.prod(-1))


def test_a_decoder_sees_a_concrete_latent_in_units_of_the_prior() -> None:
    vae = concrete(5, 4, temperature=0.3)
    seen = vae.decoder.net.features(vae.prior().sample((20_000,)))
    torch.testing.assert_close(seen.mean(0), torch.zeros(4), rtol=0, atol=0.04)
    torch.testing.assert_close(seen.std(0), torch.ones(4), rtol=0, atol=0.04)


def test_a_number_is_the_width_of_a_single_layer() -> None:
    torch.manual_seed(0)
    by_number = dirichlet(6, 4, hidden_sizes=8, decoder_hidden_sizes=9)
    torch.manual_seed(0)
    by_list = dirichlet(6, 4, hidden_sizes=(8,), decoder_hidden_sizes=(9,))
    assert repr(by_number) == repr(by_list)
    x = torch.eye(6)
    assert torch.equal(by_number.embed(x), by_list.embed(x))


def test_a_dirichlet_posterior_starts_at_the_root_of_its_prior() -> None:
    prior = torch.tensor([1e-4, 0.02, 1.0, 30.0])
    for concentration in (None, 1.5):
        options = {} if concentration is None else {"commitment": concentration}
        vae = mlp_vae(5, Dirichlet, Fixed(Dirichlet, concentration=prior), **options)
        least = 0 if concentration is None else concentration * prior
        started = vae.encoder.law(torch.zeros(1, 4)).concentration[0]
        torch.testing.assert_close(started, least + prior.sqrt())
