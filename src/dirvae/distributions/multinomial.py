"""Likelihoods of counts of categories given their total, and of a part of the categories."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from dirvae.distributions._count_sums import (
    dirichlet_multinomial_entropy,
    multinomial_entropy,
)
from dirvae.distributions._sparse import (
    flat_places,
    is_sparse,
    log_coefficient,
    row_sums,
    softmax_evidence,
)
from dirvae.distributions.dirichlet import LogDirichlet
from dirvae.distributions.log_gamma import full_precision, wide
from dirvae.distributions.log_space import log_multiset

__all__ = ["DirichletMultinomial", "Multinomial", "counts_support"]

_REAL_VECTOR = constraints.independent(constraints.real, 1)
_POSITIVE_VECTOR = constraints.independent(constraints.positive, 1)


class _Counts(constraints.Constraint):
    """Vectors of counts; fractions (tf-idf, averages) too, since the factorials become Gammas."""

    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1)


counts_support = _Counts()


class Multinomial(Distribution):
    r"""Counts of V categories given their total.

    .. math:: \log p(x) = \log\Gamma(n + 1) - \sum_v \log\Gamma(x_v + 1)
              + \sum_v x_v \log \mathrm{softmax}(\ell)_v, \quad n = \sum_v x_v

    ``log_prob`` takes each row's own total, whatever ``total_count`` is; that serves `sample` and
    the moments. Fractional counts are accepted.

    Args:
        logits: Shape (..., V); -inf makes a category impossible.
        total_count: n >= 0, an integer or a tensor of shape (...).
        validate_args: Whether to check parameters and values.

    Example:
        >>> law = Multinomial(torch.zeros(3))
        >>> round(float(law.log_prob(torch.tensor([1.0, 1.0, 0.0])).exp()), 4)
        0.2222
    """

    arg_constraints = {"logits": _REAL_VECTOR}
    support = counts_support

    def __init__(
        self, logits: Tensor, total_count: int | Tensor = 1, validate_args: bool | None = None
    ) -> None:
        self.logits, self.total_count = full_precision(logits), total_count
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Multinomial:
        """Return the law with batch shape ``batch_shape``."""
        logits = self.logits.expand(torch.Size(batch_shape) + self.event_shape)
        new = type(self)(logits, self.total_count, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def probs(self) -> Tensor:
        """Probabilities, shape (..., V)."""
        return torch.softmax(self.logits, -1)

    @property
    def mean(self) -> Tensor:
        """Mean n p, shape (..., V)."""
        return _totals(self.total_count, self.logits).unsqueeze(-1) * self.probs

    @property
    def variance(self) -> Tensor:
        """Variance n p (1 - p), shape (..., V)."""
        return self.mean * (1 - self.probs)

    def entropy(self) -> Tensor:
        """Entropy in nats, shape (...), by a sum over 0 .. n for each category."""
        log_p = torch.log_softmax(wide(self.logits), -1)
        return multinomial_entropy(_totals(self.total_count, log_p), log_p).to(self.logits.dtype)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape S + (..., V)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            totals = _totals(self.total_count, self.logits).expand(shape[:-1])
            return _split_counts(totals, self.probs.expand(shape), generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of the counts given their total, in nats.

        Args:
            value: Shape (..., V), or sparse CSR, shape (B, V), for logits of shape (..., B, V).

        Returns:
            Shape (...).
        """
        if is_sparse(value):
            flat = self.logits.reshape(-1, *self.logits.shape[-2:])
            evidence = torch.stack([softmax_evidence(value, logits) for logits in flat])
            return evidence.reshape(self.batch_shape) + log_coefficient(value)
        if self._validate_args:
            self._validate_sample(value)
        log_p = torch.log_softmax(self.logits, -1)
        # A count of 0 in an impossible category says nothing: 0 * -inf would be NaN.
        evidence = value * torch.where(value > 0, log_p, 0.0)
        return (evidence - torch.lgamma(value + 1)).sum(-1) + torch.lgamma(value.sum(-1) + 1)

    def masked_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """Log probability of the observed counts given their own total.

        Args:
            value: Shape (..., V); not read where ``mask`` is False.
            mask: Booleans, True where observed.

        Returns:
            Shape (...), in nats; 0 where nothing was observed.
        """
        some = mask.any(-1, keepdim=True)
        logits = self.logits.masked_fill(~mask & some, -torch.inf)
        law = type(self)(logits, validate_args=False)
        return law.log_prob(torch.where(mask, value, 0.0))


class DirichletMultinomial(Distribution):
    r"""Counts of V categories whose probabilities are a Dirichlet, given their total.

    .. math:: \log p(x) = \log\frac{\Gamma(n + 1) \Gamma(A)}{\Gamma(n + A)}
              + \sum_v \log\frac{\Gamma(x_v + a_v)}{\Gamma(a_v) \Gamma(x_v + 1)},
              \quad n = \sum_v x_v, \; A = \sum_v a_v

    ``log_prob`` takes each row's own total, whatever ``total_count`` is. Fractional counts are
    accepted.

    Args:
        concentration: a, positive, shape (..., V).
        total_count: n >= 0, an integer or a tensor of shape (...), for `sample` and the moments.
        validate_args: Whether to check parameters and values.

    Example:
        >>> law = DirichletMultinomial(torch.ones(3))
        >>> round(float(law.log_prob(torch.tensor([1.0, 1.0, 0.0])).exp()), 4)
        0.1667
    """

    arg_constraints = {"concentration": _POSITIVE_VECTOR}
    support = counts_support

    def __init__(
        self,
        concentration: Tensor,
        total_count: int | Tensor = 1,
        validate_args: bool | None = None,
    ) -> None:
        self.concentration, self.total_count = full_precision(concentration), total_count
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> DirichletMultinomial:
        """Return the law with batch shape ``batch_shape``."""
        concentration = self.concentration.expand(torch.Size(batch_shape) + self.event_shape)
        new = type(self)(concentration, self.total_count, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        """Mean n a / A, shape (..., V)."""
        total = _totals(self.total_count, self.concentration).unsqueeze(-1)
        return total * self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        """Variance n p (1 - p) (n + A) / (1 + A) with p = a / A, shape (..., V)."""
        total = _totals(self.total_count, self.concentration).unsqueeze(-1)
        sum_a = self.concentration.sum(-1, keepdim=True)
        return self.mean * (1 - self.concentration / sum_a) * (total + sum_a) / (1 + sum_a)

    def entropy(self) -> Tensor:
        """Entropy in nats, shape (...), by a sum over 0 .. n for each category."""
        a = wide(self.concentration)
        entropy = dirichlet_multinomial_entropy(_totals(self.total_count, a), a)
        return entropy.to(self.concentration.dtype)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape S + (..., V)."""
        law = LogDirichlet(self.concentration, validate_args=False)
        log_p = law.sample(torch.Size(sample_shape), generator)
        return Multinomial(log_p, self.total_count, validate_args=False).sample((), generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of the counts given their total, in nats.

        Args:
            value: Shape (..., V), or sparse CSR, shape (B, V), for a concentration of shape
                (..., B, V); Gammas of the categories that are present only are then computed.

        Returns:
            Shape (...).
        """
        if is_sparse(value):
            return self._sparse_log_prob(value)
        if self._validate_args:
            self._validate_sample(value)
        return _log_dirichlet_multinomial(value, self.concentration)

    def _sparse_log_prob(self, x: Tensor) -> Tensor:
        places, counts, totals = flat_places(x), x.values(), row_sums(x)
        flat = self.concentration.reshape(-1, *self.concentration.shape[-2:])
        found = [
            row_sums(x, log_multiset(counts, a.reshape(-1).index_select(0, places)))
            - log_multiset(totals, a.sum(-1))
            for a in flat
        ]
        return torch.stack(found).reshape(self.batch_shape)

    def masked_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """Log probability of the observed counts given their own total.

        Args:
            value: Shape (..., V); not read where ``mask`` is False.
            mask: Booleans, True where observed.

        Returns:
            Shape (...), in nats; 0 where nothing was observed.
        """
        return _log_dirichlet_multinomial(torch.where(mask, value, 0.0), self.concentration, mask)


def _log_dirichlet_multinomial(x: Tensor, a: Tensor, mask: Tensor | None = None) -> Tensor:
    terms = log_multiset(x, a)
    if mask is not None:
        terms, a = torch.where(mask, terms, 0.0), torch.where(mask, a, 0.0)
    total, sum_a = x.sum(-1), a.sum(-1)
    some = sum_a > 0
    rest = log_multiset(total, torch.where(some, sum_a, 1.0))
    return terms.sum(-1) - torch.where(some, rest, 0.0)


def _totals(total_count: int | Tensor, like: Tensor) -> Tensor:
    total = torch.as_tensor(total_count, dtype=like.dtype, device=like.device)
    return total.expand(torch.broadcast_shapes(total.shape, like.shape[:-1]))


def _split_counts(totals: Tensor, probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """Multinomial draws by halving the categories: log V binomials, for totals of any size."""
    size = probs.shape[-1]
    padding = (1 << (size - 1).bit_length()) - size
    levels = [torch.nn.functional.pad(probs.double(), (0, padding))]
    while levels[-1].shape[-1] > 1:
        levels.append(levels[-1].unflatten(-1, (-1, 2)).sum(-1))
    counts = totals.double().unsqueeze(-1)
    for level in reversed(levels[:-1]):
        pair = level.unflatten(-1, (-1, 2))
        share = pair[..., 0] / pair.sum(-1).clamp_min(torch.finfo(torch.float64).tiny)
        left = torch.binomial(counts, share, generator=generator)
        counts = torch.stack((left, counts - left), -1).flatten(-2)
    return counts[..., :size].to(probs.dtype)
