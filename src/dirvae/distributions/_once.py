"""Derivatives that are right once, and raise where they are asked for again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["implicit_path", "once"]


def once(slope: Tensor, what: str, *sources: Tensor) -> Tensor:
    """Return a derivative that refuses to be differentiated itself, for use in a backward pass.

    It was computed outside autograd, which takes it for a constant although it depends on
    ``sources``. A second derivative would be wrong, and nothing would say so.

    Args:
        slope: The derivative.
        what: What it is the derivative of, for the message.
        sources: All that it depends on.
    """
    if not torch.is_grad_enabled():  # no second derivative can follow
        return slope
    kept: Tensor = _Once.apply(slope, what, *sources)
    return kept


class _Once(torch.autograd.Function):
    """Identity in its first argument that has no derivative in any."""

    generate_vmap_rule = True

    @staticmethod
    def forward(slope: Tensor, what: str, *sources: Tensor) -> Tensor:
        return slope.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.what = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        raise RuntimeError(f"the gradient of {ctx.what} cannot be differentiated twice")


def implicit_path(z: Tensor, source: Tensor, slope: Tensor) -> Tensor:
    """Give z, found without autograd, its derivative ``slope`` in ``source``; a second one raises.

    All three have one shape.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.

    Example:
        >>> x = torch.tensor(4.0, requires_grad=True)
        >>> root = implicit_path(torch.tensor(2.0), x, torch.tensor(0.25))
        >>> root.backward()
        >>> float(x.grad)
        0.25
    """
    path: Tensor = _ImplicitPath.apply(z, source, slope)
    return path


class _ImplicitPath(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, source: Tensor, slope: Tensor) -> Tensor:
        return z.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        source, slope = ctx.saved_tensors
        return None, grad * once(slope, "an implicit path", source), None
