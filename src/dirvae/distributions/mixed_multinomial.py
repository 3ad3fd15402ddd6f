"""Counts of words whose probabilities are a mixture of topics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from dirvae.distributions._count_rows import counts_support, require_rows, rows_of, with_totals
from dirvae.distributions._sparse import is_sparse, log_coefficient, mixture_evidence, narrowed
from dirvae.distributions.base import Law
from dirvae.distributions.multinomial import Multinomial, log_multinomial
from dirvae.distributions.precision import full_precision, to_float64

__all__ = ["MixedMultinomial"]


class MixedMultinomial(Law):
    r"""Counts of V words given their total, with probabilities :math:`\theta^\top \beta`.

    .. math:: \log p(x) = \log\Gamma(n + 1) - \sum_v \log\Gamma(x_v + 1)
              + \sum_v x_v \log \sum_k \theta_k \beta_{kv}, \quad n = \sum_v x_v

    This is the `Multinomial` with these probabilities. For sparse x only the words that occur are
    computed: the cost is K for each word that occurs, instead of K V for each document.

    Args:
        weights: theta, on the simplex, shape (..., K).
        topics: beta, rows on the simplex, shape (K, V).
        total_count: n >= 0, an integer or a tensor that broadcasts against (...), for `sample` and
            the moments. ``log_prob`` uses the sum of each row's counts instead.
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If the parameters' shapes do not fit together.

    References:
        Blei, Ng & Jordan 2003, eq. 3, with the topic of each word summed out.

    Example:
        >>> law = MixedMultinomial(torch.tensor([[0.5, 0.5]]), torch.eye(2))
        >>> round(float(law.log_prob(torch.tensor([[1.0, 1.0]])).exp()), 4)
        0.5
    """

    arg_constraints = {"weights": constraints.simplex, "topics": constraints.simplex}
    batched = ("weights", "total_count")
    support = counts_support

    def __init__(
        self,
        weights: Tensor,
        topics: Tensor,
        total_count: int | Tensor = 1,
        validate_args: bool | None = None,
    ) -> None:
        if topics.dim() != 2 or weights.shape[-1:] != topics.shape[:1]:
            raise ValueError(
                f"weights has shape {tuple(weights.shape)} and topics {tuple(topics.shape)}, "
                "must be (..., K) and (K, V)"
            )
        self.weights, self.total_count = with_totals("weights", weights, total_count, validate_args)
        self.topics = full_precision(topics)
        super().__init__(self.weights.shape[:-1], topics.shape[-1:], validate_args)

    @property
    def probs(self) -> Tensor:
        """Probability of each word, shape (..., V)."""
        return self.weights @ self.topics

    @property
    def mean(self) -> Tensor:
        """Mean n p, shape (..., V)."""
        return self._dense().mean

    @property
    def variance(self) -> Tensor:
        """Variance n p (1 - p), shape (..., V)."""
        return self._dense().variance

    def entropy(self) -> Tensor:
        """Entropy in nats, batch shape, computed as a sum over 0 .. n for each word."""
        return self._dense().entropy()

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape ``sample_shape`` + (..., V)."""
        return self._dense().sample(sample_shape, generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of counts given their total, in nats; -inf for a word of probability 0.

        Args:
            value: Dense, shape (..., V). Or sparse CSR, shape (B, V), if the weights have shape
                (..., B, K); then only the words that occur are computed.

        Returns:
            Shape (...).

        Raises:
            ValueError: If the counts are of another shape, negative or NaN.
        """
        if is_sparse(value):
            return self._sparse_log_prob(value)
        value = self._checked(value)
        probs = to_float64(self.weights) @ to_float64(self.topics)
        log_prob = log_multinomial(value, torch.where(value > 0, probs, 1.0).log())
        return log_prob.to(torch.promote_types(value.dtype, self.weights.dtype))

    def _sparse_log_prob(self, x: Tensor) -> Tensor:
        require_rows(x, self)
        fewer, words = narrowed(x, self.topics)
        found = [mixture_evidence(fewer, theta, words) for theta in rows_of(self.weights, x)]
        evidence = torch.stack(found).view(*self.batch_shape[:-1], -1)
        return (evidence + log_coefficient(x)).to(self.weights.dtype)

    def _dense(self) -> Multinomial:
        return Multinomial(self.probs.log(), self.total_count, validate_args=False)
