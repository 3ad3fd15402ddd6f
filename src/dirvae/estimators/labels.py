"""Labels of some rows: which classes there are, and which row is of which."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from dirvae.alignment import UNKNOWN, is_unknown

__all__ = [
    "as_objects",
    "categories_of",
    "class_indicators",
    "known_labels",
    "levels_of",
]


def class_indicators(y: Any, num_rows: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return the classes, sorted, shape (C,), and rows of an identity, shape (N, C).

    Args:
        y: Labels, shape (N,): words or whole numbers; the number -1, None or NaN where unknown,
            which gives a row of zeros.
        num_rows: N.

    Raises:
        ValueError: If there are not N labels, or not two classes or more of one kind.

    Example:
        >>> classes, rows = class_indicators(["sea", None, "air"], 3)
        >>> classes.tolist(), rows.tolist()
        (['air', 'sea'], [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    """
    known, labels = known_labels(y, num_rows)
    if not known:
        raise ValueError("y is -1 or missing in every row, must name two classes or more")
    _require_classes(labels)
    classes, place = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes[0].item()!r}; it must have two classes or more"
        )
    rows = np.zeros((num_rows, len(classes)), dtype=np.float32)
    rows[known, place] = 1
    return classes, rows


def known_labels(y: Any, num_rows: int) -> tuple[list[int], list[Any]]:
    """Return the rows whose label is known, and their labels; other rows have -1, None or NaN.

    Raises:
        ValueError: If there are not N labels.

    Example:
        >>> known_labels(["sea", None, "air"], 3)
        ([0, 2], ['sea', 'air'])
    """
    if isinstance(y, np.ma.MaskedArray) and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    # Whole numbers beside missing ones stay whole in lists of pandas' series and arrays.
    has_missing = hasattr(y, "isna") or isinstance(y, np.ma.MaskedArray)  # None in a list
    as_list = getattr(y, "to_list", None) or (has_missing and getattr(y, "tolist", None))
    listed = as_list() if as_list else y
    given = as_objects(listed) if isinstance(listed, list | tuple) else listed
    labels = column_or_1d(given, warn=True).tolist()
    check_consistent_length(labels, range(num_rows))
    known = [row for row, label in enumerate(labels) if not is_unknown(label)]
    return known, [labels[row] for row in known]


def as_objects(values: Any) -> NDArray[np.object_]:
    """Return values as Python has them, shape (N,).

    An array of its own accord would make words of numbers among words, and of None.

    Example:
        >>> as_objects(["sea", 1, None]).tolist()
        ['sea', 1, None]
    """
    objects = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        if isinstance(value, np.datetime64 | np.timedelta64):
            value = value.astype(f"{value.dtype.kind}8[us]")  # of nanoseconds Python has no date
        objects[row] = value.item() if isinstance(value, np.generic) else value
    return objects


def categories_of(values: Any) -> list[Any] | None:
    """Return the categories of a pandas category or a polars Enum in their order; else None."""
    dtype: Any = getattr(values, "dtype", None)
    if type(dtype).__name__ not in ("CategoricalDtype", "Enum"):
        return None
    return list(dtype.categories)


def levels_of(values: Any, categories: list[Any] | None = None) -> list[Any]:
    """Return distinct values, sorted, or those of the categories that occur, in their order.

    Example:
        >>> levels_of(["low", "high"]), levels_of(["low", "high"], ["low", "mid", "high"])
        (['high', 'low'], ['low', 'high'])
    """
    found = set(values)
    if categories is None:
        return sorted(found)
    return [category for category in categories if category in found]


def _require_classes(labels: list[Any]) -> None:
    words = [isinstance(label, str) for label in labels]
    if any(words) and not all(words):
        raise ValueError("y has words and numbers, must be of one kind, except -1 where unknown")
    if str(UNKNOWN) in labels:
        raise ValueError("y has the word '-1': give the number -1, or None, where unknown")
    for label in () if any(words) else labels:
        if not isinstance(label, Real) or label % 1:
            raise ValueError(
                f"y has {label!r}, must be classes, words or whole numbers; label_weight=0 leaves "
                "y out"
            )
