"""Counts of words whose probabilities are a mixture of topics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from dirvae.distributions._sparse import as_sparse_rows, log_coefficient, mixture_evidence
from dirvae.distributions.multinomial import Multinomial, counts_support

__all__ = ["MixedMultinomial"]


class MixedMultinomial(Distribution):
    r"""Counts of V words given their total, with probabilities :math:`\theta^\top \beta`.

    .. math:: \log p(x) = \log\Gamma(n + 1) - \sum_v \log\Gamma(x_v + 1)
              + \sum_v x_v \log \sum_k \theta_k \beta_{kv}, \quad n = \sum_v x_v

    What `Multinomial` is for these probabilities, but only words that are in x are touched: the
    cost is K for each of them, not K V for each document.

    Args:
        weights: theta, on the simplex, shape (..., B, K) or (K,).
        topics: beta, rows on the simplex, shape (K, V).
        total_count: n >= 0, for `sample` and the moments; ``log_prob`` takes each row's own.
        validate_args: Whether to check parameters.

    References:
        Blei, Ng & Jordan 2003, eq. 3, with the words' assignments summed out.

    Example:
        >>> law = MixedMultinomial(torch.tensor([[0.5, 0.5]]), torch.eye(2))
        >>> round(float(law.log_prob(torch.tensor([[1.0, 1.0]])).exp()), 4)
        0.5
    """

    arg_constraints = {"weights": constraints.simplex, "topics": constraints.simplex}
    support = counts_support

    def __init__(
        self,
        weights: Tensor,
        topics: Tensor,
        total_count: int | Tensor = 1,
        validate_args: bool | None = None,
    ) -> None:
        self.weights, self.topics, self.total_count = weights, topics, total_count
        super().__init__(weights.shape[:-1], topics.shape[-1:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> MixedMultinomial:
        """Return the law with batch shape ``batch_shape``."""
        weights = self.weights.expand(torch.Size(batch_shape) + self.weights.shape[-1:])
        new = type(self)(weights, self.topics, self.total_count, validate_args=False)
        new._validate_args = self._validate_args
        return new

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
        """Entropy in nats, batch shape, by a sum over 0 .. n for each word."""
        return self._dense().entropy()

    def sample(
        self, sample_shape: Any = torch.Size(), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts with total ``total_count``, shape S + (..., V)."""
        return self._dense().sample(sample_shape, generator)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of counts given their total, in nats.

        Args:
            value: Shape (B, V), sparse CSR or dense.

        Returns:
            Shape (..., B): that of ``weights`` without its last dimension.
        """
        x = as_sparse_rows(value)
        weights = self.weights.expand(*self.batch_shape[:-1], x.shape[0], -1)
        flat = weights.reshape(-1, *weights.shape[-2:])
        words = self.topics.t().contiguous()
        evidence = torch.stack([mixture_evidence(x, theta, words) for theta in flat])
        return evidence.reshape(weights.shape[:-1]) + log_coefficient(x)

    def _dense(self) -> Multinomial:
        return Multinomial(self.probs.log(), self.total_count, validate_args=False)
