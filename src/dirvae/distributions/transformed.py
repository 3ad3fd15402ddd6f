"""Distributions made from a sampler alone: a monotone map of univariate noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from dirvae.distributions._once import implicit_path
from dirvae.distributions._quantile import as_probability
from dirvae.distributions.draws import draw
from dirvae.distributions.named_parameters import NamedParameters, Recipe
from dirvae.distributions.noise import standard_exponential

__all__ = ["MonotoneTransform", "from_transform"]

_BISECTIONS = 64


def from_transform(
    noise: Distribution,
    map: Callable[..., Tensor],
    *,
    support: Constraint = constraints.real,
    name: str = "MonotoneTransform",
    **parameter_constraints: Constraint,
) -> type[MonotoneTransform]:
    """Make a distribution of z = ``map(noise, **parameters)`` from the map alone.

    Draws are differentiable: gradients flow through the map at fixed noise. The density comes from
    a numerical inverse of the map and a change of variables. So the distribution can be the latent
    of a VAE, with a KL by Monte Carlo. Some values of z cannot be
    reached from any noise value in float64. The density is 0 there. For the logit of a uniform,
    for example, all values above 37 are out of reach.

    Args:
        noise: Univariate distribution with batch shape (), continuous, of known support.
        map: Called as ``map(u, **parameters)``, in float64. It is elementwise, and differentiable
            and strictly monotone in u.
        support: Where z lies.
        name: Name of the class that is made.
        parameter_constraints: Constraint of each parameter, in the order of the constructor.

    Returns:
        A subclass of `torch.distributions.Distribution` with these ``arg_constraints``.

    Raises:
        ValueError: If ``noise`` is not univariate, its support is not the real line or an interval,
            or no parameter is named.

    Example:
        >>> from torch.distributions import Uniform, constraints
        >>> map = lambda u, loc, scale: loc + scale * torch.logit(u)
        >>> real, positive = constraints.real, constraints.positive
        >>> Logistic = from_transform(Uniform(0.0, 1.0), map, loc=real, scale=positive)
        >>> round(float(Logistic(0.0, 1.0).log_prob(torch.tensor(0.0)).exp()), 6)
        0.25
    """
    if noise.batch_shape or noise.event_shape:
        shape = tuple(noise.batch_shape + noise.event_shape)
        raise ValueError(
            f"noise has shape {shape}, must be a scalar distribution such as Uniform(0., 1.)"
        )
    if not parameter_constraints:
        raise ValueError("from_transform got no parameters: name each, as in loc=constraints.real")
    _coordinate(noise.support)  # refuses what cannot be searched
    members = {
        "arg_constraints": parameter_constraints,
        "support": support,
        "noise": noise,
        "map": staticmethod(map),
        "__doc__": f"{name}({', '.join(parameter_constraints)}): a monotone map of {noise}.",
    }
    keywords = {"support": support, "name": name, **parameter_constraints}
    return Recipe(from_transform, (noise, map), keywords).make(name, MonotoneTransform, members)


class MonotoneTransform(NamedParameters):
    """Base class of the distributions that `from_transform` makes.

    Args:
        parameters: The parameters, in the order in which `from_transform` was given them.
        validate_args: Whether to check parameters and values.
        named: The parameters by name.

    Example:
        >>> noise = torch.distributions.Normal(0.0, 1.0)
        >>> issubclass(
        ...     from_transform(noise, lambda e, loc: loc + e, loc=constraints.real),
        ...     MonotoneTransform,
        ... )
        True
    """

    noise: ClassVar[Distribution]
    map: ClassVar[Callable[..., Tensor]]

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw z, shape ``sample_shape`` + (...); gradients flow through the map at fixed noise."""
        shape = self._extended_shape(torch.Size(sample_shape))
        u = _draw_in_float64(self.noise, shape, self._like, generator)
        return self._forward(u).to(self._like.dtype)

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log density in nats; its value and gradient are exact up to rounding.

        A second derivative raises an error.
        """
        value = self._checked(value)
        u, slope, reached = self._invert(value.double())
        log_prob = self.noise.log_prob(u) - slope.abs().log()
        return torch.where(reached, log_prob, -torch.inf).to(value.dtype)

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``."""
        value = self._checked(value)
        u, slope, _ = self._invert(value.double())
        below = self.noise.cdf(u)
        return torch.where(slope > 0, below, 1 - below).to(value.dtype)

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile at probability ``value``, if the noise has an ``icdf``."""
        u = as_probability(value, self._like, self._validate_args).double()
        u = u.expand(torch.broadcast_shapes(u.shape, self.batch_shape))
        with torch.no_grad():
            to_noise, reach = _coordinate(self.noise.support)
            first, last = (self._forward(to_noise(torch.full_like(u, s))) for s in (-reach, reach))
        u = torch.where(last > first, u, 1 - u)
        return self._forward(self.noise.icdf(u)).to(self._like.dtype)

    def _forward(self, u: Tensor) -> Tensor:
        return type(self).map(u, **self._exact)

    def _slope(self, u: Tensor) -> Tensor:
        """Derivative of the map at ``u``, differentiable in ``u`` and in the parameters."""
        pull: Any = torch.func.vjp(self._forward, u)[1]
        slope: Tensor = pull(torch.ones_like(u))[0]
        return slope

    def _invert(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The noise that gives ``value``, the map's slope there, and whether there is one."""
        with torch.no_grad():
            root, reached = self._bisect(value)
            slope = self._slope(root)
            inverse = torch.where(reached & (slope != 0), 1 / slope, 0.0)
        u = implicit_path(root, self._forward(root) - value, -inverse)
        return u, self._slope(u), reached

    def _bisect(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """The noise whose image is nearest ``value``, and whether images lie on both sides."""
        to_noise, reach = _coordinate(self.noise.support)
        exact = self._exact

        def image(s: Tensor) -> Tensor:
            return type(self).map(to_noise(s), **exact)

        shape = torch.broadcast_shapes(value.shape, self.batch_shape)
        low = torch.full(shape, -reach, dtype=value.dtype, device=value.device)
        high = -low
        first, last = image(low), image(high)
        rising = last > first
        reached = (torch.minimum(first, last) < value) & (value < torch.maximum(first, last))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            above = (image(middle) > value) == rising
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return to_noise((low + high) / 2), reached


def _coordinate(support: Any) -> tuple[Callable[[Tensor], Tensor], float]:
    """A map from the real line onto ``support``, and how far out it may be evaluated."""
    if support is None or support.is_discrete or support.event_dim:
        raise ValueError(f"noise has support {support}, must be continuous and univariate")
    low, high = getattr(support, "lower_bound", None), getattr(support, "upper_bound", None)
    if isinstance(support, type(constraints.real)):  # one that was pickled is another object
        return torch.sinh, 700.0
    if low is not None and high is not None:
        return _between(*(torch.as_tensor(bound).double() for bound in (low, high))), 700.0
    if low is not None:
        return lambda s: low + s.exp(), 700.0
    if high is not None:
        return lambda s: high - s.exp(), 700.0
    raise ValueError(f"noise has support {support}, must be the real line or an interval of it")


def _between(low: Tensor, high: Tensor) -> Callable[[Tensor], Tensor]:
    least, most = low + torch.finfo(low.dtype).tiny, torch.nextafter(high, low)
    width = high - low
    # From the nearer end, so that a lower end of 0 is approached to the last digit.
    return lambda s: (low + width * torch.sigmoid(s)).clamp(least, most)


def _draw_in_float64(
    noise: Distribution, shape: torch.Size, like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Noise in float64, by its quantiles where it has them: no atoms, no end of the support."""
    # Of what rounds to 1, at most one draw in 1e16 is moved.
    probability = torch.exp(-standard_exponential(shape, like.double(), generator)).clamp(
        max=1 - 2**-53
    )
    try:
        return noise.icdf(probability)
    except NotImplementedError:
        return draw(noise, shape, generator).double()
