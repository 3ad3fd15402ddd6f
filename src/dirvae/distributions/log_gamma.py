"""Gamma distributions in log space: exact for every concentration, without underflow.

42 % of the draws of Gamma(.01, 1) are below the smallest float32. But float32 can hold their
logarithms. So this module computes draws, densities and gradients in log space.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma as TorchGamma
from torch.distributions import constraints

from dirvae.distributions._kl import register_kl
from dirvae.distributions._log_gamma_gradient import rsample_log_gamma
from dirvae.distributions._quantile import as_probability
from dirvae.distributions._tails import gamma_log_quantile, gamma_tails
from dirvae.distributions.base import OfNumbers
from dirvae.distributions.precision import to_float64

__all__ = ["Gamma", "LogGamma"]


class _GammaParameters(OfNumbers):
    """The concentration and rate of both distributions, and what follows from them alone."""

    arg_constraints = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    concentration: Tensor
    rate: Tensor

    def __init__(
        self,
        concentration: Tensor | float,
        rate: Tensor | float = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(concentration, rate, validate_args=validate_args)

    def _rsample_log(self, sample_shape: Any, generator: torch.Generator | None) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        return rsample_log_gamma(self.concentration.expand(shape), generator) - self.rate.log()

    def _in_float64(self) -> tuple[Tensor, Tensor]:
        return to_float64(self.concentration), to_float64(self.rate)

    def _cdf_of_log(self, log_x: Tensor) -> Tensor:
        a, r = self._in_float64()
        lower = gamma_tails(a, to_float64(log_x) + r.log()).lower
        return lower.to(torch.promote_types(log_x.dtype, self.concentration.dtype))

    def _log_quantile(self, value: Tensor | float) -> Tensor:
        """In float64."""
        a, r = self._in_float64()
        probability = as_probability(value, self.concentration, self._validate_args)
        return gamma_log_quantile(a, to_float64(probability)) - r.log()


class LogGamma(_GammaParameters):
    r"""The distribution of log X for X ~ Gamma(concentration, rate).

    log p(y) = a log r + a y - r e^y - log Gamma(a), y real.

    Draws are exact for every a > 0: log X_a = log X_{a+1} + log(U) / a, with U uniform. The
    gradient of `rsample` is the implicit derivative dy/da = -(dF/da) / f, computed from y. Here F
    is the cdf of y and f its density.

    Args:
        concentration: a > 0, any shape; half precision is raised to float32.
        rate: r > 0, broadcastable with `concentration`.
        validate_args: as in `torch.distributions`.

    Raises:
        ValueError: when a parameter is not positive.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.

    Example:
        >>> import torch
        >>> draws = LogGamma(torch.tensor([1e-4, 1.0, 1e4])).sample((5,))
        >>> bool(draws.isfinite().all())
        True
        >>> round(LogGamma(torch.tensor(1.0)).mean.item(), 4)
        -0.5772
    """

    support = constraints.real

    @property
    def mean(self) -> Tensor:
        return torch.digamma(self.concentration) - self.rate.log()

    @property
    def variance(self) -> Tensor:
        return torch.polygamma(1, self.concentration)

    @property
    def mode(self) -> Tensor:
        return self.concentration.log() - self.rate.log()

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self._rsample_log(sample_shape, generator)

    def log_prob(self, value: Tensor | float) -> Tensor:
        value = self._checked(value)
        a, r = self._in_float64()
        scaled = to_float64(value) + r.log()
        log_prob = a * scaled - scaled.exp() - torch.lgamma(a)
        return log_prob.to(torch.promote_types(value.dtype, self.concentration.dtype))

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``."""
        value = self._checked(value)
        return self._cdf_of_log(value)

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile at probability ``value``, 0 <= value <= 1."""
        return self._log_quantile(value).to(self.concentration.dtype)

    def entropy(self) -> Tensor:
        a, _ = self._in_float64()
        entropy = torch.lgamma(a) + a * (1 - torch.digamma(a))
        return entropy.to(self.concentration.dtype)


class Gamma(_GammaParameters):
    r"""Gamma(concentration, rate), drawn in log space.

    log p(x) = a log r + (a - 1) log x - r x - log Gamma(a), x >= 0.

    A draw is exp of a `LogGamma` draw. Draws that are too small for the float type become 0. To
    compute the density of a draw, use `log()`: the density of log x stays finite.

    Args:
        concentration: a > 0, any shape; half precision is raised to float32.
        rate: r > 0, broadcastable with `concentration`.
        validate_args: as in `torch.distributions`.

    Raises:
        ValueError: when a parameter is not positive.

    References:
        Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018, eq. 5.

    Example:
        >>> import torch
        >>> q = Gamma(torch.tensor([2.0, 3.0]), torch.tensor(2.0))
        >>> q.mean
        tensor([1.0000, 1.5000])
        >>> q.log().mode
        tensor([0.0000, 0.4055])
    """

    support = constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    @property
    def mode(self) -> Tensor:
        return (self.concentration - 1).clamp(min=0) / self.rate

    def log(self) -> LogGamma:
        """Return the distribution of log x."""
        return LogGamma(self.concentration, self.rate, validate_args=self._validate_args)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self._rsample_log(sample_shape, generator).exp()

    def log_prob(self, value: Tensor | float) -> Tensor:
        value = self._checked(value)
        a, r = self._in_float64()
        x = to_float64(value)  # beside which a scalar a or r in float64 would be of its type
        log_prob = torch.xlogy(a - 1, x) - r * x + a * r.log() - torch.lgamma(a)
        return log_prob.to(torch.promote_types(value.dtype, self.concentration.dtype))

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``."""
        value = self._checked(value)
        return self._cdf_of_log(_log(value))

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile at probability ``value``, 0 <= value <= 1."""
        return self._log_quantile(value).exp().to(self.concentration.dtype)

    def entropy(self) -> Tensor:
        a, r = self._in_float64()
        entropy = a - r.log() + torch.lgamma(a) + (1 - a) * torch.digamma(a)
        return entropy.to(self.concentration.dtype)


def _log(x: Tensor) -> Tensor:
    """Log x, minus infinity at 0 and below, where its derivative is 0."""
    inside = x > 0
    return torch.where(inside, torch.where(inside, x, 1.0).log(), -torch.inf)


def _kl_gamma(p: Any, q: Any) -> Tensor:
    """KL(Gamma(a, r) || Gamma(b, s)); the same for their logarithms, a bijection of both."""
    a, b, r, s = (to_float64(v) for v in (p.concentration, q.concentration, p.rate, q.rate))
    kl = (a - b) * torch.digamma(a) - (torch.lgamma(a) - torch.lgamma(b))
    kl = kl + b * (r.log() - s.log()) + a * (s / r - 1)
    return kl.to(torch.promote_types(p.concentration.dtype, q.concentration.dtype))


for _pair in ((LogGamma, LogGamma), (Gamma, Gamma), (Gamma, TorchGamma), (TorchGamma, Gamma)):
    register_kl(*_pair)(_kl_gamma)
