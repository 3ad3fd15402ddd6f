"""How much a latent tells of x: mutual information, and divergences from draws alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

__all__ = ["Information", "divergence_from_draws", "mutual_information"]

Array = NDArray[np.float64]


class Information(NamedTuple):
    """Mutual information I(x; z) of the N rows that x is drawn from.

    An encoder that ignores x, and so one that always returns the prior, has 0.

    Attributes:
        pointwise: log q(z|x) - log 1/N sum_n q(z|x_n) of each draw, in nats, shape (M,).
        num_rows: N.

    Example:
        >>> round(Information(np.array([0.5, 0.7]), num_rows=10).bound, 4)
        2.3026
    """

    pointwise: Array
    num_rows: int

    @property
    def value(self) -> float:
        """Unbiased estimate of I(x; z) in nats; the truth is from 0 to `bound`."""
        return float(self.pointwise.mean())

    @property
    def std_error(self) -> float:
        """Standard error of `value` in nats; NaN from a single draw."""
        count = len(self.pointwise)
        return float(self.pointwise.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan

    @property
    def bound(self) -> float:
        """Log N, in nats: N rows cannot hold more, so a value near it only says "at least"."""
        return math.log(self.num_rows)


def mutual_information(log_q: ArrayLike, own: ArrayLike | None = None) -> Information:
    r"""Mutual information of a row drawn from N and the latent that the encoder draws for it.

    .. math:: I(x; z) = \frac1N \sum_n E_{q(z|x_n)} \log \frac{q(z|x_n)}{q(z)}, \quad
        q(z) = \frac1N \sum_m q(z|x_m)

    The mean KL of posteriors to the prior is I(x; z) + KL(q(z) || p(z)). All N rows make up q(z);
    with few draws at a time, ``pointwise`` of the batches may be joined.

    Args:
        log_q: log q(z_i|x_n) of draw i under row n, shape (M, N), in nats.
        own: Which row each draw was made for, whole numbers below N, shape (M,); by default draw i
            for row i.

    Returns:
        The estimate, its standard error and its bound.

    Raises:
        ValueError: If ``log_q`` is not (M, N), or NaN or +inf somewhere. Or if a draw has density 0
            under its own row, or ``own`` does not fit.

    References:
        Hoffman & Johnson 2016, "ELBO surgery", sec. 3.

    Example:
        >>> round(mutual_information([[0.0, -np.inf], [-np.inf, 0.0]]).value, 4)  # log 2
        0.6931
    """
    checked = np.asarray(log_q, dtype=np.float64)
    if checked.ndim != 2 or not checked.size:
        raise ValueError(f"log_q has shape {checked.shape}, must be (M, N): draws by rows")
    if np.isnan(checked).any() or np.isposinf(checked).any():
        raise ValueError("log_q has NaN or +inf, must be finite or -inf")
    draws, rows = checked.shape
    owners = np.arange(draws) if own is None else np.asarray(own)
    if owners.shape != (draws,) or not ((owners >= 0) & (owners < rows)).all():
        raise ValueError(f"own must hold a row from 0 to {rows - 1} for each of the {draws} draws")
    of_own = checked[np.arange(draws), owners]
    if np.isneginf(of_own).any():
        raise ValueError("log_q is -inf for a draw under its own row, where it must be finite")
    pointwise = of_own - (logsumexp(checked, axis=1) - math.log(rows))
    return Information(np.asarray(pointwise, dtype=np.float64), rows)


def divergence_from_draws(draws: ArrayLike, reference: ArrayLike, neighbours: int = 5) -> Array:
    r"""KL(q || p) of univariate distributions of which only draws are known, by nearest neighbours.

    .. math:: \frac1S \sum_s \log \frac{\nu_k(z_s)}{\rho_k(z_s)} + \log \frac{M}{S - 1}

    with the distances from a draw to its k-th neighbour among the draws of p and the other draws of
    q. It does not change if both are mapped by the same affine function. The error of one estimate
    is some tenths of a nat at S = 100, and averages out over distributions; it may be below 0.

    Args:
        draws: From q, shape (S, ...), S > k; each of the trailing indices is a distribution of its
            own.
        reference: From p, shape (M,), M >= k.
        neighbours: k; more lower the variance and raise the bias.

    Returns:
        Shape (...), in nats; NaN where draws tie, as those of a distribution with atoms do.

    Raises:
        ValueError: If there are too few draws, or they are not finite.

    References:
        Wang, Kulkarni & Verdú 2009, "Divergence estimation for multidimensional densities via
        k-nearest-neighbor distances", eq. 14.

    Example:
        >>> random = np.random.default_rng(0)
        >>> found = divergence_from_draws(random.normal(1, 1, (500, 40)), random.normal(size=50000))
        >>> bool(abs(found.mean() - 0.5) < 0.05)  # KL(N(1, 1) || N(0, 1)) is 1/2
        True
    """
    z, known = np.asarray(draws, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if known.ndim != 1 or not 1 <= neighbours <= len(known):
        raise ValueError(f"reference has shape {known.shape}, must be (M,), M >= {neighbours}")
    if z.ndim < 1 or len(z) <= neighbours:
        raise ValueError(f"draws has shape {z.shape}, must have more than {neighbours} draws")
    if not (np.isfinite(z).all() and np.isfinite(known).all()):
        raise ValueError("draws or reference has NaN or infinite values, must be finite")
    z = np.sort(z.reshape(len(z), -1), axis=0)
    to_own = _among_themselves(z, neighbours)
    to_reference = _to_neighbour(z, np.sort(known), neighbours)
    tied = ((to_own == 0) | (to_reference == 0)).any(0)
    ratio = np.where(tied, np.nan, to_reference) / np.where(tied, 1.0, to_own)
    found = np.log(ratio).mean(0) + math.log(len(known) / (len(z) - 1))
    return np.asarray(found.reshape(np.shape(draws)[1:]), dtype=np.float64)


def _among_themselves(z: Array, k: int) -> Array:
    """Distance to the k-th nearest of the other draws; z of shape (S, C), sorted."""
    count = len(z)
    ends = np.full((k, z.shape[1]), np.inf)
    padded = np.concatenate([-ends, z, ends])
    nearest = np.full_like(z, np.inf)
    for below in range(k + 1):  # the k neighbours are in a window that holds the draw itself
        start = k - below
        low, high = padded[start : start + count], padded[start + k : start + k + count]
        nearest = np.minimum(nearest, np.maximum(z - low, high - z))
    return nearest


def _to_neighbour(z: Array, reference: Array, k: int) -> Array:
    """Distance to the k-th nearest of ``reference``, shape (M,), sorted."""
    ends = np.full(k, np.inf)
    padded = np.concatenate([-ends, reference, ends])
    place = np.searchsorted(reference, z)
    nearest = np.full_like(z, np.inf)
    for start in range(k + 1):
        low, high = padded[place + start], padded[place + start + k - 1]
        nearest = np.minimum(nearest, np.maximum(z - low, high - z))
    return nearest
