"""Distributions of single counts, such as the reads of one gene."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.utils import broadcast_all
from torch.nn.functional import logsigmoid

from dirvae.distributions._quantile import as_value
from dirvae.distributions._tails import beta_tails
from dirvae.distributions.base import Law
from dirvae.distributions.log_space import log_multiset
from dirvae.distributions.precision import full_precision, to_float64

__all__ = ["NegativeBinomial", "ZeroInflatedNegativeBinomial"]

# Of a Poisson: torch holds a draw as an int64, and one of a higher rate is the rate to 9 digits.
_LARGEST_RATE = 1e18


class NegativeBinomial(Law):
    r"""Counts with mean mu and variance mu + mu^2 / r: a Poisson whose rate is a Gamma.

    .. math:: \log p(x) = \log\frac{\Gamma(x + r)}{\Gamma(r)\, x!}
              - r \log(1 + \mu / r) - x \log(1 + r / \mu)

    Args:
        mean: mu, 0 or more, any shape. At 0, all counts are 0.
        concentration: r, positive (the inverse dispersion), broadcast against ``mean``.
        validate_args: Whether to check parameters and values.

    References:
        Lopez et al. 2018 (scVI), supplementary note 3.

    Example:
        >>> law = NegativeBinomial(torch.tensor(4.0), torch.tensor(2.0))
        >>> law.variance
        tensor(12.)
    """

    arg_constraints = {"mean": constraints.nonnegative, "concentration": constraints.positive}
    batched = ("_mean", "concentration")
    support = constraints.nonnegative_integer

    def __init__(
        self,
        mean: Tensor | float,
        concentration: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        mean, concentration = broadcast_all(mean, concentration)
        self._mean, self.concentration = full_precision(mean), full_precision(concentration)
        super().__init__(self._mean.shape, torch.Size(), validate_args)

    @property
    def mean(self) -> Tensor:
        """Mean mu, batch shape."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Variance mu + mu^2 / r, batch shape."""
        return self._mean + self._mean**2 / self.concentration

    @property
    def mode(self) -> Tensor:
        """Mode: (r - 1) mu / r rounded down, and 0 for r below 1."""
        r = self.concentration
        return ((r - 1) / r * self._mean).floor().clamp(min=0)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts, shape ``sample_shape`` + (...)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            r = self.concentration.expand(shape)
            rate = torch._standard_gamma(r, generator=generator) * (self._mean / r)
            counts = torch.poisson(rate.clamp(max=_LARGEST_RATE), generator=generator)
            return torch.where(rate < _LARGEST_RATE, counts, rate.round())

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log probability of the counts, in nats."""
        value = self._checked(value)
        return _log_negative_binomial(value, self._mean, self.concentration)

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most x: the cdf I_{r / (r + mu)}(r, x + 1) of a Beta."""
        value = self._checked(value)
        mean, r = to_float64(self._mean), to_float64(self.concentration)
        x = to_float64(value).floor()
        lower = beta_tails(r, x.clamp(min=0) + 1, r.log() - mean.log()).lower
        lower = torch.where(x >= 0, lower, 0.0)
        return lower.to(torch.promote_types(value.dtype, self._mean.dtype))


class ZeroInflatedNegativeBinomial(Law):
    r"""A `NegativeBinomial` whose counts are replaced by 0 with probability sigmoid(gate_logits).

    Args:
        mean: mu of the negative binomial, 0 or more, any shape.
        concentration: r, positive, broadcast against ``mean``.
        gate_logits: Real, broadcast against ``mean``.
        validate_args: Whether to check parameters and values.

    References:
        Lopez et al. 2018 (scVI), supplementary note 3.

    Example:
        >>> law = ZeroInflatedNegativeBinomial(
        ...     torch.tensor(4.0), torch.tensor(2.0), torch.zeros(())
        ... )
        >>> law.mean
        tensor(2.)
    """

    arg_constraints = {
        "mean": constraints.nonnegative,
        "concentration": constraints.positive,
        "gate_logits": constraints.real,
    }
    batched = ("gate_logits", "counts")
    support = constraints.nonnegative_integer

    def __init__(
        self,
        mean: Tensor | float,
        concentration: Tensor | float,
        gate_logits: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        mean, concentration, gate_logits = broadcast_all(mean, concentration, gate_logits)
        self.gate_logits = full_precision(gate_logits)
        self.counts = NegativeBinomial(mean, concentration, validate_args=validate_args)
        super().__init__(self.gate_logits.shape, torch.Size(), validate_args)

    @property
    def concentration(self) -> Tensor:
        """Concentration r of the negative binomial, batch shape."""
        return self.counts.concentration

    @property
    def mean(self) -> Tensor:
        """Mean (1 - gate) mu, batch shape."""
        return torch.sigmoid(-self.gate_logits) * self.counts.mean

    @property
    def variance(self) -> Tensor:
        """Variance, batch shape."""
        keep, mean = torch.sigmoid(-self.gate_logits), self.counts.mean
        return keep * (self.counts.variance + (1 - keep) * mean**2)

    @property
    def mode(self) -> Tensor:
        """Mode of the negative binomial, or 0 where 0 is more probable."""
        mode = self.counts.mode
        zero = torch.zeros_like(mode)
        return torch.where(self._log_prob(zero) >= self._log_prob(mode), zero, mode)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts, shape ``sample_shape`` + (...)."""
        counts = self.counts.sample(sample_shape, generator)
        with torch.no_grad():
            keep = torch.sigmoid(-self.gate_logits).expand(counts.shape)
            return counts * torch.bernoulli(keep, generator=generator)

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log probability of the counts, in nats."""
        value = self._checked(value)
        return self._log_prob(value)

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``."""
        value = as_value(value, self._like)
        below = self.counts.cdf(value)
        zeros = torch.sigmoid(self.gate_logits) * (value >= 0)
        return zeros + torch.sigmoid(-self.gate_logits) * below

    def _log_prob(self, value: Tensor) -> Tensor:
        kept = logsigmoid(-self.gate_logits) + self.counts.log_prob(value)
        return torch.where(value == 0, torch.logaddexp(logsigmoid(self.gate_logits), kept), kept)


def _log_negative_binomial(x: Tensor, mean: Tensor, r: Tensor) -> Tensor:
    dtype, tiny = torch.promote_types(x.dtype, mean.dtype), torch.finfo(mean.dtype).tiny
    # In float64, since of a million counts each term is a million nats, of which a few are left.
    x, mean, r = to_float64(x), to_float64(mean), to_float64(r)
    # Of a mean below, the slope x / mean would overflow the type of the parameters.
    least = tiny * x.detach().clamp_min(1)
    ratio = _log1p_ratio(r, mean.clamp_min(tiny), least)
    log_prob = log_multiset(x, r) - r * torch.log1p(mean / r) - x * ratio
    return torch.where((mean == 0) & (x > 0), -torch.inf, log_prob).to(dtype)


def _log1p_ratio(r: Tensor, mean: Tensor, least: Tensor) -> Tensor:
    """log(1 + r / mean), mean > 0; below ``least`` its slope in the mean grows no more."""
    more = r > mean
    less = torch.where(more, mean, r)
    small = mean < least
    linear = torch.where(small, mean, least) / least
    log_mean = torch.where(small, linear + (mean.log() - linear).detach(), mean.log())
    far = r.log() - log_mean + torch.log1p(less / r)
    return torch.where(more, far, torch.log1p(less / mean))
