"""Rows of numbers, as files give them, and what they must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Rows", "require_numbers", "require_rows"]


class Rows(NamedTuple):
    """Data of N rows, as read.

    Attributes:
        x: Finite numbers, shape (N, D), an array or a SciPy CSR matrix.
        columns: Names of the D columns, or None where the file has none.
        ids: What identifies rows without being data, each of length N, by column name.
        notes: What was done to the file's values.

    Example:
        >>> import numpy as np
        >>> Rows(np.eye(2), columns=["a", "b"]).columns
        ['a', 'b']
    """

    x: Any
    columns: list[str] | None = None
    ids: Mapping[str, Sequence[Any]] = {}
    notes: tuple[str, ...] = ()


def require_numbers(name: Any, values: Any) -> None:
    """Raise ValueError unless an array has values that are real numbers.

    Example:
        >>> import numpy as np
        >>> require_numbers("x", np.array(["a"]))
        Traceback (most recent call last):
        ValueError: x has values of type <U1, must be real numbers
    """
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} has values of type {values.dtype}, must be real numbers")


def require_rows(name: Any, x: Any) -> None:
    """Raise ValueError if there are no rows or no columns.

    Example:
        >>> import numpy as np
        >>> require_rows("x", np.eye(2))
    """
    if 0 in x.shape:
        shape = " x ".join(map(str, x.shape))
        raise ValueError(f"{name} is empty: its size is {shape}, rows by columns")
