"""What a component means: the columns in which it differs most from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.tables import ResultTable

__all__ = ["standing_out"]

COLUMNS_SHOWN = 5


def standing_out(
    components: NDArray[Any], names: Sequence[Any] | NDArray[Any], frames: str | None = None
) -> ResultTable:
    """Name the columns that are higher, and lower, in each component than in the mean of all.

    Differences are taken in units of the column's largest difference, so that units do not matter.

    Args:
        components: Mean of the data of each component, shape (K, D).
        names: Of the D columns.
        frames: As in `ResultTable`.

    Example:
        >>> standing_out(np.array([[2.0, 0.0], [0.0, 300.0]]), ["a", "b"])
        component  higher  lower
                0  a       b
                1  b       a
    """
    difference = components - components.mean(0)
    largest = np.abs(difference).max(0)
    share = np.divide(difference, largest, where=largest > 0, out=np.zeros_like(difference))
    return ResultTable(
        {
            "component": range(len(components)),
            "higher": [_largest(row, names) for row in share],
            "lower": [_largest(-row, names) for row in share],
        },
        frames=frames,
    )


def _largest(values: NDArray[Any], names: Any) -> list[str]:
    """Names of the largest positive values, the largest first."""
    order = np.argsort(-values, kind="stable")[:COLUMNS_SHOWN]
    return [str(names[column]) for column in order if values[column] > 0]
