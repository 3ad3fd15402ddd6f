"""Networks: what the decoder sees of a latent."""

from __future__ import annotations

import torch

from dirvae.distributions import Dirichlet, ScaledDirichlet
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
