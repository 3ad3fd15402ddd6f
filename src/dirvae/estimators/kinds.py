"""What kind of numbers data seem to be, and whether their distribution takes them for another."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from torch.distributions import Bernoulli, Distribution, Normal

from dirvae.models.likelihoods import takes_counts

__all__ = ["warn_of_fractions", "warn_of_kind"]

VALUES_AT_ONCE = 1_000_000
ALIKE = 1e-3  # sums of rows that differ by less of their mean are taken for one sum, rounded


def warn_of_kind(X: Any, likelihood: Callable[..., Distribution], *, chosen: bool) -> None:
    """Warn where data look like another kind of numbers than their distribution is for.

    Args:
        X: Dense or CSR, shape (N, D), in the support of ``likelihood``.
        likelihood: Distribution of the data.
        chosen: Whether the distribution was chosen for want of another, rather than asked for.

    Warns:
        UserWarning: What was seen, and which option takes it.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as told:
        ...     warnings.simplefilter("always")
        ...     warn_of_kind(np.array([[0.0, 7.0]]), Normal, chosen=True)
        >>> print(str(told[0].message).split(",")[0])
        X has whole numbers from 0 to 7
    """
    if takes_counts(likelihood):
        name = getattr(likelihood, "__name__", repr(likelihood))
        other = "likelihood=Normal takes fractions (--likelihood gaussian on the command line)"
        warn_of_fractions(X, f"likelihood={name} takes them for counts", other)
    elif chosen and likelihood is Normal and _are_whole(X) and X.min() >= 0:
        warnings.warn(
            f"X has whole numbers from {X.min():g} to {X.max():g}, which look like counts, but are "
            "fitted by a Gaussian: likelihood=NegativeBinomial, Multinomial or "
            "DirichletMultinomial takes counts (--likelihood negative-binomial, ... on the command "
            "line), likelihood=Normal is for numbers that are not counts",
            stacklevel=2,
        )
    elif chosen and likelihood is Bernoulli and not _are_whole(X) and _common_sum(X):
        warnings.warn(
            f"X has rows that sum to {_common_sum(X):g}, as relative abundances do, but each value "
            "is treated as the probability of a 1. likelihood=DirichletMultinomial takes the "
            "counts that they were made from; likelihood=Normal takes fractions as they are; "
            "likelihood=Bernoulli is for probabilities",
            stacklevel=2,
        )


def warn_of_fractions(X: Any, taken: str, other: str) -> None:
    """Warn where what should be counts has fractions.

    Args:
        X: Dense or CSR, shape (N, D).
        taken: What is made of them, such as "topics are fitted to counts".
        other: What takes fractions.

    Warns:
        UserWarning: What was seen, and what to give.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as told:
        ...     warnings.simplefilter("always")
        ...     warn_of_fractions(np.array([[0.25, 0.75], [1.0, 0.0]]), "these are counts", "none")
        >>> print(str(told[0].message).split(", but")[0])
        X has fractions, such as 0.25, and rows that sum to 1, as relative abundances do
    """
    fraction = _first_fraction(X)
    if fraction is None:
        return
    total = _common_sum(X)
    kind = {1: "relative abundances do", 100: "percentages do"}.get(round(total), "shares do")
    sums = f", and rows that sum to {total:g}, as {kind}" if total else ""
    warnings.warn(
        f"X has fractions, such as {fraction:g}{sums}, but {taken}: give the whole counts that "
        f"they were made from; {other}",
        stacklevel=3,
    )


def _are_whole(X: Any) -> bool:
    return _first_fraction(X) is None


def _first_fraction(X: Any) -> float | None:
    """The first value that is no whole number; some at a time, for there may be a billion."""
    values = (X.data if sparse.issparse(X) else np.asarray(X)).ravel()
    for start in range(0, values.size, VALUES_AT_ONCE):
        part = values[start : start + VALUES_AT_ONCE]
        fractions = part[part != np.rint(part)]
        if fractions.size:
            return float(fractions[0])
    return None


def _common_sum(X: Any) -> float:
    """What every row that is not all 0 sums to; 0 where they differ."""
    sums = np.asarray(X.sum(1), dtype=np.float64).ravel()
    sums = sums[sums != 0]
    if len(sums) < 2 or np.ptp(sums) > ALIKE * abs(sums.mean()):
        return 0.0
    return float(np.round(sums.mean(), 3))
