"""Cells of a table of text as numbers, dates or words, a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dirvae.data.delimited import DATES, DECIMAL_COMMA, MISSING, dates_in, is_number, numbers_in
from dirvae.data.text_tables import is_missing

__all__ = ["require_times", "typed"]


def typed(name: str, cells: Sequence[Any], source: str) -> list[Any]:
    """Return numbers if all cells are, dates if all are (as ISO 8601 has them), or else words.

    Numbers have a point, or all have a decimal comma.

    Args:
        name: Of the column.
        cells: Strings, or of any kind, which stay as they are.
        source: What has the column.

    Raises:
        ValueError: If a cell is empty, or says NA or the like where the others are numbers or
            dates. Or if a comma may be that of thousands.

    Example:
        >>> typed("year", ["2001", "1999"], "x.csv"), typed("at", ["sea", "7"], "x.csv")
        ([2001.0, 1999.0], ['sea', '7'])
        >>> typed("day", ["2001-02-03"], "x.csv")
        [datetime.date(2001, 2, 3)]
    """
    for row, cell in enumerate(cells, 1):
        if is_missing(cell):
            raise ValueError(
                f"{source} has nothing in row {row} of {name!r}, must be complete: fill in this "
                "cell or leave the row out"
            )
    if not all(isinstance(cell, str) for cell in cells):
        return list(cells)
    known = [cell for cell in cells if cell not in MISSING]
    if not known:
        return list(cells)
    found: list[Any] | None = numbers_in(name, known, source)
    if found is None:
        found = dates_in(known)
        if found is None:
            return list(cells)
    _require_known(name, cells, source)
    return found


def require_times(option: str, cells: Sequence[Any], source: str) -> None:
    """Raise ValueError if `typed` left cells as words, since they are not all numbers or dates.

    Args:
        option: That named the column.
        cells: What `typed` returned.
        source: What has the column.

    Example:
        >>> require_times("--at", ["2001", "May"], "x.csv")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: --at has 'May' in row 2 of x.csv, must have only numbers, or only dates such ...
    """
    if not all(isinstance(cell, str) for cell in cells):
        return
    # Each kind fails somewhere: the cell is told at which the one fails that goes furthest.
    row = max(next(r for r, cell in enumerate(cells, 1) if not _is(kind, cell)) for kind in KINDS)
    raise ValueError(
        f"{option} has {cells[row - 1][:40]!r} in row {row} of {source}, must have only numbers, "
        "or only dates such as 2024-05-31"
    )


def _is(kind: Callable[[str], Any], cell: str) -> bool:
    try:
        kind(cell)
    except ValueError:
        return False
    return True


def _require_known(name: str, cells: Sequence[str], source: str) -> None:
    for row, cell in enumerate(cells, 1):
        if cell in MISSING:
            raise ValueError(
                f"{source} has {cell!r} in row {row} of {name!r}, where other cells are numbers or "
                "dates: fill in this cell or leave the row out; if it is a class, name all classes "
                "by words"
            )


def _number(cell: str) -> float:
    if not is_number(cell):
        raise ValueError(f"{cell!r} is no number")
    return float(cell)


def _number_with_comma(cell: str) -> float:
    if not DECIMAL_COMMA.fullmatch(cell):
        raise ValueError(f"{cell!r} is no number with a decimal comma")
    return float(cell.replace(",", "."))


KINDS = (_number, _number_with_comma, *DATES)
