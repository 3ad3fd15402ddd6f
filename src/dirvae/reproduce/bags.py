"""Bags of words as the paper and other topic models were measured on, from files at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data import checked_csr

__all__ = ["Bags", "bags"]

HELD_OUT = 5  # every fifth document tests where a file has no test documents


class Bags(NamedTuple):
    """Counts of words, and classes where they are known.

    Attributes:
        train: CSR, shape (N, V), no row without words.
        test: CSR, shape (M, V).
        train_labels: Shape (N,), or None.
        test_labels: Shape (M,), or None.
    """

    train: sparse.csr_matrix
    test: sparse.csr_matrix
    train_labels: NDArray[Any] | None = None
    test_labels: NDArray[Any] | None = None


def bags(name: str) -> Bags:
    """Read ``name.npz`` from the folder that the environment variable DIRVAE_DATA names.

    The file has the parts of a CSR matrix, ``train_data``, ``train_indices``, ``train_indptr`` and
    ``train_shape``, and the same of ``test``. It may have ``train_y`` and ``test_y``. Or it has one
    matrix ``all`` with ``y``, of which every fifth document of a fixed order tests.

    Args:
        name: Such as "20news_nvdm2000".

    Raises:
        OSError: If the file is not there.

    Example:
        >>> bags("none")
        Traceback (most recent call last):
        OSError: none.npz cannot be downloaded: put it into a folder and set DIRVAE_DATA to it
    """
    path = Path(os.environ.get("DIRVAE_DATA", ""), f"{name}.npz")
    if not path.is_file():
        raise OSError(
            f"{name}.npz cannot be downloaded: put it into a folder and set DIRVAE_DATA to it"
        )
    with np.load(path, allow_pickle=False) as arrays:
        if "train_data" in arrays.files:
            train, test = _matrix(arrays, "train"), _matrix(arrays, "test")
            labels = tuple(_array(arrays, key) for key in ("train_y", "test_y"))
        else:
            every, y = _matrix(arrays, "all"), _array(arrays, "y")
            order = np.random.default_rng(0).permutation(every.shape[0])
            rows = np.setdiff1d(order, order[::HELD_OUT]), order[::HELD_OUT]
            train, test = (every[part] for part in rows)
            labels = (None, None) if y is None else tuple(y[part] for part in rows)
    full = np.flatnonzero(np.diff(train.indptr))
    return Bags(train[full], test, None if labels[0] is None else labels[0][full], labels[1])


def _matrix(arrays: Any, part: str) -> sparse.csr_matrix:
    data, indices, indptr = (arrays[f"{part}_{name}"] for name in ("data", "indices", "indptr"))
    parts = (data.astype(np.float64), indices, indptr)
    return checked_csr(part, sparse.csr_matrix(parts, shape=tuple(arrays[f"{part}_shape"])))


def _array(arrays: Any, key: str) -> NDArray[Any] | None:
    return arrays[key] if key in arrays.files else None
