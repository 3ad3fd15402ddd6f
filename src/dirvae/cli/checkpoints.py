"""Checkpoints of an interrupted run: where they are, and what a run may go on from."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.errors import EXPECTED, INTERRUPTED, Stop, sentence
from dirvae.cli.outputs import Inputs, require_apart
from dirvae.writing import alone, made, partial_of, require_writable, write_text

__all__ = ["CheckpointDir", "Resume", "fingerprint", "place", "resumable"]

SETTINGS, LAST, BEST = "settings.json", "last.ckpt", "best.ckpt"
HASHED = ("data", "options of words", "guide", "covariates")

CheckpointDir = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Folder for checkpoints. If given, the checkpoints are not deleted at the end.",
        show_default="OUTPUT.checkpoints",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue an interrupted run from its checkpoint.")
]


def place(output: Path, chosen: Path | None, inputs: Inputs) -> Path:
    """Where the checkpoints of a run go: by default beside the model folder, or else in it.

    Raises:
        ValueError: If the user chose a folder that is the model's or is in an input.
    """
    if chosen is None:
        return _by_default(output.resolve())
    require_apart(chosen, inputs, "--checkpoint-dir")
    if output.resolve() in (chosen.resolve(), *chosen.resolve().parents):
        raise ValueError(
            f"--checkpoint-dir {chosen} is in --output {output}; choose another folder"
        )
    return chosen


def _by_default(output: Path) -> Path:
    from dirvae.persistence.folder import CHECKPOINTS

    beside = output.with_name(f"{output.name}.{CHECKPOINTS}")
    # What is mounted may be all that is kept, such as of a container, or all that is writable.
    inside = os.path.ismount(output) or not os.access(output.parent, os.W_OK | os.X_OK)
    return output / CHECKPOINTS if output.is_dir() and inside else beside


def fingerprint(*parts: Any) -> str:
    """Hash of data: arrays, sparse matrices, lists of words."""
    import numpy as np

    digest = hashlib.sha256()
    for part in parts:
        if hasattr(part, "fingerprint"):  # a corpus on disk
            part = part.fingerprint
        if hasattr(part, "indptr"):
            part = fingerprint(part.data, part.indices, part.indptr, part.shape)
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(json.dumps(part).encode())
    return digest.hexdigest()


def _open(folder: Path, settings: dict[str, Any], resume: bool) -> None:
    """Note what a run is started with, or compare it with what the folder's run was."""
    kept = (folder / LAST).is_file()
    if resume and not kept:
        raise ValueError(f"--resume: {folder} has no checkpoint of an interrupted run")
    if kept and not resume:
        raise ValueError(
            f"{folder} has the checkpoint of an earlier run: continue that run with --resume, or "
            "delete the folder to start a new run"
        )
    if resume:
        _compare(folder, settings)
    else:
        _require_ours(folder)
    write_text(folder / SETTINGS, json.dumps(settings))


def _require_ours(folder: Path) -> None:
    """Refuse to replace files that only have the names of ours."""
    there = [name for name in (SETTINGS, BEST) if os.path.lexists(folder / name)]
    if there and not _settings(folder).keys() >= {"n_components", "random_state"}:
        raise ValueError(
            f"{folder} has a file {there[0]} that is not of dirvae; choose another folder"
        )


def _settings(folder: Path) -> dict[str, Any]:
    """What a run was started with; empty if that cannot be read."""
    try:
        before = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return before if isinstance(before, dict) else {}


def _compare(folder: Path, settings: dict[str, Any]) -> None:
    from dirvae.training import CheckpointError
    from dirvae.training.checkpoints import read_checkpoint

    before = _settings(folder)
    try:
        read_checkpoint(folder / LAST)
        damaged = not before
    except CheckpointError:
        damaged = True
    if damaged:
        raise ValueError(f"--resume: the checkpoint in {folder} is damaged; delete this folder")
    for name, value in settings.items():
        if name != "max_epochs" and before.get(name, value) != value:
            had = f"other {name}" if name in HASHED else f"{name} {before[name]}, not {value}"
            raise ValueError(
                f"--resume: the interrupted run had {had}; give the same data and options, or "
                f"delete {folder}"
            )


@contextmanager
def resumable(
    folder: Path, settings: dict[str, Any], arguments: list[str], *, resume: bool, keep: bool
) -> Iterator[None]:
    """Keep checkpoints during a run. If the run is interrupted, print the command that goes on.

    Args:
        folder: Of the checkpoints.
        settings: Data and options of the run; a run that goes on must have the same.
        arguments: Of the command.
        resume: Whether to go on from the folder's checkpoint.
        keep: Whether checkpoints stay after the end.

    Raises:
        BlockingIOError: If another run has the folder. It would be given this run's settings, and
            would lose its checkpoint when this one ends.
    """
    require_writable(folder)
    with made(folder), alone(folder, wait=False):
        _open(folder, settings, resume)
        try:
            yield
        except (KeyboardInterrupt, OSError) as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            message = "interrupted" if interrupted else sentence(error)
            if (folder / LAST).is_file():
                again = arguments if "--resume" in arguments else [*arguments, "--resume"]
                command = shlex.join(["dirvae", *again])
                message += f"; the checkpoint is saved, continue with: {command}"
            else:
                _remove(folder)
                message += " before the first epoch ended; nothing is saved" if interrupted else ""
            raise Stop(message, INTERRUPTED if interrupted else 2) from error
        except EXPECTED:
            if not (folder / LAST).is_file():
                _remove(folder)
            raise
        if not keep:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Delete what a run left there, and the folder if nothing else is in it."""
    if not folder.is_dir():
        return
    names = (LAST, BEST, SETTINGS)
    for entry in list(folder.iterdir()):
        if entry.name in names or partial_of(entry.name) in names:
            entry.unlink()
    with suppress(OSError):  # something else is in it, or it is a mount point
        folder.rmdir()
