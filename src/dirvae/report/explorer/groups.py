"""Labels and times of documents, and the share of each topic in their groups."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dirvae.alignment import is_missing
from dirvae.data.delimited import is_number
from dirvae.text import visible

__all__ = ["NONE", "OTHER", "Differences", "Groups", "Means", "bins_of", "groups_of", "labels_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_LABELS = 30
NONE, OTHER = -1, -2  # places of documents without a label, and of those whose label is not kept
TO = "\u2013"
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?(/.*|[T ]\d{2}.*)?")  # a time of day is not read
MOST_BINS = 60
MOST_NUMBERS = 40_000  # of labels by times by topics that a page holds


class Means(NamedTuple):
    """Shares of topics in G groups of documents.

    Attributes:
        groups: Numbers of the groups, sorted, shape (G,).
        documents: Documents of each, shape (G,).
        share: Mean proportions, shape (G, K).
        std_error: Shape (G, K); NaN for groups of one document.
    """

    groups: Sequence[Any]
    documents: NDArray[np.int64]
    share: Floats
    std_error: Floats


@dataclass(frozen=True)
class Differences:
    """Effects of C covariates on the shares of topics, with intervals.

    Attributes:
        effect: Change of the share for a unit, or against the reference, shape (C, K).
        lower: Lower ends of the intervals, shape (C, K).
        upper: Upper ends, shape (C, K).
        told: Of each what a reader is told, such as "diet: swap, not home".
        kinds: Of each the kind of its column: "numbers", "dates", "durations" or "words".
    """

    effect: Floats
    lower: Floats
    upper: Floats
    told: Sequence[str]
    kinds: Sequence[str]


@dataclass(frozen=True)
class Groups:
    """Which document is of which label and time, and the shares of topics in these groups.

    Attributes:
        labels: Names of the labels, the largest first, length L.
        label: Place of each document's label, `NONE` or `OTHER`, shape (N,).
        num_labels: How many labels there are, of which the largest are kept.
        times: Names of the times, in order, length T.
        at: Numbers at which the times stand, shape (T,).
        time: Place of each document's time, -1 without, shape (N,).
        by_label: Shares of the labels; None without labels.
        by_time: Shares of the times; None without times.
        by_both: Shares of label * T + time; None where they are too many.
    """

    labels: list[str]
    label: Ints
    num_labels: int
    times: list[str]
    at: Floats
    time: Ints
    by_label: Means | None
    by_time: Means | None
    by_both: Means | None


def groups_of(
    theta: Floats, labels: Any, times: Any, means_of: Callable[[Floats, Any], Any]
) -> Groups:
    """Group documents by labels and times.

    Args:
        theta: Shape (N, K).
        labels: A label for each document, None where unknown; None for none at all.
        times: Numbers, dates or texts of either; None for none at all.
        means_of: From proportions and a number for each document, or None, to `Means`.

    Raises:
        ValueError: If there are not N of either, or a time is none.
    """
    count, topics = theta.shape
    names, label, num_labels = labels_of(labels, count)
    marks, at, time = bins_of(times, count)

    def means(places: Ints) -> Any:
        return means_of(theta, [None if p < 0 else int(p) for p in places])

    both = np.where((label >= 0) & (time >= 0), label * len(marks) + time, -1)
    numbers = len(np.unique(both)) * topics
    return Groups(
        labels=names,
        label=label,
        num_labels=num_labels,
        times=marks,
        at=at,
        time=time,
        by_label=means(label) if names else None,
        by_time=means(time) if marks else None,
        by_both=means(both) if (both >= 0).any() and numbers <= MOST_NUMBERS else None,
    )


def labels_of(labels: Any, count: int) -> tuple[list[str], Ints, int]:
    """Names of the largest labels, the place of each document's, and how many labels there are.

    Example:
        >>> names, place, number = labels_of(["sea", None, "air", "sea"], 4)
        >>> names, place.tolist(), number
        (['sea', 'air'], [0, -1, 1, 0], 2)
    """
    if labels is None:
        return [], np.full(count, NONE), 0
    texts = ["" if is_missing(label) else visible(label) for label in _values("labels", labels)]
    _require_count("labels", len(texts), count)
    known, inverse, sizes = np.unique(
        np.array(texts, dtype=object), return_inverse=True, return_counts=True
    )
    order = [g for g in np.argsort(-sizes, kind="stable") if known[g]]
    place = np.where(known == "", NONE, OTHER)
    place[order[:MOST_LABELS]] = range(len(order[:MOST_LABELS]))
    return [str(known[g]) for g in order[:MOST_LABELS]], place[inverse], len(order)


def bins_of(times: Any, count: int) -> tuple[list[str], Floats, Ints]:
    """Cut times to days, months or years, or to steps of 1, 2 or 5 times a power of ten.

    Args:
        times: Numbers, dates, or texts of either, such as 2024 or 2024-05-31; None where unknown.
        count: N.

    Returns:
        Names of the T bins that have documents, where they begin, and the bin of each document, -1
        where it has no time.

    Raises:
        ValueError: If a value is neither, or there are not N.

    Example:
        >>> names, at, place = bins_of(["2024-05-31", None, "2023-01-01"], 3)
        >>> names, place.tolist()
        (['2023-01', '2024-05'], [1, -1, 0])
    """
    if times is None:
        return [], np.empty(0), np.full(count, -1)
    values = _values("times", times)
    _require_count("times", len(values), count)
    known = np.array([not (is_missing(v) or str(v).strip() == "") for v in values], dtype=bool)
    place = np.full(count, -1)
    if not known.any():
        return [], np.empty(0), place
    given = [v for v, is_known in zip(values, known, strict=True) if is_known]
    numbers = _numbers(given)
    names, at, place[known] = _of_dates(given) if numbers is None else _of_numbers(numbers)
    return names, at, place


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise ValueError(f"{name} is a {type(values).__name__}, must have one for each document")
    return list(values)


def _require_count(name: str, found: int, count: int) -> None:
    if found != count:
        raise ValueError(f"{name} has {found} values, must have one for each of {count} documents")


def _numbers(values: list[Any]) -> Floats | None:
    """Values as finite numbers; None if one is none."""
    if any(isinstance(v, np.datetime64) or hasattr(v, "isoformat") for v in values):
        return None
    if not all(is_number(v) for v in values if isinstance(v, str)):
        return None
    try:
        numbers = np.array([float(v) for v in values])
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None


def _of_numbers(numbers: Floats) -> tuple[list[str], Floats, Ints]:
    whole = bool((numbers % 1 == 0).all()) and np.abs(numbers).max() < 1e15
    step = 1.0
    if not whole or len(np.unique(numbers)) > MOST_BINS:
        # Of numbers that are all alike a step is still one that they can be divided by.
        step = _step(numbers, least=1.0 if whole else 1e-15 * float(np.abs(numbers).max()))
    steps = numbers / step
    nearest = np.rint(steps)  # 0.3 / 0.1 is a little below 3
    steps = np.where(np.abs(steps - nearest) <= 4 * np.spacing(np.abs(steps)), nearest, steps)
    floor, place = np.unique(np.floor(steps), return_inverse=True)
    at: Floats = floor * step
    if whole and step == 1:
        return [str(int(a)) for a in at], at, place
    ends = at + (step - 1 if whole else step)
    return [f"{a:.15g}{TO}{b:.15g}" for a, b in zip(at, ends, strict=True)], at, place


def _step(numbers: Floats, least: float) -> float:
    """1, 2 or 5 times a power of ten, so that there are at most 40 steps."""
    rough = max(float(numbers.max() / 40 - numbers.min() / 40), least, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * (1 - 1e-9))


def _of_dates(values: list[Any]) -> tuple[list[str], Floats, Ints]:
    days = np.array([_date(v) for v in values], dtype="datetime64[D]")
    for unit in ("D", "M", "Y"):
        cut = days.astype(f"datetime64[{unit}]")
        if unit == "Y" or int((cut.max() - cut.min()).astype(int)) < MOST_BINS:
            break
    bins, place = np.unique(cut, return_inverse=True)
    if len(bins) > MOST_BINS:
        return _of_numbers(cut.astype(int) + 1970.0)
    return [str(b) for b in bins], bins.astype(float), place


def _date(value: Any) -> ArrayLike:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value).strip()
    try:
        if DATE.fullmatch(text):  # else NumPy would know words such as "now"
            return np.datetime64(text[:10], "D")
    except ValueError:
        pass  # such as the 31st of February
    raise ValueError(f"times has {text[:40]!r}, must have numbers, or dates such as 2024-05-31")
