"""Lightning callbacks for what changes during training besides the weights."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

__all__ = ["MethodOfMoments", "concentration_by_moments"]


def concentration_by_moments(mean: Tensor, mean_square: Tensor) -> Tensor:
    """Concentration of a Dirichlet from the first two moments of draws from it.

    alpha_k = S m1_k with S = 1/K sum_k (m1_k - m2_k) / (m2_k - m1_k^2).

    Args:
        mean: m1, shape (K,).
        mean_square: m2, shape (K,).

    Returns:
        Shape (K,).

    References:
        Joo et al. 2020, sec. 3.3; Minka 2000, "Estimating a Dirichlet distribution", eq. 23.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> p = Dirichlet(torch.tensor([1.0, 2.0, 3.0]))
        >>> concentration_by_moments(p.mean, p.variance + p.mean**2)
        tensor([1.0000, 2.0000, 3.0000])
    """
    var = (mean_square - mean.square()).clamp(min=1e-12)
    total = ((mean - mean_square) / var).mean()
    return (total * mean).clamp(min=1e-3)


class MethodOfMoments(Callback):
    """Learns a Dirichlet prior from the sampled latents, in the paper's three stages.

    For the first third of the epochs the prior stays as it is; in the second it is set, at the end
    of every epoch, by the moments of the latents sampled in that epoch; then it is fixed again
    while the networks finish.

    Args:
        max_epochs: Number of epochs that the stages are thirds of.

    References:
        Joo et al. 2020, sec. 3.3 (stage lengths are not given there).

    Example:
        >>> stages = MethodOfMoments(max_epochs=30)
        >>> stages.first, stages.last
        (10, 20)
    """

    def __init__(self, max_epochs: int) -> None:
        self.first = max_epochs // 3
        self.last = max(self.first + 1, 2 * max_epochs // 3)
        self.sums: Tensor | None = None
        self.rows = 0

    def on_train_batch_end(
        self, trainer: Any, training: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        """Add the latents of a batch to the epoch's moments."""
        if self.first <= trainer.current_epoch < self.last:
            z = training.latent.flatten(0, 1).double()
            moments = torch.stack([z.sum(0), z.square().sum(0)])
            self.sums = moments if self.sums is None else self.sums + moments
            self.rows += len(z)

    def on_train_epoch_end(self, trainer: Any, training: Any) -> None:
        """Set the prior."""
        if self.sums is None:
            return
        mean, mean_square = self.sums / self.rows
        concentration = training.vae.prior.concentration
        concentration.copy_(concentration_by_moments(mean, mean_square))
        self.sums, self.rows = None, 0
