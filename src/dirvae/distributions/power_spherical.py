"""The power spherical distribution."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import constraints

from dirvae.distributions._vectors import real_vector
from dirvae.distributions.beta import Beta
from dirvae.distributions.precision import to_float64
from dirvae.distributions.spherical import Spherical

__all__ = ["PowerSpherical"]


class PowerSpherical(Spherical):
    r"""Power spherical distribution on the unit sphere of R^D.

    The density p(x) is proportional to (1 + loc . x)^scale.

    With :math:`\beta = (D-1)/2` and :math:`\alpha = \beta + \kappa`, (1 + loc . x) / 2 is
    Beta(alpha, beta), and

    .. math:: \log p(x) = \kappa \log(1 + \mu \cdot x) - (\alpha + \beta) \log 2 - \beta \log\pi
              - \log\Gamma(\alpha) + \log\Gamma(\alpha + \beta)

    It can be as concentrated as a von Mises-Fisher distribution. But it needs no Bessel functions
    and no rejection sampling.

    Args:
        loc: Direction, shape (..., D), D >= 2. Any vectors but 0; they are scaled to length 1.
        scale: kappa > 0, shape (...).
        validate_args: Whether to check parameters and values.

    References:
        De Cao & Aziz, "The power spherical distribution", 2020, eq. 8-14.

    Example:
        >>> q = PowerSpherical(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(1.0))
        >>> q.mean
        tensor([0.0000, 0.0000, 0.3333])
    """

    arg_constraints = {"loc": real_vector, "scale": constraints.positive}
    spread_name = "scale"
    scale: Tensor

    def __init__(
        self, loc: Tensor, scale: Tensor | float, validate_args: bool | None = None
    ) -> None:
        super().__init__(loc, scale, validate_args)

    @property
    def _base(self) -> Beta:
        beta = (self.event_shape[0] - 1) / 2
        return Beta(self.scale + beta, torch.full_like(self.scale, beta), validate_args=False)

    def _cosine_moments(self) -> tuple[Tensor, Tensor, Tensor]:
        law = self._base
        mean, variance = law.mean, 4 * law.variance
        # 4 E[p (1 - p)] of the Beta p: near the direction a difference from 1 has few digits.
        return 2 * mean - 1, variance, variance * (law.concentration1 + law.concentration0)

    def _rsample_cosine(
        self, shape: torch.Size, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        log_half = self._base.expand(shape).rsample_log(generator=generator)
        near, far = (v.exp() for v in log_half)
        return near - far, 2 * ((log_half[0] + log_half[1]) / 2).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density at x with respect to the sphere's surface, (..., D) -> (...), in nats."""
        half_gap = (self._one_minus_cosine(value) / 2).clamp(max=1 - torch.finfo(value.dtype).eps)
        return self.scale * torch.log1p(-half_gap) - self._log_normalizer()

    def entropy(self) -> Tensor:
        """Entropy with respect to the sphere's surface, in nats."""
        law = self._base
        a, b = to_float64(law.concentration1), to_float64(law.concentration0)
        mean_log = (torch.digamma(a) - torch.digamma(a + b)).to(self.scale.dtype)
        return self._log_normalizer() - self.scale * mean_log

    def _log_normalizer(self) -> Tensor:
        """Log integral of ((1 + w) / 2)^kappa over the sphere."""
        a, b = to_float64(self._base.concentration1), to_float64(self._base.concentration0)
        log_normalizer = torch.lgamma(a) - torch.lgamma(a + b) + b * math.log(4 * math.pi)
        return log_normalizer.to(self.scale.dtype)
