"""Expectations over each category's count, as sums over all that it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from dirvae.distributions.log_space import log_multiset

__all__ = ["dirichlet_multinomial_entropy", "multinomial_entropy"]

_BLOCK = 256


def multinomial_entropy(total: Tensor, log_p: Tensor) -> Tensor:
    r"""Entropy -log n! + n H(p) + sum_v E[log x_v!], x_v ~ Binomial(n, p_v), in float64.

    Args:
        total: n, whole, shape (...).
        log_p: Shape (..., V).

    Example:
        >>> n, half = torch.tensor(1.0, dtype=torch.float64), torch.full((2,), 0.5).double()
        >>> round(float(multinomial_entropy(n, half.log())), 4)  # log 2
        0.6931
    """
    n, p = total.unsqueeze(-1), log_p.exp()

    def term(x: Tensor) -> Tensor:
        log_ways = torch.lgamma(n + 1) - torch.lgamma(x + 1) - torch.lgamma((n - x).clamp(0) + 1)
        log_mass = log_ways + torch.xlogy(x, p) + torch.special.xlog1py((n - x).clamp(0), -p)
        return torch.where(x <= n, log_mass.exp(), 0.0) * torch.lgamma(x + 1)

    expected = _sum(term, total, log_p)
    spread = total * torch.special.entr(p).sum(-1)
    return spread + expected.sum(-1) - torch.lgamma(total + 1)


def dirichlet_multinomial_entropy(total: Tensor, a: Tensor) -> Tensor:
    r"""Entropy of counts whose probabilities are Dirichlet(a): each is a Beta-binomial, in float64.

    Args:
        total: n, whole, shape (...).
        a: Shape (..., V), V >= 2.

    Example:
        >>> n, a = torch.tensor(1.0, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
        >>> round(float(dirichlet_multinomial_entropy(n, a)), 4)  # log 2
        0.6931
    """
    n, sum_a = total.unsqueeze(-1), a.sum(-1, keepdim=True)

    def term(x: Tensor) -> Tensor:
        log_ways = log_multiset(x, a)
        log_mass = log_ways + log_multiset((n - x).clamp(0), sum_a - a) - log_multiset(n, sum_a)
        return torch.where(x <= n, log_mass.exp(), 0.0) * log_ways

    return log_multiset(total, sum_a.squeeze(-1)) - _sum(term, total, a).sum(-1)


def _sum(term: Callable[[Tensor], Tensor], total: Tensor, like: Tensor) -> Tensor:
    """Sum of ``term`` over all counts from 1 on, in blocks that bound the memory."""
    result = torch.zeros(torch.broadcast_shapes(total.unsqueeze(-1).shape, like.shape)).to(like)
    for x in _counts(total, result):
        result = result + term(x).sum(0)
    return result


def _counts(total: Tensor, like: Tensor) -> Iterator[Tensor]:
    largest = int(total.max()) if total.numel() else 0
    for block in torch.arange(1, largest + 1, dtype=like.dtype, device=like.device).split(_BLOCK):
        yield block.view(-1, *[1] * like.dim())
