"""Draws of log X, X ~ Gamma(a, 1), and their implicit gradient in a.

Differentiating F(x; a) = u at fixed u gives d log x / d a = -(dF/da) / (x f(x)), for the cdf F and
density f. Everything here is a function of (a, log x), never of x, which may underflow.

With x' = x e^w under the integral of F, or of 1 - F, that ratio is an integral of one sign,

    integral over w > 0 of exp(a w - x (e^w - 1)) (log x - digamma(a) + w)      for log x > digamma(a),
    integral over w < 0 of the same, with the sign of the last factor turned   for log x < digamma(a),

whose integrand is entire: Gauss-Legendre converges geometrically. float64 uses it as it stands;
float32 uses polynomials that were fitted to it. Small a need the recurrence in `_by_quadrature`.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dirvae.distributions._log_gamma_tables import (
    GRADIENT,
    QUANTILE_EVEN,
    QUANTILE_ODD,
    Table,
)

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
        return _by_quadrature(concentration, log_x)
    return _by_polynomial(concentration, log_x)


def _by_polynomial(a: Tensor, log_x: Tensor) -> Tensor:
    m = log_x - torch.log(a + 0.5)
    correction = _polynomial(GRADIENT, torch.tanh((m - 1) / 6), 2 / (1 + a) - 1)
    return F.softplus(-m - correction) / a


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


def _polynomial(table: Table, r: Tensor, t: Tensor) -> Tensor:
    """sum_ij table[i][j] r^i t^j, elementwise."""
    if torch.compiler.is_compiling():  # one fused loop over the elements
        rows = [reduce(lambda p, c: p * t + c, row[-2::-1], t * 0 + row[-1]) for row in table]
    else:  # the number of operations is the cost
        rows = list(_combine(table, t))
    return reduce(lambda p, row: torch.addcmul(row, p, r), rows[-2::-1], rows[-1])


def _combine(table: Table, t: Tensor) -> Tensor:
    """Each row's polynomial in t, as one matrix product: (rows, *t.shape)."""
    square = t * t
    cube, fourth = square * t, square * square
    powers = [torch.ones_like(t), t, square, cube, fourth, fourth * t, fourth * square, cube * fourth]
    stacked = torch.stack(powers[: len(table[0])]).flatten(1)
    dtype = t.dtype if _keeps_digits(t.device.type) else torch.float64
    product = torch.tensor(table, dtype=dtype, device=t.device) @ stacked.to(dtype)
    return product.to(t.dtype).unflatten(-1, t.shape)


def _keeps_digits(device: str) -> bool:
    """Whether a float32 matrix product is one: autocast, TF32 and bfloat16 all shorten it."""
    full = torch.get_float32_matmul_precision() == "highest"
    return device == "mps" or (device == "cpu" and full and not torch.is_autocast_enabled(device))


def sample_log_gamma(concentration: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One draw of log X, X ~ Gamma(a, 1), for every element; no gradient.

    log X_a = log X_{a+1} + log(U) / a is exact for every a > 0 and cannot underflow.

    Args:
        concentration: a > 0, any shape, float32 or float64.
        generator: Source of randomness; the global one if None.

    Returns:
        Draws, same shape and dtype.

    References:
        Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000), 6.
    """
    with torch.no_grad():
        if concentration.dtype == torch.float64:
            boosted = torch._standard_gamma(concentration + 1, generator=generator).log()
        else:
            boosted = _boosted_from_normal(concentration, generator)
        return boosted + _noise(concentration, False, generator).log() / concentration


def _boosted_from_normal(a: Tensor, generator: torch.Generator | None) -> Tensor:
    """log X, X ~ Gamma(a + 1, 1), as a function of one normal; 2e-6 in Kolmogorov distance."""
    z = _noise(a, True, generator)
    shape = a + 1
    scale, t, r = torch.rsqrt(shape), 2 / shape - 1, z.square() * (2 / 6.7**2) - 1
    odd, even = _polynomial(QUANTILE_ODD, r, t), _polynomial(QUANTILE_EVEN, r, t)
    return torch.log(shape) + scale * (z * odd + scale * even)


def _noise(like: Tensor, normal: bool, generator: torch.Generator | None) -> Tensor:
    """Standard normals or uniforms in (0, 1]."""
    if generator is None and like.device.type == "cpu" and torch.compiler.is_compiling():
        return _opaque_noise(like, normal)
    return _draw_noise(like, normal, generator)


def _draw_noise(like: Tensor, normal: bool, generator: torch.Generator | None) -> Tensor:
    # A compiled graph with dynamic shapes takes no `generator`, not even None.
    source = {} if generator is None else {"generator": generator}
    if normal:
        return torch.randn(like.shape, dtype=like.dtype, device=like.device, **source)
    # The 53 bits of a float64: 24 would leave atoms in log U, and a U of exactly 0.
    wide = torch.float32 if like.device.type == "mps" else torch.float64
    uniform = torch.rand(like.shape, dtype=wide, device=like.device, **source)
    return (1 - uniform).to(like.dtype)


@torch.library.custom_op(
    "dirvae::noise", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,)
)
def _opaque_noise(like: Tensor, normal: bool) -> Tensor:
    """Torch's own generator in compiled CPU code, where inductor's takes ten times as long."""
    return _draw_noise(like, normal, None)


@_opaque_noise.register_fake
def _(like: Tensor, normal: bool) -> Tensor:
    return torch.empty(like.shape, dtype=like.dtype, device=like.device)


@_opaque_noise.register_vmap
def _(info: Any, in_dims: tuple[int, None], like: Tensor, normal: bool) -> tuple[Tensor, int]:
    if info.randomness != "different":
        raise RuntimeError("vmap over a compiled draw needs randomness='different'")
    return _opaque_noise(like, normal), in_dims[0]


class _ImplicitGradient(torch.autograd.Function):
    """The gradient as a function that has no derivative of its own, and says so."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor, log_x: Tensor) -> Tensor:
        return log_gamma_gradient(concentration, log_x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("the implicit gradient of a gamma draw cannot be differentiated twice")


class _AttachGradient(torch.autograd.Function):
    """Identity in log x whose derivative in the concentration is the implicit one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(concentration: Tensor, log_x: Tensor) -> Tensor:
        return log_x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * _ImplicitGradient.apply(*ctx.saved_tensors), None


def rsample_log_gamma(concentration: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """As `sample_log_gamma`, with the exact implicit gradient in the concentration."""
    log_x = sample_log_gamma(concentration, generator)
    return _AttachGradient.apply(concentration, log_x)  # type: ignore[no-any-return]
