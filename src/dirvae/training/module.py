"""A VAE with its objective and its optimiser, as a module of Lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import Tensor, nn

from dirvae.data.arrays import Batch
from dirvae.data.processes import agreed
from dirvae.distributions.moments import location_and_spread
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE
from dirvae.nn import Fixed
from dirvae.objectives import KLSchedule, Terms, constant, elbo
from dirvae.training.checkpoints import CheckpointError
from dirvae.training.optimisers import adam

__all__ = ["History", "Training", "require_finite_weights"]

_REMEDIES = (
    "lower the learning rate, clip gradients (gradient_clip_val), or look for extreme values in "
    "the data"
)

History = list[dict[str, float]]
"""One dict of metrics for each epoch. Lightning's loggers get the metrics under the same names.

- ``elbo``, ``reconstruction`` and ``kl``: means over rows, in nats;
- ``active``: number of components in use. It is left out if the posterior has no formula for its
  mean, or if the prior is not a `Fixed`. `diagnose` then gives the number after training;
- ``val_elbo``, ``val_reconstruction``, ``val_kl``, ``val_active``: the same for validation data;
- ``val_bound``: mean of the objective over the validation data, where `Training` has
  ``importance=True``. Training stops by it, and the epoch with the best one is kept;
- ``epoch``: number of the epoch, from 0.
"""


class Training(lightning.LightningModule):
    """How a VAE is trained: the objective, its KL schedule and the optimiser.

    Args:
        vae: The model.
        objective: Function of terms and ``kl_weight`` that returns a bound of each example, shape
            (B,).
        kl_schedule: Function from the number of optimiser steps so far to the weight of the KL.
        optimizer: Function of the parameters. It returns an optimiser, or anything else that
            ``LightningModule.configure_optimizers`` may return. The default is `adam` with step
            size 1e-3.
        num_samples: S, draws of the latent for each example and step.
        importance: Whether the objective needs ``terms.log_ratio``, as an importance-weighted bound
            does. The validation data are then judged by the objective, else by the ELBO.

    Attributes:
        history: One dict of metrics for each epoch.
        generator: Source of noise, if `fit` was given one; None for torch's global generator.
        others: Generators of the data's own, if they have some.
        num_processes: Number of processes that trained together in the last `fit`.
        best_epoch: Index in ``history`` of the epoch whose weights the model has after `fit`.
            Without validation it is the last epoch. With validation it is the best epoch of those
            after the KL has its final weight.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> from dirvae.objectives import linear_warmup
        >>> training = Training(gaussian(4, 2), kl_schedule=linear_warmup(100))
        >>> training.kl_schedule(50)
        0.5
    """

    def __init__(
        self,
        vae: VAE | LabelledVAE,
        *,
        objective: Callable[..., Tensor] = elbo,
        kl_schedule: KLSchedule | None = None,
        optimizer: Callable[[Iterable[Any]], Any] | None = None,
        num_samples: int = 1,
        importance: bool = False,
    ) -> None:
        super().__init__()
        self.vae, self.objective = vae, objective
        self.optimizer = optimizer or adam
        self.kl_schedule = kl_schedule or constant()
        self.num_samples, self.importance = num_samples, importance
        self.history: History = []
        self.generator: torch.Generator | None = None
        self.others: list[torch.Generator] = []
        self.fingerprints: dict[str, str] = {}
        self.best_epoch, self.num_processes = -1, 1
        self.noise: torch.Generator | None = None
        self.active: Tensor | None = None
        self._train, self._validation = _Meter(), _Meter()

    @property
    def planned_steps(self) -> int:
        """Number of steps that the trainer plans; of several processes, the steps of each.

        It is known only within `fit`, so a schedule or an optimiser must ask for it when called.
        """
        return int(self.trainer.estimated_stepping_batches)

    @property
    def monitor(self) -> str:
        """Name of the metric that tells the best epoch: of the bound that is trained."""
        return "val_bound" if self.importance else "val_elbo"

    def configure_optimizers(self) -> Any:
        """Return the optimiser, for the trainer."""
        return self.optimizer(self.vae.parameters())

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip gradients by the trainer's options, also for a fused optimiser.

        Lightning refuses to clip for a fused optimiser in every mixed precision. But only float16
        scales gradients, so in other precisions they can be clipped.
        """
        plugin, algorithm = self.trainer.precision_plugin, gradient_clip_algorithm
        if gradient_clip_val and isinstance(plugin, MixedPrecision) and plugin.scaler is None:
            kind = GradClipAlgorithmType(algorithm or "norm")
            Precision.clip_gradients(plugin, optimizer, gradient_clip_val, kind)
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, algorithm)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Return the negative objective, its mean over (weighted) rows."""
        terms = self._terms(batch)
        bound = self.objective(terms, kl_weight=self.kl_schedule(self.global_step))
        loss = -_mean(bound, batch.weight)
        # On a GPU the check would stall it; there the end of the epoch tells.
        if loss.device.type == "cpu":
            _require_finite(loss.detach(), f"the training loss at step {self.global_step}")
        self._train.add(terms, batch.weight)
        self.latent = terms.z.detach()
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Add a batch to the validation metrics, with KL weight 1 at every step."""
        terms = self._terms(batch)
        bound = self.objective(terms, kl_weight=1.0) if self.importance else None
        self._validation.add(terms, batch.weight, bound)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics; the progress bar only shows the one that is monitored."""
        self._validation.gather(self._of_all)
        results = {f"val_{k}": value for k, value in self._results(self._validation).items()}
        told: dict[str, Any] = {"batch_size": 1, "sync_dist": True}
        self.log(self.monitor, results.pop(self.monitor), prog_bar=True, **told)
        self.log_dict(results, **told)

    def on_train_epoch_end(self) -> None:
        """Log the training metrics and keep them in ``history``."""
        self._train.gather(self._of_all)
        self.active = self._active(self._train)
        self.log_dict(self._results(self._train), prog_bar=True, batch_size=1, sync_dist=True)
        metrics = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        self.history.append({"epoch": float(self.current_epoch), **metrics})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what an exact resume needs: history, states of generators, which data it is."""
        source = self.generator or torch.default_generator
        checkpoint["history"], checkpoint["rng"] = self.history, source.get_state()
        checkpoint["other_rngs"] = [other.get_state() for other in self.others]
        checkpoint["fingerprints"] = self.fingerprints

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the history and the states of generators.

        Raises:
            CheckpointError: If the weights are those of another model, or the training had other
                data.
        """
        _require_same_shapes(self.state_dict(), checkpoint["state_dict"])
        for name, value in checkpoint.get("fingerprints", {}).items():
            if self.fingerprints.get(name, value) != value:
                raise CheckpointError(
                    f"the checkpoint is of a training with other {name}: give the arguments and "
                    "data of its run, or another folder"
                )
        self.history = checkpoint["history"]
        source = self.generator or torch.default_generator
        source.set_state(checkpoint["rng"].cpu())
        for other, state in zip(self.others, checkpoint.get("other_rngs", []), strict=False):
            other.set_state(state.cpu())

    def on_fit_start(self) -> None:
        """Make a generator on the accelerator, since draws there need one of that device."""
        if self.trainer.world_size > 1:
            self._part()
        self.noise = self.generator
        if self.generator is not None and self.device.type != "cpu":
            seed = self.generator.initial_seed()
            self.noise = torch.Generator(self.device).manual_seed(seed)

    def _part(self) -> None:
        """From the seed that is the same in all processes, give each its own noise."""
        seed = int(torch.randint(2**62, (), generator=self.generator))
        first = agreed(seed, self.trainer.world_size)
        alike = self.trainer.strategy.reduce_boolean_decision(seed == first, all=True)
        if self.generator is not None and not alike:
            raise ValueError(
                "the processes have different seeds, must have the same: give random_state (or "
                "seed) as an integer"
            )
        own = first + self.trainer.global_rank
        torch.manual_seed(own) if self.generator is None else self.generator.manual_seed(own)

    def _terms(self, batch: Batch) -> Terms:
        terms: Terms = self.vae.terms(
            batch.x,
            **batch.given(),
            num_samples=self.num_samples,
            importance=self.importance,
            generator=self.noise,
        )
        return terms

    def _of_all(self, sums: Tensor) -> Tensor:
        """The sum over all devices that train together."""
        total: Tensor = self.trainer.strategy.reduce(sums, reduce_op="sum")
        return total

    def _results(self, meter: _Meter) -> dict[str, float]:
        results = meter.results()
        _require_finite(torch.tensor(results["elbo"]), f"the ELBO of epoch {self.current_epoch}")
        active = self._active(meter)
        if active is not None:
            results["active"] = float(active.sum())
        meter.reset()
        return results

    def _active(self, meter: _Meter) -> Tensor | None:
        """Whether the encoder used each component; None where mean or prior are not known."""
        if meter.embedding is None or not isinstance(self.vae.prior, Fixed):
            return None
        spread, var = location_and_spread(self.vae.prior())[1], meter.embedding_var()
        if not bool(var.isfinite().all()):  # a distribution without a mean, such as Cauchy's
            return None
        return var > 0.01 * spread**2


class _Meter:
    """Sums over an epoch: of the bound's terms, and of the posterior means and their squares."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.sums: Tensor | float = 0.0
        self.embedding: Tensor | None = None

    def add(self, terms: Terms, weight: Tensor | None, bound: Tensor | None = None) -> None:
        with torch.no_grad():
            likelihood = terms.log_likelihood.mean(0)
            weight = torch.ones_like(terms.kl) if weight is None else weight
            # Not as a product of matrices, which autocast would shorten to half precision.
            bounds = [] if bound is None else [bound]
            columns = torch.stack([likelihood, terms.kl, torch.ones_like(weight), *bounds])
            self.sums = self.sums + (columns * weight).double().sum(1)
            mean = _mean_where_known(terms)
            if mean is not None:
                shares = weight.to(mean).reshape(-1, *(1 for _ in mean.shape[1:]))
                moments = torch.stack([(shares * mean).sum(0), (shares * mean**2).sum(0)]).double()
                self.embedding = moments if self.embedding is None else self.embedding + moments

    def gather(self, of_all: Callable[[Tensor], Tensor]) -> None:
        """Take the sums over all devices for those of this one."""
        if isinstance(self.sums, Tensor):
            self.sums = of_all(self.sums)
        if self.embedding is not None:
            self.embedding = of_all(self.embedding)

    def results(self) -> dict[str, float]:
        likelihood, divergence, weight, *bounds = torch.as_tensor(self.sums).tolist()
        likelihood, divergence = likelihood / weight, divergence / weight
        results = {"elbo": likelihood - divergence, "reconstruction": likelihood, "kl": divergence}
        return results | ({"bound": bounds[0] / weight} if bounds else {})

    def embedding_var(self) -> Tensor:
        assert self.embedding is not None
        mean, square = self.embedding / torch.as_tensor(self.sums)[2].to(self.embedding)
        return square - mean**2


def _mean(bound: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over rows; weights are 1 on average over the data, not within each batch."""
    return bound.mean() if weight is None else (bound * weight).mean()


def _mean_where_known(terms: Terms) -> Tensor | None:
    try:
        return terms.q.mean
    except NotImplementedError:
        return None


def _require_finite(value: Tensor, what: str) -> None:
    if not bool(torch.isfinite(value)):
        raise FloatingPointError(f"{what} is {float(value)}: {_REMEDIES}")


def require_finite_weights(model: nn.Module) -> None:
    """Raise FloatingPointError if the last step made a weight NaN or infinite.

    No loss is computed after the last step, so only the weights can show this.
    """
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise FloatingPointError(f"{name} is NaN or infinite after training: {_REMEDIES}")


def _require_same_shapes(own: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """Raise CheckpointError where stored weights do not fit: torch would list all of them."""
    here, there = (
        {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}
        for state in (own, stored)
    )
    for name in here | there:
        if name not in here:
            told = f"has {name}"
        elif name not in there:
            told = f"lacks {name}"
        elif here[name] != there[name]:
            told = f"has {name} of shape {there[name]}, not {here[name]}"
        else:
            continue
        raise CheckpointError(
            f"the checkpoint is of another model, which {told}: give the arguments and data of "
            "its run, or another folder"
        )
