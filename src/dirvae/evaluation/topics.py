"""Measures of a topic model from its arrays: theta (N, K), beta (K, V), and top words (K, n)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from dirvae.alignment import matched
from dirvae.evaluation._counts import csr_counts

__all__ = [
    "Matching",
    "completion_perplexity",
    "diversity",
    "documents_of_words",
    "inverted_rank_overlap",
    "match_topics",
    "mean_document_frequency",
    "normalized_mutual_information",
    "pairwise_distinctness",
    "purity",
    "split_tokens",
    "stability",
    "top_word_ids",
    "top_words_by_documents",
    "topic_stability",
    "uniqueness",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ENTRIES_AT_ONCE = 1_000_000
DOCUMENTS_ADDED = 1e-3  # to what is expected, so that a word without documents has no advantage
DOCUMENTS_WEIGHT = 0.4  # of a word's share in a topic's documents, beside how much larger it is
RANKINGS = ("probability", "lift", "frex", "relevance")


# --- rankings of words ----------------------------------------------------------------------------


def top_word_ids(
    topic_word: ArrayLike,
    n: int = 10,
    *,
    by: str = "probability",
    frequency_weight: float | None = None,
    frequency: ArrayLike | None = None,
) -> Ints:
    """Columns of the n top words of each topic, best first; which they are depends on the ranking.

    - "probability": beta itself.
    - "lift": beta over its mean over topics.
    - "frex": weighted harmonic mean of two ranks in the topic: by beta, and by exclusivity, which
      is beta over its sum over topics.
    - "relevance": weighted mean of log beta and of the log of beta over the word's frequency.

    Args:
        topic_word: beta, 0 or more, shape (K, V).
        n: From 1 to V.
        by: The ranking.
        frequency_weight: Weight of beta, in [0, 1], in "frex" (.5 by default) and "relevance"
            (.2 by default).
        frequency: Share of each word in the corpus, shape (V,), for "relevance"; the mean of beta
            over topics if None.

    Returns:
        Shape (K, n).

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
    # Stable, and by beta among equals, so that ties do not hang on the order of the words alone.
    order = np.lexsort((-beta, -score), axis=1)
    return order[:, :n].astype(np.int64)


def _relevance(beta: Floats, frequency: ArrayLike | None, weight: float) -> Floats:
    shares = beta.mean(0) if frequency is None else np.asarray(frequency, dtype=np.float64)
    if shares.shape != beta.shape[1:] or not (shares >= 0).all():
        raise ValueError(f"frequency has shape {shares.shape}, must be 0 or more for each word")
    tiny = np.finfo(np.float64).tiny
    log_beta = np.log(np.maximum(beta, tiny))
    return log_beta - (1 - weight) * np.log(np.maximum(shares, tiny))


def top_words_by_documents(documents: ArrayLike, n: int = 10) -> Ints:
    """Columns of the n words that tell each topic, by the documents in which they are of it.

    Ranked by relevance: the word's share in the topic's documents, and how much larger it is than
    that in all documents.

    Args:
        documents: What `documents_of_words` returns, shape (K, V).
        n: From 1 to V.

    Returns:
        Shape (K, n).

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
        frequency_weight=DOCUMENTS_WEIGHT,
        frequency=frequency,
    )


def documents_of_words(theta: ArrayLike, topic_word: ArrayLike, counts: Any) -> Floats:
    r"""In how many documents each word is of each topic, as expected: documents rather than tokens.

    .. math:: \sum_{d : x_{dv} > 0} \theta_{dk} \beta_{kv} / \sum_j \theta_{dj} \beta_{jv}

    Words come in bursts, and a few documents that repeat one put it at the top of beta. Ranked by
    this, the top words are those that many of a topic's documents share.

    Args:
        theta: 0 or more, shape (N, K).
        topic_word: beta, shape (K, V).
        counts: Of the same documents, shape (N, V), CSR or dense.

    Returns:
        Shape (K, V); its columns sum to the words' document frequencies.

    Example:
        >>> documents_of_words([[1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0]], [[5], [1]])
        array([[1.],
               [1.]])
    """
    tiny = np.finfo(np.float64).tiny
    weights = np.maximum(np.asarray(theta, dtype=np.float64), 1e-12)
    by_word = np.ascontiguousarray(np.asarray(topic_word, dtype=np.float64).T)
    matrix = csr_counts("counts", counts).copy()
    matrix.eliminate_zeros()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    inverse = np.empty(matrix.nnz)
    step = max(1, ENTRIES_AT_ONCE // weights.shape[1])
    for start in range(0, matrix.nnz, step):
        part = slice(start, start + step)
        both = np.einsum("nk,nk->n", weights[rows[part]], by_word[matrix.indices[part]])
        inverse[part] = 1 / np.maximum(both, tiny)
    ratios = sparse.csr_matrix((inverse, matrix.indices, matrix.indptr), matrix.shape)
    expected: Floats = (by_word * (ratios.T @ weights)).T
    return np.ascontiguousarray(expected)


# --- how different topics are from each other -----------------------------------------------------


def diversity(topics: ArrayLike) -> float:
    """Share of distinct words among all top words, in (0, 1] (Dieng et al. 2020, with n = 25).

    Args:
        topics: Columns of the top words, shape (K, n).

    Example:
        >>> diversity([[0, 1], [1, 2]])
        0.75
    """
    ids = _ids(topics)
    return len(np.unique(ids)) / ids.size


def uniqueness(topics: ArrayLike) -> float:
    """Mean over top words of 1 / the number of topics that have it (Nan et al. 2019).

    Example:
        >>> uniqueness([[0, 1], [1, 2]])
        0.75
    """
    _, place, count = np.unique(_ids(topics), return_inverse=True, return_counts=True)
    return float((1 / count)[place].mean())


def pairwise_distinctness(topics: ArrayLike) -> float:
    """1 - the mean Jaccard index of two topics' top words, in [0, 1] (Tran et al. 2013).

    Example:
        >>> round(pairwise_distinctness([[0, 1], [1, 2]]), 4)
        0.6667
    """
    sets = [set(row) for row in _ids(topics, least=2).tolist()]
    return 1 - float(np.mean([len(a & b) / len(a | b) for a, b in combinations(sets, 2)]))


def inverted_rank_overlap(topics: ArrayLike, persistence: float = 0.9) -> float:
    """1 - the mean rank-biased overlap of two topics' top words, in [0, 1].

    The overlap is extrapolated from the n words that are there (Webber et al. 2010, eq. 32), and
    the words at the top count most.

    Args:
        topics: Columns of the top words, best first, shape (K, n).
        persistence: p in (0, 1), the weight of each rank over that before it.

    References:
        Webber, Moffat & Zobel 2010; Bianchi, Terragni & Hovy 2021 (as a diversity).

    Example:
        >>> inverted_rank_overlap([[0, 1], [2, 3]]), inverted_rank_overlap([[0, 1], [0, 1]])
        (1.0, 0.0)
    """
    if not 0 < persistence < 1:
        raise ValueError(f"persistence is {persistence}, must be in (0, 1)")
    ids = _ids(topics, least=2)
    depth = np.arange(1, ids.shape[1] + 1)
    weight = (1 - persistence) * persistence ** (depth - 1)
    overlaps = []
    for a, b in combinations(ids, 2):
        first = (a[:, None] == b[None, :]) * np.maximum(depth[:, None], depth[None, :])
        seen = np.bincount(first[first > 0], minlength=len(depth) + 1)[1:].cumsum() / depth
        overlaps.append((weight * seen).sum() + persistence ** depth[-1] * seen[-1])
    return float(max(0.0, 1 - np.mean(overlaps)))


def mean_document_frequency(topics: ArrayLike, counts: Any) -> float:
    """Mean, over all top words, of the number of documents that have the word.

    Rare words make coherence easy and topics hard to read: report this beside it.

    Args:
        topics: Columns of the top words, shape (K, n).
        counts: Shape (N, V), CSR or dense.

    References:
        Hoyle et al. 2021.

    Example:
        >>> mean_document_frequency([[0], [1]], [[1, 0], [2, 1]])
        1.5
    """
    present = csr_counts("counts", counts) > 0
    return float(np.asarray(present.sum(0)).ravel()[_ids(topics)].mean())


# --- topics against labels ------------------------------------------------------------------------


def purity(theta: ArrayLike, labels: ArrayLike) -> float:
    """Share of documents whose label is the commonest among those with the same largest topic.

    It rises with K, up to 1 for a topic a document; see `normalized_mutual_information`.

    Args:
        theta: Shape (N, K).
        labels: Shape (N,).

    Example:
        >>> purity([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], ["a", "b", "b"])
        0.6666666666666666
    """
    labels = matched("labels", labels, theta, rows="theta")
    table = contingency_matrix(np.asarray(labels), np.asarray(theta).argmax(1))
    return float(table.max(0).sum() / table.sum())


def normalized_mutual_information(theta: ArrayLike, labels: ArrayLike) -> float:
    """Mutual information of label and largest topic, over the mean of their entropies, in [0, 1].

    Args:
        theta: Shape (N, K).
        labels: Shape (N,).

    Example:
        >>> normalized_mutual_information([[0.9, 0.1], [0.3, 0.7]], ["a", "b"])
        1.0
    """
    labels = matched("labels", labels, theta, rows="theta")
    largest = np.asarray(theta).argmax(1)
    return float(normalized_mutual_info_score(np.asarray(labels), largest))


# --- likelihood of what was held out --------------------------------------------------------------


def split_tokens(counts: Any, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split each document's tokens at random: half to encode, the rest (one more if odd) to score.

    Args:
        counts: Whole numbers, shape (N, V), CSR or dense.
        seed: Of ``numpy.random.default_rng``, which shuffles each document's tokens in turn.

    Returns:
        Two matrices of the shape of ``counts``.

    Raises:
        ValueError: If a count is negative or not whole.

    Example:
        >>> encoded, scored = split_tokens([[2, 2, 0], [0, 0, 3]])
        >>> int(encoded.sum()), (encoded + scored).toarray().astype(int).tolist()
        (3, [[2, 2, 0], [0, 0, 3]])
    """
    matrix = csr_counts("counts", counts)
    if matrix.nnz and (matrix.data.min() < 0 or (matrix.data % 1).any()):
        raise ValueError("counts has negative or fractional values, must be whole numbers")
    rng = np.random.default_rng(seed)
    tokens = np.repeat(matrix.indices, matrix.data.astype(np.int64))
    running = np.concatenate(([0], matrix.data.astype(np.int64).cumsum()))
    ends = running[matrix.indptr]
    is_encoded = np.zeros(len(tokens), dtype=bool)
    for start, end in pairwise(ends.tolist()):
        rng.shuffle(tokens[start:end])
        is_encoded[start : start + (end - start) // 2] = True
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(ends))
    encoded, scored = (
        sparse.csr_matrix((np.ones(part.sum()), (rows[part], tokens[part])), matrix.shape)
        for part in (is_encoded, ~is_encoded)
    )
    return encoded, scored


def completion_perplexity(theta: ArrayLike, topic_word: ArrayLike, held_out: Any) -> float:
    """Exp of minus the mean log probability of held-out tokens under theta beta.

    With theta inferred from other tokens of the same documents (`split_tokens`), this is document
    completion: fair to models that encode and to ones that do not.

    Args:
        theta: Rows that sum to 1, shape (N, K).
        topic_word: beta, rows that sum to 1, shape (K, V).
        held_out: Counts, shape (N, V), CSR or dense; documents without any are not counted.

    Returns:
        From 1 to infinity; infinity if a held-out word has no probability at all.

    Raises:
        ValueError: If shapes do not agree, rows do not sum to 1, or nothing is held out.

    References:
        Wallach, Murray, Salakhutdinov & Mimno 2009, sec. 5.1.

    Example:
        >>> round(completion_perplexity([[0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]], [[3, 1]]), 6)
        2.0
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
    entries = matrix.tocoo()
    if not entries.data.sum() > 0:
        raise ValueError("held_out has no tokens")
    by_word = np.ascontiguousarray(beta.T)
    total = 0.0
    step = max(1, ENTRIES_AT_ONCE // len(beta))
    with np.errstate(divide="ignore"):
        for start in range(0, len(entries.data), step):
            part = slice(start, start + step)
            probability = (theta[entries.row[part]] * by_word[entries.col[part]]).sum(1)
            total += float((entries.data[part] * np.log(probability)).sum())
    return float(np.exp(-total / entries.data.sum()))


# --- topics of one model against those of another -------------------------------------------------


class Matching(NamedTuple):
    """Topics of one model matched to those of another.

    Attributes:
        order: The topic of the second that goes with each topic of the first, shape (K,).
        similarity: Cosine of the two, shape (K,), in [0, 1].
    """

    order: Ints
    similarity: Floats


def match_topics(topic_word: ArrayLike, other: ArrayLike) -> Matching:
    """Match topics one to one so that the sum of cosine similarities of their words is largest.

    Args:
        topic_word: beta, shape (K, V).
        other: Another beta, of the same shape.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> match_topics([[1.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [3.0, 0.0]]).order.tolist()
        [1, 0]
    """
    first, second = (np.asarray(a, dtype=np.float64) for a in (topic_word, other))
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"topic_word {first.shape} and other {second.shape} must be alike (K, V)")
    first, second = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (first, second))
    cosine = first @ second.T
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    return Matching(columns.astype(np.int64), cosine[rows, columns])


def stability(topic_words: Sequence[ArrayLike]) -> float:
    """Mean similarity of matched topics over all pairs of models, in [0, 1].

    Args:
        topic_words: beta of each of two or more models (of several seeds, say), each (K, V).

    Example:
        >>> stability([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
        1.0
    """
    return float(topic_stability(topic_words).mean())


def topic_stability(topic_words: Sequence[ArrayLike]) -> Floats:
    """Similarity of each topic to its matches in the other models, mean over these, shape (S, K).

    Args:
        topic_words: beta of each of S models, two or more, each (K, V).

    Example:
        >>> topic_stability([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
        array([[1., 1.],
               [1., 1.]])
    """
    if len(topic_words) < 2:
        raise ValueError(f"topic_words has {len(topic_words)} models, must have two or more")
    total = np.zeros((len(topic_words), len(np.asarray(topic_words[0]))))
    for first, second in combinations(range(len(topic_words)), 2):
        matched = match_topics(topic_words[first], topic_words[second])
        total[first] += matched.similarity
        total[second, matched.order] += matched.similarity
    return total / (len(topic_words) - 1)


def _ids(topics: ArrayLike, least: int = 1) -> Ints:
    ids = np.asarray(topics)
    if ids.ndim != 2 or len(ids) < least or not ids.size or ids.dtype.kind not in "iu":
        raise ValueError(
            f"topics has shape {ids.shape} and dtype {ids.dtype}, must be integers of shape (K, n) "
            f"with K of at least {least}"
        )
    return ids.astype(np.int64)
