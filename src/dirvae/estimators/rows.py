"""Rows as estimators get them: their weights, moments, noise and pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import _check_sample_weight, validate_data
from torch import Tensor

from dirvae.data.sparse_matrix import checked_csr

__all__ = ["chunks", "generator_of", "mean_and_std", "validated_rows", "weighted"]

ROWS_AT_ONCE = 1000


def validated_rows(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return rows as an array or a CSR matrix of floats, checked as scikit-learn does.

    Whole numbers become float64: identifiers and times have more digits than float32.

    Args:
        estimator: Whose ``n_features_in_`` and ``feature_names_in_`` they are checked against.
        X: Dense or sparse, shape (N, D), finite.
        reset: Whether those attributes are set instead.

    Raises:
        ValueError: If values are not finite, or the shape or a sparse matrix is wrong.
    """
    return validate_data(
        estimator,
        checked_csr("X", X) if sparse.issparse(X) else X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        estimator=estimator,
    )


def generator_of(row: Tensor) -> torch.Generator:
    """Return a generator that the values of the row seed."""
    values = row.double() + 0.0  # of which minus zero is zero, too
    digest = hashlib.blake2b(values.numpy().tobytes(), digest_size=7).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))


def chunks(X: Any) -> Iterator[Tensor]:
    """Yield rows of a dense or CSR matrix, some at a time, dense and in double precision."""
    for start in range(0, X.shape[0], ROWS_AT_ONCE):
        rows = X[start : start + ROWS_AT_ONCE]
        yield torch.from_numpy(rows.toarray() if sparse.issparse(rows) else rows.copy()).double()


def weighted(X: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Return rows of positive weight, and their weights; None for none."""
    if sample_weight is None:
        return X, None
    weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight is 0 in every row; at least one must be positive")
    return X[weight > 0], weight[weight > 0]


def mean_and_std(X: Any, weight: Any) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each column; 1 in place of the deviation of a constant."""
    if sparse.issparse(X):
        mean, var = mean_variance_axis(X, axis=0, weights=weight)
    elif weight is None:
        mean, var = X.mean(0, dtype=np.float64), X.var(0, dtype=np.float64)
    else:
        mean = np.average(X, axis=0, weights=weight)
        var = np.average((X - mean) ** 2, axis=0, weights=weight)
    std = np.sqrt(var)
    std[std <= 1e-8 * np.maximum(1, np.abs(mean))] = 1
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()
