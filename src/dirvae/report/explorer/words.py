"""Words of topics, for every place of the slider between probability and lift."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dirvae.evaluation import top_word_ids

__all__ = ["SHOWN", "STEPS", "listed_words", "uses"]

Ints = NDArray[np.int64]
STEPS = 20  # of the slider from 0 to 1
SHOWN = 15  # words at a time


def listed_words(topic_word: ArrayLike, frequency: ArrayLike) -> list[Ints]:
    """Columns of all words that a topic may show, wherever the slider stands.

    At each step these are the words of `evaluation.top_word_ids` by relevance.

    Args:
        topic_word: beta, shape (K, V).
        frequency: Share of each word in the corpus, shape (V,).

    Returns:
        Of each topic columns, the most probable first.

    Example:
        >>> beta = np.array([[0.6, 0.4, 0.0], [0.6, 0.0, 0.4]])
        >>> [words.tolist() for words in listed_words(beta, beta.mean(0))]
        [[0, 1, 2], [0, 2, 1]]
    """
    beta = np.asarray(topic_word, dtype=np.float64)
    count = min(SHOWN, beta.shape[1])
    found = [
        top_word_ids(
            beta, count, by="relevance", frequency_weight=step / STEPS, frequency=frequency
        )
        for step in range(STEPS + 1)
    ]
    both = np.concatenate(found, axis=1)
    return [_by_probability(np.unique(row), beta[k]) for k, row in enumerate(both)]


def _by_probability(words: Ints, probability: NDArray[np.float64]) -> Ints:
    return words[np.argsort(-probability[words], kind="stable")]


def uses(topic_word: ArrayLike, shares: ArrayLike) -> NDArray[np.float64]:
    """Of all uses of a word that are of topics, the share that is of each, shape (K, V).

    Args:
        topic_word: beta, shape (K, V).
        shares: Of topics, shape (K,).

    Example:
        >>> uses([[0.5, 0.5], [0.0, 1.0]], [0.5, 0.5]).round(2).tolist()
        [[1.0, 0.33], [0.0, 0.67]]
    """
    joint = np.asarray(topic_word, dtype=np.float64) * np.asarray(shares)[:, None]
    found: NDArray[np.float64] = joint / np.maximum(joint.sum(0), np.finfo(float).tiny)
    return found
