"""Labels of some rows: which classes there are, and which row is of which."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

__all__ = ["class_indicators"]

UNLABELLED = -1


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
    given = _objects(y) if isinstance(y, list | tuple) else y
    labels = column_or_1d(given, warn=True).tolist()
    check_consistent_length(labels, range(num_rows))
    known = [row for row, label in enumerate(labels) if not _is_unknown(label)]
    if not known:
        raise ValueError("y is -1 or missing in every row, must name two classes or more")
    _require_classes([labels[row] for row in known])
    classes, place = np.unique([labels[row] for row in known], return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only, {classes[0].item()!r}; it must have two classes or more"
        )
    rows = np.zeros((num_rows, len(classes)), dtype=np.float32)
    rows[known, place] = 1
    return classes, rows


def _objects(y: Sequence[Any]) -> NDArray[np.object_]:
    """As they are: an array of its own accord would make words of numbers among words."""
    labels = np.empty(len(y), dtype=object)
    for row, label in enumerate(y):
        labels[row] = label
    return labels


def _is_unknown(label: Any) -> bool:
    missing = label is None or type(label).__name__ == "NAType"  # pandas.NA equals nothing
    return bool(missing or label != label or (label == UNLABELLED and not isinstance(label, str)))


def _require_classes(labels: list[Any]) -> None:
    words = [isinstance(label, str) for label in labels]
    if any(words) and not all(words):
        raise ValueError("y has words and numbers, must be of one kind, but for -1 where unknown")
    if str(UNLABELLED) in labels:
        raise ValueError("y has the word '-1': give the number -1, or None, where unknown")
    for label in () if any(words) else labels:
        if not isinstance(label, Real) or label % 1:
            raise ValueError(
                f"y has {label!r}, must be classes, words or whole numbers; label_weight=0 leaves "
                "y out"
            )
