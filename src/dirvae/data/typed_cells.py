"""Cells of a table of text as numbers, dates or words, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

__all__ = ["typed"]


def typed(name: str, cells: Sequence[Any], source: str) -> list[Any]:
    """Return numbers if all cells are, dates if all are (as ISO 8601 has them), or else words.

    Args:
        name: Of the column.
        cells: Strings, or of any kind, which stay as they are.
        source: What has the column.

    Raises:
        ValueError: If a cell is empty.

    Example:
        >>> typed("year", ["2001", "1999"], "x.csv"), typed("at", ["sea", "7"], "x.csv")
        ([2001.0, 1999.0], ['sea', '7'])
        >>> typed("day", ["2001-02-03"], "x.csv")
        [datetime.date(2001, 2, 3)]
    """
    for row, cell in enumerate(cells, 1):
        if cell is None or cell != cell or cell == "":
            raise ValueError(
                f"{source} has nothing in row {row} of {name!r}, must be complete: fill in this "
                "cell or leave the row out"
            )
    if not all(isinstance(cell, str) for cell in cells):
        return list(cells)
    for kind in (float, date.fromisoformat, datetime.fromisoformat):
        try:
            return [kind(cell) for cell in cells]
        except ValueError:
            continue
    return list(cells)
