"""Groups from a tree of merges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["groups_of_tree"]


def groups_of_tree(tree: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the group of each of K things when so many merges are made that ``count`` are left.

    SciPy's own functions do not serve: `fcluster` gives fewer groups up to SciPy 1.11, and
    `cut_tree` wrong ones where distances are equal.

    Args:
        tree: From `scipy.cluster.hierarchy.linkage`, shape (K - 1, 4).
        count: From 1 to K.

    Returns:
        Shape (K,); groups are numbered from 0 by their first members.

    Example:
        >>> from scipy.cluster.hierarchy import linkage
        >>> groups_of_tree(linkage([[0.0], [5.0], [1.0]]), 2).tolist()
        [0, 1, 0]
    """
    size = len(tree) + 1
    members = {number: [number] for number in range(size)}
    for step, (left, right) in enumerate(tree[: size - count, :2].astype(int).tolist()):
        members[size + step] = members.pop(left) + members.pop(right)
    group = np.empty(size, dtype=np.int64)
    for number, found in enumerate(sorted(members.values(), key=min)):
        group[found] = number
    return group
