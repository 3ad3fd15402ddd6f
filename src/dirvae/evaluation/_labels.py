"""Labels of rows, checked: what NumPy would compare all the same gives a share that is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dirvae.alignment import UNKNOWN, is_unknown, matched

__all__ = ["labels_of"]


def labels_of(rows: ArrayLike, labels: ArrayLike, *, name: str, rows_name: str) -> NDArray[Any]:
    """Return labels in the order of the rows, shape (N,); pandas objects are matched by index.

    Args:
        rows: Shape (N, ...).
        labels: One for each row.
        name: Of the labels, for messages.
        rows_name: Of the rows, for messages.

    Raises:
        ValueError: If there is not one label for each row, or some are missing or -1.
    """
    given: Any = matched(name, labels, rows, rows=rows_name)
    count, shape = len(np.asarray(rows)), np.shape(given)
    if shape != (count,):
        raise ValueError(
            f"{name} has shape {shape}, must be ({count},): one for each row of {rows_name}"
        )
    found = np.asarray(given)
    kind = found.dtype.kind if hasattr(given, "dtype") else "O"  # of lists NumPy would make words
    if kind in "biuSU" and not np.ma.is_masked(given):
        missing = int(np.count_nonzero(found == UNKNOWN)) if kind == "i" else 0
    else:
        missing = sum(map(is_unknown, given.tolist() if hasattr(given, "tolist") else given))
    if missing:
        raise ValueError(
            f"{name} is missing (None, NaN or -1) in {missing} of {count} rows, must be known in "
            f"all: leave these rows out of {name} and {rows_name}"
        )
    return found
