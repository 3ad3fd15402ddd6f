"""Tables that are written some rows after others, since all of them may not fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from dirvae.alignment import is_missing
from dirvae.data.images import required
from dirvae.writing import line_end, whole

__all__ = ["column_of", "kind_of_cells", "require_packages", "write_blocks"]

LARGEST = 2**63 - 1
EXACT = 2**53  # float64 does not tell whole numbers beyond from their neighbours


def require_packages(path: Path) -> None:
    """Raise ImportError unless what writes such a table is installed."""
    required("pandas", path)
    if path.suffix == ".parquet":
        required("pyarrow", path)


def kind_of_cells(blocks: Iterable[Sequence[Any]]) -> type:
    """Return what all cells of a column are: whole numbers, numbers, or else words.

    Cells may be missing. Numbers that a float would round, such as ids of 17 digits beside a
    fraction, are words.

    Example:
        >>> kind_of_cells([[1, 2], [None]]), kind_of_cells([[1, 0.5]]), kind_of_cells([["a", 1]])
        (<class 'int'>, <class 'float'>, <class 'str'>)
    """
    kinds: set[type] = set()
    largest = 0
    for cells in blocks:
        kinds |= {type(cell) for cell in cells if isinstance(cell, float) or not is_missing(cell)}
        largest = max([largest, *(max(cell, ~cell) for cell in cells if type(cell) is int)])
    if kinds == {int} and largest <= LARGEST:
        return int
    return float if kinds and kinds <= {int, float} and largest <= EXACT else str


def column_of(cells: Sequence[Any], kind: type) -> Any:
    """Return cells as a series of pandas; missing whole numbers make no fractions of the others.

    Args:
        cells: Of a column, or some of them.
        kind: Of all cells of the column, by `kind_of_cells`.

    Example:
        >>> column_of([2**53 + 1, None], int).tolist()
        [9007199254740993, <NA>]
    """
    pandas: Any = import_module("pandas")
    known = [None if is_missing(cell) else cell for cell in cells]
    if kind is str:
        return pandas.Series([cell if cell is None else str(cell) for cell in known], dtype=object)
    whole_numbers = "Int64" if None in known else "int64"
    return pandas.Series(known, dtype=whole_numbers if kind is int else "float64")


def write_blocks(
    path: Path, blocks: Iterable[Mapping[str, Any]], kinds: Mapping[str, type]
) -> None:
    """Write a table whole or not at all, as pandas writes it.

    Args:
        path: ``.csv`` or ``.parquet``.
        blocks: Some rows each: their columns by name, always the same.
        kinds: From names of columns to int, float or str.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "x.csv")
        ...     write_blocks(path, [{"a": [1]}, {"a": [None]}], {"a": float})
        ...     path.read_text().split()
        ['a', '1.0', '""']
    """
    frames = (_frame(block, kinds) for block in blocks)
    with whole(path) as file:
        if path.suffix == ".csv":
            for number, frame in enumerate(frames):
                texts = (frame[name] for name, kind in kinds.items() if kind is str)
                end = line_end(chain(kinds, *texts))
                frame.to_csv(file, index=False, header=not number, lineterminator=end)
        else:
            _write_parquet(file, frames, kinds)


def _frame(block: Mapping[str, Any], kinds: Mapping[str, type]) -> Any:
    pandas: Any = import_module("pandas")
    return pandas.DataFrame({name: column_of(cells, kinds[name]) for name, cells in block.items()})


def _write_parquet(file: Any, frames: Iterator[Any], kinds: Mapping[str, type]) -> None:
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    types = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    schema = arrow.schema([(name, types[kind]) for name, kind in kinds.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        for frame in frames:
            writer.write_table(arrow.Table.from_pandas(frame, schema, preserve_index=False))
