"""Training by Lightning: one module, and one function that calls the trainer."""

from __future__ import annotations

import copy
import logging
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    RichProgressBar,
)
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dirvae.callbacks import CollapseWatch, settled
from dirvae.data.arrays import ArrayDataset, Batch, loader
from dirvae.distributions.global_random import forked_generators
from dirvae.distributions.moments import location_and_spread
from dirvae.models.likelihoods import require_support
from dirvae.models.vae import VAE
from dirvae.nn import Fixed, Head
from dirvae.nn.surroundings import Overlapping, pinned
from dirvae.objectives import KLSchedule, Terms, constant, elbo
from dirvae.writing import whole

__all__ = ["History", "Training", "adam", "decaying_adam", "fit", "resumed_adam"]

History = list[dict[str, float]]
"""One dict an epoch: elbo, reconstruction and kl in nats, active (components), and val_* alike."""

LAST, BEST = "last.ckpt", "best.ckpt"


class Training(lightning.LightningModule):
    """How a VAE is trained: the objective, its KL schedule and the optimiser.

    Args:
        vae: The model.
        objective: From terms and ``kl_weight`` to a bound of each example, shape (B,).
        kl_schedule: From optimiser steps taken to the weight of the KL.
        optimizer: From parameters to what ``LightningModule.configure_optimizers`` may return;
            `adam` at 1e-3 by default.
        num_samples: S, draws of the latent for each example and step.
        importance: Whether the objective reads ``terms.log_ratio``.

    Attributes:
        history: One dict of metrics an epoch.
        generator: Source of noise, where `fit` was given one; None for torch's global one.
        best_epoch: Place in ``history`` of the epoch whose weights `fit` left: the last, or with
            validation the best of those that can be compared.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> from dirvae.objectives import linear_warmup
        >>> training = Training(gaussian(4, 2), kl_schedule=linear_warmup(100))
        >>> training.kl_schedule(50)
        0.5
    """

    def __init__(
        self,
        vae: VAE,
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
        self.best_epoch = -1
        self.noise: torch.Generator | None = None
        self.active: Tensor | None = None
        self._train, self._validation = _Meter(), _Meter()

    def configure_optimizers(self) -> Any:
        """Give the trainer the optimiser."""
        return self.optimizer(self.vae.parameters())

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as the trainer is told, a fused optimiser's gradients too.

        Lightning refuses these under any mixed precision, though only float16 scales gradients.
        """
        plugin, algorithm = self.trainer.precision_plugin, gradient_clip_algorithm
        if gradient_clip_val and isinstance(plugin, MixedPrecision) and plugin.scaler is None:
            kind = GradClipAlgorithmType(algorithm or "norm")
            Precision.clip_gradients(plugin, optimizer, gradient_clip_val, kind)
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, algorithm)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Return the negative objective, the mean over (weighted) rows."""
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
        """Count the bound with full KL weight, whatever the schedule says."""
        self._validation.add(self._terms(batch), batch.weight)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics; of them the bar, which is narrow, shows the ELBO."""
        results = {f"val_{k}": value for k, value in self._results(self._validation).items()}
        self.log("val_elbo", results.pop("val_elbo"), prog_bar=True, batch_size=1)
        self.log_dict(results, batch_size=1)

    def on_train_epoch_end(self) -> None:
        """Log the training metrics and keep them in ``history``."""
        self.active = self._active(self._train)
        self.log_dict(self._results(self._train), prog_bar=True, batch_size=1)
        metrics = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        self.history.append({"epoch": float(self.current_epoch), **metrics})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what an exact resume needs besides weights and optimiser: the noise to come."""
        source = self.generator or torch.default_generator
        checkpoint["history"], checkpoint["rng"] = self.history, source.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on where the checkpoint was written."""
        self.history = checkpoint["history"]
        source = self.generator or torch.default_generator
        source.set_state(checkpoint["rng"].cpu())

    def on_fit_start(self) -> None:
        """Let an accelerator have a generator of its own, which only draws there."""
        self.noise = self.generator
        if self.generator is not None and self.device.type != "cpu":
            seed = self.generator.initial_seed()
            self.noise = torch.Generator(self.device).manual_seed(seed)

    def _terms(self, batch: Batch) -> Terms:
        terms: Terms = self.vae.terms(
            batch.x,
            batch.covariates,
            mask=batch.mask,
            num_samples=self.num_samples,
            importance=self.importance,
            generator=self.noise,
        )
        return terms

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
        if not bool(var.isfinite().all()):  # a law without a mean, such as Cauchy's
            return None
        return var > 0.01 * spread**2


def adam(parameters: Iterable[Any], learning_rate: float = 1e-3) -> torch.optim.Adam:
    """Adam, whose step on a CPU is one pass over the weights: a quarter of a small model's time.

    Args:
        parameters: Weights, or groups of them (torch's; lists, each maybe with its own step size).
        learning_rate: The others'.

    Example:
        >>> from functools import partial
        >>> from dirvae.models.zoo import gaussian
        >>> training = Training(gaussian(4, 2), optimizer=partial(adam, learning_rate=5e-4))
    """
    parameters = list(parameters)
    groups = (p["params"] if isinstance(p, dict) else [p] for p in parameters)
    on_cpu = all(weight.device.type == "cpu" for weight in chain.from_iterable(groups))
    return torch.optim.Adam(parameters, lr=learning_rate, fused=on_cpu or None)


def resumed_adam(
    learning_rate: float, state: dict[str, Any] | None
) -> Callable[[Iterable[Any]], torch.optim.Adam]:
    """`adam` that goes on from the state of an earlier one, or afresh from None.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> vae = gaussian(4, 2)
        >>> state = resumed_adam(1e-3, None)(vae.parameters()).state_dict()
        >>> training = Training(vae, optimizer=resumed_adam(1e-3, state))
    """

    def configure(parameters: Iterable[Any]) -> torch.optim.Adam:
        optimizer = adam(parameters, learning_rate)
        if state is not None:
            optimizer.load_state_dict(state)
        return optimizer

    return configure


def decaying_adam(learning_rate: float, steps: int) -> Callable[[Iterable[Any]], Any]:
    """`adam` whose step size falls from ``learning_rate`` in a straight line to 0 after ``steps``.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> training = Training(gaussian(4, 2), optimizer=decaying_adam(4e-3, steps=1000))
    """

    def configure(parameters: Iterable[Any]) -> Any:
        optimizer = adam(parameters, learning_rate)
        decay = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: max(0.0, 1 - step / steps)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": decay, "interval": "step"}}

    return configure


class _Meter:
    """Sums over an epoch: of the bound's terms, and of the posterior means and their squares."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.sums: Tensor | float = 0.0
        self.embedding: Tensor | None = None

    def add(self, terms: Terms, weight: Tensor | None) -> None:
        with torch.no_grad():
            likelihood = terms.log_likelihood.mean(0)
            weight = torch.ones_like(terms.kl) if weight is None else weight
            # Not as a product of matrices, which autocast would shorten to half precision.
            columns = torch.stack([likelihood, terms.kl, torch.ones_like(weight)])
            self.sums = self.sums + (columns * weight).double().sum(1)
            mean = _mean_where_known(terms)
            if mean is not None:
                shares = weight.to(mean).reshape(-1, *(1 for _ in mean.shape[1:]))
                moments = torch.stack([(shares * mean).sum(0), (shares * mean**2).sum(0)]).double()
                self.embedding = moments if self.embedding is None else self.embedding + moments

    def results(self) -> dict[str, float]:
        likelihood, divergence, weight = torch.as_tensor(self.sums).tolist()
        likelihood, divergence = likelihood / weight, divergence / weight
        return {"elbo": likelihood - divergence, "reconstruction": likelihood, "kl": divergence}

    def embedding_var(self) -> Tensor:
        assert self.embedding is not None
        mean, square = self.embedding / torch.as_tensor(self.sums)[2].to(self.embedding)
        return square - mean**2


def fit(
    model: VAE | Training,
    data: Any,
    *,
    validation: Any = None,
    max_epochs: int = 100,
    batch_size: int = 128,
    patience: int = 10,
    checkpoint_dir: str | Path | None = None,
    resume: bool = False,
    seed: int | torch.Generator | None = None,
    verbose: bool = True,
    callbacks: Iterable[Callback] = (),
    **trainer: Any,
) -> History:
    """Train a VAE in place.

    With validation data, training stops when the validation ELBO has not risen for ``patience``
    epochs, and the best weights are restored; epochs before the KL has its final weight do not
    count. At the end of every epoch a checkpoint is written to ``checkpoint_dir``, from which
    ``resume=True`` goes on to the same result, on a CPU to the bit. If components stay out of use,
    a `callbacks.CollapseWarning` says so, once.

    Args:
        model: A `VAE` (then Adam at 1e-3 on the ELBO), or a `Training` that says otherwise.
        data: Rows: a tensor or array (N, D...), a SciPy sparse matrix, a `data.ArrayDataset`, or
            a `torch.utils.data.DataLoader` of `data.Batch`.
        validation: Likewise.
        max_epochs: Passes over the data.
        batch_size: Rows a step.
        patience: Epochs without a rise of the validation ELBO before training stops.
        checkpoint_dir: Folder for ``last.ckpt`` and ``best.ckpt``; nothing is kept if None.
        resume: Whether to go on from ``checkpoint_dir/last.ckpt``.
        seed: Seed of order and noise. With an integer torch's global generators are seeded and, in
            the end, left as they were; meanwhile other threads must not draw from them, and fits
            with a seed wait for each other. A `torch.Generator` of the CPU is the only source
            itself, and threads go on side by side: for models and loaders that draw nothing by
            themselves, as `torch.nn.Dropout` does. None for the global generator.
        verbose: Whether to show a progress bar.
        callbacks: Further Lightning callbacks.
        trainer: Further options of ``lightning.pytorch.Trainer``, such as ``accelerator``
            (torch's "cuda", too), ``strategy``, ``logger``, ``precision``, ``gradient_clip_val``.

    Returns:
        One dict of metrics an epoch.

    Raises:
        ValueError: If there are no rows, an argument is out of range, or the decoder's law cannot
            give the data (a Bernoulli takes probabilities, laws of counts 0 or more).
        FileNotFoundError: If there is no checkpoint to resume from.
        FloatingPointError: If the loss becomes NaN or infinite.
        KeyboardInterrupt: On Ctrl-C; the last epoch's checkpoint is kept and the message says how
            to go on.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> history = fit(gaussian(4, 2), torch.eye(4), max_epochs=2, seed=0, verbose=False)
        >>> [sorted(metrics) for metrics in history][0]
        ['active', 'elbo', 'epoch', 'kl', 'reconstruction']
    """
    training = model if isinstance(model, Training) else Training(model)
    _check(max_epochs, batch_size, resume, checkpoint_dir)
    generator, number = (seed, None) if isinstance(seed, torch.Generator) else (None, seed)
    with (
        pinned(),
        _seeded(number),
        _QUIET_LIGHTNING,
        tempfile.TemporaryDirectory() as temporary,
    ):
        training.generator = generator
        train_loader = _as_loader(data, "data", batch_size, generator, shuffle=True)
        valid_loader = None
        if validation is not None:
            valid_loader = _as_loader(validation, "validation", batch_size, generator)
        _require_support(training.vae, {"data": train_loader, "validation": valid_loader})
        _materialize(training.vae, train_loader)
        folder = Path(checkpoint_dir or temporary)
        keepers, best = _keepers(
            folder, checkpoint_dir is not None, validation is not None, patience
        )
        bar = [_Bar(refresh_rate=5)] if verbose else []
        callbacks = [*bar, *keepers, CollapseWatch(), *callbacks]
        options: dict[str, Any] = {
            "plugins": _WholeCheckpoints(),
            "enable_progress_bar": verbose,
            "enable_checkpointing": any(isinstance(c, ModelCheckpoint) for c in callbacks),
        }
        options = {**_QUIET, **options, **trainer}
        if options["accelerator"] == "cuda":
            options["accelerator"] = "gpu"  # Lightning's word for torch's
        run = lightning.Trainer(max_epochs=max_epochs, callbacks=callbacks, **options)
        last = str(folder / LAST) if resume else None
        with _interruptible(run, folder if checkpoint_dir is not None else None):
            run.fit(training, train_loader, valid_loader, ckpt_path=last, weights_only=True)
        training.best_epoch = len(training.history) - 1
        if best is not None and best.best_model_path:
            kept = torch.load(best.best_model_path, weights_only=True)
            training.load_state_dict(kept["state_dict"])
            training.best_epoch = kept["epoch"]
    training.vae.eval()
    return training.history


_QUIET: dict[str, Any] = {
    "logger": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "accelerator": "cpu",
    "devices": 1,
}


class _Bar(RichProgressBar):
    """A progress bar that is redrawn ``refresh_rate`` times a second, in a notebook too.

    Lightning's own asks for 100 times, and in a notebook for twice a step: a fifth to a third of
    the time of a small model.
    """

    def refresh(self, hard: bool = False) -> None:
        if self.progress:
            self.progress.refresh() if hard else self.progress.soft_refresh()


class _WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or not there.

    Lightning's own are written to the system's temporary folder first, which may be small and from
    which they are copied: a process that is killed while it copies leaves half a file.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        if "://" in str(path):  # not a path of this machine, of which Lightning knows some
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            torch.save(checkpoint, file)


class _KeepBest(ModelCheckpoint):
    """Weights of the best epoch, of those that can be compared."""

    def __init__(self, folder: Path) -> None:
        name = BEST.removesuffix(".ckpt")
        options: dict[str, Any] = {"monitor": "val_elbo", "mode": "max", "save_weights_only": True}
        options |= {"save_on_train_epoch_end": True, "enable_version_counter": False}
        super().__init__(folder, name, **options)

    def on_train_epoch_end(self, trainer: Any, training: Any) -> None:
        if settled(trainer, training):
            super().on_train_epoch_end(trainer, training)


class _StopEarly(EarlyStopping):
    """Early stopping that counts only epochs that can be compared."""

    def __init__(self, patience: int) -> None:
        validated: dict[str, Any] = {"check_on_train_epoch_end": False}
        super().__init__("val_elbo", mode="max", patience=patience, **validated)

    def on_validation_end(self, trainer: Any, training: Any) -> None:
        if settled(trainer, training):
            super().on_validation_end(trainer, training)


def _keepers(
    folder: Path, keep: bool, validate: bool, patience: int
) -> tuple[list[Callback], ModelCheckpoint | None]:
    """Callbacks that write checkpoints and stop early, and the one that knows the best weights."""
    best = _KeepBest(folder) if validate else None
    kept: list[Callback] = [best, _StopEarly(patience)] if best else []
    if keep:
        # At the very end of an epoch, after validation, when nothing of it is left to do.
        name = LAST.removesuffix(".ckpt")
        options: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
        kept.append(ModelCheckpoint(folder, name, **options))
    return kept, best


def _as_loader(
    data: Any,
    name: str,
    batch_size: int,
    generator: torch.Generator | None,
    *,
    shuffle: bool = False,
) -> Iterable[Batch]:
    if isinstance(data, DataLoader):
        return data
    if not isinstance(data, Dataset):
        data = ArrayDataset(data)
    if len(data) == 0:
        raise ValueError(f"{name} has no rows; at least one is needed")
    if generator is not None and isinstance(data, ArrayDataset):
        data = copy.copy(data)  # the caller's, and another fit's, keeps its own
        data.generator = generator
    return loader(data, batch_size, shuffle=shuffle, generator=generator)


def _require_support(vae: VAE, loaders: dict[str, Any]) -> None:
    """Refuse what the decoder's law cannot give: its density there may well be a number."""
    for name, batches in loaders.items():
        data = getattr(batches, "dataset", None)
        if isinstance(vae.decoder, Head) and isinstance(data, ArrayDataset):
            require_support(data.observed(), vae.decoder.Law, name)


def _materialize(vae: VAE, batches: Iterable[Batch]) -> None:
    """Give lazy layers their sizes, before the optimiser asks for their parameters."""
    if any(torch.nn.parameter.is_lazy(p) for p in vae.parameters()):
        batch = next(iter(batches))
        with torch.no_grad():
            vae.terms(batch.x, batch.covariates, mask=batch.mask)


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
        raise FloatingPointError(
            f"{what} is {float(value)}: lower the learning rate, clip gradients "
            "(gradient_clip_val), or look for extreme values in the data"
        )


def _check(
    max_epochs: int, batch_size: int, resume: bool, checkpoint_dir: str | Path | None
) -> None:
    for name, value in (("max_epochs", max_epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} is {value}, must be 1 or more")
    if resume and (checkpoint_dir is None or not (Path(checkpoint_dir) / LAST).is_file()):
        raise FileNotFoundError(f"resume: there is no {LAST} in checkpoint_dir={checkpoint_dir}")


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Seed order and noise for the time of a run."""
    if seed is None:
        yield
        return
    cuda = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    with forked_generators(seed, cuda):
        torch.manual_seed(seed)  # that of any other accelerator too
        yield


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's advice on hardware and loaders, which is not the user's to act on."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.", category=Warning)
        warnings.filterwarnings("ignore", message=r".*(num_workers|isinstance\(treespec).*")
        try:
            yield
        finally:
            logger.setLevel(level)


_QUIET_LIGHTNING = Overlapping(_quiet_lightning)


@contextmanager
def _interruptible(run: lightning.Trainer, folder: Path | None) -> Iterator[None]:
    """Turn the exit that Lightning makes of Ctrl-C back into an exception."""
    on_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if on_main else None
    try:
        yield
    except SystemExit:
        if run.state.status != "interrupted":
            raise
        raise KeyboardInterrupt(_how_to_resume(folder)) from None
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _how_to_resume(folder: Path | None) -> str:
    if folder is None or not (folder / LAST).is_file():
        return "training was interrupted; no checkpoint was kept"
    return f"training was interrupted; {folder / LAST} is kept: go on from it with resume=True"
