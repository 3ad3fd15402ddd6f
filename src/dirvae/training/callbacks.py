"""Lightning callbacks: a prior learned from moments, commitments, a warning of collapse."""

from __future__ import annotations

import math
import sys
import warnings
from functools import partial
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

__all__ = [
    "CollapseWarning",
    "CollapseWatch",
    "CommitmentRelease",
    "MethodOfMoments",
    "concentration_by_moments",
    "settled",
]


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


class CommitmentRelease(Callback):
    """Lets every lower bound of the encoder fall to 0, in the second third of the epochs.

    A commitment brings components of the latent into use, but a posterior that must be more certain
    than the prior costs nats. After this training the model has no commitment.

    Raises:
        ValueError: When training begins: if the encoder has no lower bounds
            (`nn.Head(least=...)`, or ``commitment`` in `zoo.mlp_vae`), or there is one epoch only.

    Example:
        >>> from dirvae.models import zoo
        >>> from dirvae.training import fit
        >>> prior = torch.ones(3)
        >>> vae = zoo.dirichlet(4, prior, hidden_sizes=8, decoder_hidden_sizes=8, commitment=1.5)
        >>> release = CommitmentRelease()
        >>> _ = fit(vae, torch.eye(4), max_epochs=3, callbacks=[release], verbose=False)
        >>> vae.encoder.bounds["concentration"]
        tensor([0., 0., 0.])
    """

    first = last = 0
    start: dict[str, Tensor]

    def setup(self, trainer: Any, training: Any, stage: str) -> None:
        """Check the model, and keep its bounds: the callback may have served another one."""
        bounds = getattr(training.vae.encoder, "bounds", None)
        if not bounds:
            raise ValueError("CommitmentRelease: the encoder must have a commitment to let go")
        if trainer.max_epochs < 2:
            raise ValueError(
                f"CommitmentRelease: max_epochs is {trainer.max_epochs}, must be 2 or more"
            )
        self.first, self.last = _second_third(trainer.max_epochs)
        self.start = {name: bound.clone() for name, bound in bounds.items()}

    def on_train_epoch_start(self, trainer: Any, training: Any) -> None:
        """Set what is left of the bounds."""
        left = (self.last - trainer.current_epoch) / (self.last - self.first)
        for name, bound in training.vae.encoder.bounds.items():
            bound.copy_(min(1.0, max(0.0, left)) * self.start[name])

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed training needs."""
        return {"start": self.start}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self.start = state_dict["start"]


class MethodOfMoments(Callback):
    """Learns a Dirichlet prior from the sampled latents, in three stages (Joo et al.).

    Each stage is a third of the epochs. In the first stage the prior is fixed. In the second stage,
    the prior is set at the end of every epoch. It gets the concentration whose moments match those
    of the latents sampled in this epoch, with rows weighted by their weights. In the third stage
    the prior is fixed again while the networks finish.

    Args:
        max_epochs: Number of epochs of all three stages together.

    References:
        Joo et al. 2020, sec. 3.3 (stage lengths are not given there).

    Example:
        >>> stages = MethodOfMoments(max_epochs=30)
        >>> stages.first, stages.last
        (10, 20)
    """

    def __init__(self, max_epochs: int) -> None:
        self.first, self.last = _second_third(max_epochs)
        self.sums: Tensor | None = None
        self.rows: Tensor | float = 0.0

    def on_train_batch_end(
        self, trainer: Any, training: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        """Add the latents of a batch to the moments of the epoch."""
        if self.first <= trainer.current_epoch < self.last:
            z = training.latent.double()  # (S, B, K)
            weight = z.new_ones(z.shape[1]) if batch.weight is None else batch.weight.double()
            weighted = weight.unsqueeze(-1) * z
            moments = torch.stack([weighted.sum((0, 1)), (weighted * z).sum((0, 1))])
            self.sums = moments if self.sums is None else self.sums + moments
            self.rows = self.rows + len(z) * weight.sum()

    def on_train_epoch_end(self, trainer: Any, training: Any) -> None:
        """Set the prior, in the second stage."""
        if self.sums is None:
            return
        of_all = partial(trainer.strategy.reduce, reduce_op="sum")
        mean, mean_square = of_all(self.sums) / of_all(torch.as_tensor(self.rows))
        concentration = training.vae.prior.concentration
        concentration.copy_(concentration_by_moments(mean, mean_square))
        self.sums, self.rows = None, 0.0


class CollapseWarning(UserWarning):
    """Some components of the latent are out of use.

    Example:
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", CollapseWarning)  # or "error", which ends the run
    """


class CollapseWatch(Callback):
    """Warns, at most once in a training, of components that have been out of use for a while.

    A component is out of use if its posterior mean hardly varies between rows: the variance is
    at most 1 % of the prior's variance. Only epochs in which the objective is settled count: the KL
    has its final weight, and no other callback still changes the prior or the commitment. So a
    component that goes out of use during a warm-up of the KL can come back without a warning.

    Args:
        patience: Number of settled epochs in a row, at least 1, in which a component must be out of
            use. If other components went out of use more recently, the warning waits for them, so
            that one warning names all.

    Warns:
        CollapseWarning: It says which components are out of use, counted from 0 as in
            ``transform``, since when, and what to try.

    References:
        Burda, Grosse & Salakhutdinov 2016, sec. 5.2; Joo et al. 2020, sec. 4.2.

    Example:
        >>> CollapseWatch(patience=5).patience
        5
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience
        self.epochs, self.settled_for, self.warned = 0, 0, False
        self.last_used: Tensor | None = None  # number, from 1, of the epoch; 0 for never

    def on_train_epoch_start(self, trainer: Any, training: Any) -> None:
        """Check the previous epoch, whose metrics are now known."""
        self._look(trainer, training, last=False)

    def on_train_end(self, trainer: Any, training: Any) -> None:
        """Check the last epoch."""
        self._look(trainer, training, last=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed training needs."""
        names = ("epochs", "settled_for", "warned", "last_used")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def _look(self, trainer: Any, training: Any, last: bool) -> None:
        epochs = len(training.history)
        if training.active is None or epochs == self.epochs:
            return
        self.epochs = epochs
        active = training.active.cpu()
        unseen = torch.zeros(active.shape, dtype=torch.long)
        last_used = unseen if self.last_used is None else self.last_used
        self.last_used = last_used.masked_fill(active, epochs)
        epoch = int(training.history[-1]["epoch"])
        self.settled_for = self.settled_for + 1 if settled(trainer, training, epoch) else 0
        if self.settled_for < self.patience or self.warned:
            return
        unused_for = epochs - self.last_used
        dead = unused_for >= self.patience
        dying = (unused_for > 0) & ~dead  # waited for, so that one sentence tells of all
        if bool(dead.any()) and (last or not bool(dying.any())):
            self.warned = True
            if trainer.is_global_zero:
                warnings.warn(_epitaph(self.last_used, dead), stacklevel=2)


def _epitaph(last_used: Tensor, dead: Tensor) -> CollapseWarning:
    numbers, since = dead.flatten().nonzero().flatten().tolist(), int(last_used[dead].max()) + 1
    return CollapseWarning(
        f"{len(numbers)} of {dead.numel()} components have been out of use since epoch {since}: "
        f"numbers {', '.join(map(str, numbers))}, counted from 0, whose posterior means hardly "
        "vary between rows. If you want them used, try a longer warm-up of the KL, a smaller step "
        "size or another prior. Or else take fewer components"
    )


def settled(trainer: Any, training: Any, epoch: int) -> bool:
    """Whether the KL has its final weight, and prior and commitment are not being changed.

    Args:
        trainer: Lightning's trainer.
        training: The `training.Training` that the trainer trains.
        epoch: The epoch in question.

    Example:
        >>> from types import SimpleNamespace as Named
        >>> trainer = Named(callbacks=[], global_step=5, estimated_stepping_batches=9)
        >>> settled(trainer, Named(kl_schedule=lambda step: min(1, step / 8)), epoch=0)
        False
    """
    schedule = training.kl_schedule
    staged = [c for c in trainer.callbacks if isinstance(c, (CommitmentRelease, MethodOfMoments))]
    return schedule(trainer.global_step) == schedule(_planned(trainer)) and all(
        epoch >= callback.last for callback in staged
    )


def _second_third(max_epochs: int) -> tuple[int, int]:
    first = max_epochs // 3
    return first, max(first + 1, 2 * max_epochs // 3)


def _planned(trainer: Any) -> int:
    steps = trainer.estimated_stepping_batches
    return int(steps) if math.isfinite(steps) else sys.maxsize
