"""What is known of samples: a table beside the counts, matched to them by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from dirvae.data.delimited import (
    MISSING,
    comma_notes,
    dates_in,
    numbers_in,
    read_delimited,
    word_notes,
)
from dirvae.data.images import required
from dirvae.data.parquet import DAMAGE, opened_parquet, require_fitting
from dirvae.data.text_files import UTF8, damaged
from dirvae.data.text_tables import is_missing
from dirvae.formats import FORMATS, TABLES, kind_of, listed
from dirvae.text import some_of

__all__ = ["delimited_table", "parquet_table", "read_metadata"]

NO_KINDS: Mapping[str, str] = {}


def read_metadata(
    path: str | Path,
    ids: Sequence[Any],
    *,
    id_column: str | None = None,
    columns: Sequence[str] = (),
    encoding: str = UTF8,
    kinds: Mapping[str, str] = NO_KINDS,
) -> tuple[Any, tuple[str, ...]]:
    r"""Read what a table says of samples, in their order.

    Of a table in text a column is one of numbers, or of dates, if all its cells are; otherwise of
    words. Numbers have a point, or all have a decimal comma. Dates are as ISO 8601 has them, with a
    time or without; a time with a zone becomes UTC. Empty cells, NA and the like are missing.

    Args:
        path: A file of a kind in `dirvae.formats.TABLES`.
        ids: What identifies the samples; compared as they are written.
        id_column: The table's column of ids. It is the first if there is none of that name, or if
            the first alone has all ids. Of .h5ad files it is always the names of the cells.
        columns: Which others to read; all by default.
        encoding: Of a file of text.
        kinds: From columns to what a model was fitted to; those of "words" stay words, even where
            all cells of this table are numbers.

    Returns:
        A pandas DataFrame with a row for each sample, and what was done.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, lacks a column or a sample, or has one of these twice. Or
            if a sample has no id.
        ImportError: If pandas or a reader is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "x.csv").write_text("id,age,diet\nb,31,home\na,40,swap\n")
        ...     frame, _ = read_metadata(Path(folder, "x.csv"), ["a", "b"])
        >>> frame["age"].tolist(), frame["diet"].tolist()
        ([40.0, 31.0], ['swap', 'home'])
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if kind_of(path) not in TABLES:
        raise ValueError(f"{path} is not a table of covariates, must be {listed(TABLES)}")
    frame, notes = resolve_name(FORMATS[kind_of(path)].table)(path, encoding)
    frame.columns = [str(name) for name in frame.columns]
    if not len(frame) or not len(frame.columns):
        raise ValueError(f"{path} has no rows")
    found = list(frame.columns)
    for row, entry in enumerate(ids, 1):
        if is_missing(entry):  # which would be matched to another that is missing
            raise ValueError(
                f"{path} is matched by the samples' ids, and the sample in row {row} has none: "
                "give it an id or leave it out"
            )
    wanted = [str(entry) for entry in ids]
    key = found[0]
    if id_column in found and not FORMATS[kind_of(path)].names_rows:
        # A column called "sample" may also be that of donors.
        either = [id_column, key]
        key = next((k for k in either if set(wanted) <= set(map(str, frame[k]))), id_column)
    place = _places(path, key, [str(cell) for cell in frame[key]])
    absent = [entry for entry in dict.fromkeys(wanted) if entry not in place]
    if absent:
        hint = "; if the counts have a row for each feature, add --transpose"
        raise ValueError(
            f"{path} has no row for {len(absent)} of the {len(wanted)} samples, such as "
            f"{absent[0]!r}; its column of ids is {key!r}, whose first id is {next(iter(place))!r}"
            f"{hint if len(absent) == len(set(wanted)) else ''}"
        )
    others = len(place.keys() - set(wanted))
    if others:
        notes += (f"{others} of its rows are left out: the counts have no such samples",)
    chosen = _chosen(path, frame, key, columns)
    told = frame.iloc[[place[entry] for entry in wanted]][chosen].reset_index(drop=True)
    if FORMATS[kind_of(path)].is_text:
        typed = told.apply(
            lambda cells: _typed(path, cells, frame[cells.name], kinds.get(cells.name) == "words")
        )
        numbers = [name for name in typed if typed[name].dtype == float]
        guessed = [name for name in typed if name not in numbers and kinds.get(name) != "words"]
        return typed, (*notes, *word_notes(told, guessed), *comma_notes(told, numbers))
    return told, notes


def _places(path: Path, key: str, cells: Sequence[str]) -> dict[str, int]:
    cell, count = Counter(cells).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"{path} has {cell!r} {count} times in its column of ids, {key!r}; ids must be unique"
        )
    return {cell: row for row, cell in enumerate(cells)}


def _chosen(path: Path, frame: Any, key: str, columns: Sequence[str]) -> list[str]:
    others = [name for name in frame.columns if name != key]
    for name in columns or others:
        if others.count(name) != 1:
            found = f"two columns named {name!r}" if name in others else f"no column {name!r}"
            raise ValueError(f"{path} has {found}; its columns are {some_of(others)}")
    return list(columns) or others


# --- readers, each from a path and an encoding to a DataFrame and notes ---------------------------


def delimited_table(path: Path, encoding: str) -> tuple[Any, tuple[str, ...]]:
    """Read all columns of a .csv or .tsv file; cells are strings."""
    pandas = required("pandas", path)
    table = read_delimited(path, encoding)
    cells = [row for row in table.rows(table.start) if row]
    return pandas.DataFrame(cells, columns=table.first, dtype=object), table.notes


def parquet_table(path: Path, encoding: str = UTF8) -> tuple[Any, tuple[str, ...]]:
    """Read all columns of a .parquet file, which has no encoding; an index comes first."""
    pandas = required("pandas", path)
    required("pyarrow", path)
    try:
        with opened_parquet(path) as (file, table):
            require_fitting(path, table)
            frame = pandas.read_parquet(file, engine="pyarrow", dtype_backend="numpy_nullable")
    except DAMAGE as error:
        raise damaged(path, error) from error
    for place, dtype in enumerate(frame.dtypes):
        if dtype.name in ("Float32", "Float64"):  # in which NaN is not missing to pandas 2
            frame.isetitem(place, frame.iloc[:, place].astype(dtype.numpy_dtype))
    return (frame if isinstance(frame.index, pandas.RangeIndex) else frame.reset_index()), ()


def _typed(path: Path, cells: Any, column: Any, are_words: bool) -> Any:
    """A series of strings as numbers or dates, if all are such, or as words."""
    import pandas

    known = cells[~cells.isin(MISSING)]
    numbers = None if are_words else numbers_in(cells.name, known, path, column)
    if are_words:
        found = known
    elif len(known) and numbers is not None:
        found = pandas.Series(numbers, known.index, dtype=float)
    elif len(known) and (dates := dates_in(known)) is not None:
        utc = any(getattr(value, "tzinfo", None) is not None for value in dates)
        found = pandas.Series(pandas.to_datetime(dates, utc=utc), known.index).dt.tz_localize(None)
    else:
        found = known
    return found.reindex(cells.index)
