"""Rows of numbers from tables: .csv, .tsv and .parquet."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dirvae.alignment import is_missing
from dirvae.data.delimited import (
    DECIMAL_COMMA,
    MISSING,
    NUMBER,
    WHOLE,
    Delimited,
    identifiers,
    perhaps_thousands,
    read_delimited,
)
from dirvae.data.images import required
from dirvae.data.parquet import DAMAGE, opened_parquet, require_fitting
from dirvae.data.rows import Rows, require_rows
from dirvae.data.text_files import UTF8, damaged
from dirvae.text import some_of

__all__ = ["read_numbers", "read_parquet"]

ROW = "row"
NUMBERS_ROWS = ("", "index", "Unnamed: 0")  # what a first column is called in which pandas and R do
SEPARATED = re.compile(r"\s*[+-]?\d[\d.,'_ \u00a0\u202f]*\s*")


def read_numbers(path: Path, id_columns: Sequence[str] = (), encoding: str = UTF8) -> Rows:
    r"""Read a table of numbers; see `read_delimited` for how a .csv or .tsv file may be written.

    A first line of numbers only is a row, unless they are 0, 1, ..., D - 1; missing values among
    them do not matter. Numbers have a point, or all have a decimal comma, if it cannot part
    thousands: 0,5 or 1,25, while 1,250 alone is refused. ``TRUE`` and ``False`` are 1 and 0.

    Args:
        path: ``.csv`` or ``.tsv``, packed by gzip or not.
        id_columns: Columns that identify rows. A first one without a name is set aside unasked.
        encoding: See `read_text`.

    Returns:
        The rows; missing values are NaN. Of the columns set aside cells are as written, but whole
        numbers are integers.

    Raises:
        ValueError: If it cannot be read, or has a column that is no numbers, or has no name.
        ImportError: If pandas is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "x.csv").write_text("id;a;b\n007;1,5;2\n")
        ...     rows = read_numbers(Path(folder, "x.csv"), ["id"])
        >>> rows.x.tolist(), rows.columns, rows.ids
        ([[1.5, 2.0]], ['a', 'b'], {'id': ['007']})
    """
    pandas = required("pandas", path)
    table = read_delimited(path, encoding)
    is_row = _is_row(table.first)
    names = [str(place) for place in range(len(table.first))] if is_row else table.first
    begin = table.begin if is_row else table.start
    aside, notes = _aside(path, names, id_columns)
    cells = table.columns(list(aside.values()), begin)
    ids = {name: identifiers(column) for name, column in zip(aside, cells, strict=True)}
    empty = _empty_columns(table, names, begin, aside.values())
    if empty:
        notes += (f"columns without a name that are empty left out: {len(empty)}",)
    places = [place for place in range(len(names)) if place not in {*aside.values(), *empty}]
    _require_names(path, names, places)
    x, commas = _parsed(pandas, path, table, begin, names, places)
    kept = None if is_row else [names[place] for place in places]
    return Rows(x, kept, ids, (*notes, *table.notes, *commas))


def read_parquet(path: Path, id_columns: Sequence[str] = ()) -> Rows:
    """Read a .parquet table of numbers; its index, if it has one, is columns as others are.

    Args:
        path: The file.
        id_columns: Columns that identify rows. A first one without a name is set aside unasked.

    Raises:
        ValueError: If it cannot be read, or has a column that is no numbers.
        ImportError: If pandas or pyarrow is not installed.
    """
    pandas = required("pandas", path)
    with opened_parquet(path) as (file, table):
        require_fitting(path, table)
        file.seek(0)
        try:  # a file, for of a path pandas would make columns of the folders a=b
            frame = pandas.read_parquet(file, engine="pyarrow", dtype_backend="numpy_nullable")
        except DAMAGE as error:
            raise damaged(path, error) from error
    if not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    names = [str(column) for column in frame.columns]
    aside, notes = _aside(path, names, id_columns)
    ids = {name: _cells(frame.iloc[:, place]) for name, place in aside.items()}
    places = [place for place in range(len(names)) if place not in aside.values()]
    frame, names = frame.iloc[:, places], [names[place] for place in places]
    require_rows(path, frame)
    words = [names[place] for place in _words(pandas, frame)]
    if words:
        raise ValueError(_no_numbers(path, words))
    return Rows(frame.to_numpy(np.float64, na_value=np.nan), names, ids, notes)


def _cells(column: Any) -> list[Any]:
    """Cells as other readers give them: None where one is missing, which pandas writes as <NA>."""
    return [None if is_missing(cell) else cell for cell in column.tolist()]


# --- .csv and .tsv -------------------------------------------------------------------------------


def _is_row(cells: Sequence[str]) -> bool:
    """Whether a first line is a row: numbers, but not the numbers of columns that pandas writes."""
    numbers = [float(cell.replace(",", ".")) for cell in cells if NUMBER.fullmatch(cell)]
    if not numbers or not all(cell in MISSING or NUMBER.fullmatch(cell) for cell in cells):
        return False
    if not cells[0] and all(map(WHOLE.fullmatch, cells[1:])):
        return False  # numbers or years as names, behind the column that numbers rows
    return numbers != list(range(len(cells)))


def _empty_columns(
    table: Delimited, names: Sequence[str], begin: int, aside: Collection[int]
) -> list[int]:
    """Columns without name and values, as a separator at the end of every line makes."""
    unnamed = [p for p, name in enumerate(names) if not name.strip() and p not in aside]
    cells = table.columns(unnamed, begin) if unnamed else []
    return [p for p, column in zip(unnamed, cells, strict=True) if not any(map(str.strip, column))]


def _require_names(path: Path, names: Sequence[str], places: Sequence[int]) -> None:
    seen: set[str] = set()
    for place in places:
        name = names[place]
        if not name.strip():
            raise ValueError(f"{path} has no name for column {place + 1} in its first line")
        if name in seen:
            raise ValueError(f"{path} has two columns named {name!r}; each name must be unique")
        seen.add(name)


def _parsed(
    pandas: Any, path: Path, table: Delimited, begin: int, names: list[str], places: list[int]
) -> tuple[Any, tuple[str, ...]]:
    """The numbers, shape (N, D), and a note if they have decimal commas."""
    body = table.text[begin:].strip("\r\n").encode()
    if not body or not places:
        require_rows(path, np.empty((0, len(places))))
    frame = _frame(pandas, table, body, places, ".")
    words = [places[place] for place in _words(pandas, frame)]
    if not words:
        return frame.to_numpy(np.float64, na_value=np.nan), ()
    cells = table.columns(words, begin)
    values = [cell for column in cells for cell in column if cell not in MISSING]
    if all(map(DECIMAL_COMMA.fullmatch, values)):
        frame = _frame(pandas, table, body, places, ",")
        if not perhaps_thousands(values) and not _words(pandas, frame):
            return frame.to_numpy(np.float64, na_value=np.nan), ("decimal commas read as points",)
    raise ValueError(_no_numbers(path, [names[place] for place in words], *_example(cells[0])))


def _frame(pandas: Any, table: Delimited, body: bytes, places: list[int], decimal: str) -> Any:
    return pandas.read_csv(
        io.BytesIO(body),
        header=None,
        index_col=False,
        usecols=places,
        sep=table.separator,
        skipinitialspace=table.spaced,
        decimal=decimal,
        low_memory=False,
        **_exact(pandas),
        encoding="utf-8",
    )


def _exact(pandas: Any) -> dict[str, str]:
    """What makes pandas read numbers to their last digit, as it does unasked since version 3."""
    return (
        {} if int(pandas.__version__.partition(".")[0]) >= 3 else {"float_precision": "round_trip"}
    )


def _words(pandas: Any, frame: Any) -> list[int]:
    """Places of the columns that are no numbers."""
    types = pandas.api.types
    return [
        place
        for place, dtype in enumerate(frame.dtypes)
        if not types.is_numeric_dtype(dtype)
        and types.infer_dtype(frame.iloc[:, place]) != "decimal"  # as databases export numbers
    ]


def _example(cells: Sequence[str]) -> tuple[int, str]:
    """Row, counted from 1, and value of the first cell that is no number with a point."""
    for row, cell in enumerate(cells, 1):
        if cell not in MISSING and ("," in cell or not NUMBER.fullmatch(cell)):
            return row, cell
    return 1, cells[0]


# --- both ----------------------------------------------------------------------------------------


def _aside(
    path: Path, names: list[str], id_columns: Sequence[str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Places of the columns that identify rows, by what they are called."""
    for name in id_columns:
        if names.count(name) != 1:
            found = f"no column {name!r}" if name not in names else f"two columns named {name!r}"
            raise ValueError(f"{path} has {found} to identify rows by")
    aside = {name: names.index(name) for name in id_columns}
    if not names or names[0] not in NUMBERS_ROWS or names[0] in aside:
        return aside, ()
    name = names[0] or (ROW if ROW not in names else "")
    what = f"column {name!r}" if names[0] else f"the first column, which has no name, as {name!r}"
    return {name: 0, **aside}, (f"set aside {what}: it identifies the rows",)


def _no_numbers(path: Path, names: Sequence[str], row: int = 0, cell: str = "") -> str:
    columns, advice = some_of([repr(name) for name in names], most=5), ""
    if SEPARATED.fullmatch(cell):
        advice = "; write numbers with a point and without separators of thousands"
    example = f" ({cell[:40]!r} in row {row}{advice})" if row else ""
    return (
        f"{path} has columns that are not numbers: {columns}; remove them, or name the column that "
        f"identifies rows with --id-column{example}"
    )
