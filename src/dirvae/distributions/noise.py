"""Standard noise from a generator; exponential noise is never exactly 0."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["standard_exponential", "standard_normal"]


def standard_exponential(
    shape: torch.Size, like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw from Exponential(1), as -log of a uniform; computed in float64, so that no draw is 0.

    Args:
        shape: Shape of the draw.
        like: Tensor that gives dtype and device.
        generator: Source; the global one if None.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> standard_exponential(torch.Size([3]), torch.ones(()), g).shape
        torch.Size([3])
    """
    dtype = torch.float32 if like.device.type == "mps" else torch.float64
    u = torch.rand(shape, dtype=dtype, device=like.device, generator=generator)
    return (-torch.log1p(-u)).clamp_min(torch.finfo(dtype).tiny).to(like.dtype)


def standard_normal(
    shape: torch.Size, like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw from N(0, 1) with the dtype and device of ``like``.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> standard_normal(torch.Size([3]), torch.ones(()), g).shape
        torch.Size([3])
    """
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)
