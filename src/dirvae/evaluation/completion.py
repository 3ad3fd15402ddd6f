"""How probable the rest of a document is, given theta from a part of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from dirvae.data.sparse_matrix import LARGEST_COUNT
from dirvae.evaluation._counts import ENTRIES_AT_ONCE, csr_counts

__all__ = ["completion_perplexity", "held_out_log_prob", "split_tokens", "split_words"]

Floats = NDArray[np.float64]

TOKENS_SHUFFLED = 1_000_000  # of one document; of more there is no array of its tokens


def split_tokens(counts: Any, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split each document's tokens at random into two halves: one to encode, one to score.

    If the number of tokens is odd, the half to score has one token more. In a document of more than
    a million tokens, each token goes to either half with probability 1/2.

    Args:
        counts: Whole numbers, shape (N, V), CSR or dense.
        seed: Seed of ``numpy.random.default_rng``, which shuffles the tokens of one document after
            another.

    Returns:
        The two halves: counts to encode and counts to score, each in the shape of ``counts``.

    Raises:
        ValueError: If a count is negative, not whole, or above 2 ** 53.

    Example:
        >>> encoded, scored = split_tokens([[2, 2, 0], [0, 0, 3]])
        >>> int(encoded.sum()), (encoded + scored).toarray().astype(int).tolist()
        (3, [[2, 2, 0], [0, 0, 3]])
    """
    matrix = csr_counts("counts", counts)
    if matrix.nnz and (matrix.data.min() < 0 or (matrix.data % 1).any()):
        raise ValueError("counts has negative or fractional values, must be whole numbers")
    if matrix.nnz and matrix.data.max() > LARGEST_COUNT:
        raise ValueError(f"counts has {matrix.data.max():g}, must be {LARGEST_COUNT:g} at most")
    rng, whole = np.random.default_rng(seed), matrix.data.astype(np.int64)
    half = np.zeros_like(whole)
    for start, end in pairwise(matrix.indptr.tolist()):
        half[start:end] = _half(whole[start:end], rng)
    return _of_data(matrix, half), _of_data(matrix, whole - half)


def _half(counts: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """How many of a document's tokens of each word are in the half that is encoded."""
    if counts.sum(dtype=np.float64) > TOKENS_SHUFFLED:
        return rng.binomial(counts, 0.5)
    tokens = np.repeat(np.arange(len(counts)), counts)
    rng.shuffle(tokens)
    return np.bincount(tokens[: len(tokens) // 2], minlength=len(counts))


def _of_data(matrix: sparse.csr_matrix, data: NDArray[np.int64]) -> sparse.csr_matrix:
    """A matrix with entries where another has them, those of 0 left out."""
    parts = data.astype(np.float64), matrix.indices.copy(), matrix.indptr.copy()
    found = sparse.csr_matrix(parts, matrix.shape)
    found.eliminate_zeros()
    return found


def split_words(weights: Any, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split each document's different words at random into two halves: to encode and to score.

    Each word keeps its whole weight. This is for weights such as tf-idf, which have no tokens to
    split.

    Args:
        weights: Weights of words, shape (N, V), CSR or dense.
        seed: Seed of ``numpy.random.default_rng``.

    Returns:
        The two halves: weights to encode and weights to score, each in the shape of ``weights``.
        Their sum is ``weights``.

    Example:
        >>> encoded, scored = split_words([[0.5, 1.5, 0.2, 0.1]])
        >>> (encoded + scored).toarray().tolist(), (encoded.nnz, scored.nnz)
        ([[0.5, 1.5, 0.2, 0.1]], (2, 2))
    """
    matrix = csr_counts("weights", weights)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((np.random.default_rng(seed).random(matrix.nnz), rows))
    place = np.empty(matrix.nnz, dtype=np.int64)
    place[order] = np.arange(matrix.nnz) - matrix.indptr[rows]
    is_encoded = place < (np.diff(matrix.indptr) // 2)[rows]
    encoded, scored = (
        sparse.csr_matrix((matrix.data[p], (rows[p], matrix.indices[p])), matrix.shape)
        for p in (is_encoded, ~is_encoded)
    )
    return encoded, scored


def completion_perplexity(theta: ArrayLike, topic_word: ArrayLike, held_out: Any) -> float:
    """Perplexity of held-out tokens: exp of minus their mean log probability under theta beta.

    If theta is inferred from other tokens of the same documents (`split_tokens`), this is document
    completion. Document completion compares models with and without an encoder fairly.

    Args:
        theta: Proportions of topics, shape (N, K). Rows sum to 1.
        topic_word: beta, shape (K, V). Rows sum to 1.
        held_out: Counts, shape (N, V), CSR or dense. Documents without counts are left out.

    Returns:
        Perplexity, from 1 to infinity. It is infinite if a held-out word has probability 0.

    Raises:
        ValueError: If shapes do not agree, rows do not sum to 1, or nothing is held out.

    References:
        Wallach, Murray, Salakhutdinov & Mimno 2009, sec. 5.1.

    Example:
        >>> round(completion_perplexity([[0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]], [[3, 1]]), 6)
        2.0
    """
    matrix = csr_counts("held_out", held_out)
    log_prob, tokens = held_out_log_prob(theta, topic_word, matrix), matrix.sum()
    if not tokens > 0:
        raise ValueError("held_out has no tokens, must have one or more")
    return float(np.exp(-log_prob.sum() / tokens))


def held_out_log_prob(theta: ArrayLike, topic_word: ArrayLike, held_out: Any) -> Floats:
    """Log probability of each document's held-out tokens under theta beta, in nats, shape (N,).

    Args:
        theta: As in `completion_perplexity`; likewise what follows, and the errors.
        topic_word: beta.
        held_out: Counts; a document without any has 0.

    Example:
        >>> held_out_log_prob([[0.5, 0.5]], np.eye(2), [[3, 1]]).round(4)
        array([-2.7726])
    """
    theta, beta = (np.asarray(a, dtype=np.float64) for a in (theta, topic_word))
    matrix = csr_counts("held_out", held_out)
    if theta.shape != (matrix.shape[0], len(beta)) or beta.shape[1:] != matrix.shape[1:]:
        raise ValueError(
            f"theta {theta.shape}, topic_word {beta.shape} and held_out {matrix.shape} must be of "
            "shapes (N, K), (K, V) and (N, V)"
        )
    for name, rows in (("theta", theta), ("topic_word", beta)):
        if not np.allclose(rows.sum(1), 1, atol=1e-3):
            raise ValueError(f"{name} has rows that do not sum to 1")
    entries, by_word = matrix.tocoo(), np.ascontiguousarray(beta.T)
    total = np.zeros(len(theta))
    step = max(1, ENTRIES_AT_ONCE // len(beta))
    with np.errstate(divide="ignore"):
        for start in range(0, len(entries.data), step):
            part = slice(start, start + step)
            rows = entries.row[part]
            probability = (theta[rows] * by_word[entries.col[part]]).sum(1)
            nats = entries.data[part] * np.log(probability)
            total += np.bincount(rows, nats, minlength=len(theta))
    return total
