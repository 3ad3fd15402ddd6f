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
    """Standard deviation of measures over draws of rows, as many as there are, with replacement.

    Args:
        measures: From places of rows to the measures of these rows, by name.
        num_rows: N.
        num_draws: Two or more; None for 200, or fewer of more than 10,000 rows, but 50.
        seed: Of the draws.

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
    """Of a measure: its standard error and the ends of an interval around it.

    Attributes:
        std: Standard error.
        lower: Lower end.
        upper: Upper end.
    """

    std: float
    lower: float
    upper: float


def normal_interval(value: float, std: float, level: float) -> Interval:
    """Interval around a value by the normal distribution.

    Args:
        value: The measure.
        std: Its standard error.
        level: In (0, 1).

    Example:
        >>> round(normal_interval(10.0, 1.0, 0.95).upper, 2)
        11.96
    """
    half = NormalDist().inv_cdf((1 + level) / 2) * std
    return Interval(std, value - half, value + half)
