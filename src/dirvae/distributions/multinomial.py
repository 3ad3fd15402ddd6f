"""Counts of categories given their total."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dirvae.distributions._count_rows import counts_support, require_rows, rows_of, with_totals
from dirvae.distributions._count_sums import (
    multinomial_entropy,
)
from dirvae.distributions._sparse import (
    is_sparse,
    log_coefficient,
    softmax_evidence,
)
from dirvae.distributions._vectors import real_vector
from dirvae.distributions.base import Law
from dirvae.distributions.precision import to_float64

__all__ = ["Multinomial", "log_multinomial"]


class Multinomial(Law):
    r"""Counts of V categories given their total.

    .. math:: \log p(x) = \log\Gamma(n + 1) - \sum_v \log\Gamma(x_v + 1)
              + \sum_v x_v \log \mathrm{softmax}(\ell)_v, \quad n = \sum_v x_v

    ``log_prob`` uses the sum of each row's counts as n. ``total_count`` is only for `sample` and
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
        """Entropy in nats, shape (...), computed as a sum over 0 .. n for each category."""
        log_p = torch.log_softmax(to_float64(self.logits), -1)
        return multinomial_entropy(self.total_count.to(log_p), log_p).to(self.logits.dtype)

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape ``sample_shape`` + (..., V)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            totals = self.total_count.expand(shape[:-1])
            return _split_counts(totals, self.probs.expand(shape), generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of the counts given their total, in nats.

        Args:
            value: Dense, shape (..., V). Or sparse CSR, shape (B, V), if the logits have shape
                (..., B, V).

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
        """Log probability of the observed counts given the total of the observed counts.

        Args:
            value: Shape (..., V). Entries where ``mask`` is False are ignored.
            mask: Booleans, True where observed.

        Returns:
            Shape (...), in nats; 0 where nothing was observed.
        """
        some = mask.any(-1, keepdim=True)
        logits = self.logits.masked_fill(~mask & some, -torch.inf)
        law = type(self)(logits, validate_args=False)
        return law.log_prob(torch.where(mask, value, 0.0))


def log_multinomial(value: Tensor, log_p: Tensor) -> Tensor:
    """Log probability of counts (..., V), computed in float64 since large terms cancel."""
    x = to_float64(value)
    # A count of 0 in an impossible category says nothing: 0 * -inf would be NaN.
    evidence = x * torch.where(x > 0, log_p, 0.0)
    return (evidence - torch.lgamma(x + 1)).sum(-1) + torch.lgamma(x.sum(-1) + 1)


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
