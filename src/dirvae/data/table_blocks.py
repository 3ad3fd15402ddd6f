"""Tables that are written some rows after others, since all of them may not fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from dirvae.data.images import required
from dirvae.writing import whole

__all__ = ["kind_of_cells", "require_packages", "write_blocks"]

LARGEST = 2**63 - 1


def require_packages(path: Path) -> None:
    """Raise ImportError unless what writes such a table is installed."""
    required("pandas", path)
    if path.suffix == ".parquet":
        required("pyarrow", path)


def kind_of_cells(blocks: Iterable[Sequence[Any]]) -> type:
    """Return what all cells of a column are: whole numbers, numbers or missing, or else words.

    Example:
        >>> kind_of_cells([[1, 2], [3]]), kind_of_cells([[1, 2], [None]]), kind_of_cells([["a", 1]])
        (<class 'int'>, <class 'float'>, <class 'str'>)
    """
    kinds: set[type] = set()
    for cells in blocks:
        kinds |= {float if _is_huge(cell) else type(cell) for cell in cells}
    if kinds <= {int}:
        return int
    return float if kinds <= {int, float, type(None)} and kinds != {type(None)} else str


def _is_huge(cell: Any) -> bool:
    return type(cell) is int and abs(cell) > LARGEST


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
                frame.to_csv(file, index=False, header=not number)
        else:
            _write_parquet(file, frames, kinds)


def _frame(block: Mapping[str, Any], kinds: Mapping[str, type]) -> Any:
    pandas: Any = import_module("pandas")
    types = {int: "int64", float: "float64", str: object}
    columns = {}
    for name, cells in block.items():
        if kinds[name] is str:
            cells = [None if cell is None else str(cell) for cell in cells]
        columns[name] = pandas.Series(cells, dtype=types[kinds[name]])
    return pandas.DataFrame(columns)


def _write_parquet(file: Any, frames: Iterator[Any], kinds: Mapping[str, type]) -> None:
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    types = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    schema = arrow.schema([(name, types[kind]) for name, kind in kinds.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        for frame in frames:
            writer.write_table(arrow.Table.from_pandas(frame, schema, preserve_index=False))
