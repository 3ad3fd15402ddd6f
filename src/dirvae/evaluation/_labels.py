"""Labels of rows, checked: what NumPy would compare all the same gives a share that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dirvae.alignment import is_missing, matched

__all__ = ["labels_of"]


def labels_of(rows: ArrayLike, labels: ArrayLike, *, name: str, rows_name: str) -> NDArray[Any]:
    """Return labels in the order of the rows, shape (N,); pandas objects are matched by index.

    Args:
        rows: Shape (N, ...).
        labels: One for each row.
        name: Of the labels, for messages.
        rows_name: Of the rows, for messages.

    Raises:
        ValueError: If there is not one label for each row, or some are missing.
    """
    given: Any = matched(name, labels, rows, rows=rows_name)
    count, shape = len(np.asarray(rows)), np.shape(given)
    if shape != (count,):
        raise ValueError(
            f"{name} has shape {shape}, must be ({count},): one for each row of {rows_name}"
        )
    found, missing = np.asarray(given), 0
    kind = found.dtype.kind if hasattr(given, "dtype") else "O"  # of lists NumPy would make words
    if np.ma.is_masked(given) or kind not in "biuSU":
        missing = sum(map(is_missing, given.tolist() if hasattr(given, "tolist") else given))
    if missing:
        raise ValueError(
            f"{name} is missing in {missing} of {count} rows, must be known in all: leave these "
            f"rows out of {name} and {rows_name}"
        )
    return found
