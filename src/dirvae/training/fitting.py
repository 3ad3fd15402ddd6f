"""Training by Lightning, in one function."""

from __future__ import annotations

import copy
import itertools
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher
from torch.utils.data import DataLoader, Dataset

from dirvae.data.arrays import ArrayDataset, Batch, OrderedBatches, loader
from dirvae.data.counts import CountDataset
from dirvae.data.processes import agreed
from dirvae.distributions.global_random import forked_generators
from dirvae.models.likelihoods import require_support
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE
from dirvae.nn import Head
from dirvae.nn.surroundings import Overlapping, pinned
from dirvae.training.callbacks import CollapseWatch
from dirvae.training.checkpoints import (
    LAST,
    WholeCheckpoints,
    interruptible,
    keepers,
    read_checkpoint,
    require_checkpoint,
)
from dirvae.training.module import History, Training, require_finite_weights

__all__ = ["fit"]


def fit(
    model: VAE | LabelledVAE | Training,
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
    epochs. The best weights are then restored. A `Training` with ``importance=True`` is judged by
    its own bound in place of the ELBO. Epochs do not count before the KL has its final
    weight, or while a callback of `dirvae.training` still changes the prior or the commitment. At
    the end of every epoch a checkpoint is written to ``checkpoint_dir``. With ``resume=True`` an
    interrupted training goes on from this checkpoint and gives the same result. On a CPU the result
    of one process is the same in every bit. If components stay out of use, one
    `training.CollapseWarning` says so.

    Args:
        model: A `VAE`, which is trained on the ELBO by Adam with step size 1e-3. Or a `Training`,
            which sets another objective, schedule or optimiser. With a warm-up of the KL, for
            example, more components come into use.
        data: Rows: a tensor or array (N, D...), a SciPy sparse matrix, a `data.ArrayDataset`, or
            a `torch.utils.data.DataLoader` of `data.Batch`.
        validation: Validation rows, in one of the same forms; None for no validation.
        max_epochs: Passes over the data.
        batch_size: Number of rows in each step. If several processes train together, the number
            in each process.
        patience: Number of epochs without a rise of that bound after which training stops.
        checkpoint_dir: Folder for ``last.ckpt`` and ``best.ckpt``. If None, no checkpoint is saved.
        resume: Whether to go on from ``checkpoint_dir/last.ckpt``. Then ``max_epochs`` counts the
            epochs before it as well.
        seed: Seed of the order of rows and of the noise. With an integer, torch's global generators
            are seeded, and restored in the end. During the training other threads must not draw
            from these generators, and other fits with an integer seed wait. The seed may also be a
            `torch.Generator` of the CPU. All random numbers then come from it, and threads can
            train at the same time. But then the model and the loader must not draw from torch's
            global generators, as `torch.nn.Dropout` does. None uses the global generators as they
            are.
        verbose: Whether to show a progress bar.
        callbacks: Further Lightning callbacks.
        trainer: Further options of ``lightning.pytorch.Trainer``, such as ``accelerator`` ("cuda"
            is accepted too), ``strategy``, ``logger``, ``precision``, ``gradient_clip_val``. If
            ``precision`` trains in another dtype, the weights get back their own dtype afterwards.
            With ``strategy="ddp"`` and ``devices=2``, two processes train together. Each row comes
            once in an epoch, in one of them. In the end all have the same weights.

    Returns:
        One dict of metrics for each epoch: see `History`.

    Raises:
        ValueError: If there are no rows, an argument is out of range, or the data are impossible
            under the decoder's distribution. A Bernoulli needs values in [0, 1]; counts must be 0
            or more. Or if the checkpoint to resume from has more than ``max_epochs`` epochs, or
            several processes have generators of different seeds, or fewer rows than
            processes.
        FileNotFoundError: If there is no checkpoint to resume from.
        CheckpointError: If the last checkpoint is damaged, of a model of other shapes or of a
            training with other data, or the best one is damaged or missing.
        FloatingPointError: If the loss, or a weight in the last step, becomes NaN or infinite.
        KeyboardInterrupt: On Ctrl-C. The checkpoint of the last epoch stays, and the message says
            how to go on.

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
        _dtypes_kept(training),
        _QUIET_LIGHTNING,
        tempfile.TemporaryDirectory() as temporary,
    ):
        training.generator = generator
        train_loader = _as_loader(data, "data", batch_size, generator, shuffle=True)
        valid_loader = None
        if validation is not None:
            valid_loader = _as_loader(validation, "validation", batch_size, generator)
        training.others = [
            own
            for part in (train_loader, valid_loader)
            for own in _generators_of(part)
            if own is not generator
        ]
        _require_support(training.vae, {"data": train_loader, "validation": valid_loader})
        _materialize(training.vae, train_loader)
        folder = Path(checkpoint_dir or temporary)
        monitor = None if validation is None else training.monitor
        kept_by, best = keepers(folder, checkpoint_dir is not None, monitor, patience)
        run = _trainer(verbose, [*kept_by, CollapseWatch(), *callbacks], max_epochs, trainer)
        last = str(folder / LAST) if resume else None
        _require_epochs(last, max_epochs)
        training.num_processes = _num_processes(run)
        if checkpoint_dir is not None:
            training.fingerprints = _fingerprints(data=train_loader, validation=valid_loader)
        with (
            interruptible(folder if checkpoint_dir is not None else None),
            _shared({"data": train_loader, "validation": valid_loader}, run.world_size),
        ):
            run.fit(training, train_loader, valid_loader, ckpt_path=last, weights_only=True)
        _restore_best(training, best, run)
    require_finite_weights(training.vae)
    training.vae.eval()
    return training.history


def _require_epochs(checkpoint: str | None, max_epochs: int) -> None:
    done = 0 if checkpoint is None else read_checkpoint(checkpoint)["epoch"] + 1
    if max_epochs < done:
        raise ValueError(
            f"max_epochs is {max_epochs}, must be {done} or more: the training to resume has "
            f"{done} epochs already"
        )


def _trainer(
    verbose: bool, callbacks: list[Callback], max_epochs: int, given: dict[str, Any]
) -> lightning.Trainer:
    options: dict[str, Any] = {
        "plugins": WholeCheckpoints(),
        "enable_progress_bar": verbose,
        "enable_checkpointing": any(isinstance(c, ModelCheckpoint) for c in callbacks),
    }
    options = {**_QUIET, **options, **given}
    if options["accelerator"] == "cuda":
        options["accelerator"] = "gpu"  # Lightning's word for torch's
    bar = [_Bar(refresh_rate=5)] if verbose else []
    return lightning.Trainer(max_epochs=max_epochs, callbacks=[*bar, *callbacks], **options)


def _num_processes(run: lightning.Trainer) -> int:
    if isinstance(run.strategy.launcher, _MultiProcessingLauncher):
        raise ValueError(
            "strategy starts copies of this process, in which what is learned would be lost; must "
            "be 'ddp', which starts the script anew for each process"
        )
    return run.world_size


@contextmanager
def _shared(loaders: dict[str, Any], num_processes: int) -> Iterator[None]:
    """Let the processes share the rows, where the batches are ours; Lightning sees to others."""
    batches = {name: getattr(loader, "sampler", None) for name, loader in loaders.items()}
    ours = {name: some for name, some in batches.items() if isinstance(some, OrderedBatches)}
    for name, some in ours.items():
        if some.num_rows < num_processes:
            raise ValueError(
                f"{name} has fewer rows than the {num_processes} processes; each needs at least one"
            )
    try:
        for some in ours.values():
            some.num_processes = num_processes
        yield
    finally:
        for some in ours.values():
            some.num_processes = 1


def _restore_best(training: Training, best: ModelCheckpoint | None, run: lightning.Trainer) -> None:
    """Go back to the weights of the best epoch, where one was kept."""
    training.best_epoch = len(training.history) - 1
    if best is not None and best.best_model_path:
        # By the first process, which wrote it: others may be on machines without this folder.
        kept = read_checkpoint(best.best_model_path) if run.is_global_zero else {}
        kept = agreed(kept, run.world_size)
        training.load_state_dict(kept["state_dict"])
        before = len(training.history) - 1 - int(training.history[-1]["epoch"])  # of other fits
        training.best_epoch = before + kept["epoch"]


@contextmanager
def _dtypes_kept(module: torch.nn.Module) -> Iterator[None]:
    """Give weights their own types back after a training in, say, double precision."""
    before = {name: tensor.dtype for name, tensor in _tensors(module)}
    try:
        yield
    finally:
        for name, tensor in _tensors(module):
            tensor.data = tensor.data.to(before.get(name, tensor.dtype))


def _tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    return itertools.chain(module.named_parameters(), module.named_buffers())


_QUIET: dict[str, Any] = {
    "logger": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "accelerator": "cpu",
    "devices": 1,
}


class _Bar(RichProgressBar):
    """A progress bar that is redrawn ``refresh_rate`` times a second, in a notebook too.

    Lightning's own is redrawn 100 times a second, and in a notebook twice a step. That takes a
    fifth to a third of the time of a small model.
    """

    def refresh(self, hard: bool = False) -> None:
        if self.progress:
            self.progress.refresh() if hard else self.progress.soft_refresh()


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


def _generators_of(loader: Any) -> Iterator[torch.Generator]:
    """Generators of a loader's own, of its data and of what orders them."""
    parts = [loader, getattr(loader, "dataset", None)]
    order = [getattr(loader, name, None) for name in ("sampler", "batch_sampler")]
    for part in (*parts, *order, *(getattr(one, "sampler", None) for one in order)):
        own = getattr(part, "generator", None)
        if own is not None:
            yield own


def _fingerprints(**loaders: Any) -> dict[str, str]:
    """Hashes of the data, where they are ours to read whole."""
    data = {name: getattr(loader, "dataset", None) for name, loader in loaders.items()}
    return {
        name: rows.fingerprint
        for name, rows in data.items()
        if isinstance(rows, ArrayDataset | CountDataset)
    }


def _require_support(vae: VAE | LabelledVAE, loaders: dict[str, Any]) -> None:
    """Refuse what the decoder's distribution cannot give; its density there may be a number."""
    for name, batches in loaders.items():
        data = getattr(batches, "dataset", None)
        if isinstance(vae.decoder, Head) and isinstance(data, ArrayDataset):
            require_support(data.observed(), vae.decoder.Law, name)


def _materialize(vae: VAE | LabelledVAE, batches: Iterable[Batch]) -> None:
    """Give lazy layers their sizes, before the optimiser asks for their parameters."""
    if any(torch.nn.parameter.is_lazy(p) for p in vae.parameters()):
        batch = next(iter(batches))
        with torch.no_grad():
            vae.terms(batch.x, **batch._replace(label=None).given())


def _check(
    max_epochs: int, batch_size: int, resume: bool, checkpoint_dir: str | Path | None
) -> None:
    for name, value in (("max_epochs", max_epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} is {value}, must be 1 or more")
    require_checkpoint(resume, checkpoint_dir)


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
