"""Where topics start: at clusters of documents, since from random ones most topics never part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

__all__ = [
    "TopicStart",
    "cluster_start",
    "document_clusters",
    "guided_start",
    "word_totals",
]

DOCUMENTS_AT_MOST = 20_000  # that are clustered: a sample of them where there are more
ENTRIES_AT_MOST = 5_000_000  # of these documents together, as far as is known beforehand
ROWS_AT_ONCE = 10_000
DIMENSIONS = 100
BACKGROUND = 0.2  # share of each starting topic that is the words of all documents
CENTRES = 100  # of clusters in all starts of k-means: the fewer clusters, the worse is one missed
LONG = 300  # words; longer documents weigh no more
PSEUDO_COUNT = 0.5
GUIDED_WEIGHT = 0.5  # share of a guided topic's words, at the start, that are its seed words


class TopicStart(NamedTuple):
    """Logarithms of topics and of word frequencies to start from.

    Attributes:
        log_topics: Shape (K, V).
        log_background: Shape (V,).
        num_words: By which word frequencies were divided.
    """

    log_topics: Tensor
    log_background: Tensor
    num_words: float = 0.0


def cluster_start(x: sparse.csr_matrix, num_topics: int, seed: int) -> TopicStart:
    """Topics at the words of K clusters of documents.

    Args:
        x: Counts, shape (N, V).
        num_topics: K.
        seed: Of the sample, the decomposition and the clusters.

    Example:
        >>> x = sparse.csr_matrix([[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 3, 1], [0, 0, 1, 2]])
        >>> start = cluster_start(x, 2, seed=0)
        >>> start.log_topics.shape, start.log_background.shape
        (torch.Size([2, 4]), torch.Size([4]))
    """
    background = word_totals(x) + PSEUDO_COUNT
    num_words = float(background.sum())
    background /= num_words
    rows = np.flatnonzero(np.diff(x.indptr))
    rng = np.random.RandomState(seed)
    most = min(DOCUMENTS_AT_MOST, max(num_topics, ENTRIES_AT_MOST * len(rows) // max(x.nnz, 1)))
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    some = x[rows].astype(np.float64, copy=False)
    labels = document_clusters(some, num_topics, seed)
    member = sparse.csr_matrix(
        (np.ones(len(rows)), (labels, np.arange(len(rows)))), (num_topics, len(rows))
    )
    counts = (member @ some).toarray()
    total = counts.sum(1, keepdims=True)
    own = np.divide(counts, total, where=total > 0, out=np.tile(background, (num_topics, 1)))
    topics = (1 - BACKGROUND) * own + BACKGROUND * background
    # Topics without documents, and such as are alike, would move as one.
    topics *= rng.gamma(100, 0.01, topics.shape)
    topics /= topics.sum(1, keepdims=True)
    log_topics, log_background = (torch.from_numpy(np.log(a)).float() for a in (topics, background))
    return TopicStart(log_topics, log_background, num_words)


def word_totals(x: Any) -> NDArray[np.float64]:
    """Sum of each column in double precision; of single ones some rows at a time.

    Example:
        >>> word_totals(sparse.csr_matrix([[2, 0], [1, 3]]))
        array([3., 3.])
    """
    if not sparse.issparse(x) or x.dtype != np.float32:
        return np.asarray(x.sum(0), dtype=np.float64).ravel()
    total = np.zeros(x.shape[1])
    for start in range(0, x.shape[0], ROWS_AT_ONCE):
        total += x[start : start + ROWS_AT_ONCE].astype(np.float64).sum(0).A1
    return total


def document_clusters(x: sparse.csr_matrix, num_clusters: int, seed: int) -> NDArray[np.int64]:
    """K-means of documents by tf-idf, reduced to 100 dimensions; labels of shape (N,).

    Documents weigh by the root of their length: without, clusters of short ones, which say little,
    become topics of chance.

    Example:
        >>> document_clusters(sparse.csr_matrix(np.eye(2)), 2, seed=0).shape
        (2,)
    """
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import normalize
    from sklearn.utils.extmath import randomized_svd

    size = min(DIMENSIONS, *(side - 1 for side in x.shape))
    if num_clusters == 1 or size < 1:
        return np.zeros(x.shape[0], dtype=np.int64)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(x)  # a copy
    weighted = normalize(weighted, copy=False)
    left, scale, _ = randomized_svd(weighted, size, n_iter=2, random_state=seed)
    place = normalize(left * scale)
    distinct = len(np.unique(place.round(6), axis=0))
    size, starts = min(num_clusters, distinct), max(1, CENTRES // num_clusters)
    model: Any = KMeans(size, n_init=starts, max_iter=30, random_state=seed)
    weight = np.sqrt(np.minimum(np.asarray(x.sum(1)).ravel(), LONG))
    labels: NDArray[np.int64] = model.fit_predict(place, sample_weight=weight).astype(np.int64)
    return labels


def guided_start(start: TopicStart, columns: Sequence[Sequence[int]]) -> TopicStart:
    """Give each guided topic its words, in place of the cluster that has most of them.

    Args:
        start: Topics of clusters.
        columns: Those of each guided topic's words; these topics come first.

    Example:
        >>> start = TopicStart(torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log(), torch.zeros(2))
        >>> guided_start(start, [[0]]).log_topics.exp()
        tensor([[0.9500, 0.0500],
                [0.5000, 0.5000]])
    """
    if not columns:
        return start
    topics, free = start.log_topics.exp(), list(range(len(start.log_topics)))
    order = []
    for words in columns:
        best = max(free, key=lambda k: float(topics[k, words].sum()))
        topics[best] *= 1 - GUIDED_WEIGHT
        topics[best, words] += GUIDED_WEIGHT / len(words)
        free.remove(best)
        order.append(best)
    return start._replace(log_topics=topics[order + free].log())
