"""Samples for a page of counts: by what they are grouped, and whose shares are least certain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.report.explorer import Grouping, Groups, Samples
from dirvae.report.explorer.groups import NONE, OTHER
from dirvae.topics.columns import Column, columns_of
from dirvae.topics.posterior import credible_intervals

__all__ = ["groupings_of", "samples_of"]

Floats = NDArray[np.float64]
MOST_LEVELS = 30
LISTED = 20
ASKED = 200  # samples whose intervals are computed, to find the widest


def groupings_of(labelled_by: str, groups: Groups, covariates: Any) -> list[Grouping]:
    """Ways to part samples: by labels, then by each covariate of two to 30 words.

    Each sample is of a group. Those of labels that are not kept, and those without one, come last.

    Args:
        labelled_by: What labels are.
        groups: Samples by label.
        covariates: As in `TopicModel.fit`; None for none.

    Example:
        >>> from dirvae.report.explorer import groups_of
        >>> none = groups_of(np.ones((3, 1)), None, None, None)
        >>> groupings_of("label", none, {"sea": ["b", "a", "b"], "age": [1, 2, 3]})
        [Grouping(name='sea', levels=['a', 'b'], of=array([1, 0, 1]))]
    """
    found = [_by_label(labelled_by, groups)] if len(groups.labels) > 1 else []
    columns = [] if covariates is None else columns_of(covariates)
    return found + [
        Grouping(column.name, column.levels, _places(column))
        for column in columns
        if 1 < len(column.levels) <= MOST_LEVELS and not (found and column.name == labelled_by)
    ]


def _by_label(name: str, groups: Groups) -> Grouping:
    levels, of = list(groups.labels), groups.label.copy()
    for place, level in ((OTHER, "other"), (NONE, f"no {name}")):
        inside = groups.label == place
        while level in levels:  # a label may be called so
            level = f"({level})"
        if inside.any():
            of[inside] = len(levels)
            levels.append(level)
    return Grouping(name, levels, of)


def _places(column: Column) -> NDArray[np.int64]:
    place = {level: number for number, level in enumerate(column.levels)}
    return np.array([place[value] for value in column.values], dtype=np.int64)


def samples_of(mean: Floats, shapes: Floats, groupings: list[Grouping], level: float) -> Samples:
    """Samples with the widest intervals, among the 200 of the largest standard deviations.

    The sample in the middle is the one by standard deviations.

    Args:
        mean: Posterior means, shape (N, K).
        shapes: Of the posteriors, as `posterior.marginals` gives them, shape (N, K).
        groupings: Ways to part the samples.
        level: Of the intervals.
    """
    var = mean**2 * (1 - mean) / (shapes + mean)
    by_std = np.argsort(-var.max(1), kind="stable")
    rows, middle = by_std[:ASKED], by_std[[len(by_std) // 2]]
    lower, upper = credible_intervals(mean[rows], shapes[rows], level)
    width = upper - lower
    order = np.argsort(-width.max(1), kind="stable")[:LISTED]
    k = width.argmax(1)[order]
    ends = np.column_stack([part[order, k] for part in (mean[rows], lower, upper)])
    low, high = credible_intervals(mean[middle], shapes[middle], level)
    wider = float(width.max() / max((high - low).max(), np.finfo(float).tiny))
    return Samples(groupings, rows[order], k, ends, wider)
