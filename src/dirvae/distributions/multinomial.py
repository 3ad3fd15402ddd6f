"""Likelihoods of counts of categories given their total, and of a part of the categories."""

from __future__ import annotations

import math
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
from dirvae.distributions._vectors import positive_vector, real_vector
from dirvae.distributions.base import Law
from dirvae.distributions.dirichlet import LogDirichlet
from dirvae.distributions.log_space import log_multiset
from dirvae.distributions.precision import full_precision, to_float64, validates

__all__ = ["DirichletMultinomial", "Multinomial", "counts_support"]


class _Counts(constraints.Constraint):
    """Vectors of counts; fractions (tf-idf, averages) too, since the factorials become Gammas."""

    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1)


counts_support = _Counts()


class Multinomial(Law):
    r"""Counts of V categories given their total.

    .. math:: \log p(x) = \log\Gamma(n + 1) - \sum_v \log\Gamma(x_v + 1)
              + \sum_v x_v \log \mathrm{softmax}(\ell)_v, \quad n = \sum_v x_v

    ``log_prob`` takes each row's own total, whatever ``total_count`` is; that serves `sample` and
    the moments. Fractional counts are accepted.

    Args:
        logits: Shape (..., V); -inf makes a category impossible.
        total_count: n >= 0, an integer or a tensor that broadcasts against (...).
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If ``total_count`` and ``logits`` have no batch shape in common.

    Example:
        >>> law = Multinomial(torch.zeros(3))
        >>> round(float(law.log_prob(torch.tensor([1.0, 1.0, 0.0])).exp()), 4)
        0.2222
    """

    arg_constraints = {"logits": real_vector}
    batched = ("logits", "total_count")
    support = counts_support

    def __init__(
        self, logits: Tensor, total_count: int | Tensor = 1, validate_args: bool | None = None
    ) -> None:
        self.logits, self.total_count = with_totals("logits", logits, total_count, validate_args)
        super().__init__(self.logits.shape[:-1], logits.shape[-1:], validate_args)

    @property
    def probs(self) -> Tensor:
        """Probabilities, shape (..., V)."""
        return torch.softmax(self.logits, -1)

    @property
    def mean(self) -> Tensor:
        """Mean n p, shape (..., V)."""
        return self.total_count.unsqueeze(-1) * self.probs

    @property
    def variance(self) -> Tensor:
        """Variance n p (1 - p), shape (..., V)."""
        return self.mean * (1 - self.probs)

    def entropy(self) -> Tensor:
        """Entropy in nats, shape (...), by a sum over 0 .. n for each category."""
        log_p = torch.log_softmax(to_float64(self.logits), -1)
        return multinomial_entropy(self.total_count.to(log_p), log_p).to(self.logits.dtype)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape S + (..., V)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            totals = self.total_count.expand(shape[:-1])
            return _split_counts(totals, self.probs.expand(shape), generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of the counts given their total, in nats.

        Args:
            value: Shape (..., V), or sparse CSR, shape (B, V), for logits of shape (..., B, V).

        Returns:
            Shape (...).
        """
        if is_sparse(value):
            require_rows(value, self)
            found = [softmax_evidence(value, logits) for logits in rows_of(self.logits, value)]
            evidence = torch.stack(found).view(*self.batch_shape[:-1], -1)
            return (evidence + log_coefficient(value)).to(self.logits.dtype)
        value = self._checked(value)
        log_prob = log_multinomial(value, torch.log_softmax(to_float64(self.logits), -1))
        return log_prob.to(torch.promote_types(value.dtype, self.logits.dtype))

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


class DirichletMultinomial(Law):
    r"""Counts of V categories whose probabilities are a Dirichlet, given their total.

    .. math:: \log p(x) = \log\frac{\Gamma(n + 1) \Gamma(A)}{\Gamma(n + A)}
              + \sum_v \log\frac{\Gamma(x_v + a_v)}{\Gamma(a_v) \Gamma(x_v + 1)},
              \quad n = \sum_v x_v, \; A = \sum_v a_v

    ``log_prob`` takes each row's own total, whatever ``total_count`` is. Fractional counts are
    accepted.

    Args:
        concentration: a, positive, shape (..., V).
        total_count: n >= 0, an integer or a tensor that broadcasts against (...), for `sample` and
            the moments.
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If ``total_count`` and ``concentration`` have no batch shape in common.

    Example:
        >>> law = DirichletMultinomial(torch.ones(3))
        >>> round(float(law.log_prob(torch.tensor([1.0, 1.0, 0.0])).exp()), 4)
        0.1667
    """

    arg_constraints = {"concentration": positive_vector}
    batched = ("concentration", "total_count")
    support = counts_support

    def __init__(
        self,
        concentration: Tensor,
        total_count: int | Tensor = 1,
        validate_args: bool | None = None,
    ) -> None:
        self.concentration, self.total_count = with_totals(
            "concentration", concentration, total_count, validate_args
        )
        super().__init__(self.concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        """Mean n a / A, shape (..., V)."""
        total = self.total_count.unsqueeze(-1)
        return total * self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        """Variance n p (1 - p) (n + A) / (1 + A) with p = a / A, shape (..., V)."""
        total = self.total_count.unsqueeze(-1)
        sum_a = self.concentration.sum(-1, keepdim=True)
        return self.mean * (1 - self.concentration / sum_a) * (total + sum_a) / (1 + sum_a)

    def entropy(self) -> Tensor:
        """Entropy in nats, shape (...), by a sum over 0 .. n for each category."""
        a = to_float64(self.concentration)
        entropy = dirichlet_multinomial_entropy(self.total_count.to(a), a)
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
        value = self._checked(value)
        return _log_dirichlet_multinomial(value, self.concentration)

    def _sparse_log_prob(self, x: Tensor) -> Tensor:
        require_rows(x, self)
        places, counts, totals = flat_places(x), to_float64(x.values()), to_float64(row_sums(x))
        found = [
            row_sums(x, log_multiset(counts, to_float64(a.reshape(-1).index_select(0, places))))
            - log_multiset(totals, to_float64(a).sum(-1))
            for a in rows_of(self.concentration, x)
        ]
        return torch.stack(found).view(*self.batch_shape[:-1], -1).to(self.concentration.dtype)

    def masked_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """Log probability of the observed counts given their own total.

        Args:
            value: Shape (..., V); not read where ``mask`` is False.
            mask: Booleans, True where observed.

        Returns:
            Shape (...), in nats; 0 where nothing was observed.
        """
        return _log_dirichlet_multinomial(torch.where(mask, value, 0.0), self.concentration, mask)


def log_multinomial(value: Tensor, log_p: Tensor) -> Tensor:
    """Log probability of counts (..., V) in float64: a million words cancel to a few nats."""
    x = to_float64(value)
    # A count of 0 in an impossible category says nothing: 0 * -inf would be NaN.
    evidence = x * torch.where(x > 0, log_p, 0.0)
    return (evidence - torch.lgamma(x + 1)).sum(-1) + torch.lgamma(x.sum(-1) + 1)


def _log_dirichlet_multinomial(x: Tensor, a: Tensor, mask: Tensor | None = None) -> Tensor:
    dtype, x, a = torch.promote_types(x.dtype, a.dtype), to_float64(x), to_float64(a)
    terms = log_multiset(x, a)
    if mask is not None:
        terms, a = torch.where(mask, terms, 0.0), torch.where(mask, a, 0.0)
    total, sum_a = x.sum(-1), a.sum(-1)
    some = sum_a > 0
    rest = log_multiset(total, torch.where(some, sum_a, 1.0))
    return (terms.sum(-1) - torch.where(some, rest, 0.0)).to(dtype)


def rows_of(parameter: Tensor, x: Tensor) -> Tensor:
    """The parameter for each row of sparse ``x``, leading dimensions as one: (S, B, ...)."""
    *lead, size = parameter.shape
    lead = lead[:-1]
    return parameter.expand(*lead, len(x), size).reshape(math.prod(lead), len(x), size)


def require_rows(x: Tensor, law: Distribution) -> None:
    """Raise ValueError unless sparse ``x`` is a matrix of counts with a row for each law."""
    (words,), rows = law.event_shape, law.batch_shape[-1:]
    if x.dim() != 2 or x.shape[1] != words or rows not in ((), (1,), x.shape[:1]):
        wanted = f"({rows[0]}, {words})" if rows else f"(B, {words})"
        raise ValueError(f"value has shape {tuple(x.shape)}, must be {wanted} where it is sparse")
    if law._validate_args and not bool((x.values() >= 0).all()):
        raise ValueError("value has counts that are negative or NaN, must be 0 or more")


def with_totals(
    name: str, parameter: Tensor, total_count: int | Tensor, validate_args: bool | None
) -> tuple[Tensor, Tensor]:
    """Parameter and totals, both expanded to the batch shape that they have together.

    Raises:
        ValueError: If they have none, or the totals are no numbers of things.
    """
    if parameter.dim() < 1:
        raise ValueError(f"{name} is a scalar, must have shape (..., V)")
    parameter, batch = full_precision(parameter), parameter.shape[:-1]
    total = torch.as_tensor(total_count, dtype=parameter.dtype, device=parameter.device)
    if validates(validate_args) and not bool(((total >= 0) & (total == total.floor())).all()):
        raise ValueError("total_count has numbers that are not whole or below 0")
    try:
        shape = torch.broadcast_shapes(total.shape, batch)
    except RuntimeError:
        raise ValueError(
            f"total_count has shape {tuple(total.shape)}, which does not broadcast against the "
            f"batch shape {tuple(batch)} of {name}"
        ) from None
    return parameter.expand(shape + parameter.shape[-1:]), total.expand(shape)


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
