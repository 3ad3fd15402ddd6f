"""What the command line hands on to the trainer: a log of the training, and its precision."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.options import one_of, words_of
from dirvae.cli.outputs import Inputs, require_apart
from dirvae.writing import require_writable

__all__ = ["PRECISIONS", "Logger", "Precision", "logged"]

LOGGERS = {"csv": "CSVLogger", "tensorboard": "TensorBoardLogger"}
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")

Logger = Annotated[
    tuple[str, Path] | None,
    typer.Option(
        metavar="KIND PATH",
        help=f"Log the metrics of each epoch: the word {' or '.join(LOGGERS)}, then a folder. Each "
        "run writes to its own subfolder, version_N.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        parser=one_of(PRECISIONS),
        help=f"Floating-point precision: {words_of(PRECISIONS)}. Half precision is faster only on "
        "a GPU.",
    ),
]


def logged(
    chosen: tuple[str, Path] | None, output: Path, inputs: Inputs
) -> Callable[[], dict[str, Any]]:
    """Check a log, and return what makes the argument ``trainer`` for it once data are read.

    Args:
        chosen: The value of ``--logger``.
        output: Folder of the model.
        inputs: Of the command.

    Raises:
        ValueError: If the kind is unknown, or the folder is that of the model or in an input.
        OSError: If nothing can be written there.
    """
    if chosen is None:
        return dict
    kind, folder = chosen
    if kind not in LOGGERS:
        raise ValueError(f"--logger is {kind}, must be {' or '.join(LOGGERS)}, then a folder")
    if kind == "tensorboard" and find_spec("tensorboard") is None:
        raise ImportError("--logger tensorboard needs tensorboard: pip install tensorboard")
    require_apart(folder, inputs, "--logger")
    if output.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise ValueError(f"--logger {folder} is in --output {output}; choose another folder")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--logger {folder} is a file, must be a folder or a new path")
    require_writable(folder)

    def trainer() -> dict[str, Any]:
        from lightning.pytorch import loggers

        return {"logger": getattr(loggers, LOGGERS[kind])(folder, name="")}

    return trainer
