"""The Kumaraswamy distribution in log space, and its KL divergence from a Beta."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Beta as TorchBeta
from torch.distributions import Kumaraswamy as TorchKumaraswamy
from torch.distributions import constraints
from torch.distributions.utils import euler_constant

from dirvae.distributions._expected_log1m import expected_log1m
from dirvae.distributions._kl import register_kl
from dirvae.distributions._quantile import as_probability
from dirvae.distributions.base import OfNumbers
from dirvae.distributions.beta import Beta
from dirvae.distributions.log_space import (
    in_order,
    log1mexp,
    log1mexp_of_log,
    log_gamma_ratio,
    log_of_neg_log1mexp,
    log_simplex,
    neg_log_sigmoid_log,
)
from dirvae.distributions.noise import standard_exponential
from dirvae.distributions.precision import to_float64

__all__ = ["Kumaraswamy", "LogKumaraswamy", "expected_log1m"]

NEAR = 0.02  # to which the series below has all digits of float64
TAYLOR = (  # of the harmonic numbers about 0: zeta(2), -zeta(3), zeta(4) ..
    1.6449340668482264,
    -1.2020569031595942,
    1.0823232337111381,
    -1.03692775514337,
    1.0173430619844492,
    -1.008349277381923,
    1.0040773561979444,
    -1.0020083928260821,
    1.000994575127818,
)


class _Parameters(OfNumbers):
    """The two concentrations that both distributions share."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    concentration1: Tensor
    concentration0: Tensor

    def __init__(
        self,
        concentration1: Tensor | float,
        concentration0: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(concentration1, concentration0, validate_args=validate_args)


class LogKumaraswamy(_Parameters):
    r"""Distribution of the pair (log x, log(1 - x)) for x ~ `Kumaraswamy`, exact near 0 and near 1.

    The density is that of log x: :math:`\log a + \log b + a \log x + (b - 1) \log(1 - x^a)`.

    Args:
        concentration1: a > 0, any shape.
        concentration0: b > 0, broadcast against a.
        validate_args: Whether to check parameters and values.

    Example:
        >>> q = LogKumaraswamy(torch.tensor(0.01), torch.tensor(0.01))
        >>> pair = q.rsample(torch.Size([1000]))
        >>> bool(q.log_prob(pair).isfinite().all())
        True
    """

    support = log_simplex
    event_size = (2,)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw (log x, log(1 - x)), shape ``sample_shape`` + (..., 2)."""
        a, b = self.concentration1, self.concentration0
        shape = torch.Size(sample_shape) + self.batch_shape
        y = standard_exponential(shape, a, generator) / b  # -log(1 - x^a)
        log_neg_log_x = log_of_neg_log1mexp(y) - a.log()
        return torch.stack((log1mexp(y) / a, log1mexp_of_log(log_neg_log_x)), -1)

    @property
    def mean(self) -> Tensor:
        """Means of log x and of log(1 - x), shape (..., 2)."""
        a, b = self.concentration1, self.concentration0
        return torch.stack((-_harmonic(b) / a, expected_log1m(a, b)), -1)

    @property
    def mode(self) -> Tensor:
        """The pair with log x = -log(b) / a; for b <= 1 it is (0, -inf)."""
        log_x = -self.concentration0.clamp(min=1).log() / self.concentration1
        return torch.stack((log_x, log1mexp(-log_x)), -1)

    def entropy(self) -> Tensor:
        """Entropy of log x, in nats."""
        a, b = self.concentration1, self.concentration0
        return 1 - 1 / b + _harmonic(b) - a.log() - b.log()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of log x at ``value`` = (log x, log(1 - x)), shape (..., 2) -> (...)."""
        value = self._checked(value)
        return kumaraswamy_log_density(
            self.concentration1, self.concentration0, value[..., 0], value[..., 0] - value[..., 1]
        )


class Kumaraswamy(_Parameters):
    r"""Kumaraswamy(a, b): x = (1 - u^(1/b))^(1/a), computed in log space.

    .. math:: \log p(x) = \log a + \log b + (a - 1) \log x + (b - 1) \log(1 - x^a)

    Args:
        concentration1: a > 0, any shape.
        concentration0: b > 0, broadcast against a.
        validate_args: Whether to check parameters and values.

    References:
        Kumaraswamy 1980; Nalisnick & Smyth 2017, eq. 4 (for stick breaking).

    Example:
        >>> Kumaraswamy(torch.tensor(2.0), torch.tensor(1.0)).mean
        tensor(0.6667)
    """

    support = constraints.unit_interval

    @property
    def mean(self) -> Tensor:
        """Mean b B(1 + 1/a, b), batch shape."""
        return kumaraswamy_log_moment(self.concentration1, self.concentration0, 1).exp()

    @property
    def variance(self) -> Tensor:
        """Variance, batch shape."""
        a, b = to_float64(self.concentration1), to_float64(self.concentration0)
        first, second = (kumaraswamy_log_moment(a, b, order) for order in (1, 2))
        # In units of the second moment: the square of the first may underflow before it does.
        variance = second.exp() * -torch.expm1(2 * first - second)
        return variance.clamp_min(0).to(self.concentration1.dtype)

    @property
    def mode(self) -> Tensor:
        """((a - 1) / (a b - 1))^(1/a) if a > 1 and b > 1; else 1 for a >= b and 0 for a < b."""
        a, b = self.concentration1, self.concentration0
        inner, end = (a > 1) & (b > 1), (a >= b).to(a.dtype)
        ratio = torch.where(inner, (a - 1) / (a * b - 1), 0.5)
        return torch.where(inner, ratio.log().div(a).exp(), end)

    def entropy(self) -> Tensor:
        """Entropy in nats, batch shape."""
        a, b = self.concentration1, self.concentration0
        return (1 - 1 / b) + (1 - 1 / a) * _harmonic(b) - a.log() - b.log()

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability 1 - (1 - x^a)^b."""
        value = self._checked(value)
        inside = (value > 0) & (value < 1)
        log_x = torch.where(inside, to_float64(value), 0.5).log()
        log_above = to_float64(self.concentration0) * log1mexp(
            -to_float64(self.concentration1) * log_x
        )
        lower = torch.where(inside, -torch.expm1(log_above), (value >= 1).to(log_x.dtype))
        return lower.to(torch.promote_types(value.dtype, self.concentration1.dtype))

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile (1 - (1 - u)^(1/b))^(1/a); 0 <= u <= 1."""
        u = to_float64(as_probability(value, self.concentration1, self._validate_args))
        log_power = log1mexp(-torch.log1p(-u) / to_float64(self.concentration0))
        return (log_power / to_float64(self.concentration1)).exp().to(self.concentration1.dtype)

    def log(self) -> LogKumaraswamy:
        """Return the distribution of the logarithms of x and of 1 - x, with event shape (2,)."""
        return LogKumaraswamy(self.concentration1, self.concentration0, validate_args=False)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x, shape ``sample_shape`` + (...)."""
        return self.log().rsample(sample_shape, generator)[..., 0].exp()

    def log_prob(self, value: Tensor | float) -> Tensor:
        """Log density at x, in nats; x = 0 and x = 1 are replaced by the nearest floats between."""
        value = self._checked(value)
        limits = torch.finfo(value.dtype)
        x = value.clamp(limits.tiny, 1 - limits.eps / 2)
        a, b, log_x = self.concentration1, self.concentration0, x.log()
        return kumaraswamy_log_density(a, b, log_x, log_x - torch.log1p(-x)) - log_x


def _harmonic(b: Tensor) -> Tensor:
    """The harmonic number of b, which is -a E[log x]: its Taylor series near 0.

    There the sum of digamma and Euler's constant would leave few digits, or none.
    """
    x = to_float64(b)
    near = x < NEAR
    small, series = torch.where(near, x, 0.0), torch.zeros_like(x)
    for coefficient in reversed(TAYLOR):
        series = small * (coefficient + series)
    far = torch.digamma(torch.where(near, 1.0, x) + 1) + euler_constant
    return torch.where(near, series, far).to(b.dtype)


def kumaraswamy_log_density(a: Tensor, b: Tensor, log_x: Tensor, log_odds: Tensor) -> Tensor:
    """Log density of log x; near x = 1 only ``log_odds`` = log x - log(1 - x) tells where x is."""
    log_power = log1mexp_of_log(a.log() + neg_log_sigmoid_log(log_odds))
    return a.log() + b.log() + a * log_x + (b - 1) * log_power


def kumaraswamy_log_moment(a: Tensor, b: Tensor, order: int) -> Tensor:
    """Return log E[x^order] = log(b B(1 + order/a, b))."""
    power = order / a
    less, more = in_order(power, b)
    return torch.lgamma(1 + less) - log_gamma_ratio(1 + more, less)


def kl_kumaraswamy_beta(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """KL(Kumaraswamy(a, b) || Beta(c, d)) in nats, broadcast shape."""
    dtype = torch.promote_types(a.dtype, c.dtype)
    mean_log1m = to_float64(expected_log1m(a, b))  # in its own type, where most of the time goes
    # In float64, since the log Gammas of a large c or d cancel all but a few nats of each other.
    a, b, c, d = (to_float64(v) for v in (a, b, c, d))
    mean_log_x = -_harmonic(b) / a
    log_beta = torch.lgamma(c) + torch.lgamma(d) - torch.lgamma(c + d)
    negative_entropy = a.log() + b.log() + a * mean_log_x - (1 - 1 / b)
    return (negative_entropy - c * mean_log_x + log_beta - (d - 1) * mean_log1m).to(dtype)


def _kl_kumaraswamy_beta(q: Any, p: Any) -> Tensor:
    return kl_kumaraswamy_beta(
        q.concentration1, q.concentration0, p.concentration1, p.concentration0
    )


for _q in (Kumaraswamy, TorchKumaraswamy):
    for _p in (Beta, TorchBeta):
        register_kl(_q, _p)(_kl_kumaraswamy_beta)
