"""Diversity of topics, from their top words (K, n), and agreement of theta (N, K) with labels."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from dirvae.evaluation._counts import csr_counts
from dirvae.evaluation._labels import labels_of

__all__ = [
    "diversity",
    "inverted_rank_overlap",
    "mean_document_frequency",
    "normalized_mutual_information",
    "pairwise_distinctness",
    "purity",
    "uniqueness",
]

Ints = NDArray[np.int64]


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
    """Mean over all top words of 1 / (number of topics that have the word) (Nan et al. 2019).

    Example:
        >>> uniqueness([[0, 1], [1, 2]])
        0.75
    """
    _, place, count = np.unique(_ids(topics), return_inverse=True, return_counts=True)
    return float((1 / count)[place].mean())


def pairwise_distinctness(topics: ArrayLike) -> float:
    """1 minus the mean Jaccard index of the top words of two topics, in [0, 1].

    The mean is over all pairs of topics (Tran et al. 2013).

    Example:
        >>> round(pairwise_distinctness([[0, 1], [1, 2]]), 4)
        0.6667
    """
    sets = [set(row) for row in _ids(topics, least=2).tolist()]
    return 1 - float(np.mean([len(a & b) / len(a | b) for a, b in combinations(sets, 2)]))


def inverted_rank_overlap(topics: ArrayLike, persistence: float = 0.9) -> float:
    """1 minus the mean rank-biased overlap of the top words of two topics, in [0, 1].

    The mean is over all pairs of topics. The overlap is extrapolated from the n given words
    (Webber et al. 2010, eq. 32). The words at the top have the largest weights.

    Args:
        topics: Columns of the top words, best first, shape (K, n).
        persistence: p in (0, 1): each rank has p times the weight of the rank above it.

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
    """Number of documents that have a word, averaged over all top words.

    Topics of rare words can have a high coherence, but are hard to read. So report this measure
    together with coherence.

    Args:
        topics: Columns of the top words, shape (K, n).
        counts: Counts of words, shape (N, V), CSR or dense.

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
    """Share of documents whose label is the most frequent one of their group.

    Documents with the same largest topic form a group. Purity rises with K, and is 1 if each
    document has its own topic. So see also `normalized_mutual_information`.

    Args:
        theta: Proportions of topics, shape (N, K).
        labels: Labels of the documents, shape (N,).

    Raises:
        ValueError: If labels are missing, or their number is not that of documents.

    Example:
        >>> purity([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], ["a", "b", "b"])
        0.6666666666666666
    """
    truth = labels_of(theta, labels, name="labels", rows_name="theta")
    table = contingency_matrix(truth, np.asarray(theta).argmax(1))
    return float(table.max(0).sum() / table.sum())


def normalized_mutual_information(theta: ArrayLike, labels: ArrayLike) -> float:
    """Mutual information of label and largest topic, divided by the mean of their entropies.

    The value is in [0, 1].

    Args:
        theta: Proportions of topics, shape (N, K).
        labels: Labels of the documents, shape (N,).

    Raises:
        ValueError: If labels are missing, or their number is not that of documents.

    Example:
        >>> normalized_mutual_information([[0.9, 0.1], [0.3, 0.7]], ["a", "b"])
        1.0
    """
    truth = labels_of(theta, labels, name="labels", rows_name="theta")
    return float(normalized_mutual_info_score(truth, np.asarray(theta).argmax(1)))


def _ids(topics: ArrayLike, least: int = 1) -> Ints:
    ids = np.asarray(topics)
    if ids.ndim != 2 or len(ids) < least or not ids.size or ids.dtype.kind not in "iu":
        raise ValueError(
            f"topics has shape {ids.shape} and dtype {ids.dtype}, must be integers of shape (K, n) "
            f"with K of at least {least}"
        )
    return ids.astype(np.int64)
