"""``dirvae transform``, ``evaluate`` and ``info``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.errors import say
from dirvae.cli.outputs import require_table, write_table

__all__ = ["evaluate", "info", "transform"]

Model = Annotated[Path, typer.Argument(help="Folder that dirvae fit wrote.")]
Data = Annotated[
    str, typer.Argument(help=".npy, .npz, .csv, .parquet, a folder of .png or .jpg, or mnist.")
]
Array = Annotated[str | None, typer.Option(help="Which array of an .npz file or of mnist.")]
IdColumn = Annotated[
    list[str] | None, typer.Option(help="Column that is no data; give it again for more.")
]
