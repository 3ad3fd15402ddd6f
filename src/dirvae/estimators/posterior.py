"""What a VAE says of the latent of rows: means, spreads and intervals."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.distributions import draw
from dirvae.estimators.rows import generator_of
from dirvae.models.vae import VAE
from dirvae.nn import Head

__all__ = ["RowPosterior", "intervals_by_row"]

DRAWS = 1000

Floats = NDArray[np.float64]


class RowPosterior(NamedTuple):
    """The encoder's posterior q(z|x) of the latent of N rows, component by component.

    Attributes:
        mean: Posterior means, shape (N, K): those of ``transform``, in double precision.
        std: Posterior standard deviations, shape (N, K).
        lower: Lower ends of the credible intervals, shape (N, K). The intervals have equal tails:
            if a share is almost surely near 0, its interval may leave out the most probable values.
        upper: Upper ends of the credible intervals, shape (N, K).
        dominates: Probability that the component is the largest, shape (N, K).

    Example:
        >>> from dirvae import DirichletVAE
        >>> X = np.eye(8).repeat(5, 0)
        >>> model = DirichletVAE(3, max_epochs=1, random_state=0).fit(X)
        >>> found = model.posterior(X[:2])
        >>> found.mean.shape, bool((found.lower < found.upper).all())
        ((2, 3), True)
    """

    mean: Floats
    std: Floats
    lower: Floats
    upper: Floats
    dominates: Floats


def intervals_by_row(vae: VAE, x: Tensor, level: float) -> Tensor:
    """Means, and from draws that each row seeds spreads, ends of intervals, chances to be largest.

    Args:
        vae: The model; its encoder is a `Head`.
        x: Rows, shape (N, D).
        level: Probability of the intervals, in (0, 1).

    Returns:
        Shape (N, 5, K): the parts of `RowPosterior`, in their order.

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> intervals_by_row(dirichlet(4, 3), torch.zeros(2, 4), 0.9).shape
        torch.Size([2, 5, 3])
    """
    encoder = cast(Head, vae.encoder)
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=x.dtype)
    found = []
    for mean, raw, row in zip(vae.embed(x), encoder.raw(x), x, strict=True):
        law: Any = encoder.law(raw)
        z = draw(law, torch.Size([DRAWS]), generator_of(row))
        largest = torch.nn.functional.one_hot(z.argmax(-1), z.shape[-1]).to(z).mean(0)
        found.append(torch.stack([mean, z.std(0), *z.quantile(tails.to(z), 0), largest]))
    return torch.stack(found)
