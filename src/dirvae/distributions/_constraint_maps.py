"""Maps from free vectors onto log proportions and onto the sphere, for `torch`'s registries.

``biject_to`` and ``transform_to`` find them; Hamiltonian Monte Carlo, transformed distributions and
optimisers of constrained parameters ask these two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform, biject_to, constraints, transform_to
from torch.nn.functional import logsigmoid, pad

from dirvae.distributions.log_space import log_odds_of_sticks, log_simplex
from dirvae.distributions.spherical import unit_sphere

__all__ = ["LogSoftmax", "LogStickBreaks", "Normalize", "Stereographic"]

_REAL_VECTOR = constraints.independent(constraints.real, 1)


class _OfVectors(Transform):
    """A map of the last dimension."""

    domain = _REAL_VECTOR
    added = 0  # components that the image has more

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = Transform.__hash__

    def forward_shape(self, shape: Any) -> torch.Size:
        return torch.Size((*shape[:-1], shape[-1] + self.added))

    def inverse_shape(self, shape: Any) -> torch.Size:
        return torch.Size((*shape[:-1], shape[-1] - self.added))


class LogSoftmax(_OfVectors):
    """R^K onto log proportions, not one to one.

    Example:
        >>> transform_to(log_simplex)(torch.zeros(2)).exp()
        tensor([0.5000, 0.5000])
    """

    codomain = log_simplex

    def _call(self, x: Tensor) -> Tensor:
        return torch.log_softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class LogStickBreaks(_OfVectors):
    """R^(K-1) onto K log proportions: the log of torch's ``StickBreakingTransform``.

    Its Jacobian is that of log z_1 .. log z_{K-1}, on which densities of log proportions are.

    Example:
        >>> biject_to(log_simplex)(torch.zeros(2)).exp()
        tensor([0.3333, 0.3333, 0.3333])
    """

    codomain = log_simplex
    bijective = True
    added = 1

    def _call(self, x: Tensor) -> Tensor:
        odds = x - _log_later(x)
        left = logsigmoid(-odds).cumsum(-1)
        return pad(logsigmoid(odds), (0, 1)) + pad(left, (1, 0))

    def _inverse(self, y: Tensor) -> Tensor:
        odds = log_odds_of_sticks(y)
        return odds + _log_later(odds)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return logsigmoid(_log_later(x) - x).sum(-1)


class Normalize(_OfVectors):
    """R^D but 0 onto the unit sphere, not one to one.

    Example:
        >>> transform_to(unit_sphere)(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """

    codomain = unit_sphere

    def _call(self, x: Tensor) -> Tensor:
        return x / x.norm(dim=-1, keepdim=True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class Stereographic(_OfVectors):
    r"""R^(D-1) onto the unit sphere of R^D but for the point (0, .., 0, -1).

    .. math:: y = \frac{(2x, \; 1 - |x|^2)}{1 + |x|^2}, \qquad
              \log |\det| = (D - 1) \log \frac{2}{1 + |x|^2}

    The Jacobian is that to the sphere's surface, on which densities of spherical distributions are.

    Example:
        >>> biject_to(unit_sphere)(torch.tensor([1.0, 0.0]))
        tensor([1., 0., 0.])
    """

    codomain = unit_sphere
    bijective = True
    added = 1

    def _call(self, x: Tensor) -> Tensor:
        square = x.square().sum(-1, keepdim=True)
        return torch.cat((2 * x, 1 - square), -1) / (1 + square)

    def _inverse(self, y: Tensor) -> Tensor:
        head, last = y[..., :-1], y[..., -1:]
        # In the lower half 1 + y_D = |y_1 .. y_{D-1}|^2 / (1 - y_D) keeps the digits.
        far = head.square().sum(-1, keepdim=True) / (1 - last).clamp_min(0.5)
        return head / torch.where(last < 0, far, 1 + last)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.shape[-1] * (2 / (1 + x.square().sum(-1))).log()


def _log_later(x: Tensor) -> Tensor:
    """Log of the number of parts after each stick."""
    return torch.arange(x.shape[-1], 0, -1, dtype=x.dtype, device=x.device).log()


@transform_to.register(log_simplex)
def _(constraint: Any) -> Transform:
    return LogSoftmax()


@biject_to.register(log_simplex)
def _(constraint: Any) -> Transform:
    return LogStickBreaks()


@transform_to.register(unit_sphere)
def _(constraint: Any) -> Transform:
    return Normalize()


@biject_to.register(unit_sphere)
def _(constraint: Any) -> Transform:
    return Stereographic()
