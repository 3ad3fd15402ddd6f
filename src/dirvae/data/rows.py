"""Rows of numbers, as files give them, and what they must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from dirvae.alignment import is_missing
from dirvae.text import some_of

__all__ = ["SAMPLE", "Rows", "require_numbers", "require_rows", "rows_of", "transposed"]

SAMPLE = "sample"  # what names of rows are called that have no name of their own


class Rows(NamedTuple):
    """Rows of numbers that were read from a file or folder.

    Attributes:
        x: Finite numbers, shape (N, D), an array or a SciPy CSR matrix.
        columns: Names of the D columns, or None if the file has none.
        ids: Columns that identify the rows and are not data, each of length N, by name.
        notes: Sentences that say what was recognised in the file, and what was done to its values.
        kept: Which rows of the file these are, from 0; None for all.

    Example:
        >>> Rows(np.eye(2), columns=["a", "b"]).columns
        ['a', 'b']
    """

    x: Any
    columns: list[str] | None = None
    ids: Mapping[str, Sequence[Any]] = {}
    notes: tuple[str, ...] = ()
    kept: Sequence[int] | None = None


def transposed(name: Any, rows: Rows) -> Rows:
    """Return the columns as rows, of a file of features by samples.

    Args:
        name: What messages call the file.
        rows: As read: what identifies its rows are names of features.

    Raises:
        ValueError: If several columns identify rows, or one names two of them alike.

    Example:
        >>> rows = Rows(np.array([[1, 2, 3]]), columns=["s1", "s2", "s3"], ids={"taxon": ["a"]})
        >>> turned = transposed("x", rows)
        >>> turned.x.tolist(), turned.columns, turned.ids
        ([[1], [2], [3]], ['a'], {'sample': ['s1', 's2', 's3']})
    """
    if len(rows.ids) > 1:
        raise ValueError(
            f"{name} has {len(rows.ids)} columns that identify rows ({some_of(rows.ids)}). With "
            "--transpose, it must have one, with the names of features"
        )
    features = next(map(_names, rows.ids.values()), None)
    if features is not None and len(set(features)) < len(features):
        again = next(feature for feature in features if features.count(feature) > 1)
        raise ValueError(f"{name} has two rows named {again!r}; each name must be unique")
    x = rows.x.T.tocsr() if sparse.issparse(rows.x) else np.ascontiguousarray(rows.x.T)
    ids = {} if rows.columns is None else {SAMPLE: rows.columns}
    return Rows(x, features, ids, rows.notes)


def _names(values: Sequence[Any]) -> list[str]:
    return ["" if is_missing(value) else str(value) for value in values]


def require_numbers(name: Any, values: Any) -> None:
    """Raise ValueError unless an array has values that are real numbers.

    Example:
        >>> require_numbers("x", np.array(["a"]))
        Traceback (most recent call last):
        ValueError: x has values of type <U1, must be real numbers
    """
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} has values of type {values.dtype}, must be real numbers")


def require_rows(name: Any, x: Any) -> None:
    """Raise ValueError if there are no rows or no columns.

    Example:
        >>> require_rows("x", np.eye(2))
    """
    if 0 in x.shape:
        shape = " x ".join(map(str, x.shape))
        raise ValueError(f"{name} is empty: its size is {shape}, rows by columns")


def rows_of(name: Any, values: Any) -> Rows:
    """Return the rows of an array, whose axes after the first are flattened.

    Args:
        name: What messages call it.
        values: Shape (N, D...); more than two axes of 8-bit integers are images, which are scaled
            to [0, 1].

    Raises:
        ValueError: If it has no rows, or no real numbers.

    Example:
        >>> rows_of("x", np.full((2, 3, 3), 255, np.uint8)).x.shape
        (2, 9)
    """
    if values.ndim < 2:
        raise ValueError(f"{name} has shape {values.shape}, must have rows and columns")
    require_numbers(name, values)
    require_rows(name, values)
    if values.ndim == 2:
        return Rows(values)
    size = " x ".join(map(str, values.shape[1:]))
    flat = values.reshape(len(values), -1)
    if values.dtype != np.uint8:
        return Rows(flat, notes=(f"rows of {size} flattened to {flat.shape[1]} columns",))
    images = f"{len(flat):,} images of {size}, scaled to [0, 1] and flattened"
    return Rows(flat / np.float32(255), notes=(f"{images} to {flat.shape[1]} columns",))
