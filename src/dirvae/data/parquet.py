"""Files of Parquet within the memory budget: a few bytes of them may say "a billion times this"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from dirvae.data.images import required
from dirvae.data.text_files import damaged
from dirvae.reading import fitting_memory, open_regular, require_memory

__all__ = ["DAMAGE", "batches", "opened_parquet", "require_fitting"]

DAMAGE = (ValueError, OSError, LookupError, TypeError, NotImplementedError)
ROWS = 1024  # at a time: cells of a megabyte each, one value repeated, are a gigabyte then
MEMORY_OF_CELL = 4  # times its bytes: in Arrow, as objects of Python, and what is made of them
NUMBER = 9  # bytes of a cell in pandas: the number, and whether it is missing


@contextmanager
def opened_parquet(path: Path) -> Iterator[tuple[IO[bytes], Any]]:
    """Open a file, and what pyarrow makes of its schema; no data are read yet.

    Raises:
        ValueError: If it is no regular file, or none of Parquet.
        ImportError: If pyarrow is not installed.
    """
    required("pyarrow", path)
    parquet = import_module("pyarrow.parquet")
    with open_regular(path) as file, fitting_memory(path):
        try:
            table = parquet.ParquetFile(file)
        except DAMAGE as error:
            raise damaged(path, error) from error
        yield file, table


def batches(path: Path, table: Any, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Yield some rows at a time, until they are too many for the memory budget.

    Args:
        path: The file, for messages.
        table: Of `opened_parquet`.
        columns: Names of the columns to read; all by default.

    Raises:
        ValueError: If they are too many, or the file is damaged.
    """
    found, size = table.iter_batches(batch_size=ROWS, columns=columns), 0
    while True:
        try:
            batch = next(found, None)
        except DAMAGE as error:
            raise damaged(path, error) from error
        if batch is None:
            return
        size += batch.nbytes
        require_memory(path, size, MEMORY_OF_CELL)
        yield batch


def require_fitting(path: Path, table: Any) -> None:
    """Raise ValueError if all columns take more than the memory budget.

    Numbers have the size that rows and columns say. Others are read, and not kept.
    """
    schema = table.schema_arrow
    others = [field.name for field in schema if not _is_number(field.type)]
    require_memory(path, table.metadata.num_rows * len(schema), NUMBER)
    for _ in batches(path, table, others) if others else ():
        pass


def _is_number(kind: Any) -> bool:
    types = import_module("pyarrow.types")
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
