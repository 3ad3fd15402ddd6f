"""log Gamma and its first two derivatives in float64, quick under `torch.compile` too.

Compiled code on a CPU calls torch's own, one number at a time, and they took most of a Dirichlet's
KL. The series here is plain arithmetic, which the compiler vectorises: four to five times as fast.
Uncompiled, torch's own are vectorised and quicker.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["digamma", "lgamma", "lgamma_and_digamma", "trigamma"]

SHIFT = 8  # from there on nine terms of the asymptotic series leave less than float64 rounds away
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)


def lgamma_and_digamma(a: Tensor) -> tuple[Tensor, Tensor]:
    """Return log Gamma(a) and its derivative, a > 0 in float64; to 1e-14 of max(1, their size)."""
    if torch.compiler.is_compiling():
        return _by_series(a)[:2]
    return torch.lgamma(a), torch.digamma(a)


def lgamma(a: Tensor) -> Tensor:
    """Return log Gamma(a), a > 0 in float64, to 1e-14 of max(1, its size)."""
    return _by_series(a)[0] if torch.compiler.is_compiling() else torch.lgamma(a)


def digamma(a: Tensor) -> Tensor:
    """Return the derivative of log Gamma at a > 0 in float64, to 1e-14 of max(1, its size)."""
    return _by_series(a)[1] if torch.compiler.is_compiling() else torch.digamma(a)


def trigamma(a: Tensor) -> Tensor:
    """Return the second derivative of log Gamma at a > 0 in float64, to 1e-14 of itself."""
    return _by_series(a)[2] if torch.compiler.is_compiling() else torch.polygamma(1, a)


def _by_series(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Stirling's series (DLMF 5.11.1, 5.15.8) at a + SHIFT, and Gamma(a + 1) = a Gamma(a) back."""
    shifted = a < SHIFT
    base = torch.where(shifted, a, 1.0)
    # P(a) = a (a + 1) ... (a + SHIFT - 1) and its derivatives
    product, first, second = base, torch.ones_like(a), torch.zeros_like(a)
    for step in range(1, SHIFT):
        factor = base + step
        second = second * factor + 2 * first
        first = first * factor + product
        product = product * factor
    slope = first / product
    curvature = slope * slope - second / product

    x = torch.where(shifted, a + SHIFT, a)
    log_x, inverse = x.log(), 1 / x
    square = inverse * inverse
    lgamma = digamma = trigamma = torch.zeros_like(a)
    for n, number in reversed(list(enumerate(BERNOULLI, 1))):
        lgamma = lgamma * square + number / (2 * n * (2 * n - 1))
        digamma = digamma * square + number / (2 * n)
        trigamma = trigamma * square + number
    lgamma = (x - 0.5) * log_x - x + 0.5 * math.log(2 * math.pi) + lgamma * inverse
    digamma = log_x - inverse / 2 - digamma * square
    trigamma = inverse + square / 2 + trigamma * square * inverse
    return (
        lgamma - torch.where(shifted, product.log(), 0.0),
        digamma - torch.where(shifted, slope, 0.0),
        trigamma + torch.where(shifted, curvature, 0.0),
    )
