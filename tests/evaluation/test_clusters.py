"""Groups from a tree of merges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from dirvae.evaluation.clusters import groups_of_tree


@pytest.mark.parametrize(
    ("count", "groups"),
    [(1, [0, 0, 0, 0, 0]), (2, [0, 1, 0, 1, 1]), (3, [0, 1, 0, 2, 1]), (5, [0, 1, 2, 3, 4])],
)
def test_the_nearest_go_together(count: int, groups: list[int]) -> None:
    tree = linkage([[0.0], [9.0], [1.0], [12.0], [10.5]], "average")
    assert groups_of_tree(tree, count).tolist() == groups


@pytest.mark.parametrize("count", range(1, 7))
def test_there_are_as_many_groups_as_asked_for_among_equal_distances(count: int) -> None:
    tree = linkage(np.array([[0.0], [5.0], [0.0], [5.0], [0.0], [5.0]]), "average")
    groups = groups_of_tree(tree, count)
    assert len(set(groups.tolist())) == count
    # Nothing far apart goes together before all that is equal does.
    assert count == 1 or not set(groups[::2].tolist()) & set(groups[1::2].tolist())
