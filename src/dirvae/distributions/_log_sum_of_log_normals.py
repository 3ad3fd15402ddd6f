"""The mean of log sum_k exp(n_k) for independent Gaussians n_k, by two nested trapezoid rules.

With T the sum and E a standard exponential, P(log(E / T) > u) = prod_k L(u + m_k, s_k). Here L(v,
s), the mean of exp(-exp(v + s e)), is the Laplace transform of a log-normal. So the mean of log T
is an integral over u.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from dirvae.distributions._once import once

__all__ = ["mean_log_sum"]

_STEP = 0.4
_TAIL = 24.0  # exp(-24) of the mass is left out
_GAUSSIANS = torch.linspace(-7.0, 7.0, 33, dtype=torch.float64)
_GUMBELS = torch.linspace(-28.0, 4.0, 97, dtype=torch.float64)


def mean_log_sum(loc: Tensor, scale: Tensor) -> Tensor:
    """Return E log sum_k exp(loc_k + scale_k e_k), (..., K) -> (...), in float64, to 1e-8.

    Differentiable once; a second derivative raises.

    Example:
        >>> zeros = torch.zeros(2, dtype=torch.float64)
        >>> round(float(mean_log_sum(zeros, zeros + 1e-6)), 6)  # log 2
        0.693147
    """
    with torch.no_grad():
        # Any number near log T; the log of T's mean is far from it where scales are wide.
        center = loc.amax(-1)
        low = (-loc - 9 * scale).amin(-1) - math.log(loc.shape[-1]) - _TAIL
        high = (-loc + 9 * scale).amin(-1) + math.log(_TAIL)
        low, high = torch.minimum(low, -center - _TAIL), torch.maximum(high, 4 - center)
        count = int(((high - low).amax() / _STEP).ceil()) + 1 if loc.numel() else 2
        step = (high - low) / (count - 1)
        index = torch.arange(count, dtype=loc.dtype, device=loc.device)
        u = low + step * index.view(-1, *[1] * low.dim())
    shifted = u.unsqueeze(-1) + loc
    above = _LogLaplaceTransform.apply(shifted, scale.expand(shifted.shape))[0].sum(-1)
    return center + step * ((-(u + center).exp()).exp() - above.exp()).sum(0)


class _LogLaplaceTransform(torch.autograd.Function):
    """Log L(v, s): over the Gaussian where s < 1, else over log E, of which L is a Gaussian cdf."""

    @staticmethod
    def forward(v: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sums = torch.stack((v, v, v))
        for rule, here in ((_narrow, s < 1), (_broad, ~(s < 1))):
            sums[:, here] = torch.stack(rule(v[here], s[here]))
        total = sums[0].clamp_min(torch.finfo(v.dtype).tiny)
        return total.log(), sums[1] / total, sums[2] / total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs, *output[1:])
        ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        v, s, *slopes = ctx.saved_tensors
        of_v, of_s = (once(slope, "a mean of log sums", v, s) for slope in slopes)
        return grad * of_v, grad * of_s


def _narrow(v: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L and its derivatives in v and s, by the trapezoid rule over the Gaussian e."""
    total, of_v, of_s = torch.zeros_like(v), torch.zeros_like(v), torch.zeros_like(v)
    step = float(_GAUSSIANS[1] - _GAUSSIANS[0]) / math.sqrt(2 * math.pi)
    for e in _GAUSSIANS.tolist():
        x = (v + s * e).clamp(max=300.0).exp()
        term = step * math.exp(-e * e / 2) * (-x).exp()
        total, of_v, of_s = total + term, of_v - term * x, of_s - term * x * e
    return total, of_v, of_s


def _broad(v: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same over g = log E: L is the mean of the Gaussian cdf of (g - v) / s."""
    total, of_v, of_s = torch.zeros_like(v), torch.zeros_like(v), torch.zeros_like(v)
    step = float(_GUMBELS[1] - _GUMBELS[0])
    for g in _GUMBELS.tolist():
        weight, z = step * math.exp(g - math.exp(g)), (g - v) / s
        slope = weight / math.sqrt(2 * math.pi) * (-z * z / 2).exp() / s
        total, of_v, of_s = total + weight * torch.special.ndtr(z), of_v - slope, of_s - slope * z
    return total, of_v, of_s
