"""Rows as estimators get them: their weights, moments, noise and batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import _check_sample_weight, validate_data
from torch import Tensor, nn

from dirvae.data.sparse_matrix import checked_csr

__all__ = [
    "batches",
    "finite",
    "generator_of",
    "mean_and_std",
    "precision_of",
    "validated_rows",
    "weighted",
]

ROWS_AT_ONCE = 1000
MOST_WEIGHT = 1e30  # of which float32 has the sum
MOST = 1e150  # whose square is finite
MOST_OFFSET = 1e4  # standard deviations that a mean may be from 0 for float32 to tell values apart
SINGLE = (1e-12, 1e15)  # standard deviations of which float32 has the squares, with room


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


def batches(X: Any) -> Iterator[Tensor]:
    """Yield rows of a dense or CSR matrix, some at a time, dense and in double precision."""
    for start in range(0, X.shape[0], ROWS_AT_ONCE):
        rows = X[start : start + ROWS_AT_ONCE]
        yield torch.from_numpy(rows.toarray() if sparse.issparse(rows) else rows.copy()).double()


def finite(what: str, values: Any) -> Any:
    """Return what a fitted model gives, unless some of it is NaN or infinite.

    Raises:
        FloatingPointError: If it is; the message begins with ``what``.
    """
    if not np.isfinite(values).all():
        raise FloatingPointError(
            f"{what} is NaN or infinite, since the model's weights have run away: fit it with a "
            "smaller learning_rate, or look for extreme values in the data"
        )
    return values


def weighted(X: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Return rows of positive weight, and their weights; None for none."""
    if sample_weight is None:
        return X, None
    weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight is 0 in every row; at least one must be positive")
    if weight.max() > MOST_WEIGHT:  # only their ratios matter
        weight = weight / weight.max()
    return X[weight > 0], weight[weight > 0]


def mean_and_std(X: Any, weight: Any) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each column; 1 in place of the deviation of a constant.

    They are float64 where float32 would not do for the data: far from 0, huge or tiny.

    Raises:
        ValueError: If squares of values are infinite.
    """
    largest = float(np.abs(X).max())
    if largest > MOST:
        raise ValueError(f"X has values of up to {largest:g}, must be {MOST:g} at most: scale them")
    if sparse.issparse(X):
        X = X.astype(np.float64, copy=False)
        mean, var = mean_variance_axis(X, axis=0, weights=weight)
    elif weight is None:
        mean, var = X.mean(0, dtype=np.float64), X.var(0, dtype=np.float64)
    else:
        mean = np.average(X, axis=0, weights=weight)
        var = np.average((X - mean) ** 2, axis=0, weights=weight)
    # What rounding of the sums alone may make of a constant.
    error = X.shape[0] * np.finfo(np.float64).eps
    std = np.sqrt(np.where(var <= error * var + (error * mean) ** 2, 1.0, var))
    low, high = SINGLE
    single = (np.abs(mean) <= MOST_OFFSET * std) & (std >= low) & (std <= high)
    dtype = torch.float32 if single.all() else torch.float64
    return torch.from_numpy(mean).to(dtype), torch.from_numpy(std).to(dtype)


def precision_of(vae: nn.Module) -> torch.dtype:
    """The precision that a model takes data in: that of the units of its Gaussian likelihood.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> precision_of(gaussian(4, 2))
        torch.float32
    """
    shift = getattr(vae.decoder, "given_shift", None)
    return torch.float32 if shift is None else cast(Tensor, shift).dtype
