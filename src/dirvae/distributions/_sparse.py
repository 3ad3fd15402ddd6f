"""Products with sparse rows of counts, whose cost is that of the counts that are there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import embedding_bag

from dirvae.distributions._once import once
from dirvae.distributions.log_space import log_multiset
from dirvae.distributions.precision import to_float64

__all__ = [
    "RisingFactorials",
    "as_sparse_rows",
    "assigned_counts",
    "flat_places",
    "fresh_counts",
    "is_sparse",
    "log_coefficient",
    "mixture_evidence",
    "mixture_probs",
    "narrowed",
    "row_sums",
    "softmax_evidence",
    "sparse_product",
    "with_values",
]

MANY_WORDS = 4000
ENTRIES_PER_WORD = 4  # with more of them, most words are in some row
SUMMED_AT_MOST = 16  # terms, beyond which digamma is as fast

# Torch says once a process that these are new. To hear it out here, rather than to change the
# filters of warnings at each batch, does not disturb other threads, whose filters they are too.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Sparse", UserWarning)
    torch.zeros(1, 1, device="cpu").to_sparse_csr()


def is_sparse(x: Tensor) -> bool:
    """Whether ``x`` has the layout of a compressed sparse row matrix."""
    return getattr(x, "layout", None) is torch.sparse_csr  # lists and arrays have none


def as_sparse_rows(x: Tensor) -> Tensor:
    """Return ``x`` of shape (B, V), dense or sparse, as a sparse CSR tensor."""
    if is_sparse(x):
        return x
    return x.to_sparse_csr()


def _csr(crow: Tensor, col: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    return torch.sparse_csr_tensor(crow, col, values, shape, check_invariants=False)


def with_values(x: Tensor, values: Tensor) -> Tensor:
    """Return the sparse matrix with these values in the places of those of ``x``."""
    return _csr(x.crow_indices(), x.col_indices(), values, (x.shape[0], x.shape[1]))


def _has_few_words(x: Tensor) -> bool:
    """Whether rows have few of many words, so that to leave out the others takes less time.

    On another device than a CPU to find out takes longer.
    """
    size, num_words = x.values().numel(), x.shape[1]
    few = 0 < size <= ENTRIES_PER_WORD * num_words
    return few and num_words >= MANY_WORDS and x.device.type == "cpu"


def narrowed(x: Tensor, topics: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows and topics without the words that no row has, and the topics transposed.

    They stay as they are where there are few words in all, or most are in some row.

    Args:
        x: Sparse, shape (B, V).
        topics: Shape (K, V).

    Returns:
        Sparse, shape (B, U), and (U, K); U is V, or the number of words that some row has.

    Example:
        >>> x = as_sparse_rows(torch.eye(2, 5000))
        >>> fewer, words = narrowed(x, torch.full((3, 5000), 1 / 5000))
        >>> fewer.shape, words.shape
        (torch.Size([2, 2]), torch.Size([2, 3]))
    """
    if not _has_few_words(x):
        return x, topics.t().contiguous()
    columns = x.col_indices()
    is_there = torch.zeros(x.shape[1], dtype=torch.bool, device=x.device)
    is_there[columns.long()] = True
    used = is_there.nonzero().squeeze(-1)
    if 2 * len(used) > len(is_there):
        return x, topics.t().contiguous()
    place = is_there.cumsum(0, dtype=columns.dtype) - 1
    shape = (x.shape[0], len(used))
    fewer = _csr(x.crow_indices(), place[columns.long()], x.values(), shape)
    words: Tensor = _Columns.apply(topics, used)
    return fewer, words


class _Columns(torch.autograd.Function):
    """Some columns of (K, V), each once, as rows. So the gradient is a copy; torch's is a sum."""

    @staticmethod
    def forward(ctx: Any, topics: Tensor, used: Tensor) -> Tensor:
        ctx.save_for_backward(used)
        ctx.shape = topics.shape
        return topics.index_select(1, used).t().contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (used,) = ctx.saved_tensors
        return grad.new_zeros(ctx.shape).index_copy_(1, used, grad.t()), None


def row_sums(x: Tensor, values: Tensor | None = None) -> Tensor:
    """Sum of each row of sparse ``x``, shape (B,); of other values in the same places if given."""
    values = x.values() if values is None else values
    return torch.segment_reduce(values, "sum", offsets=x.crow_indices(), unsafe=True)


def log_coefficient(x: Tensor) -> Tensor:
    """Logarithm of the multinomial coefficient of each row of sparse ``x``, (B,), in float64."""
    counts = to_float64(x.values())
    return torch.lgamma(row_sums(x, counts) + 1) - row_sums(x, torch.lgamma(counts + 1))


def _times(x: Tensor, dense: Tensor) -> Tensor:
    """Sparse (B, V) @ (V, H), with a gradient for neither of them."""
    if x.device.type != "cpu" or dense.dtype == torch.float64:
        return x @ dense
    # In single precision a sum of weighted rows takes a quarter to two thirds of the time.
    return embedding_bag(
        x.col_indices(),
        dense,
        x.crow_indices(),
        mode="sum",
        per_sample_weights=x.values(),
        include_last_offset=True,
    )


class _Product(torch.autograd.Function):
    """Sparse (B, V) @ (V, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.x = x
        return _times(x, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, _transposed_product(ctx.x, grad)


class _TransposedProduct(torch.autograd.Function):
    """The transpose of sparse (B, V) @ (B, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dense: Tensor) -> Tensor:
        ctx.x = x
        if x.device.type != "cpu":
            return x.t().to_sparse_csr() @ dense
        parts = (x.values().numpy(), x.col_indices().numpy(), x.crow_indices().numpy())
        # By counting, since torch's own way sorts.
        turned = sparse.csr_matrix(parts, shape=tuple(x.shape), copy=False).T.tocsr()
        crow, col, values = (
            torch.from_numpy(part) for part in (turned.indptr, turned.indices, turned.data)
        )
        return _times(_csr(crow, col, values, turned.shape), dense)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, sparse_product(ctx.x, grad)


def _transposed_product(x: Tensor, dense: Tensor) -> Tensor:
    product: Tensor = _TransposedProduct.apply(x, dense)
    return product


def sparse_product(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` @ ``weight`` of a sparse (B, V) and a dense (V, H) matrix; a gradient for the latter.

    Example:
        >>> sparse_product(as_sparse_rows(torch.eye(2)), torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """
    product: Tensor = _Product.apply(x, weight)
    return product


class _MixtureEvidence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, words: Tensor) -> Tensor:
        counts = to_float64(x.values())
        product = (with_values(x, counts), to_float64(weights), to_float64(words).t())
        probs = torch.sparse.sampled_addmm(*product, beta=0.0).values()
        least = torch.finfo(weights.dtype).tiny  # so that gradients stay finite
        ctx.x = x
        ctx.save_for_backward(weights, words, probs.to(weights.dtype).clamp(min=least))
        return row_sums(x, torch.xlogy(counts, probs))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        x, (weights, words, probs) = ctx.x, ctx.saved_tensors
        grad = grad.to(weights.dtype)
        ratios = with_values(x, x.values() / probs)
        # A row's gradient scales that row: cheaper of (B, K) than of the words.
        grad_weights = grad_words = None
        if ctx.needs_input_grad[1]:
            grad_weights = _times(ratios, words) * grad.unsqueeze(-1)
            grad_weights = once(grad_weights, "sparse counts", weights, words, grad)
        if ctx.needs_input_grad[2]:
            grad_words = _transposed_product(ratios, weights * grad.unsqueeze(-1))
            grad_words = once(grad_words, "sparse counts", weights, words, grad)
        return None, grad_weights, grad_words


def mixture_evidence(x: Tensor, weights: Tensor, words: Tensor) -> Tensor:
    r"""Sum over words of :math:`x_{bv} \log \sum_k \theta_{bk} \beta_{kv}`, (B,), in float64.

    Args:
        x: Sparse, shape (B, V), of the type of the others.
        weights: theta, shape (B, K).
        words: beta transposed, shape (V, K).

    Example:
        >>> x = as_sparse_rows(torch.eye(2))
        >>> mixture_evidence(x, torch.full((2, 2), 0.5), torch.eye(2)).exp()
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    evidence: Tensor = _MixtureEvidence.apply(x, weights.contiguous(), words.contiguous())
    return evidence


class _SoftmaxEvidence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor) -> Tensor:
        log_total = to_float64(logits).logsumexp(-1)
        places, counts = flat_places(x), to_float64(x.values())
        taken = counts * logits.reshape(-1).index_select(0, places)
        totals = row_sums(x, counts)
        ctx.x = x
        ctx.save_for_backward(logits, log_total, places, totals)
        return row_sums(x, taken) - totals * log_total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        logits, log_total, places, totals = ctx.saved_tensors
        log_total, totals, grad = (v.to(logits.dtype) for v in (log_total, totals, grad))
        dense = (logits - log_total.unsqueeze(-1)).exp_().mul_((-totals * grad).unsqueeze(-1))
        taken = ctx.x.values() * grad.repeat_interleave(ctx.x.crow_indices().diff())
        slope = dense.view(-1).index_add_(0, places, taken).view_as(logits)
        return None, once(slope, "sparse counts", logits, grad)


def softmax_evidence(x: Tensor, logits: Tensor) -> Tensor:
    r"""Sum over words of :math:`x_{bv} \log \mathrm{softmax}(\ell_b)_v`, (B,), in float64.

    Args:
        x: Sparse, shape (B, V), of the type of the logits.
        logits: Dense, shape (B, V).

    Example:
        >>> softmax_evidence(as_sparse_rows(torch.eye(2)), torch.zeros(2, 2)).exp()
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    evidence: Tensor = _SoftmaxEvidence.apply(x, logits.contiguous())
    return evidence


def flat_places(x: Tensor) -> Tensor:
    """Where the entries of sparse ``x`` of shape (B, V) are among B V numbers."""
    rows = torch.arange(x.shape[0], device=x.device).repeat_interleave(x.crow_indices().diff())
    return rows * x.shape[1] + x.col_indices().long()


class _AssignedCounts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weights: Tensor, words: Tensor, probs: Tensor | None = None
    ) -> Tensor:
        if probs is None:
            probs = torch.sparse.sampled_addmm(x, weights, words.t(), beta=0.0).values()
        probs = probs.clamp(min=torch.finfo(probs.dtype).tiny)
        ratios = x.values() / probs
        sums = _times(with_values(x, ratios), words)
        ctx.x = x
        ctx.save_for_backward(weights, words, probs, sums)
        return weights * sums

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None, None]:
        x, (weights, words, probs, sums) = ctx.x, ctx.saved_tensors
        pushed = grad * weights
        along = torch.sparse.sampled_addmm(
            with_values(x, torch.zeros_like(probs)), pushed, words.t()
        ).values()
        ratios = x.values() / probs
        back = with_values(x, -ratios * (along / probs))
        grad_weights = grad_words = None
        if ctx.needs_input_grad[1]:
            grad_weights = once(
                grad * sums + _times(back, words), "sparse counts", weights, words, grad
            )
        if ctx.needs_input_grad[2]:
            grad_words = _transposed_product(with_values(x, ratios), pushed)
            grad_words += _transposed_product(back, weights)
            grad_words = once(grad_words, "sparse counts", weights, words, grad)
        return None, grad_weights, grad_words, None


def assigned_counts(
    x: Tensor, weights: Tensor, words: Tensor, probs: Tensor | None = None
) -> Tensor:
    r"""Expected number of words of each topic.

    .. math:: \sum_v x_v \, t_k \beta_{kv} / \sum_j t_j \beta_{jv}

    Args:
        x: Sparse, shape (B, V), of the type of the others.
        weights: t, positive, shape (B, K).
        words: beta transposed, shape (V, K).
        probs: `mixture_probs` of the weights, where they are there already.

    Returns:
        Shape (B, K); rows sum to those of ``x``.

    Example:
        >>> x = as_sparse_rows(torch.tensor([[3.0, 1.0]]))
        >>> assigned_counts(x, torch.ones(1, 2), torch.eye(2))
        tensor([[3., 1.]])
    """
    counts: Tensor = _AssignedCounts.apply(x, weights.contiguous(), words.contiguous(), probs)
    return counts


class RisingFactorials:
    r"""Log of :math:`\Gamma(x + a) / \Gamma(a)` and its derivative in a, for many a.

    Of small whole x they are sums of logs and of reciprocals. These are many times as fast, and
    exact where a is large and the two terms are nearly equal.

    Args:
        x: 0 or more, shape (N,).

    Example:
        >>> rising, a = RisingFactorials(torch.tensor([2.0])), torch.tensor([1.0]).double()
        >>> rising.log(a), rising.slope(a)
        (tensor([0.6931], dtype=torch.float64), tensor([1.5000], dtype=torch.float64))
    """

    def __init__(self, x: Tensor) -> None:
        summed = (x == x.floor()) & (x <= SUMMED_AT_MOST)
        terms = torch.where(summed, x, 0).to(torch.int8)
        self.order = terms.argsort(descending=True, stable=True)
        most = int(terms.max()) if len(x) else 0
        self.sizes = [int((terms > term).sum()) for term in range(most)]
        first = self.sizes[0] if self.sizes else 0
        self.rest = x[self.order[first:]].double()

    def log(self, a: Tensor) -> Tensor:
        """Return log Gamma(x + a) - log Gamma(a) for a of shape (N,), positive, in float64."""
        found: Tensor = _LogRising.apply(a.double(), self)
        return found

    def slope(self, a: Tensor) -> Tensor:
        r"""Return :math:`\psi(x + a) - \psi(a)` for a of shape (N,), positive, in float64."""
        return self._summed(
            a, torch.reciprocal, lambda x, a: torch.digamma(x + a) - torch.digamma(a)
        )

    def _summed(
        self,
        a: Tensor,
        term_of: Callable[[Tensor], Tensor],
        rest_of: Callable[[Tensor, Tensor], Tensor],
    ) -> Tensor:
        ordered, total = a.double()[self.order], torch.zeros_like(a, dtype=torch.float64)
        for term, size in enumerate(self.sizes):  # the longest sums come first
            total[:size] += term_of(ordered[:size] + term)
        first = len(a) - len(self.rest)
        total[first:] = rest_of(self.rest, ordered[first:])
        return torch.empty_like(total).index_copy_(0, self.order, total)


class _LogRising(torch.autograd.Function):
    """As a function, since autograd would keep and go through every term of the sums."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, rising: RisingFactorials) -> Tensor:
        ctx.rising = rising
        ctx.save_for_backward(a)
        return rising._summed(a, torch.log, lambda x, a: log_multiset(x, a) + torch.lgamma(x + 1))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (a,) = ctx.saved_tensors
        return grad * ctx.rising.slope(a), None


@torch.no_grad()
def fresh_counts(
    x: Tensor, probs: Tensor, precision: Tensor, rising: RisingFactorials | None = None
) -> Tensor:
    r"""Expected number of counts that are draws of their own, the others being repeats.

    Dirichlet-multinomial counts are those of an urn: each repeats an earlier one or is drawn
    afresh from p. Of x counts of a category with concentration :math:`a = s p` there are

    .. math:: a (\psi(x + a) - \psi(a)) \in [1, x]

    fresh ones, which all that is known of p comes from. There is no gradient.

    Args:
        x: Sparse, shape (B, V).
        probs: p where ``x`` has entries, as `mixture_probs` has it.
        precision: s, positive, shape () or (B,).
        rising: That of the values of ``x``, where it is there already.

    Returns:
        Sparse, the places of ``x``, of the type of the probabilities.

    References:
        Antoniak 1974; Doyle & Elkan 2009 (bursts of words).

    Example:
        >>> x = as_sparse_rows(torch.tensor([[100.0, 0.0]]))
        >>> fresh_counts(x, torch.tensor([0.5]), torch.tensor(2.0)).values()
        tensor([5.1874])
    """
    rising = RisingFactorials(x.values()) if rising is None else rising
    if precision.dim():
        precision = precision.repeat_interleave(x.crow_indices().diff())
    # In double precision, since for large a the two are nearly equal.
    a = (precision * probs.clamp(min=torch.finfo(probs.dtype).tiny)).double()
    return with_values(x, (a * rising.slope(a)).to(probs.dtype))


class _MixtureProbs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, words: Tensor) -> Tensor:
        ctx.x = x
        ctx.save_for_backward(weights, words)
        return torch.sparse.sampled_addmm(x, weights, words.t(), beta=0.0).values()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        weights, words = ctx.saved_tensors
        slope, grad_weights, grad_words = with_values(ctx.x, grad.contiguous()), None, None
        if ctx.needs_input_grad[1]:
            grad_weights = once(_times(slope, words), "sparse counts", weights, words, grad)
        if ctx.needs_input_grad[2]:
            grad_words = _transposed_product(slope, weights)
            grad_words = once(grad_words, "sparse counts", weights, words, grad)
        return None, grad_weights, grad_words


def mixture_probs(x: Tensor, weights: Tensor, words: Tensor) -> Tensor:
    r"""Return :math:`\sum_k \theta_{bk} \beta_{kv}` where sparse ``x`` has entries, in their order.

    Args:
        x: Sparse, shape (B, V), of the type of the others.
        weights: theta, shape (B, K).
        words: beta transposed, shape (V, K).

    Example:
        >>> x = as_sparse_rows(torch.eye(2))
        >>> mixture_probs(x, torch.tensor([[0.25, 0.75], [0.25, 0.75]]), torch.eye(2))
        tensor([0.2500, 0.7500])
    """
    probs: Tensor = _MixtureProbs.apply(x, weights.contiguous(), words.contiguous())
    return probs
