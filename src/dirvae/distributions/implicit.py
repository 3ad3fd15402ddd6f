"""Distributions made from a cdf or from its inverse alone, with differentiable draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import (
    Uniform,
    constraints,
)
from torch.distributions.constraints import Constraint

from dirvae.distributions._once import implicit_path
from dirvae.distributions._quantile import as_probability, quantile
from dirvae.distributions.named_parameters import NamedParameters, Recipe
from dirvae.distributions.noise import standard_exponential
from dirvae.distributions.transformed import MonotoneTransform, _coordinate, from_transform

__all__ = ["ImplicitCDF", "from_cdf", "from_icdf"]


_BISECTIONS = 60


def from_icdf(
    icdf: Callable[..., Tensor],
    *,
    support: Constraint = constraints.real,
    name: str = "FromICDF",
    **parameter_constraints: Constraint,
) -> type[MonotoneTransform]:
    """Make a distribution from its quantile function: `from_transform` with uniform noise.

    Args:
        icdf: Called as ``icdf(u, **parameters)`` with u in (0, 1), elementwise, in float64.
        support: Where z lies.
        name: Name of the class that is made.
        parameter_constraints: Constraint of each parameter, in the order of the constructor.

    Returns:
        A subclass of `torch.distributions.Distribution` with these ``arg_constraints``.

    Example:
        >>> positive = constraints.positive
        >>> icdf = lambda u, rate: -torch.log1p(-u) / rate
        >>> Exponential = from_icdf(icdf, support=positive, rate=positive)
        >>> round(float(Exponential(2.0).log_prob(torch.tensor(0.5)).exp()), 6)  # 2 / e
        0.735759
    """
    noise = Uniform(0.0, 1.0)
    return from_transform(noise, icdf, support=support, name=name, **parameter_constraints)


def from_cdf(
    cdf: Callable[..., Tensor],
    *,
    support: Constraint = constraints.real,
    name: str = "FromCDF",
    **parameter_constraints: Constraint,
) -> type[ImplicitCDF]:
    r"""Make a distribution from its cdf F alone: draws, density and gradients of draws.

    A draw z solves F(z) = u by bisection, in 60 steps, for uniform u. The density is dF/dz. The
    gradient of a draw is the implicit one, by autograd:

    .. math:: \frac{dz}{d\theta} = -\frac{\partial F / \partial \theta}{\partial F / \partial z}

    In the far right tail F rounds to 1. So no draw lies above the quantile at 1 - 1e-16.

    Args:
        cdf: Called as ``cdf(z, **parameters)``, in float64. It is elementwise, and differentiable
            in z and in all parameters (twice, if the gradient of the density is needed).
        support: Where z lies: the real line or an interval of it.
        name: Name of the class that is made.
        parameter_constraints: Constraint of each parameter, in the order of the constructor.

    Returns:
        A subclass of `torch.distributions.Distribution` with these ``arg_constraints``.

    Raises:
        ValueError: If ``support`` is not the real line or an interval, or no parameter is named.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.

    Example:
        >>> cdf = lambda z, loc: torch.sigmoid(z - loc)
        >>> Logistic = from_cdf(cdf, loc=constraints.real)
        >>> round(float(Logistic(0.0).log_prob(torch.tensor(0.0)).exp()), 6)
        0.25
    """
    if not parameter_constraints:
        raise ValueError("from_cdf got no parameters: name each, as in loc=constraints.real")
    _coordinate(support)  # refuses what cannot be searched
    members = {
        "arg_constraints": parameter_constraints,
        "support": support,
        "function": staticmethod(cdf),
        "__doc__": f"{name}({', '.join(parameter_constraints)}): the distribution of a cdf.",
    }
    keywords = {"support": support, "name": name, **parameter_constraints}
    return Recipe(from_cdf, (cdf,), keywords).make(name, ImplicitCDF, members)


class ImplicitCDF(NamedParameters):
    """Base class of the distributions that `from_cdf` makes.

    Args:
        parameters: The parameters, in the order in which `from_cdf` was given them.
        validate_args: Whether to check parameters and values.
        named: The parameters by name.

    Example:
        >>> Law = from_cdf(lambda x, rate: -torch.expm1(-rate * x), rate=constraints.positive)
        >>> issubclass(Law, ImplicitCDF)
        True
    """

    function: ClassVar[Callable[..., Tensor]]

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw z, shape ``sample_shape`` + (...), with the implicit gradient."""
        like = self._like
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            u = torch.exp(-standard_exponential(shape, like.double(), generator))
            z = self._solve(u.clamp(max=1 - 2**-53))
            slope = -1 / self._density(z)
        return implicit_path(z, self._cdf(z), slope).to(like.dtype)

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log density in nats: the log of the cdf's derivative."""
        value = self._checked(value)
        shape = torch.broadcast_shapes(value.shape, self.batch_shape)
        log_prob = self._density(value.double().expand(shape)).log()
        return log_prob.to(value.dtype)

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``."""
        value = self._checked(value)
        return self._cdf(value.double()).to(value.dtype)

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile at probability ``value``, 0 <= value <= 1, by bisection."""
        u = as_probability(value, self._like, self._validate_args).double()
        u = u.expand(torch.broadcast_shapes(u.shape, self.batch_shape))
        with torch.no_grad():
            z = self._solve(u.clamp(torch.finfo(u.dtype).tiny, 1 - 2**-53))

        def cdf(z: Tensor, *parameters: Tensor) -> Tensor:
            return type(self).function(z, **dict(zip(self.parameters, parameters, strict=True)))

        exact = (parameter.double() for parameter in self.parameters.values())
        return quantile(cdf, z, u, *exact, ends=_ends(self.support)).to(self._like.dtype)

    def _cdf(self, z: Tensor) -> Tensor:
        return type(self).function(z, **self._exact)

    def _density(self, z: Tensor) -> Tensor:
        """Derivative of the cdf, differentiable in ``z`` and in the parameters."""
        pull: Any = torch.func.vjp(self._cdf, z)[1]
        density: Tensor = pull(torch.ones_like(z))[0]
        return density.clamp_min(0)

    def _solve(self, u: Tensor) -> Tensor:
        to_value, reach = _coordinate(self.support)
        exact = self._exact
        low, high = torch.full_like(u, -reach), torch.full_like(u, reach)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            above = type(self).function(to_value(middle), **exact) > u
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return to_value((low + high) / 2)


def _ends(support: Any) -> tuple[float, float]:
    low = getattr(support, "lower_bound", -torch.inf)
    return low, getattr(support, "upper_bound", torch.inf)
