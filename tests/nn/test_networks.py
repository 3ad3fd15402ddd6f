"""Networks: what the decoder sees of a latent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.distributions import Normal

from dirvae import load, save
from dirvae.distributions import Dirichlet, ScaledDirichlet
from dirvae.models.latents import decoder_view, standard_prior
from dirvae.models.zoo import mlp_vae
from dirvae.nn import Fixed, LogRatios


def test_log_ratios_forget_the_total_and_survive_zero() -> None:
    view = LogRatios(torch.zeros(3), torch.ones(3))
    x = torch.tensor([[0.2, 0.3, 0.5]])
    torch.testing.assert_close(view(x), view(10 * x))
    assert bool(view(torch.tensor([[0.0, 0.5, 0.5]])).isfinite().all())


def test_the_view_of_a_scaled_dirichlet_is_standardized_under_its_prior() -> None:
    prior = Fixed(Dirichlet, concentration=torch.tensor([0.3, 1.0, 1.0, 4.0]))
    vae = mlp_vae(8, ScaledDirichlet, prior, hidden_sizes=(16,), decoder_hidden_sizes=(16,))
    z = prior().sample(torch.Size([40_000]), torch.Generator().manual_seed(0))
    seen = vae.decoder.net.features(z)
    # 5 standard errors of 40,000 draws; the spread's is that of a heavy-tailed law.
    torch.testing.assert_close(seen.mean(0), torch.zeros(4), rtol=0, atol=0.025)
    torch.testing.assert_close(seen.std(0), torch.ones(4), rtol=0, atol=0.04)


def test_proportions_stand_beside_their_log_ratios(tmp_path: Path) -> None:
    concentration = torch.tensor([0.5, 1.5, 4.0])
    prior = Fixed(Dirichlet, concentration=concentration)
    vae = mlp_vae(8, ScaledDirichlet, prior, hidden_sizes=16, with_proportions=True)
    z = torch.tensor([[0.2, 0.3, 0.5]])
    mean = concentration / 6
    wanted = (z - mean) / (mean * (1 - mean) / 7).sqrt()  # moments of Beta(a, 6 - a)
    seen = vae.decoder.net.features(z)
    torch.testing.assert_close(seen[:, 3:], wanted)
    torch.testing.assert_close(seen[:, :3], decoder_view(ScaledDirichlet, prior)(z))
    save(vae, tmp_path / "model")
    x = torch.rand(4, 8, generator=torch.Generator().manual_seed(0)).round()
    again = load(tmp_path / "model")
    torch.testing.assert_close(again.reconstruct(x), vae.reconstruct(x), rtol=0, atol=0)


def test_a_latent_without_log_ratios_has_no_proportions_beside_them() -> None:
    with pytest.raises(ValueError, match="with_proportions is for latents whose log ratios"):
        mlp_vae(8, Normal, standard_prior(Normal, 3), with_proportions=True)
