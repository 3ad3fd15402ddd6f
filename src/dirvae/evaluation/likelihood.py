"""Log-likelihood by importance sampling, with its standard error, from arrays of log weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from arviz_stats.base.array import array_stats
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

__all__ = [
    "Evidence",
    "effective_sample_size",
    "importance_sampled",
    "log_mean_exp",
    "log_mean_exp_error",
    "pareto_k",
]

Array = NDArray[np.float64]

PARETO_K_LIMIT = 0.7
LEAST_SAMPLES = 25  # a tail of five weights, the fewest that the fit takes


class Evidence(NamedTuple):
    """Estimated log p(x) of N rows; each attribute has shape (N,).

    Attributes:
        value: Estimate of log p(x) in nats. It is too low by about half its squared standard error.
        std_error: Standard error of ``value`` in nats; NaN for a single draw.
        effective_samples: Effective number of the S draws, from 1 to S.
        pareto_k: Shape of the weights' tail, k-hat; see the function `pareto_k`. Above .7, trust
            neither ``value`` nor ``std_error``. NaN for fewer than 25 draws.

    Example:
        >>> importance_sampled(np.zeros((4, 2))).effective_samples
        array([4., 4.])
    """

    value: Array
    std_error: Array
    effective_samples: Array
    pareto_k: Array

    @classmethod
    def concatenate(cls, parts: Iterable[Evidence]) -> Evidence:
        """Join several parts into one, with the rows of all."""
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @property
    def unreliable_share(self) -> float:
        """Share of rows whose ``pareto_k`` is above .7; NaN for fewer than 25 draws."""
        if np.isnan(self.pareto_k).any():
            return float("nan")
        return float((self.pareto_k > PARETO_K_LIMIT).mean())

    @property
    def mean(self) -> float:
        """Mean of ``value`` over rows, in nats."""
        return float(self.value.mean())

    @property
    def mean_std_error(self) -> float:
        """Standard error of `mean` from the randomness of the draws, in nats."""
        return float(np.sqrt((self.std_error**2).sum()) / len(self.std_error))


def importance_sampled(log_weights: ArrayLike) -> Evidence:
    r"""Log-likelihood of each row from importance weights.

    .. math:: \log p(x) \approx \log \frac1S \sum_s \frac{p(x, z_s)}{q(z_s|x)}, \quad z_s \sim q

    Args:
        log_weights: log p(x|z) + log p(z) - log q(z|x) in nats, shape (S, N). Here q must be the
            density from which z was drawn.

    Returns:
        Estimate, standard error, effective sample size and Pareto shape (k-hat) of each row.

    Raises:
        ValueError: If ``log_weights`` is not of shape (S, N), or has NaN or +inf.

    References:
        Burda, Grosse & Salakhutdinov 2016, eq. 8.

    Example:
        >>> evidence = importance_sampled(np.log([[0.5, 1.0], [0.5, 3.0]]))
        >>> np.exp(evidence.value).round(6).tolist(), evidence.effective_samples.round(6).tolist()
        ([0.5, 2.0], [2.0, 1.6])
    """
    checked = _checked(log_weights)
    if checked.ndim != 2:
        raise ValueError(f"log_weights has shape {checked.shape}, must be (S, N): samples by rows")
    return Evidence(
        log_mean_exp(checked),
        log_mean_exp_error(checked),
        effective_sample_size(checked),
        pareto_k(checked),
    )


def log_mean_exp(log_weights: ArrayLike) -> Array:
    """Log of the mean of weights over the leading axis, in double precision.

    Args:
        log_weights: Logs of weights, shape (S, ...).

    Returns:
        The logs of the means, shape (...), in nats; -inf where all weights are 0.

    Raises:
        ValueError: If there are no weights, or a log weight is NaN or +inf.

    Example:
        >>> log_mean_exp([[-1000.0], [-1000.0]]).tolist()
        [-1000.0]
    """
    checked = _checked(log_weights)
    return np.asarray(logsumexp(checked, axis=0) - math.log(len(checked)), dtype=np.float64)


def log_mean_exp_error(log_weights: ArrayLike) -> Array:
    r"""Standard error of `log_mean_exp` by the delta method: sd(w) / (mean(w) sqrt S).

    The standard error is itself an estimate. It is too small if a few weights dominate, so look at
    `effective_sample_size` as well.

    Args:
        log_weights: Logs of weights, shape (S, ...).

    Returns:
        The standard errors, shape (...), in nats; NaN for a single weight.

    Example:
        >>> log_mean_exp_error(np.log([1.0, 3.0])).round(6).tolist()
        0.5
    """
    weights = _relative_weights(log_weights)
    num_samples = len(weights)
    if num_samples < 2:
        return np.full(weights.shape[1:], np.nan)
    spread = weights.std(0, ddof=1) / (weights.mean(0) * math.sqrt(num_samples))
    return np.asarray(spread, dtype=np.float64)


def effective_sample_size(log_weights: ArrayLike) -> Array:
    r"""Effective number of samples, (sum w)^2 / sum w^2.

    Args:
        log_weights: Logs of weights w, shape (S, ...).

    Returns:
        The effective numbers, shape (...), from 1 to S.

    References:
        Kong 1992; Owen 2013, sec. 9.3.

    Example:
        >>> effective_sample_size([[0.0], [0.0], [-1000.0]]).tolist()
        [2.0]
    """
    weights = _relative_weights(log_weights)
    return np.asarray(weights.sum(0) ** 2 / (weights**2).sum(0), dtype=np.float64)


def pareto_k(log_weights: ArrayLike) -> Array:
    r"""Shape k (k-hat) of a generalised Pareto distribution fitted to the largest weights.

    The weights have about 1 / k finite moments. If k is at most .5, the error of an estimate from
    these weights falls with the number of draws as usual. If k is above .7, a good estimate needs
    more draws than are feasible, and the estimate is mostly a lower bound.

    Args:
        log_weights: Logs of weights, shape (S, N).

    Returns:
        k of each row, shape (N,): -inf if all weights are equal, inf if all are 0, NaN for fewer
        than 25 draws.

    References:
        Vehtari, Simpson, Gelman, Yao & Gabry 2024, "Pareto smoothed importance sampling", sec. 3.

    Example:
        >>> draws = np.random.default_rng(0).exponential(size=(10_000, 1))
        >>> bool(abs(pareto_k(0.4 * draws) - 0.4) < 0.1)  # its weights are Pareto, with k = .4
        True
    """
    checked = _checked(log_weights)
    if checked.ndim != 2:
        raise ValueError(f"log_weights has shape {checked.shape}, must be (S, N): samples by rows")
    if len(checked) < LEAST_SAMPLES:
        return np.full(checked.shape[1], np.nan)
    return np.array([_pareto_k(column) for column in checked.T], dtype=np.float64)


def _pareto_k(log_weights: Array) -> float:
    finite = log_weights[np.isfinite(log_weights)]
    if not len(finite):
        return math.inf
    # Only the order of what lies below the tail matters.
    floored = np.maximum(log_weights, finite.min() - 1)
    tail = np.sort(floored)[-LEAST_SAMPLES // 5 :]
    if tail[0] == tail[-1]:
        return -math.inf
    # ArviZ takes log-likelihoods left out, of which the weights are the inverse.
    with np.errstate(over="ignore"):  # of ArviZ 0.5, in a denominator
        return float(array_stats.psislw(-floored)[1])


def _relative_weights(log_weights: ArrayLike) -> Array:
    """Weights over the largest of each row, so that none overflows; 0 / 0 is left NaN."""
    checked = _checked(log_weights)
    top = checked.max(0)
    return np.exp(checked - np.where(np.isfinite(top), top, 0.0))


def _checked(log_weights: ArrayLike) -> Array:
    checked = np.asarray(log_weights, dtype=np.float64)
    if checked.ndim < 1 or len(checked) < 1:
        raise ValueError(
            f"log_weights has shape {checked.shape}, must have a first axis of at least one sample"
        )
    if np.isnan(checked).any() or np.isposinf(checked).any():
        raise ValueError("log_weights has NaN or +inf, must be finite or -inf")
    return checked
