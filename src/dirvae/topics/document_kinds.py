"""What documents are: texts, lists of words or counts; all else is refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from enum import StrEnum
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from dirvae.alignment import is_missing, require_no_anndata
from dirvae.data.corpus import Corpus

__all__ = ["Documents", "Kind", "documents_of", "listed"]

COUNTS_OR_WORDS = (
    "must have a count of each word in every row, or texts, or lists of words as strings"
)


class Kind(StrEnum):
    """What documents are."""

    TEXTS = "texts"
    LISTS = "lists of words"
    COUNTS = "counts"


class Documents(NamedTuple):
    """Documents, and what they are.

    Attributes:
        rows: N strings; N lists of strings; or, for counts, what was given, unchecked.
        kind: Which of the three.
    """

    rows: Any
    kind: Kind


def documents_of(X: Any) -> Documents:
    """Tell what documents are.

    Args:
        X: Texts or lists of words: in a list, an array, a series, a DataFrame of one column, or
            an iterator. Or counts, or a `data.Corpus`.

    Raises:
        ValueError: If X is one document, has none or no order, or a row is of another kind.

    Example:
        >>> documents_of(text for text in ("a text", "another")).rows
        ['a text', 'another']
        >>> documents_of([["some", "words"], []]).kind
        <Kind.LISTS: 'lists of words'>
        >>> documents_of("a text")
        Traceback (most recent call last):
        ValueError: X is one string, must be a list of documents, even of one: [text]
    """
    if sparse.issparse(X) or isinstance(X, Corpus):
        return Documents(X, Kind.COUNTS)
    _require_many(X)
    require_no_anndata("X", X)
    axes = len(getattr(X, "shape", (0,)))
    if axes == 2:
        column = _column_of_words(X)
        return Documents(X, Kind.COUNTS) if column is None else documents_of(column)
    if axes != 1 or not isinstance(X, Iterable) or _is_number(getattr(X, "dtype", None)):
        return Documents(X, Kind.COUNTS)
    rows = X.to_pylist() if hasattr(X, "to_pylist") else list(X)
    if not rows:
        raise ValueError("X is empty, must have at least one document")
    if any(isinstance(row, str) for row in rows):
        return Documents(_checked_texts(rows), Kind.TEXTS)
    if any(map(_has_words, rows)) or all(_is_list(row) and not len(row) for row in rows):
        return Documents(_checked_lists(rows), Kind.LISTS)
    for number, row in enumerate(rows):
        if row is None or isinstance(row, bytes | Mapping | Set | Iterator):
            raise _refusal(row, number, "a text, a list of words or a row of counts")
    _require_table(rows)
    return Documents(rows if isinstance(X, Iterator) else X, Kind.COUNTS)


def listed(X: Any) -> Any:
    """Return X as it is, or as a list if it can be read only once.

    Example:
        >>> listed(text for text in ("a", "b")), listed(("a", "b"))
        (['a', 'b'], ('a', 'b'))
    """
    return list(X) if isinstance(X, Iterator) else X


def _require_many(X: Any) -> None:
    """Refuse one document, and what has no order."""
    is_scalar = getattr(X, "shape", None) == () and not _is_number(getattr(X, "dtype", None))
    if isinstance(X, str) or is_scalar:
        raise ValueError("X is one string, must be a list of documents, even of one: [text]")
    if X is None or isinstance(X, bytes | bytearray | Mapping | Set):
        hint = ": give list(X.values())" if isinstance(X, Mapping) else ""
        raise ValueError(f"X is of type {type(X).__name__}, must be a list of documents{hint}")


def _require_table(rows: list[Any]) -> None:
    """Refuse numbers that are no table of counts, such as words given by their numbers."""
    for number, row in enumerate(rows):
        if isinstance(row, Number):
            raise ValueError(f"X has one number in row {number}, {COUNTS_OR_WORDS}")
    widths = [len(row) for row in rows if _is_list(row)]
    other = next((row for row, width in enumerate(widths) if width != widths[0]), None)
    if other is not None and len(widths) == len(rows):
        raise ValueError(
            f"X has {widths[0]} numbers in row 0 and {widths[other]} in row {other}, "
            f"{COUNTS_OR_WORDS}"
        )


def _is_number(dtype: Any) -> bool:
    """Whether an array, a series or a column of this type has numbers only."""
    kind = getattr(dtype, "kind", None)
    if isinstance(kind, str):
        return kind in "biufc"
    return bool(getattr(dtype, "is_numeric", bool)())  # a polars type


# --- tables ---------------------------------------------------------------------------------------


def _column_of_words(X: Any) -> Any:
    """Return the column of a table of words that has one alone; None for a table of numbers.

    Raises:
        ValueError: If other columns stand beside it.
    """
    table = X if hasattr(X, "dtypes") else np.asarray(X)
    width = table.shape[1]
    types = table.dtypes if hasattr(table, "dtypes") else [table.dtype] * width
    for place in (place for place, dtype in enumerate(types) if not _is_number(dtype)):
        column = table.iloc[:, place] if hasattr(table, "iloc") else table[:, place]
        if not any(isinstance(value, str | bytes) or _has_words(value) for value in column):
            continue
        if width == 1:
            return column
        if hasattr(table, "columns"):
            name = repr(list(table.columns)[place])
            raise ValueError(f"X has words in column {name} of {width}, must be one: X[{name}]")
        raise ValueError(
            f"X has words in {width} columns, must have one text in each row, or lists: X.tolist()"
        )
    return None


# --- rows -----------------------------------------------------------------------------------------


def _is_list(row: Any) -> bool:
    return isinstance(row, list | tuple | Set) or len(getattr(row, "shape", ())) == 1


def _has_words(row: Any) -> bool:
    return _is_list(row) and isinstance(next(iter(row), None), str)


def _checked_texts(rows: list[Any]) -> list[str]:
    for number, row in enumerate(rows):
        if not isinstance(row, str):
            raise _refusal(row, number, "strings only")
    return rows


def _checked_lists(rows: list[Any]) -> list[list[str]]:
    for number, row in enumerate(rows):
        if not _is_list(row):
            raise _refusal(row, number, "lists of words only")
        for word in row:
            if not isinstance(word, str):
                raise _refusal(word, number, "lists of strings only")
    return [list(row) for row in rows]


def _refusal(value: Any, number: int, right: str) -> ValueError:
    if isinstance(value, bytes):
        instead = ": decode them, with text.decode()"
    elif is_missing(value):
        instead = ': replace missing texts by "" or leave them out'
    else:
        instead = ""
    return ValueError(f"X has a {type(value).__name__} in row {number}, must be {right}{instead}")
