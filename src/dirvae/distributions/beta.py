"""The Beta distribution in log space: log x and log(1 - x) are both exact."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Beta as TorchBeta
from torch.distributions import constraints

from dirvae.distributions._kl import register_kl
from dirvae.distributions._quantile import as_probability
from dirvae.distributions._tails import beta_log_odds_quantile, beta_tails
from dirvae.distributions.base import OfNumbers
from dirvae.distributions.dirichlet import LogDirichlet, log_gammas_up_to_total
from dirvae.distributions.precision import to_float64

__all__ = ["Beta"]


class Beta(OfNumbers):
    r"""Beta(concentration1, concentration0), drawn in log space.

    log p(x) = (a - 1) log x + (b - 1) log(1 - x) - log B(a, b), 0 <= x <= 1.

    Four in ten float32 draws of Beta(.01, .01) round to exactly 1. `rsample_log` and `log()` give
    the pair (log x, log(1 - x)) instead. The pair is exact near 0 and near 1.

    Args:
        concentration1: a > 0, any shape; half precision is raised to float32.
        concentration0: b > 0, broadcastable with `concentration1`.
        validate_args: as in `torch.distributions`.

    Raises:
        ValueError: when a parameter is not positive.

    Example:
        >>> import torch
        >>> q = Beta(torch.tensor(0.01), torch.tensor(0.01))
        >>> log_x, log_1mx = q.rsample_log((1000,))
        >>> bool(log_x.isfinite().all() and log_1mx.isfinite().all())
        True
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    concentration1: Tensor
    concentration0: Tensor

    def __init__(
        self,
        concentration1: Tensor | float,
        concentration0: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(concentration1, concentration0, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return (self.concentration1 / total) * (self.concentration0 / total) / (total + 1)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / (a + b - 2), after a and b below 1 are raised to 1.

        If neither is above 1, the mode is 1 for a >= b and 0 otherwise.
        """
        a, b = (self.concentration1 - 1).clamp(min=0), (self.concentration0 - 1).clamp(min=0)
        end = (self.concentration1 >= self.concentration0).to(a.dtype)
        total = a + b
        return torch.where(total > 0, a / torch.where(total > 0, total, 1.0), end)

    def log(self) -> LogDirichlet:
        """Return the distribution of the logarithms of x and of 1 - x, with event shape (2,)."""
        pair = torch.stack((self.concentration1, self.concentration0), -1)
        return LogDirichlet(pair, validate_args=self._validate_args)

    def _rsample_log_odds(
        self, sample_shape: Any, generator: torch.Generator | None, totals: int
    ) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        pair = torch.stack((self.concentration1.expand(shape), self.concentration0.expand(shape)))
        log_x, log_y = log_gammas_up_to_total(pair, generator, totals, dim=0).unbind()
        return torch.sub(log_x, log_y)

    def rsample_log(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
        totals: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Draw log x and log(1 - x), each of shape sample_shape + batch_shape.

        Args:
            sample_shape: Shape of the draw, before batch.
            generator: Source of randomness; the global one if None.
            totals: As in `rsample`.
        """
        log_odds = self._rsample_log_odds(sample_shape, generator, totals)
        return torch.nn.functional.logsigmoid(log_odds), torch.nn.functional.logsigmoid(-log_odds)

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
        totals: int = 1,
    ) -> Tensor:
        """Draw x = X / (X + Y) from two gammas, with an unbiased pathwise gradient.

        Args:
            sample_shape: Shape of the draw, before batch.
            generator: Source of randomness; the global one if None.
            totals: Number of totals X + Y to average the gradient over, as in `Dirichlet.rsample`.
                With one total, the gradient's variance is up to twice the variance of torch's
                implicit gradient of x. With more totals it falls towards the variance of torch's.

        Returns:
            Draws, sample_shape + batch_shape.
        """
        return self._rsample_log_odds(sample_shape, generator, totals).sigmoid()

    def _in_float64(self) -> tuple[Tensor, Tensor]:
        return to_float64(self.concentration1), to_float64(self.concentration0)

    def log_prob(self, value: Tensor | float) -> Tensor:
        value = self._checked(value)
        a, b = self._in_float64()
        x = to_float64(value)  # beside which a scalar a or b in float64 would be of its type
        kernel = torch.xlogy(a - 1, x) + torch.special.xlog1py(b - 1, -x)
        log_prob = kernel - _log_beta(a, b)
        return log_prob.to(torch.promote_types(value.dtype, self.concentration1.dtype))

    def cdf(self, value: Tensor | float) -> Tensor:
        """Probability that a draw is at most ``value``."""
        value = self._checked(value)
        inside = (value > 0) & (value < 1)
        x = torch.where(inside, to_float64(value), 0.5)
        ends = torch.where(value > 0.5, torch.inf, -torch.inf).to(x.dtype)
        log_odds = torch.where(inside, torch.logit(x), ends)
        lower = beta_tails(*self._in_float64(), log_odds).lower
        return lower.to(torch.promote_types(value.dtype, self.concentration1.dtype))

    def icdf(self, value: Tensor | float) -> Tensor:
        """Quantile at probability ``value``, 0 <= value <= 1."""
        probability = as_probability(value, self.concentration1, self._validate_args)
        log_odds = beta_log_odds_quantile(*self._in_float64(), to_float64(probability))
        return log_odds.sigmoid().to(self.concentration1.dtype)

    def entropy(self) -> Tensor:
        a, b = self._in_float64()
        total = torch.digamma(a + b)
        entropy = _log_beta(a, b) - (a - 1) * (torch.digamma(a) - total)
        entropy = entropy - (b - 1) * (torch.digamma(b) - total)
        return entropy.to(self.concentration1.dtype)


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def _kl_beta(p: Any, q: Any) -> Tensor:
    """KL(Beta(a, b) || Beta(c, d))."""
    a, b = to_float64(p.concentration1), to_float64(p.concentration0)
    c, d = to_float64(q.concentration1), to_float64(q.concentration0)
    total = torch.digamma(a + b)
    kl = (a - c) * (torch.digamma(a) - total) + (b - d) * (torch.digamma(b) - total)
    kl = kl + (_log_beta(c, d) - _log_beta(a, b))
    return kl.to(torch.promote_types(p.concentration1.dtype, q.concentration1.dtype))


for _pair in ((Beta, Beta), (Beta, TorchBeta), (TorchBeta, Beta)):
    register_kl(*_pair)(_kl_beta)
