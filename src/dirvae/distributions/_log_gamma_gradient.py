"""The implicit gradient of log X, X ~ Gamma(a, 1), in a.

F is the cdf and f the density. F(x; a) = u at fixed u gives d log x / d a = -(dF/da) / (x f(x)).
Everything here is a function of (a, log x), never of x, which may underflow.

With x' = x e^w under the integral of F, or of 1 - F, that ratio is an integral of one sign,

    integral over w > 0 of exp(a w - x (e^w - 1)) (log x - digamma(a) + w) if log x > digamma(a),
    integral over w < 0 of the same, the sign of the last factor turned, if log x < digamma(a),

whose integrand is entire: Gauss-Legendre converges geometrically. float64 uses it as it stands;
float32 uses polynomials that were fitted to it. Small a need the recurrence in `_by_quadrature`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dirvae.distributions._log_gamma_sampler import sample_log_gamma
from dirvae.distributions._log_gamma_tables import GRADIENT
from dirvae.distributions._polynomial import BLOCK, BivariatePolynomial, in_blocks

_correction = BivariatePolynomial(GRADIENT)

# 32 nodes up to where the integrand has fallen by e^-30 leave a relative error of 2e-11.
_CUTOFF = 30.0
_NODES, _WEIGHTS = (v / 2 for v in np.polynomial.legendre.leggauss(32))


def log_gamma_gradient(concentration: Tensor, log_x: Tensor) -> Tensor:
    """The implicit gradient d log x / d a, elementwise.

    Args:
        concentration: a in 1e-6..1e6 for the accuracy below, any shape.
        log_x: Same shape and dtype.

    Returns:
        The gradient; relative error below 5e-6 in float32 and 1e-10 in float64.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.
    """
    if log_x.dtype == torch.float64:
        return in_blocks(_by_quadrature, concentration, log_x)
    return in_blocks(_by_polynomial, concentration, log_x, size=BLOCK)


def _by_polynomial(a: Tensor, log_x: Tensor) -> Tensor:
    """softplus(-m - D) / a with a fitted D; both limits of x are exact whatever D is."""
    m = log_x - torch.log(a + 0.5)
    r = 2 * torch.sigmoid((m - 1) / 3) - 1
    return F.softplus(-m - _correction(r, 2 / (a + 1) - 1)[0]) / a


def _by_quadrature(a: Tensor, log_x: Tensor) -> Tensor:
    """g(a) = (digamma(a + 1) - log x + x g(a + 1)) / a lifts the lower side clear of a = 0."""
    mean, x = torch.digamma(a + 1), torch.exp(log_x)
    above = log_x >= mean
    sign = torch.where(above, 1.0, -1.0).to(a.dtype)
    rate = torch.where(above, a, a + 1)
    offset = torch.where(above, log_x - mean + 1 / a, mean - log_x)
    edge = _integration_edge(rate, x, sign)
    total = torch.zeros_like(x)
    for node, weight in zip((_NODES + 0.5).tolist(), _WEIGHTS.tolist(), strict=True):
        w = edge * node
        total = total + weight * torch.exp(rate * w - x * torch.expm1(w)) * (offset + w.abs())
    total = total * edge.abs()
    return torch.where(above, total, (mean - log_x + x * total) / a)


def _integration_edge(rate: Tensor, x: Tensor, sign: Tensor) -> Tensor:
    """The w of the given sign at which x expm1(w) - rate w, a convex function, is the cutoff.

    Its parabola at 0 gives the start; each Newton step ends outside the root, so none falls short.
    """
    slope = (sign * (x - rate)).clamp(min=0)
    w = sign * 2 * _CUTOFF / (slope + torch.sqrt(slope.square() + 2 * _CUTOFF * x))
    for _ in range(2):
        w = w - (x * torch.expm1(w) - rate * w - _CUTOFF) / (x * torch.exp(w) - rate)
    return w


class _ImplicitGradient(torch.autograd.Function):
    """The gradient as a function that has no derivative of its own, and says so."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor, log_x: Tensor, shifts: Tensor | None) -> Tensor:
        if shifts is None:
            return log_gamma_gradient(concentration, log_x)
        shifted = log_x + shifts
        return log_gamma_gradient(concentration.expand_as(shifted), shifted).mean(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        raise RuntimeError("the implicit gradient of a gamma draw cannot be differentiated twice")


class _AttachGradient(torch.autograd.Function):
    """Identity in log x whose derivative in the concentration is the implicit one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor, log_x: Tensor, shifts: Tensor | None) -> Tensor:
        return log_x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad * _ImplicitGradient.apply(*ctx.saved_tensors), None, None


def attach_gradient(concentration: Tensor, log_x: Tensor, shifts: Tensor | None = None) -> Tensor:
    """Give a draw log x its implicit gradient in the concentration.

    Args:
        concentration: a > 0, any shape.
        log_x: A draw of log X, X ~ Gamma(a, 1), same shape.
        shifts: If given, (M, ...) broadcastable with `log_x`: the gradient is the mean of those at
            `log_x + shifts[m]`. What depends on ratios of gammas alone may shift them all at once.

    Returns:
        `log_x`, with the gradient; a second derivative raises.
    """
    return _AttachGradient.apply(concentration, log_x, shifts)


def rsample_log_gamma(concentration: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """As `sample_log_gamma`, with the exact implicit gradient in the concentration."""
    return attach_gradient(concentration, sample_log_gamma(concentration, generator))
