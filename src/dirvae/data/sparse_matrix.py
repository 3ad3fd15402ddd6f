"""One gate for sparse matrices: nothing in them is trusted before it was checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = [
    "LARGEST_COUNT",
    "MOST_COLUMNS",
    "MOST_ROWS",
    "checked_csr",
    "require_size",
    "sound_csr",
    "widened",
]

MOST_COLUMNS = 10_000_000  # a model has weights for each column; ten times a hashed vocabulary
LARGEST_COUNT = 2.0**53  # float64 does not tell whole numbers beyond from their neighbours
MOST_ROWS = 1_000_000_000  # a pointer for each row, whether anything is in it or not


def checked_csr(name: str, matrix: Any) -> sparse.csr_matrix:
    """Check all indices and values of a sparse matrix, and return it as canonical CSR.

    SciPy's routines trust the indices of a matrix. An index out of range makes them read or write
    memory outside the matrix. So this function checks the indices first, with NumPy.

    Args:
        name: Name of the matrix, for error messages.
        matrix: A SciPy sparse matrix or array of any format, shape (N, D), D up to 10,000,000. It
            is not changed.

    Returns:
        A CSR matrix of finite real numbers. The columns of each row rise, and duplicates are
        summed. It may share memory with ``matrix``.

    Raises:
        TypeError: If ``matrix`` is not a sparse matrix.
        ValueError: If an index is out of range, or the parts of the matrix do not fit each other.
            Or if values are not finite real numbers, or there are too many columns or rows.

    Example:
        >>> twice = sparse.coo_array(([1, 2, 4], ([0, 0, 1], [2, 2, 0])), shape=(2, 3))
        >>> checked_csr("X", twice).toarray().tolist()
        [[0, 0, 3], [4, 0, 0]]
        >>> twice.col[0] = 9
        >>> checked_csr("X", twice)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: X is a broken sparse matrix: it has an index 9, must be from 0 to 2; build ...
    """
    csr = sound_csr(name, matrix)
    if csr.dtype.kind == "f" and not np.isfinite(csr.data).all():
        raise ValueError(_not_finite(name, csr))
    return csr


def widened(values: NDArray[Any]) -> NDArray[Any]:
    """Return float16 as float32, since SciPy has no sparse matrix of it; else the same array.

    Example:
        >>> widened(np.ones((1, 2), np.float16)).dtype
        dtype('float32')
    """
    return values.astype(np.float32) if values.dtype == np.float16 else values


def sound_csr(name: str, matrix: Any) -> sparse.csr_matrix:
    """Do as `checked_csr`, but let NaN and infinite values pass.

    Example:
        >>> sound_csr("X", sparse.csc_matrix([[0, np.nan]])).toarray().tolist()
        [[0.0, nan]]
    """
    if not sparse.issparse(matrix):
        raise TypeError(f"{name} is a {type(matrix).__name__}, must be a SciPy sparse matrix")
    if matrix.ndim != 2:
        raise ValueError(f"{name} has shape {matrix.shape}, must have rows and columns")
    require_size(name, *matrix.shape)
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"{name} has values of type {matrix.dtype}, must be real numbers")
    return _summed(_csr(name, matrix))


def require_size(name: str, rows: int, columns: int) -> None:
    """Raise ValueError if a matrix has more rows or columns than are taken.

    Example:
        >>> require_size("X", 10, 10**9)
        Traceback (most recent call last):
        ValueError: X has 1,000,000,000 columns, must have 10,000,000 at most
    """
    for size, most, what in ((columns, MOST_COLUMNS, "columns"), (rows, MOST_ROWS, "rows")):
        if size > most:
            raise ValueError(f"{name} has {size:,} {what}, must have {most:,} at most")


def _csr(name: str, matrix: Any) -> sparse.csr_matrix:
    """As CSR, duplicates and all; SciPy converts only what was checked."""
    if matrix.format == "lil":
        _require_lists(name, matrix)
        matrix = matrix.tocsr()
    elif matrix.format in ("dok", "dia"):
        matrix = _coordinates(name, matrix)
    if matrix.format == "coo":
        _require_coordinates(name, matrix)
    else:
        _require_compressed(name, matrix)
    converted = matrix.astype(_working_type(matrix), copy=False).tocsr()
    parts = converted.data, converted.indices, converted.indptr
    return sparse.csr_matrix(parts, shape=matrix.shape)  # anew: what it knew of itself may be stale


def _working_type(matrix: Any) -> np.dtype[Any]:
    """A type that SciPy and PyTorch have; in which duplicates of coordinates can be summed."""
    dtype: np.dtype[Any] = matrix.dtype
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    if matrix.format == "coo" and dtype.kind in "iu":
        return np.dtype(np.int64 if dtype != np.uint64 else np.uint64)
    return dtype.newbyteorder("=")


def _summed(csr: sparse.csr_matrix) -> sparse.csr_matrix:
    if csr.has_canonical_format:
        return csr
    narrow = csr.dtype.kind in "iu" and csr.dtype.itemsize < 8
    own = csr.astype(np.int64) if narrow else csr.copy()  # the arrays may be the caller's
    own.sum_duplicates()
    return own


def _coordinates(name: str, matrix: Any) -> Any:
    if matrix.format == "dia" and len(matrix.offsets) != len(matrix.data):
        raise _broken(name, f"it has {len(matrix.offsets)} offsets, {len(matrix.data)} diagonals")
    try:
        return matrix.tocoo()  # by NumPy, which checks
    except (ValueError, IndexError) as error:
        raise _broken(name, str(error)) from error


def _require_compressed(name: str, matrix: Any) -> None:
    """CSR, CSC and BSR: pointers that part indices into rows, columns or rows of blocks."""
    indptr, indices, data = matrix.indptr, matrix.indices, matrix.data
    lines, places = matrix.shape
    if matrix.format == "bsr":
        if data.ndim != 3 or 0 in data.shape[1:] or any(np.mod(matrix.shape, data.shape[1:])):
            raise _broken(name, f"blocks of shape {data.shape[1:]} do not tile {matrix.shape}")
        lines, places = lines // data.shape[1], places // data.shape[2]
    elif matrix.format == "csc":
        lines, places = places, lines
    _require_integers(name, indptr, indices)
    if len(data) != len(indices):
        raise _broken(name, f"it has {len(data)} values and {len(indices)} indices")
    if len(indptr) != lines + 1:
        raise _broken(name, f"it has {len(indptr)} pointers, must have {lines + 1}")
    if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
        raise _broken(name, f"its pointers do not rise from 0 to {len(indices)}, its entries")
    _require_within(name, indices, places)


def _require_coordinates(name: str, matrix: Any) -> None:
    _require_integers(name, matrix.row, matrix.col)
    lengths = len(matrix.row), len(matrix.col), len(matrix.data)
    if len(set(lengths)) > 1:
        raise _broken(name, "it has {} row indices, {} column indices, {} values".format(*lengths))
    for indices, places in zip((matrix.row, matrix.col), matrix.shape, strict=True):
        _require_within(name, indices, places)


def _require_lists(name: str, matrix: Any) -> None:
    columns, values = (list(map(len, lists)) for lists in (matrix.rows, matrix.data))
    if columns != values or len(columns) != matrix.shape[0]:
        raise _broken(name, "its lists of columns and of values differ in length")


def _require_integers(name: str, *parts: NDArray[Any]) -> None:
    for part in parts:
        if part.ndim != 1 or part.dtype.kind not in "iu":
            kind = f"{part.ndim} axes of type {part.dtype}"
            raise _broken(name, f"it has indices in {kind}, must be whole numbers in one")


def _require_within(name: str, indices: NDArray[Any], places: int) -> None:
    if len(indices) and (indices.min() < 0 or indices.max() >= places):
        wrong = indices[(indices < 0) | (indices >= places)][0]
        raise _broken(name, f"it has an index {wrong}, must be from 0 to {places - 1}")


def _broken(name: str, what: str) -> ValueError:
    return ValueError(
        f"{name} is a broken sparse matrix: {what}; build it again from rows, columns and values"
    )


def _not_finite(name: str, csr: sparse.csr_matrix) -> str:
    """Name the first of the values."""
    place = np.flatnonzero(~np.isfinite(csr.data))[0]
    row = np.searchsorted(csr.indptr, place, side="right") - 1
    kind = "missing values (NaN)" if np.isnan(csr.data[place]) else "infinite values"
    return (
        f"{name} has {kind}, the first in row {row}, column {csr.indices[place]} (counted from 0): "
        "fill them in or leave these rows out"
    )
