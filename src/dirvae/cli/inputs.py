"""What the commands read: rows of numbers, and what was recognised in their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dirvae.cli.errors import refuse, say

if TYPE_CHECKING:
    from dirvae.data.files import Rows

__all__ = ["UTF8", "is_named", "load_estimator", "read_data", "tell"]

UTF8 = "utf-8"  # as in data, of which --help does not wait for the imports
TEXT_TABLES = (".csv", ".tsv")


def read_data(
    source: str, array: str | None, id_columns: Sequence[str] | None, encoding: str = UTF8
) -> Rows:
    """Read rows of numbers, and say what was done to them."""
    no_text = not is_named(source, TEXT_TABLES)
    refuse(f"{source}, no .csv or .tsv file", {"--encoding": no_text and encoding != UTF8})
    from dirvae.data.files import read_rows

    rows = read_rows(source, array=array, id_columns=id_columns or (), encoding=encoding)
    tell(source, rows.notes)
    return rows


def load_estimator(path: Path, method: str, otherwise: str) -> Any:
    """Load an estimator, whose output is an array, whatever kind of frame it was saved with.

    Args:
        path: Folder of the model.
        method: That the estimator must have.
        otherwise: What is said of a model that has it not.
    """
    from dirvae.persistence import load

    loaded = load(path)
    if not hasattr(loaded, method):
        raise ValueError(f"{path} holds a {type(loaded).__name__}{otherwise}")
    return loaded.set_output(transform="default")


def tell(source: str, notes: Sequence[str]) -> None:
    """Say what was recognised in a file."""
    for note in notes:
        say(f"{source}: {note}")


def is_named(source: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a file is of one of the kinds by its name, packed by gzip or not.

    Example:
        >>> is_named("Texts.CSV.gz", (".csv",))
        True
    """
    return source.lower().removesuffix(".gz").endswith(suffixes)
