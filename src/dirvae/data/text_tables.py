"""Columns of tables of texts: .csv, .tsv, .jsonl and .parquet."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from dirvae import alignment
from dirvae.data.delimited import NUMBER, read_delimited
from dirvae.data.parquet import batches, opened_parquet
from dirvae.data.text_files import UTF8, read_text
from dirvae.formats import FORMATS, kind_of
from dirvae.text import some_of

__all__ = [
    "TEXT_COLUMN",
    "as_classes",
    "as_texts",
    "delimited_columns",
    "is_missing",
    "json_columns",
    "json_object",
    "parquet_columns",
    "places_of",
    "read_columns",
]

TEXT_COLUMN = "text"  # where no other is named
HINT = "; text_column (--text-column on the command line) names the column of texts"
WHOLE_FRACTION = re.compile(r"-?\d+\.0")

Column = list[Any]


def read_columns(
    path: Path, names: Sequence[str], encoding: str = UTF8
) -> tuple[list[Column], tuple[str, ...]]:
    r"""Read columns of a table, cells as they are; see `read_delimited` for .csv and .tsv.

    Args:
        path: One of `formats.TEXTS`; a file of text may be packed by gzip.
        names: Of the columns.
        encoding: Of a file of text; see `read_text`.

    Returns:
        The columns in this order, each of length N, and what was recognised. Cells of .csv and .tsv
        are strings, so that NA, null and 007 stay what they are. Those of .jsonl and .parquet are
        of any kind, None or NaN where missing.

    Raises:
        ValueError: If it cannot be read, has no rows, or has a column not at all or twice.
        ImportError: If pyarrow is needed and not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "x.csv").write_text("text,label\nNA,007\n")
        ...     read_columns(Path(folder, "x.csv"), ["label", "text"])
        ([['007'], ['NA']], ())
    """
    columns, notes = resolve_name(FORMATS[kind_of(path)].texts)(path, names, encoding)
    if not columns[0]:
        raise ValueError(f"{path} has no rows")
    return columns, notes


def as_texts(path: Path, name: str, cells: Column) -> list[str]:
    """Return texts, where missing the empty string.

    Raises:
        ValueError: If a cell is no text, or every one is a number.

    Example:
        >>> as_texts(Path("x.csv"), "text", ["one", None, "2"])
        ['one', '', '2']
    """
    texts = ["" if is_missing(cell) else cell for cell in cells]
    said = [text for text in texts if text != ""]
    are_numbers = said and all(isinstance(t, str) and NUMBER.fullmatch(t) for t in said)
    for row, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise ValueError(f"{path} has {text!r} in row {row} of {name!r}, must be text")
        if are_numbers and text:
            raise ValueError(
                f"{path} has {text} in row {row} of {name!r}, must be text, but all cells are "
                "numbers"
            )
    return texts


def as_classes(cells: Column) -> list[str]:
    """Return words, where missing the empty string.

    Whole numbers among missing values, which pandas makes fractions, are whole again.

    Example:
        >>> (
        ...     as_classes(["007", "NA", None]),
        ...     as_classes([1.0, float("nan")]),
        ...     as_classes(["2.0", ""]),
        ... )
        (['007', 'NA', ''], ['1', ''], ['2', ''])
    """
    known = [cell for cell in cells if not is_missing(cell)]
    are_whole = all(isinstance(cell, str) and WHOLE_FRACTION.fullmatch(cell) for cell in known)
    return ["" if is_missing(cell) else _class(cell, are_whole) for cell in cells]


def _class(cell: Any, is_whole: bool) -> str:
    if is_whole:
        return str(cell).removesuffix(".0")
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, NA, NaT or the empty string."""
    return alignment.is_missing(cell) or (isinstance(cell, str) and cell == "")


def places_of(path: Path, found: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the places of columns.

    Raises:
        ValueError: If one is not there, or there twice.
    """
    for name in names:
        if found.count(name) > 1:
            raise ValueError(f"{path} has two columns named {name!r}; each name must be unique")
        if name not in found:
            hint = HINT if name == TEXT_COLUMN else ""
            raise ValueError(
                f"{path} has no column {name!r}; its columns are {some_of(found)}{hint}"
            )
    return [found.index(name) for name in names]


def delimited_columns(
    path: Path, names: Sequence[str], encoding: str
) -> tuple[list[Column], tuple[str, ...]]:
    """Read columns of a .csv or .tsv file; cells are strings."""
    table = read_delimited(path, encoding)
    return table.columns(places_of(path, table.first, names), table.start), table.notes


def json_columns(
    path: Path, names: Sequence[str], encoding: str
) -> tuple[list[Column], tuple[str, ...]]:
    """Read columns of a .jsonl file, whose lines are JSON objects; what a line lacks is None."""
    text, notes = read_text(path, encoding)
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):  # JSON may hold other breaks
        if line.strip():
            rows.append(json_object(path, number, line))
    found = list(dict.fromkeys(key for row in rows for key in row))
    if rows:
        places_of(path, found, names)
    return [[row.get(name) for row in rows] for name in names], notes


def json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    """Return the object that a line of JSON is.

    Raises:
        ValueError: If it is none.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} cannot be read: line {number} is not valid JSON ({error})"
        ) from error
    if not isinstance(found, dict):
        raise ValueError(
            f"{path} cannot be read: line {number} is not a JSON object, such as "
            '{"text": "some words"}'
        )
    return found


def parquet_columns(
    path: Path, names: Sequence[str], encoding: str = UTF8
) -> tuple[list[Column], tuple[str, ...]]:
    """Read columns of a .parquet file, which has no encoding."""
    with opened_parquet(path) as (_, table):
        found = [str(name) for name in table.schema_arrow.names]
        places_of(path, found, names)
        columns: list[Column] = [[] for _ in names]
        for batch in batches(path, table, list(dict.fromkeys(names))):
            for column, name in zip(columns, names, strict=True):
                column += batch.column(batch.schema.names.index(name)).to_pylist()
    return columns, ()
