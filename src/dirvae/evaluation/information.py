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
    """Mutual information I(x; z), where x is drawn from N rows.

    It is 0 for an encoder that ignores x, such as one that always returns the prior.

    Attributes:
        pointwise: log q(z|x) - log 1/N sum_n q(z|x_n) of each draw of z, in nats, shape (M,).
        num_rows: Number of rows, N.

    Example:
        >>> round(Information(np.array([0.5, 0.7]), num_rows=10).bound, 4)
        2.3026
    """

    pointwise: Array
    num_rows: int

    @property
    def value(self) -> float:
        """Unbiased estimate of I(x; z) in nats; the true value is between 0 and `bound`."""
        return float(self.pointwise.mean())

    @property
    def std_error(self) -> float:
        """Standard error of `value` in nats; NaN from a single draw."""
        count = len(self.pointwise)
        return float(self.pointwise.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan

    @property
    def bound(self) -> float:
        """Log N, in nats: the largest value with N rows. A value near it is a lower bound only."""
        return math.log(self.num_rows)


def mutual_information(log_q: ArrayLike, own: ArrayLike | None = None) -> Information:
    r"""Mutual information of x and z: x is drawn from N rows, and z from q(z|x).

    .. math:: I(x; z) = \frac1N \sum_n E_{q(z|x_n)} \log \frac{q(z|x_n)}{q(z)}, \quad
        q(z) = \frac1N \sum_m q(z|x_m)

    The mean KL of the posteriors from the prior is I(x; z) + KL(q(z) || p(z)). The mixture q(z) is
    always over all N rows. To bound memory, call this function on a few draws at a time, and join
    the results' ``pointwise``.

    Args:
        log_q: log q(z_i|x_n) of draw i under row n, shape (M, N), in nats.
        own: Index of the row that each draw was made for, shape (M,). By default row i for draw i.

    Returns:
        The estimate, its standard error and its bound.

    Raises:
        ValueError: If ``log_q`` is not of shape (M, N), or has NaN or +inf. Or if a draw has
            density 0 under its own row, or ``own`` does not fit.

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
    r"""KL(q || p) of univariate distributions from draws alone, by nearest neighbours.

    .. math:: \frac1S \sum_s \log \frac{\nu_k(z_s)}{\rho_k(z_s)} + \log \frac{M}{S - 1}

    Here :math:`\nu_k(z_s)` is the distance from the draw :math:`z_s` of q to its k-th nearest
    neighbour among the M draws of p, and :math:`\rho_k(z_s)` that among the other draws of q. The
    estimate does not change if all draws are mapped by the same affine function. The error of one
    estimate is some tenths of a nat at S = 100. Errors cancel in means over many distributions. An
    estimate may be negative.

    Args:
        draws: Draws of q, shape (S, ...), S > k. Each entry of the trailing dimensions has its own
            distribution q.
        reference: Draws of p, shape (M,), M >= k.
        neighbours: k. A larger k lowers the variance and raises the bias.

    Returns:
        The estimates, shape (...), in nats. NaN if draws are equal, as in a discrete distribution.

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
