"""How topics go with what is known of documents: effects of covariates, shares over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import solve_triangular

from dirvae.alignment import is_missing
from dirvae.estimators.labels import as_objects, categories_of, levels_of
from dirvae.levels import LEVEL, in_percent, require_level
from dirvae.tables import ResultTable
from dirvae.topics.columns import Column, columns_of, names_of
from dirvae.topics.contrasts import Contrast
from dirvae.topics.results import Result, require_places

__all__ = ["Coefficient", "Effects", "Shares", "effects_of", "shares_of"]

Floats = NDArray[np.float64]
DRAWS = 30
LINES = 6  # in one figure, that can be told apart
MOST_NAMED = 4  # columns in one sentence
INDEPENDENT = 1e-9  # share of a column, at least, that does not follow from those before it


class Coefficient(NamedTuple):
    """What one effect describes.

    Attributes:
        covariate: Name of the column.
        kind: As in `topics.columns.Column`, or "intercept".
        level: For a column of words, the word that the effect describes; else None.
        reference: For a column of words, the word that ``level`` is compared with; else None.

    Example:
        >>> str(Coefficient("diet", "words", "swap", "home"))
        'diet: swap, not home'
    """

    covariate: str
    kind: str
    level: str | None = None
    reference: str | None = None

    def __str__(self) -> str:
        """A text for readers, such as "diet: swap, not home"."""
        if self.level is None:
            return self.covariate
        return f"{self.covariate}: {self.level}, not {self.reference}"


class _Coefficients(NamedTuple):
    names: list[str]
    effect: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    coefficients: list[Coefficient]


class Effects(Result, _Coefficients):
    """Linear effects of covariates on the proportion of each topic.

    Attributes:
        names: "intercept", and after it the names of the C effects. A column of words has one name
            for each level but the reference, with which the others are compared. The reference is
            the first level: of a categorical column in the order of its categories, otherwise in
            alphabetical order.
        effect: Change of the proportion per unit of the covariate, shape (1 + C, K). The unit of
            dates and durations is a day.
        std_error: Standard errors, shape (1 + C, K).
        lower: Lower ends of the intervals, shape (1 + C, K).
        upper: Upper ends of the intervals, shape (1 + C, K).
        coefficients: What each effect describes, with its level and its reference, length 1 + C.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = effects_of(rng.random((30, 2)) + 1, {"age": rng.random(30)})
        >>> found.names, found.effect.shape
        (['intercept', 'age'], (2, 2))
    """

    _level = LEVEL

    def table(self) -> ResultTable:
        """A row for each covariate and topic; only words have a ``reference``."""
        rows = {
            "covariate": self.names,
            "reference": [of.reference or "" for of in self.coefficients],
        }
        values = ("effect", "std_error", "lower", "upper")
        return self._long(rows, {name: getattr(self, name) for name in values})

    def plot(self, covariate: str | None = None) -> Any:
        """Return a figure of one covariate's effects on all topics with their intervals.

        Args:
            covariate: One of ``names``; None for the first after the intercept.

        Raises:
            ValueError: If there is no such covariate.
        """
        from dirvae.report.intervals import forest  # plotly, only where a figure is asked for

        name = self.names[1] if covariate is None else covariate
        if name not in self.names:
            raise ValueError(f"covariate is {name!r}, must be one of {self.names}")
        row = self.names.index(name)
        effect, lower, upper = self.effect[row], self.lower[row], self.upper[row]
        told = name if self.coefficients[row].level is None else str(self.coefficients[row])
        topics, title = self._names(self.effect.shape[1]), f"effect of {told} on the share"
        return forest(effect, lower, upper, topics, x_title=title, reference=0)

    def _title(self) -> str:
        count, size = self.effect.shape
        covariates = f"{count - 1} covariate{'' if count == 2 else 's'}"
        parts = self._terms.many(size, "part")
        return f"Effects of {covariates} on {parts}, {in_percent(self._level)} intervals"


class _GroupMeans(NamedTuple):
    groups: list[Any]
    documents: NDArray[np.int64]
    share: Floats
    std_error: Floats


class Shares(Result, _GroupMeans):
    """Share of each topic in each group of documents, such as the documents of one year.

    Attributes:
        groups: The G distinct values, sorted; categories keep their own order.
        documents: Number of documents in each group, shape (G,).
        share: Mean proportions of the topics, shape (G, K).
        std_error: Standard errors, shape (G, K); NaN for groups of one document.

    Example:
        >>> found = shares_of(np.array([[1.0, 0.0], [0.0, 1.0]]), [2001, 2000])
        >>> list(found.to_frame())
        ['group', 'documents', 'topic', 'name', 'share', 'std_error']
    """

    def difference(self, first: Any, second: Any, *, level: float = LEVEL) -> Contrast:
        """Difference of the share of each topic between two groups, with intervals.

        The intervals include the variation between documents. The groups are treated as
        independent.

        Args:
            first: One of ``groups``.
            second: Another group, whose share is subtracted.
            level: Probability of the intervals, in (0, 1).

        Raises:
            ValueError: If an argument is out of range, or a group has only one document.

        Example:
            >>> theta = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]])
            >>> shares_of(theta, ["a", "a", "b", "b"]).difference("a", "b").estimate.round(2)
            array([ 0.5, -0.5])
        """
        require_level(level)
        for name, group in (("first", first), ("second", second)):
            if group not in self.groups:
                raise ValueError(f"{name} is {group!r}, must be one of {self.groups}")
        one, other = self.groups.index(first), self.groups.index(second)
        if one == other or min(self.documents[[one, other]]) < 2:
            raise ValueError("first and second must be two groups of two documents or more")
        estimate = self.share[one] - self.share[other]
        error = np.hypot(self.std_error[one], self.std_error[other])
        half = stats.norm.ppf((1 + level) / 2) * error
        found = Contrast(estimate, error, estimate - half, estimate + half)
        return found.of("part", self._names(len(estimate)), self._labels, level)

    def table(self) -> ResultTable:
        """A row for each group and topic."""
        rows = {"group": self.groups, f"{self._terms.row}s": self.documents.tolist()}
        return self._long(rows, {"share": self.share, "std_error": self.std_error})

    def plot(self, topics: Sequence[int] | None = None) -> Any:
        """Return a figure: lines with 90 % bands if groups are numbers or dates; else a heat map.

        Args:
            topics: The topics to draw. If None, the six largest as lines, or all in a heat map.

        Raises:
            ValueError: If there is no such topic.
        """
        from dirvae.report.figures import heatmap  # plotly, only where a figure is asked for
        from dirvae.report.intervals import bands

        names, size = self._names(self.share.shape[1]), self.share.shape[1]
        require_places("topics", topics, size)
        if not all(map(_is_place, self.groups)):
            chosen = list(range(size)) if topics is None else list(topics)
            shown = [names[k] for k in chosen]
            axes = {"x_title": self._terms.part, "y_title": "group"}
            return heatmap(self.share[:, chosen], self.groups, shown, **axes)
        largest = np.argsort(-self.share.mean(0), kind="stable")[:LINES]
        chosen = largest.tolist() if topics is None else list(topics)
        share = self.share[:, chosen]
        half = stats.norm.ppf((1 + LEVEL) / 2) * self.std_error[:, chosen]
        axes = {"x_title": "group", "y_title": f"share of the {self._terms.row}s"}
        shown = [names[k] for k in chosen]
        return bands(self.groups, share, share - half, share + half, shown, **axes)

    def _title(self) -> str:
        count, size = self.share.shape
        return f"Shares of {self._terms.many(size, 'part')} in {count} groups of {self._terms.row}s"


def effects_of(
    concentration: Floats,
    covariates: Any,
    *,
    mean: Floats | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Effects:
    """Regress proportions on covariates. Standard errors include how unsure the proportions are.

    Thirty times, theta is drawn from its posterior and regressed by least squares. The variances
    within and between draws are added (Rubin's rule).

    Args:
        concentration: Concentrations of the posteriors, shape (N, K).
        covariates: A data frame or an array, as `topics.columns.columns_of` takes.
        mean: Means of the posteriors, shape (N, K). It is needed if the posteriors are not
            Dirichlets: see `TopicPosterior`.
        level: Level of the intervals, in (0, 1).
        seed: Seed of the draws.

    Raises:
        ValueError: If ``level`` is out of range, there are not more rows than coefficients, or
            a covariate follows from others; the message says which.

    References:
        Roberts et al. 2014, sec. 3.3; Rubin 1987.

    Example:
        >>> concentration = np.array([[9.0, 1.0], [8.0, 2.0], [1.0, 9.0], [2.0, 8.0]])
        >>> found = effects_of(concentration, [[0.0], [0.0], [1.0], [1.0]])
        >>> bool(found.effect[1, 0] < -0.5), found.names
        (True, ['intercept', 'covariate0'])
    """
    require_level(level)
    columns = columns_of(covariates)
    names = names_of(columns, 1)
    values = np.hstack([column.numbers(1) for column in columns])
    num_rows, num_columns = len(values), 1 + len(names)
    if num_rows != len(concentration) or num_rows <= num_columns:
        raise ValueError(
            f"covariates has {num_rows} rows, must be the {len(concentration)} of X and more than "
            f"the {num_columns} coefficients"
        )
    _require_change(columns)
    basis, coefficients_of = _least_squares(names, values)
    scale = np.ones_like(concentration) if mean is None else mean / concentration
    rng, found, within = np.random.default_rng(seed), [], []
    for _ in range(DRAWS):
        gamma = rng.standard_gamma(concentration) * scale + np.finfo(float).tiny
        theta = gamma / gamma.sum(1, keepdims=True)
        projection = basis.T @ theta
        residual = ((theta - basis @ projection) ** 2).sum(0) / (num_rows - num_columns)
        found.append(coefficients_of @ projection)
        within.append((coefficients_of**2).sum(1)[:, None] * residual)
    effect = np.mean(found, 0)
    error = np.sqrt(np.mean(within, 0) + (1 + 1 / DRAWS) * np.var(found, 0, ddof=1))
    half = stats.norm.ppf((1 + level) / 2) * error
    of = [Coefficient("intercept", "intercept"), *_coefficients(columns)]
    result = Effects(["intercept", *names], effect, error, effect - half, effect + half, of)
    result._level = level
    return result


def _coefficients(columns: Sequence[Column]) -> Iterator[Coefficient]:
    for column in columns:
        if column.kind != "words":
            yield Coefficient(column.name, column.kind)
        for level in column.levels[1:]:
            yield Coefficient(column.name, column.kind, level, column.levels[0])


def _require_change(columns: Sequence[Column]) -> None:
    for column in columns:
        if not (np.ptp(column.values) if not column.levels else len(column.levels) > 1):
            raise ValueError(
                "covariates has columns that are determined by the others: "
                f"{column.name!r} is the same in every row; leave it out"
            )


def _least_squares(names: list[str], values: Floats) -> tuple[Floats, Floats]:
    """An orthonormal basis of intercept and covariates, and its coefficients in their units.

    Columns are centred and scaled, so that neither dates nor powers of a year look like each other.
    """
    center = values.mean(0)
    unit = np.abs(values - center).max(0)
    basis, triangle = np.linalg.qr(
        np.column_stack([np.ones(len(values)), (values - center) / unit])
    )
    _require_independent(names, triangle)
    inverse = solve_triangular(triangle, np.eye(len(triangle)))
    inverse[1:] /= unit[:, None]
    inverse[0] -= center @ inverse[1:]
    return basis, inverse


def _require_independent(names: list[str], triangle: Floats) -> None:
    """Raise ValueError for the first column that follows from those before it."""
    left = np.abs(np.diag(triangle)) / np.linalg.norm(triangle, axis=0)
    if (left > INDEPENDENT).all():
        return
    place = int((left <= INDEPENDENT).argmax())
    share = solve_triangular(triangle[:place, :place], triangle[:place, place])[1:]
    others = [repr(name) for name, part in zip(names, share, strict=False) if abs(part) > 1e-6]
    if len(others) > MOST_NAMED:
        others[MOST_NAMED - 1 :] = [f"{len(others) - MOST_NAMED + 1} others"]
    raise ValueError(
        f"covariates has columns that are determined by the others: {names[place - 1]!r} is "
        f"determined by {' and '.join(others)}; leave one of them out"
    )


def shares_of(theta: Floats, groups: Sequence[Any]) -> Shares:
    """Mean proportions of the documents of each group.

    Args:
        theta: Shape (N, K).
        groups: A value for each document, length N; one that is None, NaN, NA, NaT or an empty
            text is in no group.

    Raises:
        ValueError: If the lengths differ, every value is missing, or values cannot be sorted.

    Example:
        >>> shares_of(np.array([[1.0, 0.0], [0.0, 1.0]]), [2001, 2000]).groups
        [2000, 2001]
    """
    shape = np.shape(groups)
    if shape != (len(theta),):
        raise ValueError(f"groups has shape {shape}, must have a value for each row")
    values = as_objects(groups)
    known = np.array([not (is_missing(value) or value == "") for value in values], dtype=bool)
    if not known.any():
        raise ValueError("groups is missing in every row, must name one group or more")
    levels = _groups(values[known], categories_of(groups))
    place = {group: row for row, group in enumerate(levels)}
    rows = np.array([place[value] for value in values[known]])
    parts = [theta[known][rows == row] for row in range(len(levels))]
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = [
            part.std(0, ddof=1) / np.sqrt(len(part))
            if len(part) > 1
            else np.full(part.shape[1], np.nan)
            for part in parts
        ]
    return Shares(
        levels,
        np.array([len(part) for part in parts]),
        np.stack([part.mean(0) for part in parts]),
        np.stack(errors),
    )


def _is_place(group: Any) -> bool:
    """Whether a group is a number, a date or a duration, which has its place on an axis."""
    return isinstance(group, Number | date | timedelta) and not isinstance(group, bool)


def _groups(values: NDArray[np.object_], categories: list[Any] | None) -> list[Any]:
    try:
        return levels_of(values, categories)
    except TypeError as error:
        raise ValueError(
            "groups cannot be sorted, must be of one kind: numbers, words or dates"
        ) from error
