"""Draws of log X, X ~ Gamma(a, 1), without loops, underflow or atoms."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from dirvae.distributions._log_gamma_tables import QUANTILE
from dirvae.distributions._polynomial import BLOCK, BivariatePolynomial, in_blocks

_quantile = BivariatePolynomial(QUANTILE)


def sample_log_gamma(concentration: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One draw of log X, X ~ Gamma(a, 1), for every element; no gradient.

    log X_a = log X_{a+1} + log(U) / a is exact for every a > 0 and cannot underflow. X_{a+1} is
    torch's own draw in float64. In float32 it is a fitted function of one standard normal, at a
    Kolmogorov distance below 2e-6.

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
        return in_blocks(partial(_draw, generator=generator), concentration, size=BLOCK)


def _draw(a: Tensor, generator: torch.Generator | None) -> Tensor:
    if a.dtype == torch.float64:
        boosted = torch._standard_gamma(a + 1, generator=generator).log()
        return boosted + torch.log1p(-_uniform(a, generator)) / a
    normal, uniform = _noise(a, generator)
    # The 53 bits of a float64: 24 would leave atoms in log U, and a U of exactly 0.
    return _quantile_of_normal(a + 1, normal) + torch.log((1 - uniform).to(a.dtype)) / a


def _quantile_of_normal(shape: Tensor, z: Tensor) -> Tensor:
    """Log of the quantile of Gamma(shape, 1) at Phi(z), for shape > 1."""
    scale, r = torch.rsqrt(shape), z.square() * (2 / 6.7**2) - 1
    odd, even = _quantile(r, 2 / shape - 1)
    return torch.addcmul(torch.log(shape), torch.addcmul(z * odd, scale, even), scale)


def _noise(like: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Standard normals, and uniforms in [0, 1) in float64."""
    if generator is None and like.device.type == "cpu" and torch.compiler.is_compiling():
        normal, uniform = torch.ops.dirvae.noise(like)
        return normal, uniform
    return _normal(like, generator), _uniform(like, generator)


def _source(generator: torch.Generator | None) -> dict[str, Any]:
    """A compiled graph with dynamic shapes takes no `generator`, not even None."""
    return {} if generator is None else {"generator": generator}


def _normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, **_source(generator))


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    dtype = torch.float32 if like.device.type == "mps" else torch.float64
    return torch.rand(like.shape, dtype=dtype, device=like.device, **_source(generator))


# Declared in parts, because `torch.library.custom_op` takes tags from torch 2.13 on only, and
# without the tag two draws of one compiled function would be taken for the same.
torch.library.define(
    "dirvae::noise", "(Tensor like) -> (Tensor, Tensor)", tags=(torch.Tag.nondeterministic_seeded,)
)


@torch.library.impl("dirvae::noise", "cpu")
def _opaque_noise(like: Tensor) -> tuple[Tensor, Tensor]:
    """Torch's own generator in compiled CPU code, where inductor's takes ten times as long."""
    return _normal(like, None), _uniform(like, None)


@torch.library.register_fake("dirvae::noise")
def _(like: Tensor) -> tuple[Tensor, Tensor]:
    return like.new_empty(like.shape), like.new_empty(like.shape, dtype=torch.float64)


@torch.library.register_vmap("dirvae::noise")
def _(info: Any, in_dims: Any, like: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    if info.randomness != "different":
        raise RuntimeError("vmap over a compiled draw needs randomness='different'")
    return torch.ops.dirvae.noise(like), (in_dims[0], in_dims[0])
