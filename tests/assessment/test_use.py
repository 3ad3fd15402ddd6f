"""Which components are used, of models of which it is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Dirichlet, Independent, Normal

from dirvae.assessment.use import decoding_use, encoding_use
from dirvae.models.vae import VAE
from dirvae.nn import Fixed


@pytest.mark.parametrize("simplex", [False, True])
def test_use_finds_the_components_that_are_ignored(simplex: bool) -> None:
    class FirstOnly(nn.Module):
        def forward(self, z: Tensor) -> Independent:
            return Independent(
                Bernoulli(logits=8 * (z[..., :1] - 0.25).expand(*z.shape[:-1], 4)), 1
            )

    class Encoder(nn.Module):
        def forward(self, x: Tensor) -> object:
            steady = torch.ones(len(x), 1)
            first = 10 * x[:, :1]
            raw = torch.cat([first, 1 - first / 10, steady], 1) + 0.1
            return Dirichlet(raw) if simplex else Independent(Normal(raw / 10, 1.0), 1)

    one = torch.ones(3)
    prior = Fixed(Dirichlet, concentration=one) if simplex else Fixed(Normal, loc=one, scale=one)
    vae = VAE(Encoder(), FirstOnly(), prior)
    x = torch.bernoulli(torch.full((200, 1), 0.5)).expand(-1, 4)
    assert decoding_use(vae, x)[0] > 0.05
    if not simplex:
        np.testing.assert_allclose(decoding_use(vae, x)[1:], 0, atol=1e-6)
        assert (encoding_use(vae, x) > 0.01).tolist() == [True, False, False]
