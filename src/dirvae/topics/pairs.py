"""Which topics go together in documents, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dirvae.levels import LEVEL, in_percent
from dirvae.tables import ResultTable
from dirvae.topics.results import Result

__all__ = ["TopicPairs", "pairs_of"]

Floats = NDArray[np.float64]
DRAWS = 200
DOCUMENTS_AT_MOST = 20_000  # in a draw; of more a sample, and so intervals too wide rather than not


class _Ratios(NamedTuple):
    ratio: Floats
    lower: Floats
    upper: Floats


class TopicPairs(Result, _Ratios):
    r"""How often two topics occur in the same document, relative to what their sizes suggest.

    .. math:: R_{kj} = \frac{E[\theta_k \theta_j]}{E[\theta_k] E[\theta_j]} \cdot
              \frac{1 - \sum_l E[\theta_l]^2}{1 - \sum_l E[\theta_l^2]}

    Expectations are means over documents. The average of R over all pairs, weighted by their sizes,
    is 1. If R is 2, the two topics occur together twice as often as topics of their sizes do on
    average. R is not a correlation. Correlations of shares are biased downwards, because shares sum
    to 1. Correlations of log shares depend most on topics that are nearly absent from a document.

    Attributes:
        ratio: R, the median over draws, symmetric, NaN on the diagonal, shape (K, K).
        lower: Lower ends of the intervals, shape (K, K).
        upper: Upper ends of the intervals, shape (K, K).

    Example:
        >>> found = TopicPairs(*np.ones((3, 2, 2)))
        >>> list(found.to_frame())[:4]
        ['topic', 'other_topic', 'name', 'other_name']
    """

    _level = LEVEL

    def table(self) -> ResultTable:
        """A row for each pair; pairs whose intervals are farthest from 1 come first."""
        first, second = self._ordered()
        part, names = self._terms.part, self._names(len(self.ratio))
        columns: dict[str, Any] = {part: first, f"other_{part}": second}
        columns |= {"name": [names[k] for k in first], "other_name": [names[k] for k in second]}
        columns |= {name: values[first, second] for name, values in self._asdict().items()}
        return ResultTable(columns, frames=self._labels.frames if self._labels else None)

    def plot(self, n: int = 30) -> Any:
        """Return a figure of pairs with their intervals, the largest ratio first.

        Args:
            n: Largest number of pairs. The first pairs of the `table` are shown.
        """
        from dirvae.report.intervals import forest  # plotly, only where a figure is asked for

        first, second = (ids[:n] for ids in self._ordered())
        order = np.argsort(-self.ratio[first, second], kind="stable")
        first, second, names = first[order], second[order], self._names(len(self.ratio))
        pair = first, second
        ratio, lower, upper = self.ratio[pair], self.lower[pair], self.upper[pair]
        called = [f"{names[k]} + {names[j]}" for k, j in zip(first, second, strict=True)]
        title = f"times as often in the same {self._terms.row} as expected"
        return forest(ratio, lower, upper, called, x_title=title, reference=1)

    def _ordered(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The two topics of each pair, by how far from 1 the nearer end of its interval is."""
        first, second = np.triu_indices(len(self.ratio), 1)
        low, high = self.lower[first, second], self.upper[first, second]
        order = np.argsort(-np.maximum(np.log(low), -np.log(high)), kind="stable")
        return first[order], second[order]

    def _title(self) -> str:
        parts = self._terms.many(len(self.ratio), "part")
        level = in_percent(self._level)
        return f"Pairs of {parts} in the same {self._terms.row}s, {level} intervals"


def pairs_of(mean: Floats, shapes: Floats, *, level: float, seed: int) -> TopicPairs:
    """Ratios of pairs, by draws of documents with replacement and of their shares.

    Args:
        mean: Posterior means of shares, rows that sum to 1, shape (N, K).
        shapes: Of the gammas that shares are made of, as `TopicPosterior` has them, shape (N, K).
        level: Of the intervals, in (0, 1).
        seed: Of the draws.

    Example:
        >>> mean = np.array([[0.49, 0.49, 0.02], [0.02, 0.02, 0.96]] * 50)
        >>> found = pairs_of(mean, 100 * mean, level=0.9, seed=0)
        >>> bool(found.lower[0, 1] > 1 > found.upper[0, 2])
        True
    """
    rng, drawn = np.random.default_rng(seed), min(len(mean), DOCUMENTS_AT_MOST)
    ratios = []
    for _ in range(DRAWS):
        rows = rng.integers(len(mean), size=drawn)
        ratios.append(_ratio(_shares(mean[rows], shapes[rows], rng)))
    ends: Sequence[float] = ((1 - level) / 2, 0.5, (1 + level) / 2)
    lower, middle, upper = np.quantile(ratios, ends, axis=0)
    for values in (lower, middle, upper):
        np.fill_diagonal(values, np.nan)
    found = TopicPairs(middle, lower, upper)
    found._level = level
    return found


def _shares(mean: Floats, shapes: Floats, rng: np.random.Generator) -> Floats:
    """A draw of each row's shares, by logarithms of gammas, some of which would be 0."""
    log_gamma = (
        np.log(rng.standard_gamma(shapes + 1)) - rng.standard_exponential(shapes.shape) / shapes
    )
    found = log_gamma + np.log(mean / shapes)
    found = np.exp(found - found.max(1, keepdims=True))
    return found / found.sum(1, keepdims=True)


def _ratio(theta: Floats) -> Floats:
    mean, second = theta.mean(0), theta.T @ theta / len(theta)
    common = (1 - (mean**2).sum()) / max(1 - second.trace(), np.finfo(float).tiny)
    return second / np.outer(mean, mean) * common
