"""Logarithms that stay precise for probabilities near 0 and near 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import softplus

__all__ = [
    "in_order",
    "log1mexp",
    "log_gamma_ratio",
    "log_multiset",
    "log_proportions",
    "log_simplex",
    "scaled_lgamma1p",
]

# Taylor coefficients of lgamma(1 + a) / a at 0: -gamma, then zeta(k) (-1)^k / k.
_LGAMMA1P = (
    -0.57721566490153286,
    0.82246703342411322,
    -0.40068563438653143,
    0.27058080842778455,
    -0.20738555102867398,
    0.16955717699740818,
    -0.14404989676884612,
    0.12550966952474304,
)


class _LogSimplex(constraints.Constraint):
    """Log proportions: the last dimension has logsumexp 0."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        tolerance = max(1e-6, 16 * torch.finfo(value.dtype).eps * math.sqrt(value.shape[-1]))
        return value.logsumexp(-1).abs() < tolerance


log_simplex = _LogSimplex()


def log_proportions(z: Tensor) -> Tensor:
    """Return log z; a proportion that underflowed to 0 is replaced by the smallest normal float."""
    return z.clamp_min(torch.finfo(z.dtype).tiny).log()


def log1mexp(y: Tensor) -> Tensor:
    """Return log(1 - exp(-y)) for y > 0, with full relative precision.

    Example:
        >>> float(log1mexp(torch.tensor(40.0))) < 0
        True
    """
    small = y < math.log(2)
    near_one = torch.log(-torch.expm1(-torch.where(small, y, 1.0)))
    near_zero = torch.log1p(-torch.exp(-torch.where(small, 1.0, y)))
    return torch.where(small, near_one, near_zero)


def log1mexp_of_log(log_y: Tensor) -> Tensor:
    """Return log(1 - exp(-y)) given log y; y itself may underflow."""
    tiny = log_y < -8.0
    y = torch.exp(torch.where(tiny, 0.0, log_y))
    small_y = torch.exp(torch.where(tiny, log_y, -8.0))
    return torch.where(tiny, log_y - small_y / 2 + small_y**2 / 24, log1mexp(y))


def log_of_neg_log1mexp(y: Tensor) -> Tensor:
    """Return log(-log(1 - exp(-y))) for y > 0; exp(-y) itself may underflow."""
    large = y > 12.0
    tail = torch.exp(-torch.where(large, y, 12.0))
    body = torch.log(-log1mexp(torch.where(large, 12.0, y)))
    return torch.where(large, -y + tail / 2 + 5 * tail**2 / 24, body)


def scaled_lgamma1p(a: Tensor) -> Tensor:
    """Return lgamma(1 + a) / a for a > 0, exact also as a -> 0; computed in float64.

    Example:
        >>> round(float(scaled_lgamma1p(torch.tensor(1e-9))), 4)
        -0.5772
    """
    exact = a if a.device.type == "mps" else a.double()
    small = exact < 0.02
    x = torch.where(small, exact, 0.0)
    series = torch.zeros_like(x)
    for coefficient in reversed(_LGAMMA1P):
        series = series * x + coefficient
    y = torch.where(small, 1.0, exact)
    return torch.where(small, series, torch.lgamma(y + 1) / y).to(a.dtype)


def in_order(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smaller and the larger of two values, elementwise; if equal, ``a`` comes first.

    For equal values torch's own minimum has half of the gradient of each. The second derivative is
    then wrong.

    Example:
        >>> in_order(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 2.0]))
        (tensor([2., 1.]), tensor([3., 2.]))
    """
    ascends = a <= b
    return torch.where(ascends, a, b), torch.where(ascends, b, a)


def log_gamma_ratio(base: Tensor, step: Tensor) -> Tensor:
    """Return lgamma(base + step) - lgamma(base) without the cancellation of large lgammas.

    Args:
        base: Positive.
        step: Above -base; broadcast against ``base``.

    Example:
        >>> round(float(log_gamma_ratio(torch.tensor(1e7), torch.tensor(1.0))), 4)
        16.1181
    """
    base, step = torch.broadcast_tensors(base, step)
    large = (base > 16.0) & (base + step > 16.0)
    stirling = _stirling_ratio(torch.where(large, base, 32.0), torch.where(large, step, 1.0))
    b, s = torch.where(large, 1.0, base), torch.where(large, 1.0, step)
    return torch.where(large, stirling, torch.lgamma(b + s) - torch.lgamma(b))


def log_multiset(x: Tensor, a: Tensor) -> Tensor:
    r"""Return :math:`\log \Gamma(x + a) - \log \Gamma(a) - \log x!` for x >= 0 and a > 0.

    For integer a it is the log of the number of multisets of x elements of a kinds. Differences are
    taken at the larger argument, so that nothing cancels for huge x or huge a.

    Example:
        >>> round(float(log_multiset(torch.tensor(2.0), torch.tensor(3.0)).exp()), 3)
        6.0
    """
    x = x.to(torch.promote_types(x.dtype, a.dtype))
    less, more = in_order(x + 1, a)
    large = more > 32.0
    far = _stirling_ratio(torch.where(large, more, 64.0), torch.where(large, less, 1.0) - 1)
    near = torch.lgamma(torch.where(large, 1.0, x + a)) - torch.lgamma(
        torch.where(large, 1.0, more)
    )
    return torch.where(large, far, near) - torch.lgamma(less)


def _stirling_ratio(base: Tensor, step: Tensor) -> Tensor:
    """lgamma(base + step) - lgamma(base), both arguments above 16."""
    total = base + step
    ratio = step * torch.log(total) + (base - 0.5) * torch.log1p(step / base) - step
    return ratio + _stirling_rest(total) - _stirling_rest(base)


def _stirling_rest(x: Tensor) -> Tensor:
    """lgamma(x) less its Stirling formula, for x > 16; error below 1e-12."""
    inverse = 1 / x
    square = inverse * inverse
    return inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))


def log_odds_of_sticks(y: Tensor) -> Tensor:
    """Return the K - 1 logits of the sticks that break into log proportions ``y``, (..., K)."""
    left = torch.logcumsumexp(y.flip(-1), -1).flip(-1)
    return y[..., :-1] - left[..., 1:]


def neg_log_sigmoid_log(t: Tensor) -> Tensor:
    """Return log(-log(sigmoid(t))), finite for every t."""
    large = t > 12.0
    tail = torch.exp(-torch.where(large, t, 12.0))
    body = torch.log(softplus(-torch.where(large, 12.0, t)))
    return torch.where(large, -t - tail / 2 + 5 * tail**2 / 24, body)
