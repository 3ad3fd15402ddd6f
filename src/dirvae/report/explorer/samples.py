"""Samples of counts on a page: bars of their shares by group, features, the least certain ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dirvae.report.explorer.page import cut

__all__ = ["Grouping", "Samples", "against_mean", "evenly", "samples_payload"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_BARS = 1_200
ABOVE, BELOW = 6, 4  # features of a component that are shown
SCALE = 1_000  # shares are whole numbers of a thousandth


class Grouping(NamedTuple):
    """A way to part samples into groups.

    Attributes:
        name: Such as that of a column.
        levels: Names of the groups, in order.
        of: The group of each sample, -1 for none, shape (N,).
    """

    name: str
    levels: Sequence[str]
    of: Ints


@dataclass(frozen=True)
class Samples:
    """What a page of counts shows beside that of topics.

    Attributes:
        groupings: Ways to part the samples; none for one group of all.
        rows: Samples whose shares are least certain, the least certain first, shape (M,).
        components: Component of the widest interval of each, shape (M,).
        intervals: Share, lower and upper end of that interval, shape (M, 3).
        wider: How many times as wide the widest interval is as that of the sample in the middle.
    """

    groupings: Sequence[Grouping]
    rows: Ints
    components: Ints
    intervals: Floats
    wider: float


def evenly(theta: Floats, most: int = MOST_BARS) -> Ints:
    """Rows in the order of bars, at most so many, evenly spaced in that order.

    Samples stand by their largest component, the commonest component first, and in each by its
    share, the largest first.

    Args:
        theta: Shares, shape (N, K).
        most: Rows at most.

    Example:
        >>> evenly(np.array([[0.6, 0.4], [0.1, 0.9], [0.9, 0.1]])).tolist()
        [2, 0, 1]
    """
    rank = np.argsort(np.argsort(-theta.mean(0), kind="stable"))
    order = np.lexsort((-theta.max(1), rank[theta.argmax(1)]))
    count = min(most, len(order))
    return order[np.arange(count) * len(order) // count]


def against_mean(topic_word: Floats, mean: Floats) -> list[list[tuple[int, float]]]:
    r"""Features that tell a component from the mean, with the log ratio to base 2 of their shares.

    They are those that say most: of the more frequent ones by :math:`\beta \log(\beta / m)`, of the
    rarer ones by :math:`m \log(m / \beta)`.

    Args:
        topic_word: beta, shape (K, D).
        mean: m, the share of each feature in the mean sample, shape (D,).

    Returns:
        Of each component columns and log ratios, the largest first.

    Example:
        >>> against_mean(np.array([[0.8, 0.1, 0.1]]), np.array([0.4, 0.4, 0.2]))
        [[(0, 1.0), (2, -1.0), (1, -2.0)]]
    """
    tiny = np.finfo(np.float64).tiny
    beta, average = np.maximum(topic_word, tiny), np.maximum(mean, tiny)
    ratio = np.log2(beta / average)
    found = []
    for row, log_ratio in zip(beta, ratio, strict=True):
        above = np.argsort(-row * log_ratio, kind="stable")[:ABOVE]
        below = np.argsort(average * log_ratio, kind="stable")[:BELOW]
        both = [c for c in above if log_ratio[c] > 0] + [c for c in below if log_ratio[c] < 0]
        both.sort(key=lambda column: -log_ratio[column])
        found.append([(int(column), round(float(log_ratio[column]), 5)) for column in both])
    return found


def samples_payload(
    samples: Samples,
    theta: Floats,
    ids: Sequence[str],
    place: dict[int, int],
    groups: Any,
) -> dict[str, Any]:
    """Return what the page holds of the samples, as JSON can.

    Args:
        samples: The samples.
        theta: Their shares, shape (N, K).
        ids: What each is called, length N.
        place: From rows to places among those whose counts the page holds.
        groups: By label and time, a `Groups`.
    """
    rows = evenly(theta, max(1, min(MOST_BARS, 60_000 // theta.shape[1])))
    least_certain = zip(samples.rows, samples.components, samples.intervals, strict=True)
    return {
        "scale": SCALE,
        "ids": [cut(ids[row]) for row in rows],
        "held": [place.get(int(row), -1) for row in rows],
        "label": groups.label[rows].tolist(),
        "time": groups.time[rows].tolist(),
        "share": np.rint(theta[rows] * SCALE).astype(int).tolist(),
        "groupings": [_grouping(grouping, theta, rows) for grouping in samples.groupings],
        "wider": round(samples.wider, 3),
        "widest": [
            [place[int(row)], int(k), *np.round(interval, 3).tolist()]
            for row, k, interval in least_certain
        ],
    }


def _grouping(grouping: Grouping, theta: Floats, rows: Ints) -> dict[str, Any]:
    sizes = np.bincount(grouping.of[grouping.of >= 0], minlength=len(grouping.levels))
    means = [
        theta[grouping.of == level].mean(0) if size else np.zeros(theta.shape[1])
        for level, size in enumerate(sizes)
    ]
    return {
        "name": cut(grouping.name),
        "levels": [cut(level) for level in grouping.levels],
        "of": grouping.of[rows].tolist(),
        "n": sizes.tolist(),
        "mean": np.round(means, 5).tolist(),
    }
