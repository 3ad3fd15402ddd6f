"""Mixtures whose draws are differentiable in all parameters, the weights included."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    constraints,
)
from torch.distributions.constraints import Constraint

from dirvae.distributions._once import implicit_path
from dirvae.distributions._quantile import as_value
from dirvae.distributions.base import Reparameterized
from dirvae.distributions.draws import draw
from dirvae.distributions.noise import standard_exponential
from dirvae.distributions.precision import validate_if_eager

__all__ = ["ImplicitMixture"]


class ImplicitMixture(Reparameterized):
    r"""A mixture whose draws are differentiable in all its parameters, the weights included.

    Draws of `torch.distributions.MixtureSameFamily` are not differentiable, because the choice of
    a component is discrete. But the mixture's cdf :math:`F = \sum_k w_k F_k` is smooth. So a draw
    has the implicit derivative :math:`-(\partial F / \partial\theta) / f`, where f is the mixture's
    density. Draws may also be vectors whose coordinates are independent within a component. Then
    the derivative is taken for one coordinate after another. Coordinate d is conditioned on the
    coordinates before it, by the weights :math:`w_k(z_{<d}) \propto w_k \prod_{j<d} f_{kj}(z_j)`.

    Args:
        mixture_distribution: Categorical, batch shape (...).
        component_distribution: Univariate distributions with a differentiable cdf, batch shape
            (..., K). Or `Independent` of such distributions, with events of shape (D,).
        validate_args: Whether to check values.

    Raises:
        ValueError: If the components' events are not scalars or independent coordinates.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, section 3;
        Graves, "Stochastic backpropagation through mixture density distributions", 2016.

    Example:
        >>> from torch.distributions import Categorical, Normal
        >>> logits = torch.zeros(2, requires_grad=True)
        >>> parts = Normal(torch.tensor([-1.0, 1.0]), torch.tensor([0.5, 0.5]))
        >>> z = ImplicitMixture(Categorical(logits=logits), parts).rsample(torch.Size([100]))
        >>> z.sum().backward()
        >>> bool(logits.grad[1] > logits.grad[0])
        True
    """

    arg_constraints = {}
    batched = ("mixture",)

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        validate_args = validate_if_eager(validate_args)
        self.mixture = MixtureSameFamily(
            mixture_distribution, component_distribution, validate_args=False
        )
        self._univariate = _coordinates(component_distribution)
        law = self.mixture
        super().__init__(law.batch_shape, law.event_shape, validate_args=validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the component's index."""
        law: Categorical = self.mixture.mixture_distribution
        return law

    @property
    def component_distribution(self) -> Distribution:
        """The components; the last dimension of the batch shape numbers them."""
        law: Distribution = self.mixture.component_distribution
        return law

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The support of the components."""
        support: Constraint = self.mixture.support
        return support

    def expand(self, batch_shape: Any, _instance: Any = None) -> ImplicitMixture:
        """Return the distribution with batch shape ``batch_shape``."""
        new = super().expand(batch_shape, _instance)
        new._univariate = _coordinates(new.component_distribution)
        return new

    @property
    def _like(self) -> Tensor:
        logits: Tensor = self.mixture_distribution.logits
        return logits

    @property
    def _weights_shape(self) -> torch.Size:
        return self.component_distribution.batch_shape[-1:]

    @property
    def mean(self) -> Tensor:
        """Mean, batch shape + event shape."""
        return self.mixture.mean

    @property
    def variance(self) -> Tensor:
        """Variance, batch shape + event shape."""
        return self.mixture.variance

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log density in nats."""
        value = as_value(value, self._like)
        if self._validate_args and value.numel():  # torch's support of a mixture takes no empty one
            self._validate_sample(value)
        return self.mixture.log_prob(value)

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``, for scalar events."""
        return self.mixture.cdf(as_value(value, self._like))

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw z, shape ``sample_shape`` + (...), with the implicit gradient."""
        with torch.no_grad():
            z = self._draw(torch.Size(sample_shape), generator)
        if self.event_shape:
            return self._attach(z)
        return self._attach(z.unsqueeze(-1)).squeeze(-1)

    def sample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw z without gradients, shape ``sample_shape`` + (...)."""
        with torch.no_grad():
            return self._draw(torch.Size(sample_shape), generator)

    def _log_weights(self) -> Tensor:
        return torch.log_softmax(self.mixture_distribution.logits, -1)

    def _draw(self, sample_shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        parts = draw(self.component_distribution, sample_shape, generator)
        log_weights = self._log_weights()
        shape = sample_shape + self.batch_shape + self._weights_shape
        gumbel = -standard_exponential(shape, log_weights, generator).log()
        index = (log_weights + gumbel).argmax(-1, keepdim=True)
        if not self.event_shape:
            return parts.gather(-1, index).squeeze(-1)
        index = index.unsqueeze(-1).expand(*index.shape, *self.event_shape)
        return parts.gather(-2, index).squeeze(-2)

    def _attach(self, z: Tensor) -> Tensor:
        """The draws ``z``, (..., D), with their path."""
        log_weights, done = self._log_weights(), []
        for d in range(z.shape[-1]):
            weights = torch.softmax(log_weights, -1)
            own = z[..., d]
            probability = (weights * self._of_coordinate("cdf", own, d)).sum(-1)
            log_parts = self._of_coordinate("log_prob", own, d)
            slope = -1 / (weights * log_parts.exp()).sum(-1).detach()
            done.append(implicit_path(own, probability, slope))
            if d + 1 < z.shape[-1]:
                log_weights = log_weights + self._of_coordinate("log_prob", done[-1], d)
        return torch.stack(done, -1)

    def _of_coordinate(self, name: str, z: Tensor, d: int) -> Tensor:
        """``cdf`` or ``log_prob`` of coordinate ``d`` in each component: (...) -> (..., K)."""
        law = self._univariate
        if not self.event_shape:
            value: Tensor = getattr(law, name)(z.unsqueeze(-1))
            return value
        rows = z[..., None, None].expand(*z.shape, *law.batch_shape[-2:])
        value = getattr(law, name)(rows)
        return value[..., d]


def _coordinates(components: Distribution) -> Distribution:
    """The univariate distributions that ``components`` consists of."""
    dims = len(components.event_shape)
    inner = components.base_dist if isinstance(components, Independent) else components
    if inner.event_shape or dims > 1:
        raise ValueError(
            f"component_distribution is {components}: must be univariate distributions, "
            "or Independent of them"
        )
    univariate: Distribution = inner
    return univariate
