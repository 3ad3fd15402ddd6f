"""What is known of rows, in the order of the rows, and what of it is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

__all__ = ["UNKNOWN", "is_missing", "is_unknown", "matched", "require_no_anndata", "require_plain"]

UNKNOWN = -1  # a label that says that the class is not known


def matched(name: str, given: Any, X: Any, *, rows: str = "X") -> Any:
    """Return labels, covariates, groups or weights in the order of the rows that they are of.

    Where both are pandas objects, they are matched by index, as pandas does. What has no index (a
    list, an array, a polars DataFrame) is taken in its own order, and so are equal indexes.

    Args:
        name: Of the argument, for messages.
        given: An entry or a row for each row of X, or a mapping from names to such, or None.
        X: The rows.
        rows: What they are called in messages.

    Raises:
        ValueError: If the indexes differ, or one of them has an entry twice.

    Example:
        >>> import pandas as pd
        >>> texts = pd.Series(["sea", "star"], index=["a", "b"])
        >>> matched("y", pd.Series([1, 2], index=["b", "a"]), texts).tolist()
        [2, 1]
    """
    if isinstance(given, Mapping):
        return {key: matched(name, values, X, rows=rows) for key, values in given.items()}
    if not (hasattr(given, "iloc") and hasattr(X, "iloc")) or given.index.equals(X.index):
        return given
    sides = (name, given.index), (rows, X.index)
    for side, index in sides:
        if not index.is_unique:
            entry = index[index.duplicated()].tolist()[0]
            raise ValueError(
                f"{side} has {entry!r} in its index more than once, so {name} cannot be matched by "
                f"index to {rows}: make the indexes unique, or reset both"
            )
    for (side, index), (other, others) in (sides[::-1], sides):
        _require_all(side, index, other, others)
    return given.iloc[given.index.get_indexer(X.index)]


def _require_all(side: str, index: Any, other: str, others: Any) -> None:
    """Raise ValueError unless all entries of one index are in the other."""
    lacking = others.get_indexer(index) < 0
    if lacking.any():
        entry = index[lacking].tolist()[0]
        raise ValueError(
            f"{side} has {entry!r} in its index and {other} has not, but they are matched by "
            "index: select the same rows in both, or reset both indexes to match by position"
        )


def is_unknown(label: Any) -> bool:
    """Whether a label says that the class is not known: the number -1, or a missing value.

    Example:
        >>> [is_unknown(label) for label in (-1, None, "-1", 0)]
        [True, True, False, False]
    """
    return is_missing(label) or (label == UNKNOWN and not isinstance(label, str))


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NA or NaT.

    Example:
        >>> [is_missing(value) for value in (None, float("nan"), "nan", -1)]
        [True, True, False, False]
    """
    if value is None or type(value).__name__ == "NAType":  # pandas.NA equals nothing
        return True
    unequal = value != value
    return isinstance(unequal, bool | np.bool_) and bool(unequal)


def require_no_anndata(name: str, values: Any) -> None:
    """Refuse an AnnData or MuData object, of which NumPy makes no sense.

    Args:
        name: Of the argument, for messages.
        values: What was given.

    Raises:
        ValueError: If it is one.

    Example:
        >>> require_no_anndata("X", np.eye(2))
    """
    if type(values).__name__ in ("AnnData", "MuData"):  # a frame may have any column
        raise ValueError(
            f"{name} is of type {type(values).__name__}, must be a matrix, such as that of its X "
            "or of a layer; dirvae.anndata takes AnnData with a CompositionModel"
        )


def require_plain(name: str, values: Any) -> None:
    """Refuse what NumPy takes for numbers without a word: masked values, dates and durations.

    A masked value would be what lies below the mask. The number of a date depends on its unit. So
    are AnnData objects, by `require_no_anndata`.

    Args:
        name: Of the argument, for messages.
        values: An array, a list or a data frame.

    Raises:
        ValueError: If there are such values.

    Example:
        >>> require_plain("X", np.ma.masked_array([[1, 2]], [[False, True]]))
        Traceback (most recent call last):
        ValueError: X has masked values, must have none: fill them, or leave out their rows
    """
    require_no_anndata(name, values)
    for part in values if isinstance(values, list | tuple) else [values]:
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            raise ValueError(
                f"{name} has masked values, must have none: fill them, or leave out their rows"
            )
    if any(map(_is_of_time, _types(values))):
        raise ValueError(f"{name} has dates or durations, must have numbers, such as days")


def _types(values: Any) -> Iterable[Any]:
    """Types of columns, or of all entries; of a list those of its first row."""
    if isinstance(values, list | tuple):
        return [np.asarray(row).dtype for row in values[:1]]
    if hasattr(values, "columns") and hasattr(values, "dtypes"):
        return cast(Iterable[Any], values.dtypes)
    return getattr(values, "schema", None) or [getattr(values, "dtype", None)]


def _is_of_time(kind: Any) -> bool:
    """Whether a type of NumPy, pandas, polars or a field of pyarrow is of dates or durations."""
    stored = str(getattr(kind, "type", ""))  # as pyarrow calls it
    if stored.startswith(("date", "time", "duration")) or getattr(kind, "kind", None) in ("M", "m"):
        return True
    return bool(getattr(kind, "is_temporal", bool)())
