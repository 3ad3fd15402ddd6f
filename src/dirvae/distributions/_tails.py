"""Tails and quantiles of Gamma and Beta distributions in float64, to full relative precision.

A tail is F or 1 - F. The one beyond the mode is computed, of log x or of log x - log(1 - x). The
other is 1 less it, so no digits are lost. It is an integral whose integrand falls,

    integral over w > 0 of exp(l(t +- w) - l(t)),

entire and without a long tail of its own, once the term that has one is taken out by the recurrence
in the concentration. Gauss-Legendre then leaves 1e-12, and all derivatives follow by autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from dirvae.distributions._polynomial import in_blocks
from dirvae.distributions._quadrature import LOG_DROP, distance_to_drop
from dirvae.distributions._quantile import quantile
from dirvae.distributions.log_space import (
    in_order,
    log_gamma_ratio,
    log_of_neg_log1mexp,
    scaled_lgamma1p,
)

__all__ = ["Tails", "beta_log_odds_quantile", "beta_tails", "gamma_log_quantile", "gamma_tails"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NODES, _WEIGHTS = ((_NODES + 1) / 2).tolist(), (_WEIGHTS / 2).tolist()
_FARTHEST = 1e15
_STEPS = 32
_NEXT_TO_ONE = 1 - 2**-53
_EVERY_FLOAT = 800.0  # the log odds of no float64 are larger


class Tails(NamedTuple):
    """Probabilities below and above a point."""

    lower: Tensor
    upper: Tensor


def gamma_tails(a: Tensor, log_x: Tensor) -> Tails:
    """P(log X <= log_x) and P(log X > log_x) for X ~ Gamma(a, 1), in float64.

    The lower tail by DLMF 8.8.5, P(a, x) = x^a e^-x / Gamma(a + 1) + P(a + 1, x).

    Example:
        >>> zero = torch.zeros((), dtype=torch.float64)
        >>> round(float(gamma_tails(zero + 1, zero).upper), 6)  # 1 / e
        0.367879
    """
    a, t = torch.broadcast_tensors(a, log_x.clamp(-_FARTHEST, 300.0))
    return _tails(in_blocks(_near_of_gamma, a, t), t < a.log())


def beta_tails(a: Tensor, b: Tensor, log_odds: Tensor) -> Tails:
    """P(X <= x) and P(X > x) for X ~ Beta(a, b) at log x - log(1 - x), in float64.

    By DLMF 8.17.20, I_x(p, q) = x^p (1 - x)^q / (p B(p, q)) + I_x(p + 1, q).

    Example:
        >>> half = torch.full((), 0.5, dtype=torch.float64)
        >>> round(float(beta_tails(half, half, 0 * half).lower), 6)
        0.5
    """
    a, b, t = torch.broadcast_tensors(a, b, log_odds.clamp(-_FARTHEST, _FARTHEST))
    below = t < a.log() - b.log()
    p, q = torch.where(below, a, b), torch.where(below, b, a)
    return _tails(in_blocks(_near_of_beta, p, q, torch.where(below, t, -t)), below)


def gamma_log_quantile(a: Tensor, probability: Tensor) -> Tensor:
    """The log x with P(X <= x) = probability for X ~ Gamma(a, 1), in float64.

    It lies between -log(1 - u^(1/a)) and Gamma(1 + a)^(1/a) times that: H. Alzer, "On some
    inequalities for the incomplete gamma function", 1997.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> round(float(gamma_log_quantile(one, one / 2).exp()), 6)  # log 2
        0.693147
    """
    a, u = torch.broadcast_tensors(a, probability)
    with torch.no_grad():
        inside = _inside(u)
        start, shift = log_of_neg_log1mexp(-inside.log() / a), scaled_lgamma1p(a)
        slack = 1e-9 * (1 + start.abs())  # the root may be an end of the bracket, but for rounding
        low, high = start + shift.clamp(max=0) - slack, start + shift.clamp(min=0) + slack
        root = _search(
            lambda t: gamma_tails(a, t),
            lambda t: a * t - t.exp() - torch.lgamma(a),
            inside,
            low,
            high,
        )
    return quantile(lambda t, a: gamma_tails(a, t).lower, root, u, a)


def beta_log_odds_quantile(a: Tensor, b: Tensor, probability: Tensor) -> Tensor:
    """The log x - log(1 - x) with P(X <= x) = probability for X ~ Beta(a, b), in float64.

    Beyond +-800, where x is 0 or 1 in float64, it is not searched.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> round(float(beta_log_odds_quantile(one, one, one / 4).sigmoid()), 6)
        0.25
    """
    a, b, u = torch.broadcast_tensors(a, b, probability)
    with torch.no_grad():
        inside, high, log_beta = _inside(u), torch.full_like(u, _EVERY_FLOAT), _log_beta(a, b)
        root = _search(
            lambda t: beta_tails(a, b, t),
            lambda t: a * logsigmoid(t) + b * logsigmoid(-t) - log_beta,
            inside,
            -high,
            high,
        )
    return quantile(lambda t, a, b: beta_tails(a, b, t).lower, root, u, a, b)


def _inside(u: Tensor) -> Tensor:
    return u.clamp(torch.finfo(u.dtype).tiny, _NEXT_TO_ONE)


def _search(
    tails: Callable[[Tensor], Tails],
    log_density: Callable[[Tensor], Tensor],
    u: Tensor,
    low: Tensor,
    high: Tensor,
) -> Tensor:
    """Newton's steps on the log of the tail that says u to full precision, kept in a bracket.

    Log densities here are concave, so the logs of both tails are too. Steps that are once on the
    outer side of the root approach it from there and never pass it.
    """
    small = u < 0.5
    target = torch.where(small, u, 1 - u)
    outward = torch.where(small, 1.0, -1.0).to(u.dtype)
    t = torch.where(small, low, high)
    for _ in range(_STEPS):
        both = tails(t)
        tail = torch.where(small, both.lower, both.upper)
        above = (tail > target) == small
        low, high = torch.where(above, low, t), torch.where(above, t, high)
        guess = t + outward * (target / tail).log() * tail / log_density(t).exp()
        t = torch.where((guess >= low) & (guess <= high), guess, (low + high) / 2)
    return t


def _near_of_gamma(a: Tensor, t: Tensor) -> Tensor:
    below = t < a.log()
    rate = torch.where(below, a + 1, a)
    sign = torch.where(below, -1.0, 1.0).to(t.dtype)
    area = _falling_integral(lambda s: rate * s - s.exp(), t, sign, rate.rsqrt())
    x = t.exp()
    return (a * t - x - torch.lgamma(a + 1)).exp() * torch.where(below, 1 + x * area, a * area)


def _near_of_beta(p: Tensor, q: Tensor, t: Tensor) -> Tensor:
    def log_density(s: Tensor) -> Tensor:
        return (p + 1) * logsigmoid(s) + q * logsigmoid(-s)

    area = _falling_integral(log_density, t, -torch.ones_like(t), (p + 1).rsqrt())
    log_term = p * logsigmoid(t) + q * logsigmoid(-t) - p.log() - _log_beta(p, q)
    return log_term.exp() * (1 + (p + q) * torch.sigmoid(t) * area)


def _falling_integral(
    log_density: Callable[[Tensor], Tensor], t: Tensor, sign: Tensor, unit: Tensor
) -> Tensor:
    """The integral over w > 0 of exp(l(t + sign w) - l(t)), where l falls."""
    with torch.no_grad():
        reach = distance_to_drop(log_density, t, unit, sign, LOG_DROP)
    nodes, weights = (t.new_tensor(v).view(-1, *[1] * t.dim()) for v in (_NODES, _WEIGHTS))
    # Squares, since what lies near t counts most.
    fall = log_density(t + sign * reach * nodes**2) - log_density(t)
    return reach * (2 * nodes * weights * fall.exp()).sum(0)


def _tails(near: Tensor, below: Tensor) -> Tails:
    near = near.clamp(max=1.0)  # but for rounding
    return Tails(torch.where(below, near, 1 - near), torch.where(below, 1 - near, near))


def _log_beta(p: Tensor, q: Tensor) -> Tensor:
    less, more = in_order(p, q)
    return torch.lgamma(less) - log_gamma_ratio(more, less)
