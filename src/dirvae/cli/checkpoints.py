"""Checkpoints of an interrupted run: where they are, and what a run may go on from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirvae.cli.errors import EXPECTED, INTERRUPTED, Stop, sentence
from dirvae.cli.outputs import require_writable

__all__ = ["beside", "open_folder", "remove", "resumable"]

SETTINGS, LAST, BEST = "settings.json", "last.ckpt", "best.ckpt"


def beside(output: Path) -> Path:
    """Where the checkpoints of a run go by default: outside the model folder."""
    output = output.resolve()
    return output.with_name(f"{output.name}.checkpoints")


def open_folder(folder: Path, settings: dict[str, Any], resume: bool) -> None:
    """Make the folder, or compare what its run was started with."""
    kept = (folder / LAST).is_file()
    if resume and not kept:
        raise ValueError(f"--resume: {folder} holds no checkpoint to go on from")
    if kept and not resume:
        raise ValueError(
            f"{folder} holds the checkpoint of an earlier run: go on from it with --resume, or "
            "delete the folder to start anew"
        )
    if resume:
        _compare(folder, settings)
    require_writable(folder)
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")


def _compare(folder: Path, settings: dict[str, Any]) -> None:
    import torch

    try:
        before = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        torch.load(folder / LAST, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, from a damaged file
        raise ValueError(f"--resume: the checkpoint in {folder} is damaged; delete it") from error
    for name, value in settings.items():
        if name != "max_epochs" and before.get(name) != value:
            raise ValueError(
                f"--resume: the interrupted run had {name} {before.get(name)}, not {value}; give "
                f"the same data and options, or delete {folder}"
            )


@contextmanager
def resumable(folder: Path, arguments: list[str]) -> Iterator[None]:
    """If the run is cut off say how to go on; clear up if there is nothing to go on from."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        message = "interrupted" if interrupted else sentence(error)
        if (folder / LAST).is_file():
            again = arguments if "--resume" in arguments else [*arguments, "--resume"]
            message += f"; the checkpoint is kept, go on with: {shlex.join(['dirvae', *again])}"
        else:
            remove(folder)
            message += " before the first epoch ended; nothing is kept" if interrupted else ""
        raise Stop(message, INTERRUPTED if interrupted else 2) from error
    except EXPECTED:
        if not (folder / LAST).is_file():
            remove(folder)
        raise


def remove(folder: Path) -> None:
    """Delete what a run left there, and the folder if nothing else is in it."""
    for name in (LAST, BEST, SETTINGS):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
