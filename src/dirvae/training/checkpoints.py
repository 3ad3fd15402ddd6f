"""What is kept of a training: whole checkpoints, the best weights, and the way back to them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from dirvae.training.callbacks import settled
from dirvae.writing import whole

__all__ = ["BEST", "LAST", "WholeCheckpoints", "interruptible", "keepers"]

LAST, BEST = "last.ckpt", "best.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or not there.

    Lightning writes its own to the system's temporary folder, which may be small, and copies them.
    A process that is killed while it copies leaves half a file.
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


def keepers(
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


@contextmanager
def interruptible(run: lightning.Trainer, folder: Path | None) -> Iterator[None]:
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
