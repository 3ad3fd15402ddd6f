"""The words that tell topics best, from beta (K, V) or from the documents that have them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.stats import rankdata

from dirvae.evaluation._counts import ENTRIES_AT_ONCE, csr_counts

__all__ = ["documents_of_words", "top_word_ids", "top_words_by_documents"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DOCUMENTS_ADDED = 1e-3  # to what is expected, so that a word without documents has no advantage
DOCUMENTS_WEIGHT = 0.4  # of a word's share in a topic's documents, beside how much larger it is
LEAST = 1e-200  # of a word in a topic, so that shares of nothing are not divided by 0
RANKINGS = ("probability", "lift", "frex", "relevance")
WEIGHTED = ("frex", "relevance")


def top_word_ids(
    topic_word: ArrayLike,
    n: int = 10,
    *,
    by: str = "probability",
    frequency_weight: float | None = None,
    frequency: ArrayLike | None = None,
) -> Ints:
    """Columns of the n top words of each topic, best first.

    Words are ranked by one of these:

    - "probability": beta itself.
    - "lift": beta divided by its mean over topics.
    - "frex": weighted harmonic mean of two ranks of the word in the topic. One rank is by beta, the
      other by exclusivity: beta divided by its sum over topics.
    - "relevance": weighted mean of log beta and log(beta / frequency of the word).

    Args:
        topic_word: beta, 0 or more, shape (K, V).
        n: Number of words, from 1 to V.
        by: The ranking.
        frequency_weight: Weight of beta, in [0, 1], in "frex" (default .5) and "relevance" (default
            .2).
        frequency: Share of each word in the corpus, shape (V,), for "relevance". If None, the mean
            of beta over topics.

    Returns:
        The columns, shape (K, n).

    Raises:
        ValueError: If an argument is out of range.

    References:
        Taddy 2012 (lift); Bischof & Airoldi 2012, Roberts et al. 2019 (FREX); Sievert & Shirley
        2014, eq. 3 (relevance).

    Example:
        >>> beta = [[0.6, 0.4, 0.0], [0.6, 0.0, 0.4]]
        >>> top_word_ids(beta, 1).tolist(), top_word_ids(beta, 1, by="lift").tolist()
        ([[0], [0]], [[1], [2]])
    """
    beta = np.asarray(topic_word, dtype=np.float64)
    if beta.ndim != 2 or not (np.isfinite(beta).all() and beta.min() >= 0):
        raise ValueError(
            f"topic_word has shape {beta.shape}, must be (K, V) without negative, NaN or infinite "
            "values"
        )
    if not 1 <= n <= beta.shape[1]:
        raise ValueError(f"n is {n}, must be from 1 to the {beta.shape[1]} words")
    if by not in RANKINGS:
        raise ValueError(f"by is {by!r}, must be one of {', '.join(RANKINGS)}")
    if frequency_weight is not None and not 0 <= frequency_weight <= 1:
        raise ValueError(f"frequency_weight is {frequency_weight!r}, must be from 0 to 1")
    if frequency_weight is not None and by not in WEIGHTED:
        raise ValueError(f"frequency_weight is for by={' or '.join(WEIGHTED)}, not for {by!r}")
    score = beta
    if by == "relevance":
        score = _relevance(beta, frequency, 0.2 if frequency_weight is None else frequency_weight)
    elif by != "probability":
        total = beta.sum(0)
        score = np.divide(beta, total, where=total > 0, out=np.zeros_like(beta))
    if by == "frex":
        exclusive, frequent = (rankdata(x, axis=1) / beta.shape[1] for x in (score, beta))
        weight = 0.5 if frequency_weight is None else frequency_weight
        score = 1 / (weight / frequent + (1 - weight) / exclusive)
    place = beta.shape[1] - int(n)
    least = np.partition(score, place, axis=1)[:, place]  # so that only few words are sorted
    return np.stack([_best(*row, n) for row in zip(score, beta, least, strict=True)])


def _best(score: Floats, beta: Floats, least: float, n: int) -> Ints:
    """Columns of the n best scores of one topic, of which ``least`` is the n-th."""
    words = np.flatnonzero(score >= least)
    # Stable, and by beta among equals, so that ties do not hang on the order of the words alone.
    return words[np.lexsort((-beta[words], -score[words]))][:n]


def _relevance(beta: Floats, frequency: ArrayLike | None, weight: float) -> Floats:
    shares = beta.mean(0) if frequency is None else np.asarray(frequency, dtype=np.float64)
    if shares.shape != beta.shape[1:] or not (shares >= 0).all():
        raise ValueError(f"frequency has shape {shares.shape}, must be 0 or more for each word")
    tiny = np.finfo(np.float64).tiny
    log_beta = np.log(np.maximum(beta, tiny))
    return log_beta - (1 - weight) * np.log(np.maximum(shares, tiny))


def top_words_by_documents(
    documents: ArrayLike, n: int = 10, *, frequency_weight: float | None = None
) -> Ints:
    """Columns of the n words that describe each topic best, by numbers of documents.

    Words are ranked by relevance. It weighs the share of a word among the documents of the topic,
    and how much larger this share is than in all documents.

    Args:
        documents: Expected numbers of documents, from `documents_of_words`, shape (K, V).
        n: Number of words, from 1 to V.
        frequency_weight: Weight of the share, in [0, 1] (default .4). The rest is the weight of how
            much larger it is. With a larger value, the words are more frequent, and more topics
            repeat them.

    Returns:
        The columns, shape (K, n).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> top_words_by_documents([[5.0, 4.0, 0.0], [5.0, 0.0, 4.0]], 1).tolist()
        [[1], [2]]
    """
    expected = np.asarray(documents, dtype=np.float64)
    shares = expected + DOCUMENTS_ADDED
    shares /= shares.sum(1, keepdims=True)
    total = expected.sum(0)
    # A word that no document has tells no topic, and is no rare word either: it comes last.
    frequency = np.where(total > 0, total / max(total.sum(), 1e-12), 1.0)
    return top_word_ids(
        shares,
        n,
        by="relevance",
        frequency_weight=DOCUMENTS_WEIGHT if frequency_weight is None else frequency_weight,
        frequency=frequency,
    )


def documents_of_words(theta: ArrayLike, topic_word: ArrayLike, counts: Any) -> Floats:
    r"""Expected number of documents in which each word belongs to each topic.

    .. math:: \sum_{d : x_{dv} > 0} \theta_{dk} \beta_{kv} / \sum_j \theta_{dj} \beta_{jv}

    Words often repeat within a document. A few documents that repeat a word can put it at the top
    of beta. Ranked by numbers of documents, the top words are words that many documents of the
    topic share.

    Args:
        theta: Proportions, 0 or more, shape (N, K).
        topic_word: beta, shape (K, V).
        counts: Counts of the same documents, shape (N, V), CSR or dense.

    Returns:
        The expected numbers, shape (K, V). Each column sums to the number of documents that have
        the word.

    Example:
        >>> documents_of_words([[1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0]], [[5], [1]])
        array([[1.],
               [1.]])
    """
    weights = np.maximum(np.asarray(theta, dtype=np.float64), 1e-12)
    # A word that no topic has is of each as the document is.
    by_word = np.ascontiguousarray(np.maximum(np.asarray(topic_word, np.float64), LEAST).T)
    matrix = csr_counts("counts", counts).copy()
    matrix.eliminate_zeros()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    inverse = np.empty(matrix.nnz)
    step = max(1, ENTRIES_AT_ONCE // weights.shape[1])
    for start in range(0, matrix.nnz, step):
        part = slice(start, start + step)
        both = np.einsum("nk,nk->n", weights[rows[part]], by_word[matrix.indices[part]])
        inverse[part] = 1 / both
    ratios = sparse.csr_matrix((inverse, matrix.indices, matrix.indptr), matrix.shape)
    expected: Floats = (by_word * (ratios.T @ weights)).T
    return np.ascontiguousarray(expected)
