"""Distributions on the unit sphere: their base class, and the uniform distribution."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from dirvae.distributions._kl import register_kl
from dirvae.distributions.base import Reparameterized
from dirvae.distributions.noise import standard_normal
from dirvae.distributions.precision import full_precision, validate_if_eager, validates

__all__ = ["HyperSphericalUniform", "Spherical", "log_area", "unit_sphere"]


class _UnitSphere(constraints.Constraint):
    """Vectors of Euclidean length 1."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        tolerance = max(1e-6, 16 * torch.finfo(value.dtype).eps * math.sqrt(value.shape[-1]))
        return (value.norm(dim=-1) - 1).abs() < tolerance


unit_sphere = _UnitSphere()


class Spherical(Reparameterized):
    """A distribution whose density at x depends only on the cosine w of x and a direction."""

    support = unit_sphere
    spread_name: str

    def __init__(self, loc: Tensor, spread: Tensor | float, validate_args: bool | None) -> None:
        if loc.dim() < 1 or loc.shape[-1] < 2:
            raise ValueError(
                f"loc has shape {tuple(loc.shape)}, must have a last dimension of at least 2"
            )
        loc, spread = full_precision(loc), torch.as_tensor(spread, device=loc.device)
        spread = full_precision(spread.to(loc.dtype) if spread.dim() == 0 else spread)
        batch_shape = torch.broadcast_shapes(loc.shape[:-1], spread.shape)
        unit = torch.nn.functional.normalize(loc, dim=-1, eps=torch.finfo(loc.dtype).tiny)
        if validates(validate_args):
            _require_direction(unit)
        self.loc: Tensor = unit.expand(batch_shape + loc.shape[-1:])
        self.__dict__[self.spread_name] = spread.expand(batch_shape)
        super().__init__(
            batch_shape, loc.shape[-1:], validate_args=validate_if_eager(validate_args)
        )

    @property
    def _spread(self) -> Tensor:
        spread: Tensor = self.__dict__[self.spread_name]
        return spread

    @property
    def mean(self) -> Tensor:
        """Mean E[w] loc, shape (..., D)."""
        return self._cosine_moments()[0].unsqueeze(-1) * self.loc

    @property
    def variance(self) -> Tensor:
        """Variance of each coordinate, shape (..., D)."""
        _, variance, square_sine = self._cosine_moments()
        across = square_sine / (self.event_shape[0] - 1)
        squared = self.loc**2
        return variance.unsqueeze(-1) * squared + across.unsqueeze(-1) * (1 - squared)

    @property
    def mode(self) -> Tensor:
        """The direction ``loc``, of length 1."""
        return self.loc

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x, shape ``sample_shape`` + (..., D).

        Gradients go through the cosine and a reflection.
        """
        shape = self._extended_shape(torch.Size(sample_shape))
        cosine, sine = self._rsample_cosine(shape[:-1], generator)
        noise = standard_normal(torch.Size((*shape[:-1], shape[-1] - 1)), self.loc, generator)
        across = noise / noise.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(noise.dtype).tiny)
        tangent = _reflect(self.loc, across)
        return cosine.unsqueeze(-1) * self.loc + sine.unsqueeze(-1) * tangent

    def _one_minus_cosine(self, value: Tensor) -> Tensor:
        """1 - w to full precision near the direction, shape (..., D) -> (...)."""
        value = self._checked(value)
        return ((value - self.loc) ** 2).sum(-1) / 2

    def _cosine_moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """E[w], var(w) and E[1 - w^2]."""
        raise NotImplementedError

    def _rsample_cosine(
        self, shape: torch.Size, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Draw w and sqrt(1 - w^2)."""
        raise NotImplementedError


class HyperSphericalUniform(Reparameterized):
    """Uniform distribution on the unit sphere of R^dim: the prior of spherical latents.

    Args:
        dim: D >= 2, the length of the vectors. The surface of the sphere has D - 1 dimensions.
        validate_args: Whether to check values.

    Example:
        >>> q = HyperSphericalUniform(3)
        >>> round(float(q.entropy()), 4)  # log 4 pi
        2.531
    """

    arg_constraints = {}
    support = unit_sphere

    def __init__(self, dim: int | Tensor, validate_args: bool | None = None) -> None:
        if int(dim) < 2:
            raise ValueError(f"dim is {int(dim)}, must be at least 2")
        self.dim = int(dim)
        super().__init__(torch.Size(), torch.Size([self.dim]), validate_args)

    @property
    def mean(self) -> Tensor:
        """Mean 0, shape (..., D)."""
        return torch.zeros(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Tensor:
        """Variance 1 / D of each coordinate, shape (..., D)."""
        return torch.full(self.batch_shape + self.event_shape, 1 / self.dim)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x of the default dtype, shape ``sample_shape`` + (..., D).

        There are no parameters, so there are no gradients.
        """
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = standard_normal(shape, torch.empty(0), generator)
        return noise / noise.norm(dim=-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the log of the sphere's area, (..., D) -> (...)."""
        value = self._checked(value)
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        return value.new_full(shape, -log_area(self.dim))

    def entropy(self) -> Tensor:
        """Log of the sphere's area, batch shape."""
        return torch.full(self.batch_shape, log_area(self.dim))


def _reflect(loc: Tensor, across: Tensor) -> Tensor:
    """Carry unit vectors across the first axis to ones across ``loc``, by a reflection.

    Of the axis's two ends it is the far one that is reflected, so that nothing cancels.
    """
    sign = torch.where(loc[..., :1] >= 0, 1.0, -1.0).to(loc.dtype)
    first, rest = loc[..., :1] + sign, loc[..., 1:]
    scale = (rest * across).sum(-1, keepdim=True) / (1 + loc[..., :1].abs())
    return torch.cat((-scale * first, across - scale * rest), -1)


def _require_direction(unit: Tensor) -> None:
    # Not a number passes here: the constraint of loc names it.
    if bool((unit.norm(dim=-1) < 0.5).any()):
        raise ValueError(
            "loc has a vector that gives no direction: its length must be above 0 and finite"
        )


def log_area(dim: int) -> float:
    """Log of the surface area of the unit sphere of R^dim; for dim = 1 it is two points."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


@register_kl(Spherical, HyperSphericalUniform)
def _kl_to_uniform(q: Spherical, p: HyperSphericalUniform) -> Tensor:
    batch_shape = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
    return (log_area(p.dim) - q.entropy()).expand(batch_shape)


@register_kl(HyperSphericalUniform, HyperSphericalUniform)
def _kl_uniform(q: HyperSphericalUniform, p: HyperSphericalUniform) -> Tensor:
    return torch.zeros(torch.broadcast_shapes(q.batch_shape, p.batch_shape))
