"""Checkpoints of a training: complete files, the best weights, and how to resume."""

from __future__ import annotations

import io
import signal
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities.exceptions import SIGTERMException

from dirvae.training.callbacks import settled
from dirvae.writing import whole

__all__ = [
    "BEST",
    "LAST",
    "CheckpointError",
    "WholeCheckpoints",
    "interruptible",
    "keepers",
    "read_checkpoint",
]

LAST, BEST = "last.ckpt", "best.ckpt"


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged or of another model: training cannot go on from it.

    Example:
        >>> read_checkpoint("no/last.ckpt")
        Traceback (most recent call last):
        ...
        dirvae.training.checkpoints.CheckpointError: the checkpoint no/last.ckpt is missing
    """


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Return the content of a checkpoint, after comparing each part with its checksum.

    PyTorch writes a checksum (CRC-32) for each part, but does not compare it when it reads. Some
    releases of PyTorch also find the parts in another way than Python does. So PyTorch reads a copy
    of the parts that were checked.

    Raises:
        CheckpointError: If the file is missing or damaged, or holds more than tensors and numbers.
    """
    checked = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as parts, zipfile.ZipFile(checked, "w") as copy:
            for part in parts.infolist():
                if part.compress_type != zipfile.ZIP_STORED:  # PyTorch's parts never are
                    raise zipfile.BadZipFile(part.filename)
                copy.writestr(part.filename, parts.read(part))
        checked.seek(0)
        content = torch.load(checked, map_location=map_location, weights_only=True)
        return cast(dict[str, Any], content)
    except FileNotFoundError as error:
        raise CheckpointError(f"the checkpoint {path} is missing") from error
    except Exception as error:  # of many kinds, from a damaged file
        raise CheckpointError(f"the checkpoint {path} is damaged: delete it") from error


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints so that each file is either complete or absent.

    Lightning writes a checkpoint to the system's temporary folder, which may be small, and then
    copies it. If the process is killed during the copy, half a file is left.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        if "://" in str(path):  # not a path of this machine, of which Lightning knows some
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                # PyTorch ends a file that it could not write, and its own error hides the disk's.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        if "://" in str(path):
            return super().load_checkpoint(path, map_location, weights_only)
        return read_checkpoint(path, map_location)


def keepers(
    folder: Path, keep: bool, monitor: str | None, patience: int
) -> tuple[list[Callback], ModelCheckpoint | None]:
    """Return callbacks that save checkpoints and stop early, and the one that saves the best.

    The two that judge epochs do so by the metric ``monitor``; None leaves them out.
    """
    kept: list[Callback] = []
    best = None
    if monitor is not None:
        best = _KeepBest(folder, monitor)
        kept += [best, _StopEarly(monitor, patience)]
    if keep:
        # At the very end of an epoch, after validation, when nothing of it is left to do.
        name = LAST.removesuffix(".ckpt")
        options: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
        kept.append(_InOnePlace(folder, name, **options))
    return kept, best


class _InOnePlace(ModelCheckpoint):
    """A checkpoint under one name in one folder, which may have moved since it was written.

    Lightning keeps whole paths, and forgets which epoch was best where they have changed.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        names = ("best_model_path", "kth_best_model_path", "last_model_path")
        here: dict[str, Any] = {name: self._path for name in names if state_dict.get(name)}
        scores = state_dict["best_k_models"].values()  # one, or none
        best = dict(zip([self._path], scores, strict=False))
        here |= {"dirpath": self.dirpath, "best_k_models": best}
        super().load_state_dict({**state_dict, **here})

    @property
    def _path(self) -> str:
        return str(Path(str(self.dirpath)) / f"{self.filename}.ckpt")


class _KeepBest(_InOnePlace):
    """Weights of the best epoch, of those that can be compared."""

    def __init__(self, folder: Path, monitor: str) -> None:
        name = BEST.removesuffix(".ckpt")
        options: dict[str, Any] = {"monitor": monitor, "mode": "max", "save_weights_only": True}
        options |= {"save_on_train_epoch_end": True, "enable_version_counter": False}
        super().__init__(folder, name, **options)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict["best_model_path"]:
            read_checkpoint(self._path)  # it is asked for in the end, when the work is done
        super().load_state_dict(state_dict)

    def on_train_epoch_end(self, trainer: Any, training: Any) -> None:
        if settled(trainer, training, trainer.current_epoch):
            super().on_train_epoch_end(trainer, training)


class _StopEarly(EarlyStopping):
    """Early stopping that counts only epochs that can be compared."""

    def __init__(self, monitor: str, patience: int) -> None:
        validated: dict[str, Any] = {"check_on_train_epoch_end": False}
        super().__init__(monitor, mode="max", patience=patience, **validated)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: Any, training: Any) -> None:
        # A training that is resumed may have ended by this before.
        if self.wait_count >= self.patience:
            trainer.should_stop = True

    def on_validation_end(self, trainer: Any, training: Any) -> None:
        if settled(trainer, training, trainer.current_epoch):
            super().on_validation_end(trainer, training)


def require_checkpoint(resume: bool, folder: str | Path | None) -> None:
    """Raise FileNotFoundError if a training is to be resumed that has no checkpoint.

    Example:
        >>> require_checkpoint(True, "no-such-folder")
        Traceback (most recent call last):
        FileNotFoundError: resume: there is no last.ckpt in checkpoint_dir=no-such-folder
    """
    if resume and (folder is None or not (Path(folder) / LAST).is_file()):
        raise FileNotFoundError(f"resume: there is no {LAST} in checkpoint_dir={folder}")


@contextmanager
def interruptible(folder: Path | None) -> Iterator[None]:
    """Turn the exit that Lightning makes of Ctrl-C or SIGTERM back into an exception.

    An exit of another origin, such as ``sys.exit`` in a user's callback, stays what it is.
    """
    on_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if on_main else None
    try:
        yield
    except SystemExit as error:
        interrupted = isinstance(error.__context__, KeyboardInterrupt)
        if not interrupted and not isinstance(error, SIGTERMException):
            raise
        raise KeyboardInterrupt(_how_to_resume(folder)) from None
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _how_to_resume(folder: Path | None) -> str:
    if folder is None or not (folder / LAST).is_file():
        return "training was interrupted; no checkpoint was kept"
    return f"training was interrupted; {folder / LAST} is kept: go on from it with resume=True"
