"""Integrals of one-humped densities over the real line, given in logs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["LOG_DROP", "distance_to_drop", "trapezoid_nodes"]

# What lies beyond a drop by exp(-40) is below float64's rounding.
LOG_DROP = 40.0

_BISECTIONS = 12
_SHORTEST, _LONGEST = -4.0, 14.0


def distance_to_drop(
    log_density: Callable[[Tensor], Tensor],
    start: Tensor,
    unit: Tensor,
    sign: float | Tensor,
    drop: float = LOG_DROP,
) -> Tensor:
    """How far from ``start`` a log density that falls from there on has fallen by ``drop``.

    Args:
        log_density: Elementwise function of points, falling from ``start`` in the direction.
        start: Where to begin, any shape.
        unit: Positive, the length to measure with; the distance lies in exp(-4)..exp(14) of it.
        sign: Direction, 1 or -1.
        drop: Positive, in nats.

    Returns:
        The distance, to .5 %.

    Example:
        >>> zero, one = torch.zeros(()), torch.ones(())
        >>> round(float(distance_to_drop(lambda s: -s * s / 2, zero, one, 1.0, 8.0)), 1)
        4.0
    """
    top = log_density(start)
    low, high = torch.full_like(start, _SHORTEST), torch.full_like(start, _LONGEST)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        fallen = top - log_density(start + sign * unit * middle.exp()) >= drop
        low, high = torch.where(fallen, low, middle), torch.where(fallen, middle, high)
    return unit * high.exp()


def trapezoid_nodes(
    log_density: Callable[[Tensor], Tensor], mode: Tensor, unit: Tensor, nodes: int = 128
) -> tuple[Tensor, Tensor]:
    """Nodes and the log of their common weight for the trapezoid rule, which is exact here.

    An analytic integrand that is 0 at both ends is integrated with an error that falls
    exponentially in the number of nodes.

    Args:
        log_density: Elementwise function with one hump.
        mode: Where its top is, shape (...).
        unit: Positive, its length of change.
        nodes: N.

    Returns:
        Points of shape (N, ...) and log weight of shape (...).

    Example:
        >>> zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
        >>> s, log_weight = trapezoid_nodes(lambda s: -s * s / 2, zero, one)
        >>> round(float((-s * s / 2).logsumexp(0) + log_weight), 6)  # log sqrt(2 pi)
        0.918939
    """
    sides = mode.new_tensor([-1.0, 1.0]).view(-1, *[1] * mode.dim())
    reach = distance_to_drop(log_density, mode.expand(2, *mode.shape), unit, sides)
    left, right = mode + sides * reach
    step = (right - left) / (nodes - 1)
    index = torch.arange(nodes, dtype=mode.dtype, device=mode.device)
    return left + index.view(-1, *[1] * mode.dim()) * step, step.log()
