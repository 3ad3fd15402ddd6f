"""Rows as estimators get them: their weights, moments, noise and batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import _check_n_features, _check_sample_weight, validate_data
from torch import Tensor, nn

from dirvae.alignment import require_plain
from dirvae.data.arrays import WINDOW
from dirvae.data.corpus.corpus import Corpus
from dirvae.data.corpus.part import CorpusPart
from dirvae.data.sparse_matrix import checked_csr

__all__ = [
    "batches",
    "corpus_moments",
    "finite",
    "generator_of",
    "is_on_disk",
    "mean_and_std",
    "precision_of",
    "require_deviations",
    "split_rows",
    "taken",
    "validated_corpus",
    "validated_rows",
    "weighted",
    "without_rounding",
]

ROWS_AT_ONCE = 1000
MOST = 1e150  # whose square is finite
LEAST = 1e-140  # whose square, times that of a small share, is not 0
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
        ValueError: If values are not finite numbers, or the shape or a sparse matrix is wrong.
    """
    if isinstance(X, Corpus):
        raise ValueError(f"X is a corpus, must be rows in memory for a {type(estimator).__name__}")
    require_plain("X", X)
    return validate_data(
        estimator,
        checked_csr("X", X) if sparse.issparse(X) else X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        estimator=estimator,
    )


def without_rounding(X: Any) -> Any:
    """Return rows that rounding alone took out of [0, 1], as scaling to it does, within [0, 1].

    Rows that are in it, or further out, are returned as they are.

    Example:
        >>> without_rounding(np.array([[np.nextafter(1, 2), 0.5]])).tolist()
        [[1.0, 0.5]]
    """
    values = X.data if sparse.issparse(X) else X
    if not values.size:
        return X
    low, high = values.min(), values.max()
    error = 1e-6 if values.dtype == np.float32 else 1e-12
    # Tiny values alone are data, not errors of rounding.
    if (low >= 0 and high <= 1) or not (low >= -error and 0.5 <= high <= 1 + error):
        return X
    if not sparse.issparse(X):
        return X.clip(0, 1)
    X = X.copy()
    X.data = X.data.clip(0, 1)
    return X


def validated_corpus(estimator: Any, corpus: Corpus, *, reset: bool) -> Corpus:
    """Return a corpus, whose words are the names of features.

    Raises:
        ValueError: If the estimator was fitted to others.
    """
    _check_n_features(estimator, corpus, reset=reset)
    words = corpus.vocabulary
    if reset:
        estimator.__dict__.pop("feature_names_in_", None)
    if reset and words is not None:
        estimator.feature_names_in_ = words
    known = getattr(estimator, "feature_names_in_", None)
    if words is not None and known is not None and known.tolist() != words.tolist():
        raise ValueError(
            f"{corpus.folder} has other words than the model, must have the same words in the same "
            "order"
        )
    return corpus


def is_on_disk(X: Any) -> bool:
    """Whether rows are those of a corpus, which are read as they are asked for."""
    return isinstance(X, Corpus | CorpusPart)


def taken(X: Any, rows: NDArray[Any]) -> Any:
    """Return some rows; those of a corpus stay on disk.

    Args:
        X: Dense or CSR, or a corpus or part of one, shape (N, D).
        rows: Numbers of rows, or a mask of shape (N,).
    """
    if not is_on_disk(X):
        return X[rows]
    numbers = np.flatnonzero(rows) if rows.dtype == bool else rows
    if isinstance(X, CorpusPart):
        return CorpusPart(X.corpus, X.rows[numbers])
    return CorpusPart(X, numbers)


def split_rows(X: Any, num_held_out: int, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Return numbers of the rows to train on, and of those held out, by chance.

    Those of a corpus of many shards rise, so that what is shuffled together lies together.
    """
    order = np.random.RandomState(seed).permutation(X.shape[0])
    parts = order[num_held_out:], order[:num_held_out]
    many = is_on_disk(X) and len(X.ends) - 1 > WINDOW
    return tuple(map(np.sort, parts)) if many else parts


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
            f"{what} is NaN or infinite, because the model's weights diverged: fit it with a "
            "smaller learning_rate, or look for extreme values in the data"
        )
    return values


def weighted(X: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Return rows of positive weight, and their weights, scaled so that the largest is 1.

    The weights are None if ``sample_weight`` is.
    """
    if sample_weight is None:
        return X, None
    require_plain("sample_weight", sample_weight)
    given = np.asarray(sample_weight)
    # Of these, some versions of scikit-learn speak without naming the argument.
    if given.size and given.dtype.kind in "biuf" and not given.any():
        raise ValueError("sample_weight is zero in every row; at least one must be positive")
    weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True).astype(np.float64)
    weight /= weight.max()  # only their ratios matter, and float32 may not have the weights
    return taken(X, weight > 0), weight[weight > 0]


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


def require_deviations(X: Any) -> None:
    """Raise ValueError if a column varies, but by so little that its variance may be 0."""
    ends = (X.min(axis=0), X.max(axis=0))
    low, high = (np.ravel(end.toarray() if sparse.issparse(end) else end) for end in ends)
    with np.errstate(over="ignore"):
        span = high - low
    error = X.shape[0] * np.finfo(np.float64).eps  # as in `mean_and_std`
    small = (span < LEAST) & (span > error * np.maximum(np.abs(low), np.abs(high)))
    if small.any():
        column = int(small.argmax())
        raise ValueError(
            f"X has values that differ by {span[column]:g} at most in column {column}, must be by "
            f"{LEAST:g} at least, or not at all, for a Gaussian: scale the column"
        )


def corpus_moments(X: Any, weight: Any) -> tuple[Tensor, Tensor]:
    """`mean_and_std` of the counts of a corpus, some rows at a time."""
    sums, start, total = np.zeros((2, X.shape[1])), 0, 0.0
    for block in X.blocks(ROWS_AT_ONCE):
        rows = slice(start, start + block.shape[0])
        shares = np.ones(block.shape[0]) if weight is None else weight[rows]
        sums += shares @ block, shares @ block.multiply(block)
        start, total = rows.stop, total + shares.sum()
    mean, square = sums / total
    std = np.sqrt(np.maximum(square - mean**2, 0))
    return torch.from_numpy(mean).float(), torch.from_numpy(np.where(std > 0, std, 1.0)).float()


def precision_of(vae: nn.Module) -> torch.dtype:
    """The precision that a model takes data in: that of the units of its Gaussian likelihood.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> precision_of(gaussian(4, 2))
        torch.float32
    """
    shift = getattr(vae.decoder, "given_shift", None)
    return torch.float32 if shift is None else cast(Tensor, shift).dtype
