"""Smooth curves over time or another number: splines as covariates, and topics along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dirvae.levels import LEVEL, in_percent, require_level
from dirvae.tables import ResultTable
from dirvae.topics.columns import columns_of
from dirvae.topics.results import Result, require_places

__all__ = ["Trends", "knots_of", "spline_basis", "trends_of"]

Floats = NDArray[np.float64]
KNOTS = 5
PLACES = 50  # along a curve
DRAWS = 30


class _Curves(NamedTuple):
    at: list[Any]
    share: Floats
    std_error: Floats
    lower: Floats
    upper: Floats


class Trends(Result, _Curves):
    """The share of each topic as a smooth curve over time, or over another number.

    Attributes:
        at: Points along the curve: T numbers or dates.
        share: Expected proportion of each topic at each point, shape (T, K).
        std_error: Standard errors, shape (T, K).
        lower: Lower ends of the intervals, each for one point alone, shape (T, K).
        upper: Upper ends of the intervals, shape (T, K).

    Example:
        >>> found = Trends([2001, 2002], *np.ones((4, 2, 1)))
        >>> found.to_frame()["at"].tolist()
        [2001, 2002]
    """

    _level = LEVEL

    def table(self) -> ResultTable:
        """A row for each point of the curve and each topic."""
        _, *values = self._fields
        return self._long({"at": self.at}, {name: getattr(self, name) for name in values})

    def plot(self, topics: Sequence[int] | None = None) -> Any:
        """Return a figure of curves with their bands.

        Args:
            topics: The topics to draw. If None, the six whose curves have the largest range.

        Raises:
            ValueError: If there is no such topic.
        """
        from dirvae.report.intervals import bands  # plotly, only where a figure is asked for

        names = self._names(self.share.shape[1])
        require_places("topics", topics, len(names))
        most = np.argsort(-np.ptp(self.share, axis=0), kind="stable")[:6].tolist()
        chosen = most if topics is None else list(topics)
        parts = [values[:, chosen] for values in (self.share, self.lower, self.upper)]
        share, lower, upper = parts
        shown = [names[k] for k in chosen]
        return bands(
            self.at, share, lower, upper, shown, y_title=f"share of the {self._terms.row}s"
        )

    def _title(self) -> str:
        parts = self._terms.many(self.share.shape[1], "part")
        return f"Curves of {parts}, {in_percent(self._level)} intervals"


def knots_of(values: Floats) -> list[float]:
    """Five knots at quantiles of the values, fewer where these are few.

    Raises:
        ValueError: If all values are the same.

    Example:
        >>> knots_of(np.arange(9.0))
        [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    found = np.unique(np.quantile(values, np.linspace(0, 1, KNOTS))).tolist()
    if len(found) < 2:
        raise ValueError(f"a curve needs two different values or more, but all are {found[0]:g}")
    return [float(knot) for knot in found]


def spline_basis(values: Floats, knots: Sequence[float]) -> Floats:
    """Cubic B-splines but the last, shape (N, number of knots + 1); constant outside the knots.

    Args:
        values: Shape (N,).
        knots: Two or more, rising.

    Example:
        >>> spline_basis(np.array([0.0, 1.0]), [0.0, 1.0]).round(2).tolist()
        [[0.17, 0.67, 0.17], [0.0, 0.17, 0.67]]
    """
    from sklearn.preprocessing import SplineTransformer

    places = np.asarray(knots, dtype=np.float64)[:, None]
    spline = SplineTransformer(knots=places, include_bias=False, extrapolation="constant")
    basis: Floats = spline.fit(places).transform(np.asarray(values, dtype=np.float64)[:, None])
    return basis


def trends_of(
    concentration: Floats,
    time: Any,
    *,
    mean: Floats | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Trends:
    """Regress proportions on a spline of time, with what is not known of them in the errors.

    As `topics.effects.effects_of`, with errors that hold where spread changes over time
    (White 1980).

    Args:
        concentration: Of the posteriors, shape (N, K).
        time: N numbers or dates.
        mean: Of the posteriors, shape (N, K), where they are no Dirichlets.
        level: Of the intervals, in (0, 1).
        seed: Of the draws.

    Raises:
        ValueError: If an argument is out of range, or there are not more rows than coefficients.

    Example:
        >>> years = np.arange(40) % 10
        >>> concentration = np.column_stack([1 + years, 10.0 - years])
        >>> found = trends_of(concentration, years)
        >>> bool(found.share[0, 0] < 0.2), bool(found.share[-1, 0] > 0.8)
        (True, True)
    """
    require_level(level)
    columns = columns_of(time, len(concentration))
    if len(columns) > 1 or columns[0].kind == "words":
        raise ValueError("time must be one column of numbers or dates")
    values = columns[0].values.astype(np.float64)
    knots = knots_of(values)
    design = np.column_stack([np.ones(len(values)), spline_basis(values, knots)])
    if len(values) <= design.shape[1]:
        raise ValueError(f"time has {len(values)} rows, must have more than {design.shape[1]}")
    places = np.linspace(values.min(), values.max(), PLACES)
    along = np.column_stack([np.ones(PLACES), spline_basis(places, knots)])
    weights = along @ np.linalg.pinv(design)  # of each document in each place
    share, error = _averaged(weights, design, concentration, mean, seed)
    half = stats.norm.ppf((1 + level) / 2) * error
    at = _as_given(places, columns[0].kind)
    found = Trends(at, share, error, share - half, share + half)
    found._level = level
    return found


def _averaged(
    weights: Floats, design: Floats, concentration: Floats, mean: Floats | None, seed: int
) -> tuple[Floats, Floats]:
    """Curves and their errors, within and between draws of the proportions (Rubin's rule)."""
    scale = np.ones_like(concentration) if mean is None else mean / concentration
    rng, found, within = np.random.default_rng(seed), [], []
    freedom = len(design) / (len(design) - design.shape[1])
    project = np.linalg.pinv(design)
    for _ in range(DRAWS):
        gamma = rng.standard_gamma(concentration) * scale + np.finfo(float).tiny
        theta = gamma / gamma.sum(1, keepdims=True)
        residual = theta - design @ (project @ theta)
        found.append(weights @ theta)
        within.append(freedom * (weights**2 @ residual**2))
    between = np.var(found, 0, ddof=1)
    return np.mean(found, 0), np.sqrt(np.mean(within, 0) + (1 + 1 / DRAWS) * between)


def _as_given(places: Floats, kind: str) -> list[Any]:
    if kind != "dates":
        return [float(place) for place in places]
    start = np.datetime64(0, "s")
    return [(start + np.timedelta64(round(86400 * place), "s")).item() for place in places]
