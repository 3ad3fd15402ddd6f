"""Draws of log X, X ~ Gamma(a, 1), without loops, underflow or atoms."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from dirvae.distributions._log_gamma_tables import QUANTILE
from dirvae.distributions._polynomial import BivariatePolynomial, in_blocks

_quantile = BivariatePolynomial(QUANTILE)


def sample_log_gamma(concentration: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One draw of log X, X ~ Gamma(a, 1), for every element; no gradient.

    log X_a = log X_{a+1} + log(U) / a is exact for every a > 0 and cannot underflow. X_{a+1} is
    torch's own draw in float64; in float32 it is a fitted function of one standard normal, whose
    Kolmogorov distance from the law is below 2e-6.

    Args:
        concentration: a > 0, any shape, float32 or float64.
        generator: Source of randomness; the global one if None.

    Returns:
        Draws, same shape and dtype.

    References:
        Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000), 6.

    Example:
        >>> import torch
        >>> bool(sample_log_gamma(torch.full((9,), 1e-6)).isfinite().all())
        True
    """
    with torch.no_grad():
        return in_blocks(partial(_draw, generator=generator), concentration)


def _draw(a: Tensor, generator: torch.Generator | None) -> Tensor:
    if a.dtype == torch.float64:
        boosted = torch._standard_gamma(a + 1, generator=generator).log()
    else:
        boosted = _quantile_of_normal(a + 1, _noise(a, True, generator))
    return boosted + torch.log(_noise(a, False, generator)) / a


def _quantile_of_normal(shape: Tensor, z: Tensor) -> Tensor:
    """Log of the quantile of Gamma(shape, 1) at Phi(z), for shape > 1."""
    scale, r = torch.rsqrt(shape), z.square() * (2 / 6.7**2) - 1
    odd, even = _quantile(r, 2 / shape - 1)
    return torch.addcmul(torch.log(shape), torch.addcmul(z * odd, scale, even), scale)


def _noise(like: Tensor, normal: bool, generator: torch.Generator | None) -> Tensor:
    """Standard normals, or uniforms in (0, 1]."""
    if generator is None and like.device.type == "cpu" and torch.compiler.is_compiling():
        return torch.ops.dirvae.noise(like, normal)
    return _draw_noise(like, normal, generator)


def _draw_noise(like: Tensor, normal: bool, generator: torch.Generator | None) -> Tensor:
    # A compiled graph with dynamic shapes takes no `generator`, not even None.
    source: dict[str, Any] = {} if generator is None else {"generator": generator}
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
def _(info: Any, in_dims: Any, like: Tensor, normal: bool) -> tuple[Tensor, int]:
    if info.randomness != "different":
        raise RuntimeError("vmap over a compiled draw needs randomness='different'")
    return _opaque_noise(like, normal), in_dims[0]
