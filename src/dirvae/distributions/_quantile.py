"""Values and probabilities as they are given, and roots of a cdf with their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["as_probability", "as_value", "quantile"]


def as_value(value: Tensor | float, like: Tensor) -> Tensor:
    """Return ``value``; a Python number becomes a tensor of the dtype and device of ``like``.

    Example:
        >>> as_value(0.5, torch.ones((), dtype=torch.float64))
        tensor(0.5000, dtype=torch.float64)
    """
    if isinstance(value, Tensor):
        return value
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def as_probability(value: Tensor | float, like: Tensor, validate_args: bool | None) -> Tensor:
    """As `as_value`, refused outside [0, 1] where values are checked; NaN where they are not.

    Raises:
        ValueError: If ``validate_args`` and a probability lies outside.

    Example:
        >>> as_probability(0.5, torch.ones(()), True)
        tensor(0.5000)
    """
    value = as_value(value, like)
    inside = (value >= 0) & (value <= 1)
    if validate_args and not bool(inside.all()):
        worst = value[~inside].flatten()[0]
        raise ValueError(f"value contains {float(worst):g}, must be probabilities in [0, 1]")
    return torch.where(inside, value, torch.nan)


def quantile(
    cdf: Callable[..., Tensor],
    root: Tensor,
    probability: Tensor,
    *parameters: Tensor,
    ends: tuple[float, float] = (-torch.inf, torch.inf),
) -> Tensor:
    r"""Give z with F(z; theta) = u its derivatives, of every order that F itself has.

    .. math:: \frac{dz}{du} = \frac1f, \qquad
              \frac{dz}{d\theta} = -\frac{\partial F / \partial \theta}{f}

    Args:
        cdf: Called as ``cdf(z, *parameters)``, elementwise.
        root: z, without a path.
        probability: u in [0, 1] or NaN, the shape of z.
        parameters: theta, broadcast against z.
        ends: What z is at 0 and at 1.

    Example:
        >>> u = torch.tensor(0.75, requires_grad=True)
        >>> z = quantile(torch.mul, torch.tensor(0.25), u, torch.tensor(3.0))
        >>> torch.autograd.grad(z, u)[0]
        tensor(0.3333)
    """
    z = _Root.apply(cdf, root, probability, *parameters)
    z = torch.where(probability == 0, ends[0], torch.where(probability == 1, ends[1], z))
    return torch.where(probability.isnan(), torch.nan, z)


class _Root(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(cdf: Any, root: Tensor, probability: Tensor, *parameters: Tensor) -> Tensor:
        return root.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.cdf = inputs[0]
        ctx.save_for_backward(output, *inputs[3:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # At z as it came out, which carries these same derivatives: so the second are right too.
        z, *parameters = ctx.saved_tensors
        pull: Any = torch.func.vjp(ctx.cdf, z, *parameters)[1]
        slope = grad / pull(torch.ones_like(z))[0]
        return (None, None, slope, *(-of for of in pull(slope)[1:]))
