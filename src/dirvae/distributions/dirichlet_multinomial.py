"""Counts of categories whose probabilities have a Dirichlet distribution."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from dirvae.distributions._count_rows import counts_support, require_rows, rows_of, with_totals
from dirvae.distributions._count_sums import (
    dirichlet_multinomial_entropy,
)
from dirvae.distributions._sparse import (
    flat_places,
    is_sparse,
    row_sums,
)
from dirvae.distributions._vectors import positive_vector
from dirvae.distributions.base import Law
from dirvae.distributions.dirichlet import LogDirichlet
from dirvae.distributions.log_space import log_multiset
from dirvae.distributions.multinomial import Multinomial
from dirvae.distributions.precision import to_float64

__all__ = ["DirichletMultinomial"]


class DirichletMultinomial(Law):
    r"""Counts of V categories, given their total, whose probabilities are Dirichlet-distributed.

    .. math:: \log p(x) = \log\frac{\Gamma(n + 1) \Gamma(A)}{\Gamma(n + A)}
              + \sum_v \log\frac{\Gamma(x_v + a_v)}{\Gamma(a_v) \Gamma(x_v + 1)},
              \quad n = \sum_v x_v, \; A = \sum_v a_v

    ``log_prob`` uses the sum of each row's counts as n and ignores ``total_count``. Fractional
    counts are accepted.

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
    batched: ClassVar[tuple[str, ...]] = ("concentration", "total_count")
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
        """Entropy in nats, shape (...), computed as a sum over 0 .. n for each category."""
        a = to_float64(self.concentration)
        entropy = dirichlet_multinomial_entropy(self.total_count.to(a), a)
        return entropy.to(self.concentration.dtype)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape ``sample_shape`` + (..., V)."""
        law = LogDirichlet(self.concentration, validate_args=False)
        log_p = law.sample(torch.Size(sample_shape), generator)
        return Multinomial(log_p, self.total_count, validate_args=False).sample((), generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of the counts given their total, in nats.

        Args:
            value: Dense, shape (..., V). Or sparse CSR, shape (B, V), if the concentration has
                shape (..., B, V); then only categories with stored counts are computed.

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
        """Log probability of the observed counts given the total of the observed counts.

        Args:
            value: Shape (..., V). Entries where ``mask`` is False are ignored.
            mask: Booleans, True where observed.

        Returns:
            Shape (...), in nats; 0 where nothing was observed.
        """
        return _log_dirichlet_multinomial(torch.where(mask, value, 0.0), self.concentration, mask)


def _log_dirichlet_multinomial(x: Tensor, a: Tensor, mask: Tensor | None = None) -> Tensor:
    dtype, x, a = torch.promote_types(x.dtype, a.dtype), to_float64(x), to_float64(a)
    terms = log_multiset(x, a)
    if mask is not None:
        terms, a = torch.where(mask, terms, 0.0), torch.where(mask, a, 0.0)
    total, sum_a = x.sum(-1), a.sum(-1)
    some = sum_a > 0
    rest = log_multiset(total, torch.where(some, sum_a, 1.0))
    return (terms.sum(-1) - torch.where(some, rest, 0.0)).to(dtype)
