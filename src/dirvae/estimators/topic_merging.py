"""Which topics go together: as a user says, or by how alike their words are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

__all__ = ["alike_topics", "all_topics"]


def all_topics(groups: Sequence[Sequence[int]], num_topics: int) -> list[list[int]]:
    """Return the groups, and after them each topic that is in none, by itself.

    Args:
        groups: Topics from 0 to K - 1, each at most once.
        num_topics: K.

    Raises:
        ValueError: If a topic is named twice or is not there.

    Example:
        >>> all_topics([[3, 1]], 4)
        [[3, 1], [0], [2]]
    """
    named = [int(k) for group in groups for k in group]
    if len(set(named)) < len(named) or not set(named) <= set(range(num_topics)):
        raise ValueError(
            f"groups is {groups!r}, must name topics from 0 to {num_topics - 1}, each at most once"
        )
    rest = [[k] for k in range(num_topics) if k not in named]
    return [*([int(k) for k in group] for group in groups), *rest]


def alike_topics(topic_word: NDArray[np.float64], num_groups: int) -> list[list[int]]:
    """Group topics by their words: average linkage of cosines.

    Args:
        topic_word: beta, shape (K, V).
        num_groups: From 1 to K.

    Example:
        >>> alike_topics(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 2)
        [[0, 2], [1]]
    """
    tree = linkage(topic_word, method="average", metric="cosine")
    label = fcluster(tree, num_groups, criterion="maxclust")
    return [np.flatnonzero(label == group).tolist() for group in np.unique(label)]
