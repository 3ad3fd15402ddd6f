"""A prior that is learned: a mixture of distributions of the latent's own family."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from dirvae.distributions import Dirichlet, SoftmaxNormal, StandardizedDirichlet
from dirvae.distributions._vectors import centred, rows_for_all, squares
from dirvae.distributions.precision import to_float64
from dirvae.nn import Conditional, Fixed

__all__ = ["MixturePrior"]

SPREAD = 0.5  # of the places at the start, in standard deviations of the fixed prior


class MixturePrior(Conditional):
    r"""Mixture of J distributions; weights, places and certainties are learned with the model.

    Places and certainties are in units of a fixed prior, ``unit``. Let ``unit`` be a Gaussian of
    mean m and standard deviation s. Then distribution j has mean m + s place_j and standard
    deviation s / sqrt(certainty_j). If ``unit`` is a Dirichlet, the J distributions are
    `StandardizedDirichlet`, for every kind of Dirichlet posterior. Each of them then stands for one
    type of row, and its mean can be read as proportions.

    The KL of a posterior from the mixture has no closed form. It is estimated from draws.

    Args:
        unit: The fixed prior: a Dirichlet, a Gaussian or the softmax of a Gaussian, with events of
            shape (K,).
        num_components: J, number of distributions in the mixture.
        less_certain: Whether none of the J distributions becomes more certain than ``unit``. A
            posterior that always is then differs from the prior in every component, so that a
            component out of use costs nats too (``commitment`` in `zoo.mlp_vae`).

    Raises:
        ValueError: If ``unit`` is of another kind, or ``num_components`` is below 1.

    References:
        Tomczak & Welling 2018, "VAE with a VampPrior", eq. 9 (a mixture of Gaussians). Their
        pseudo-inputs are not used here.

    Example:
        >>> prior = MixturePrior(Fixed(Dirichlet, concentration=torch.ones(3)), 5)
        >>> prior().component_distribution.mean.shape
        torch.Size([5, 3])
    """

    added_later = ("less_certain",)  # which a model saved before has not
    less_certain = False
    log_certainty: Tensor  # one of the two is there
    certainty_logit: Tensor

    def __init__(self, unit: nn.Module, num_components: int, less_certain: bool = False) -> None:
        super().__init__()
        law = getattr(unit, "Law", None)
        if law not in (Dirichlet, Normal, SoftmaxNormal):
            raise ValueError(
                f"the prior is {unit}, must be a Dirichlet, a Gaussian or its softmax where it "
                "becomes a mixture"
            )
        if num_components < 1:
            raise ValueError(f"num_components is {num_components}, must be 1 or more")
        self.unit, self.num_components, self.less_certain = unit, num_components, less_certain
        shape = num_components, *unit().event_shape
        self.logits = nn.Parameter(torch.zeros(num_components))
        self.place = nn.Parameter(SPREAD * torch.randn(shape))
        name = "certainty_logit" if less_certain else "log_certainty"
        self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    @property
    def certainty(self) -> Tensor:
        """Certainty of each distribution in units of ``unit``, shape (J, K)."""
        if self.less_certain:
            return self.certainty_logit.sigmoid()
        return self.log_certainty.exp()

    def forward(self, *context: Tensor) -> Distribution:
        """Return the mixture; ``context`` is ignored."""
        weights = Categorical(logits=self.logits, validate_args=False)
        return MixtureSameFamily(weights, self._laws(), validate_args=False)

    def _laws(self) -> Distribution:
        unit = self.unit
        assert isinstance(unit, Fixed)
        if unit.Law is Dirichlet:
            reference = unit.parameter("concentration")
            return StandardizedDirichlet(self.place, self.certainty, reference, validate_args=False)
        scale = unit.parameter("scale")
        loc = unit.parameter("loc") + scale * self.place
        scale = scale * self.certainty.rsqrt()
        if unit.Law is SoftmaxNormal:
            return SoftmaxNormal(loc, scale, validate_args=False)
        return _Gaussians(Normal(loc, scale, validate_args=False), 1, validate_args=False)


class _Gaussians(Independent):  # type: ignore[type-arg]
    """J Gaussians of K independent numbers, whose densities at many rows are matrix products."""

    def log_prob(self, value: Tensor) -> Tensor:
        loc, scale = self.base_dist.loc, self.base_dist.scale
        rows, weight = rows_for_all(value, self), to_float64(scale).square().reciprocal()
        parts = None if rows is None else centred(rows, loc, weight)
        if parts is None:
            return Independent.log_prob(self, value)
        constant = (to_float64(scale).log() + math.log(2 * math.pi) / 2).sum(-1)
        log_probs = squares(*parts, weight, -0.5, -constant)
        return log_probs.to(torch.promote_types(value.dtype, loc.dtype))
