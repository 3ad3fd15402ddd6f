"""Topics of one model against those of another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["Matching", "match_topics", "partners", "stability", "topic_stability"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STABLE = 0.7  # from which stability on a topic counts as found by other seeds


class Matching(NamedTuple):
    """Topics of one model matched to topics of another.

    Attributes:
        order: For each topic of the first model, its match in the second, shape (K,).
        similarity: Cosine of the words of the two topics, in [0, 1], shape (K,).
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
    cosine = np.minimum(first @ second.T, 1.0)  # which rounding may pass
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    return Matching(columns.astype(np.int64), cosine[rows, columns])


def partners(topic_word: ArrayLike, other: ArrayLike, *, least: float = 0.5) -> Matching:
    """Match topics one to one, of models of any sizes; some topics have no partner.

    Args:
        topic_word: beta, shape (K, V).
        other: Another beta, shape (J, V).
        least: Least cosine similarity of partners. Less similar topics have no partner.

    Returns:
        For each of the K topics its partner (-1 if it has none), and their similarity (0 if it has
        none).

    Raises:
        ValueError: If the numbers of words differ.

    Example:
        >>> partners([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]], [[0.0, 1.0], [1.0, 0.0]]).order.tolist()
        [1, 0, -1]
    """
    first, second = (np.asarray(a, dtype=np.float64) for a in (topic_word, other))
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"topic_word {first.shape} and other {second.shape} must have one V")
    norms = [np.maximum(np.linalg.norm(a, axis=1), np.finfo(float).tiny) for a in (first, second)]
    cosine = (first / norms[0][:, None]) @ (second / norms[1][:, None]).T
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    order, similarity = np.full(len(first), -1), np.zeros(len(first))
    alike = cosine[rows, columns] >= least
    order[rows[alike]] = columns[alike]
    similarity[rows[alike]] = cosine[rows, columns][alike]
    return Matching(order, similarity)


def stability(topic_words: Sequence[ArrayLike]) -> float:
    """Mean similarity of matched topics over all pairs of models, in [0, 1].

    Args:
        topic_words: beta of two or more models, such as models of several seeds, each of shape
            (K, V).

    Example:
        >>> stability([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])
        1.0
    """
    return float(topic_stability(topic_words).mean())


def topic_stability(topic_words: Sequence[ArrayLike]) -> Floats:
    """Mean similarity of each topic to its matches in the other models, shape (S, K).

    Args:
        topic_words: beta of S models, two or more, each of shape (K, V).

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
