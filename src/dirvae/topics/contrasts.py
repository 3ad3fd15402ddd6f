"""One number of each document or topic, with its interval: shares together, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from dirvae.levels import LEVEL, in_percent
from dirvae.tables import ResultTable
from dirvae.topics.results import Labels, Result

__all__ = ["Contrast"]

Floats = NDArray[np.float64]


class _Estimates(NamedTuple):
    estimate: Floats
    std_error: Floats
    lower: Floats
    upper: Floats


class Contrast(Result, _Estimates):
    """A share, or a difference of shares, of each of N documents or K topics.

    Attributes:
        estimate: The shares or differences, shape (N,) or (K,).
        std_error: Standard errors, in the same shape. For documents, posterior standard deviations.
        lower: Lower ends of the intervals.
        upper: Upper ends of the intervals.

    Example:
        >>> Contrast(*np.ones((4, 3))).estimate
        array([1., 1., 1.])
    """

    _kind = "row"
    _rows: Sequence[Any] = ()
    _level = LEVEL

    def of(self, kind: str, rows: Sequence[Any], labels: Labels | None, level: float) -> Self:
        """Take what the rows are, "row" (a document) or "part" (a topic), and what is said.

        :meta private:
        """
        self._kind, self._rows, self._labels, self._level = kind, rows, labels, level
        return self

    def table(self) -> ResultTable:
        """A row for each document or topic."""
        rows = {self._terms.row: self._rows}
        if self._kind == "part":
            rows = {self._terms.part: range(len(self._rows)), "name": self._rows}
        frames = self._labels.frames if self._labels else None
        return ResultTable({**rows, **self._asdict()}, frames=frames)

    def plot(self, n: int = 50) -> Any:
        """Return a figure of the estimates with their intervals, the largest first.

        Args:
            n: Largest number of rows. The rows with estimates farthest from 0 are shown.
        """
        from dirvae.report.intervals import forest  # plotly, only where a figure is asked for

        far = np.argsort(-np.abs(self.estimate), kind="stable")[:n]
        order = far[np.argsort(-self.estimate[far], kind="stable")]
        estimate, lower, upper = self.estimate[order], self.lower[order], self.upper[order]
        names = [self._rows[row] for row in order]
        of_rows = f"share of the {self._terms.row}"
        title = of_rows if self._kind == "row" else "difference of shares"
        return forest(estimate, lower, upper, names, x_title=title, reference=0)

    def _title(self) -> str:
        shares = f"Share of {self._terms.part}s in"
        what = shares if self._kind == "row" else "Difference of shares of"
        rows = self._terms.many(len(self._rows), self._kind)
        return f"{what} {rows}, {in_percent(self._level)} intervals"
