"""How far a measure moves with the rows that it is taken on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "bootstrap_std", "normal_interval"]

DRAWS, LEAST_DRAWS = 200, 50
ROWS_DRAWN = 2_000_000  # in all draws together, where that leaves so many draws


def bootstrap_std(
    measures: Callable[[NDArray[np.int64]], Mapping[str, float]],
    num_rows: int,
    *,
    num_draws: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Bootstrap standard deviation of measures: each draw takes N of N rows with replacement.

    Args:
        measures: Function that takes indices of rows and returns the measures of these rows, by
            name.
        num_rows: Number of rows, N.
        num_draws: Number of draws, two or more. If None, 200; for more than 10,000 rows fewer, but
            at least 50.
        seed: Seed of the draws.

    References:
        Efron & Tibshirani 1993, ch. 6.

    Example:
        >>> x = np.arange(100.0)
        >>> found = bootstrap_std(lambda rows: {"mean": x[rows].mean()}, 100)
        >>> bool(abs(found["mean"] - x.std() / 10) < 0.3)
        True
    """
    if num_draws is None:
        num_draws = max(LEAST_DRAWS, min(DRAWS, ROWS_DRAWN // num_rows))
    rng = np.random.default_rng(seed)
    drawn = [measures(rng.integers(num_rows, size=num_rows)) for _ in range(num_draws)]
    return {name: float(np.std([one[name] for one in drawn], ddof=1)) for name in drawn[0]}


class Interval(NamedTuple):
    """Standard error of a measure, and an interval around the measure.

    Attributes:
        std: Standard error.
        lower: Lower end.
        upper: Upper end.
    """

    std: float
    lower: float
    upper: float


def normal_interval(value: float, std: float, level: float) -> Interval:
    """Interval around a value, from the normal distribution.

    Args:
        value: The value of a measure.
        std: Standard error of the measure.
        level: Probability of the interval, in (0, 1).

    Example:
        >>> round(normal_interval(10.0, 1.0, 0.95).upper, 2)
        11.96
    """
    half = NormalDist().inv_cdf((1 + level) / 2) * std
    return Interval(std, value - half, value + half)
