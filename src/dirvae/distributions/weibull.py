"""The Weibull distribution in log space."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Gamma as TorchGamma
from torch.distributions import Weibull as TorchWeibull
from torch.distributions import constraints
from torch.distributions.utils import euler_constant

from dirvae.distributions._kl import register_kl
from dirvae.distributions._quantile import as_probability
from dirvae.distributions.base import OfNumbers
from dirvae.distributions.log_gamma import Gamma, LogGamma
from dirvae.distributions.log_space import scaled_lgamma1p
from dirvae.distributions.noise import standard_exponential
from dirvae.distributions.precision import to_float64

__all__ = ["LogWeibull", "Weibull"]


class _Parameters(OfNumbers):
    """The scale and concentration that both distributions share."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    scale: Tensor
    concentration: Tensor

    def __init__(
        self,
        scale: Tensor | float,
        concentration: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(scale, concentration, validate_args=validate_args)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw log x, shape ``sample_shape`` + (...)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        return log_weibull(self.scale, self.concentration, shape, generator)


class LogWeibull(_Parameters):
    r"""The distribution of log X for X ~ Weibull(scale, concentration): a Gumbel for minima.

    .. math:: \log p(y) = \log c + t - e^t, \quad t = c (y - \log\lambda)

    Args:
        scale: lambda > 0, any shape.
        concentration: c > 0, broadcast against ``scale``.
        validate_args: Whether to check parameters and values.

    Example:
        >>> y = LogWeibull(torch.tensor(1.0), torch.tensor(1e-4)).sample(torch.Size([1000]))
        >>> bool(y.isfinite().all())
        True
    """

    support = constraints.real

    @property
    def mean(self) -> Tensor:
        """Mean log lambda - gamma / c; gamma is Euler's constant."""
        return self.scale.log() - euler_constant / self.concentration

    @property
    def variance(self) -> Tensor:
        """Variance pi^2 / (6 c^2)."""
        return torch.pi**2 / 6 / self.concentration**2

    @property
    def mode(self) -> Tensor:
        """Mode log lambda."""
        return self.scale.log()

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log density of log x, in nats."""
        value = self._checked(value)
        t = self._standardized(value)
        log_prob = to_float64(self.concentration).log() + t - t.exp()
        return log_prob.to(torch.promote_types(value.dtype, self.scale.dtype))

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability 1 - exp(-e^t), t = c (y - log lambda)."""
        value = self._checked(value)
        lower = -torch.expm1(-self._standardized(value).exp())
        return lower.to(torch.promote_types(value.dtype, self.scale.dtype))

    def _standardized(self, y: Tensor) -> Tensor:
        """Return c (y - log lambda) in float64: a large c would multiply a rounding."""
        return to_float64(self.concentration) * (to_float64(y) - to_float64(self.scale).log())

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile log lambda + log(-log(1 - u)) / c; 0 <= u <= 1."""
        u = as_probability(value, self.scale, self._validate_args)
        return self.scale.log() + (-torch.log1p(-u)).log() / self.concentration

    def entropy(self) -> Tensor:
        """Entropy 1 + gamma - log c, in nats; gamma is Euler's constant."""
        return 1 + euler_constant - self.concentration.log()


class Weibull(_Parameters):
    r"""Weibull(scale, concentration), drawn in log space: log x = log lambda + log(e) / c.

    .. math:: \log p(x) = \log c - c\log\lambda + (c - 1)\log x - (x/\lambda)^c

    Here e is a standard exponential variable. The Weibull is similar to the Gamma distribution. Its
    reparameterised draw is one line of code, and its KL from a Gamma has a closed form. To compute
    the density of a draw, use `log()`: draws underflow if the concentration is small.

    Args:
        scale: lambda > 0, any shape.
        concentration: c > 0, broadcast against ``scale``.
        validate_args: Whether to check parameters and values.

    References:
        Zhang, Chen, Guo, Zhou, "WHAI: Weibull hybrid autoencoding inference", ICLR 2018, eq. 5.

    Example:
        >>> Weibull(torch.tensor(2.0), torch.tensor(1.0)).mean
        tensor(2.)
    """

    support = constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        """Mean lambda Gamma(1 + 1/c)."""
        return self.scale * torch.lgamma(1 + 1 / self.concentration).exp()

    @property
    def variance(self) -> Tensor:
        """Variance lambda^2 (Gamma(1 + 2/c) - Gamma(1 + 1/c)^2)."""
        power = to_float64(self.concentration).reciprocal()
        first, second = scaled_lgamma1p(power), scaled_lgamma1p(2 * power)
        spread = (2 * power * first).exp() * torch.expm1(2 * power * (second - first))
        return self.scale**2 * spread.to(self.scale.dtype)

    @property
    def mode(self) -> Tensor:
        """Mode lambda (1 - 1/c)^(1/c); 0 for c of at most 1."""
        c = self.concentration
        inner = torch.where(c > 1, c, 2.0)
        return torch.where(c > 1, self.scale * (torch.log1p(-1 / inner) / inner).exp(), 0.0)

    def log(self) -> LogWeibull:
        """Return the distribution of log x."""
        return LogWeibull(self.scale, self.concentration, validate_args=False)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x, shape ``sample_shape`` + (...)."""
        return self.log().rsample(sample_shape, generator).exp()

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log density at x, in nats; 0 and infinity are replaced by the nearest positive floats."""
        value = self._checked(value)
        limits = torch.finfo(value.dtype)
        y = to_float64(value.clamp(limits.tiny, limits.max)).log()
        log_prob = self.log().log_prob(y) - y
        return log_prob.to(torch.promote_types(value.dtype, self.scale.dtype))

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability 1 - exp(-(x / lambda)^c)."""
        value = self._checked(value)
        lower = self.log().cdf(to_float64(value.clamp_min(torch.finfo(value.dtype).tiny)).log())
        return lower.to(torch.promote_types(value.dtype, self.scale.dtype))

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile lambda (-log(1 - u))^(1/c); 0 <= u <= 1."""
        u = as_probability(value, self.scale, self._validate_args)
        return self.log().icdf(u).exp()

    def entropy(self) -> Tensor:
        """Entropy gamma (1 - 1/c) + log(lambda / c) + 1, in nats; gamma is Euler's constant."""
        c = self.concentration
        return euler_constant * (1 - 1 / c) + self.scale.log() - c.log() + 1


def log_weibull(
    scale: Tensor, c: Tensor, shape: torch.Size, generator: torch.Generator | None
) -> Tensor:
    """Draw log x, of this shape, with its path."""
    return scale.log() + standard_exponential(shape, scale, generator).log() / c


def _kl_weibull_gamma(q: Any, p: Any) -> Tensor:
    """KL(Weibull || Gamma); the same for their logarithms, a bijection of both."""
    c, a = to_float64(q.concentration), to_float64(p.concentration)
    log_scale = to_float64(q.scale).log() + to_float64(p.rate).log()
    mean = (log_scale + torch.lgamma(1 + 1 / c)).exp()
    kl = c.log() - euler_constant - 1 + a * (euler_constant / c - log_scale) + torch.lgamma(a)
    return (kl + mean).to(torch.promote_types(q.concentration.dtype, p.concentration.dtype))


def _kl_weibull(q: Any, p: Any) -> Tensor:
    """KL(Weibull || Weibull); the same for their logarithms."""
    c, b = to_float64(q.concentration), to_float64(p.concentration)
    log_ratio, power = to_float64(q.scale).log() - to_float64(p.scale).log(), b / c
    moment = (b * log_ratio + torch.lgamma(1 + power)).exp()
    kl = c.log() - b.log() - b * log_ratio - (1 - power) * euler_constant - 1 + moment
    return kl.to(torch.promote_types(q.concentration.dtype, p.concentration.dtype))


for _q in (Weibull, TorchWeibull):
    for _p in (Gamma, TorchGamma):
        register_kl(_q, _p)(_kl_weibull_gamma)
    for _w in (Weibull, TorchWeibull):
        register_kl(_q, _w)(_kl_weibull)
register_kl(LogWeibull, LogGamma)(_kl_weibull_gamma)
register_kl(LogWeibull, LogWeibull)(_kl_weibull)
