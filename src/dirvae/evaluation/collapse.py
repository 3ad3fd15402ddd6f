"""Which components of a latent are used, and which have collapsed.

The encoder ignores a component whose posterior mean does not vary with x. The decoder ignores one
without which the reconstruction is as good. The prior alone gives some of these measures most of
their value, so read each beside the prior's own.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

__all__ = [
    "LatentMoments",
    "Use",
    "active_units",
    "decoder_weight_norms",
    "decoding_cost",
    "encoding_variance",
    "latent_moments",
    "replace_by_mean",
    "verdicts",
]

Array = NDArray[np.float64]

ENCODING_THRESHOLD = 0.01  # share of the prior's variance
DECODING_THRESHOLD = 0.01  # nats a row


class Use(StrEnum):
    """Verdict on a component: whether encoder and decoder use it.

    Attributes:
        BOTH: Its value is "encoding and decoding".
        ENCODING: "encoding only".
        DECODING: "decoding only".
        NEITHER: "neither".

    Example:
        >>> print(Use.ENCODING)
        encoding only
    """

    BOTH = "encoding and decoding"
    ENCODING = "encoding only"
    DECODING = "decoding only"
    NEITHER = "neither"


class LatentMoments(NamedTuple):
    """Moments of each component over rows, each of shape (K,).

    Attributes:
        mean: Mean.
        std: Standard deviation.
        skewness: Third standardized moment, 0 for a Gaussian; NaN for a constant.
        kurtosis: Excess kurtosis: fourth standardized moment minus 3, 0 for a Gaussian; NaN for a
            constant.

    Example:
        >>> latent_moments([[0.0], [2.0]]).std
        array([1.])
    """

    mean: Array
    std: Array
    skewness: Array
    kurtosis: Array


def encoding_variance(posterior_means: ArrayLike, prior_var: ArrayLike = 1.0) -> Array:
    """Variance over rows of each component's posterior mean, divided by the prior's variance.

    Args:
        posterior_means: E_q[z|x] of each row, shape (N, K).
        prior_var: Var(z_k) under the prior, shape (K,) or (). With 1, nothing is divided.

    Returns:
        The ratios, shape (K,).

    Raises:
        ValueError: If shapes do not fit, values are not finite, or a variance is not positive.

    References:
        Burda, Grosse & Salakhutdinov 2016, sec. 5.2, who do not divide.

    Example:
        >>> encoding_variance([[0.0, 1.0], [2.0, 1.0]], prior_var=2.0).tolist()
        [0.5, 0.0]
    """
    means = _rows("posterior_means", posterior_means)
    variance = np.asarray(prior_var, dtype=np.float64)
    if variance.ndim > 1 or (variance.ndim == 1 and len(variance) != means.shape[1]):
        raise ValueError(f"prior_var has shape {variance.shape}, must be ({means.shape[1]},) or ()")
    if not (variance > 0).all():
        raise ValueError("prior_var has values that are not positive, must be variances above 0")
    return np.asarray(means.var(0) / variance, dtype=np.float64)


def active_units(
    posterior_means: ArrayLike, prior_var: ArrayLike, threshold: float = ENCODING_THRESHOLD
) -> NDArray[np.bool_]:
    """Whether the encoder uses each component: Var_x(E_q[z_k|x]) > threshold * Var(z_k).

    Args:
        posterior_means: E_q[z|x] of each row, shape (N, K).
        prior_var: Var(z_k) under the prior, shape (K,) or (). With 1 the threshold is absolute, as
            in the literature. Components on a simplex are small, so they then look inactive.
        threshold: Threshold, as a share of the prior's variance.

    Returns:
        True for each component that is used, shape (K,).

    References:
        Burda, Grosse & Salakhutdinov 2016, sec. 5.2 (absolute, .01).

    Example:
        >>> active_units([[0.1, 0.3], [0.5, 0.3]], prior_var=[0.1, 0.1]).tolist()
        [True, False]
    """
    return encoding_variance(posterior_means, prior_var) > threshold


def decoder_weight_norms(weight: ArrayLike) -> Array:
    """Norm of each component's column in the decoder's first weight matrix.

    Norms can be compared only within one decoder. A component with a column near 0 is not used. A
    component with a larger norm may be unused too, if it still has its initial weights. So look at
    `decoding_cost` as well.

    Args:
        weight: The matrix, shape (H, K), as ``torch.nn.Linear(K, H).weight``.

    Returns:
        The norms, shape (K,).

    References:
        Joo et al. 2020, sec. 4.2 ("decoder weight collapse").

    Example:
        >>> decoder_weight_norms([[3.0, 0.0], [4.0, 0.0]]).tolist()
        [5.0, 0.0]
    """
    return np.asarray(np.linalg.norm(_rows("weight", weight), axis=0), dtype=np.float64)


def latent_moments(z: ArrayLike) -> LatentMoments:
    """Mean, standard deviation, skewness and excess kurtosis of each component over rows.

    Args:
        z: Posterior means, or draws of the posterior or of the prior, shape (N, K).

    Example:
        >>> moments = latent_moments([[0.0], [0.0], [3.0]])
        >>> float(moments.mean[0]), round(float(moments.skewness[0]), 4)
        (1.0, 0.7071)
    """
    rows = _rows("z", z)
    # A spread at the level of rounding is no spread: its higher moments would be noise.
    constant = rows.std(0) <= 1e-12 * np.abs(rows).max(0)
    varying = np.where(constant, np.arange(len(rows))[:, None], rows)
    skewness, kurtosis = stats.skew(varying), stats.kurtosis(varying)
    skewness[constant] = kurtosis[constant] = np.nan
    return LatentMoments(rows.mean(0), rows.std(0), skewness, kurtosis)


def replace_by_mean(z: ArrayLike, component: int, *, simplex: bool = True) -> Array:
    """Replace one component by its mean over rows.

    Args:
        z: Latents, shape (N, K).
        component: Index k.
        simplex: Whether to divide each row by its sum afterwards.

    Returns:
        The changed latents, shape (N, K).

    Example:
        >>> replace_by_mean([[1.0, 0.0], [0.5, 0.5]], 1).round(4).tolist()
        [[0.8, 0.2], [0.6667, 0.3333]]
    """
    replaced: Array = _rows("z", z).copy()
    replaced[:, component] = replaced[:, component].mean()
    if simplex:
        replaced /= replaced.sum(1, keepdims=True)
    return replaced


def decoding_cost(
    log_likelihood: Callable[[Array], ArrayLike], z: ArrayLike, *, simplex: bool = True
) -> Array:
    """Nats that are lost if a component is replaced by its mean over rows, for each component.

    With a cost of at most .01 nats, the decoder does not use the component. The cost may be
    negative.

    Args:
        log_likelihood: Function from latents (N, K) to log p(x|z) of each of the N rows, in nats.
        z: Latents of the rows, such as posterior means, shape (N, K).
        simplex: Whether the latent is on the simplex. Rows are then divided by their sum after the
            replacement.

    Returns:
        Mean loss over rows, shape (K,), in nats.

    Example:
        >>> x, z = np.array([0.0, 2.0]), [[0.0, 5.0], [2.0, 7.0]]
        >>> decoding_cost(lambda z: -((x - z[:, 0]) ** 2), z, simplex=False).tolist()
        [1.0, 0.0]
    """
    rows = _rows("z", z)
    full = np.asarray(log_likelihood(rows), dtype=np.float64).mean()
    without = [
        np.asarray(log_likelihood(replace_by_mean(rows, k, simplex=simplex))).mean()
        for k in range(rows.shape[1])
    ]
    return np.asarray(full - np.asarray(without), dtype=np.float64)


def verdicts(
    active: ArrayLike, cost: ArrayLike, least_cost: float = DECODING_THRESHOLD
) -> tuple[Use, ...]:
    """Verdict on each component: whether encoder and decoder use it.

    Args:
        active: Whether the encoder uses each component, from `active_units`, shape (K,).
        cost: Cost of each component in nats per row, from `decoding_cost`, shape (K,).
        least_cost: If the cost is above this number of nats per row, the decoder uses the
            component.

    Returns:
        K verdicts.

    Raises:
        ValueError: If the shapes differ, or a cost is not finite.

    Example:
        >>> [str(use) for use in verdicts([True, True, False], [0.3, 0.0, 0.0])]
        ['encoding and decoding', 'encoding only', 'neither']
    """
    encoding, nats = np.asarray(active, dtype=bool), np.asarray(cost, dtype=np.float64)
    if encoding.ndim != 1 or encoding.shape != nats.shape:
        raise ValueError(f"active has shape {encoding.shape}, cost {nats.shape}; both must be (K,)")
    if not np.isfinite(nats).all():
        raise ValueError("cost has NaN or infinite values, must be finite")
    used = {
        (True, True): Use.BOTH,
        (True, False): Use.ENCODING,
        (False, True): Use.DECODING,
        (False, False): Use.NEITHER,
    }
    pairs = zip(encoding.tolist(), (nats > least_cost).tolist(), strict=True)
    return tuple(used[pair] for pair in pairs)


def _rows(name: str, values: ArrayLike) -> Array:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"{name} has shape {rows.shape}, must be a matrix with rows and columns")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} has NaN or infinite values, must be finite")
    return rows
