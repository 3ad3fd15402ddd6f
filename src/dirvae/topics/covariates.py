"""What is known of documents, as numbers, and read alike ever after."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.text import some_of
from dirvae.topics.columns import Column, columns_of, names_of
from dirvae.topics.curves import knots_of, spline_basis

__all__ = [
    "Covariate",
    "as_numbers",
    "covariates_of",
    "names_of_numbers",
    "own_numbers",
    "warn_of_the_mean",
]

Floats = NDArray[np.float64]
FAR = 1e3  # ranges from 0 at which single precision, in which models are trained, blurs a column
PLAIN = (1e-15, 1e15)  # ranges whose squares it holds


@dataclass(frozen=True)
class Covariate:
    """What a column was when a model was fitted, so that it is read alike ever after.

    Attributes:
        name: Of the column.
        kind: As in `Column`.
        levels: As in `Column`.
        origin: From which its numbers are counted: 0, or their mean where single precision would
            not hold them.
        unit: In which they are counted: 1, or their range, likewise.
        knots: Of the spline whose columns stand for it; none where its effect is linear.
    """

    name: str
    kind: str
    levels: list[str]
    origin: float
    unit: float
    knots: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.origin) and 0 < self.unit < math.inf):
            raise ValueError(f"{self.name} has no origin and unit, must have finite ones")
        if self.knots and not (np.isfinite(self.knots).all() and (np.diff(self.knots) > 0).all()):
            raise ValueError(f"{self.name} has knots {self.knots}, must have rising ones")


def covariates_of(columns: Sequence[Column], smooth: Sequence[str] = ()) -> list[Covariate]:
    """Return what `as_numbers` needs to read columns of other rows as these.

    Args:
        columns: As they are given.
        smooth: Names of those of numbers or dates whose effect is a smooth curve.

    Raises:
        ValueError: If a column has a word of its own for each row, or one that is to be smooth is
            not there or has words.
    """
    _require_curves(columns, smooth)
    for column in columns:
        if len(column.levels) == len(column.values) > 1:
            raise ValueError(
                f"covariates has a different word in each row of column {column.name!r}, must have "
                "words that repeat: leave it out, or give dates or numbers"
            )
    return [
        Covariate(c.name, c.kind, c.levels, 0.0, 1.0, knots_of(c.values))
        if c.name in smooth
        else Covariate(c.name, c.kind, c.levels, *_origin_and_unit(c))
        for c in columns
    ]


def names_of_numbers(known: Sequence[Covariate]) -> list[str]:
    """Names of what `as_numbers` returns: a level of words each, and columns of splines.

    Example:
        >>> names_of_numbers([Covariate("year", "numbers", [], 0.0, 1.0, [2000.0, 2010.0])])
        ['year_spline0', 'year_spline1', 'year_spline2']
    """
    return [
        name
        for covariate in known
        for name in (
            [f"{covariate.name}_spline{place}" for place in range(len(covariate.knots) + 1)]
            if covariate.knots
            else names_of([covariate])
        )
    ]


def as_numbers(columns: Sequence[Column], known: Sequence[Covariate]) -> Floats:
    """Return columns as a model was fitted to them, shape (N, C), with all levels of words.

    Args:
        columns: In any order.
        known: Those that the model was fitted to.

    Raises:
        ValueError: If columns, kinds or levels are not those of ``known``.

    Example:
        >>> from dirvae.topics.columns import columns_of
        >>> known = covariates_of(columns_of(["sea", "air", "sea"]))
        >>> as_numbers(columns_of(["sea"]), known).tolist()
        [[0.0, 1.0]]
    """
    given, names = {c.name: c for c in columns}, [c.name for c in known]
    new, gone = [n for n in given if n not in names], [n for n in names if n not in given]
    if new or gone:
        raise ValueError(
            f"covariates has new columns, {new}, or lacks columns, {gone}; must have "
            f"those of fit: {names}"
        )
    # By column, as frames are: sums in single precision depend on the order in memory.
    return np.asfortranarray(np.hstack([_as_before(given[c.name], c) for c in known]))


def own_numbers(
    covariates: Any, known: Sequence[Covariate], num_rows: int, row: str
) -> Floats | None:
    """What a model was fitted to, among the covariates given, as `as_numbers`.

    Args:
        covariates: As in `topics.columns.columns_of`, with others perhaps; None for none.
        known: Those that the model was fitted to; none if it was fitted without.
        num_rows: N.
        row: What a row is called.

    Returns:
        None, with a warning, where some are not given; None of a model without.

    Raises:
        ValueError: If kinds or levels are not those of ``known``.
    """
    columns = [] if covariates is None else columns_of(covariates, num_rows)
    names = {covariate.name for covariate in known}
    own = [column for column in columns if column.name in names]
    if not known or len(own) < len(known):
        if known:
            warn_of_the_mean(known, row)
        return None
    return as_numbers(own, known)


def warn_of_the_mean(known: Sequence[Covariate], row: str) -> None:
    """Warn that a model that was fitted with covariates is asked without."""
    names = some_of(repr(covariate.name) for covariate in known)
    warnings.warn(
        f"the model was fitted with covariates ({names}), but is used without them: the prior of "
        f"each {row} is the one at their mean",
        stacklevel=5,
    )


def _as_before(column: Column, known: Covariate) -> Floats:
    if column.kind != known.kind:
        raise ValueError(
            f"covariates has {column.kind} in column {known.name!r}, must have {known.kind}, as in "
            "fit"
        )
    new = [level for level in column.levels if level not in known.levels]
    if new:
        names = names_of([column._replace(levels=new)])
        raise ValueError(
            f"covariates has levels that were not in fit, {names}; must have in column "
            f"{known.name!r} some of {known.levels}"
        )
    if known.knots:
        return spline_basis(column.values, known.knots)
    return (column._replace(levels=known.levels).numbers() - known.origin) / known.unit


def _require_curves(columns: Sequence[Column], smooth: Sequence[str]) -> None:
    kinds = {column.name: column.kind for column in columns}
    if isinstance(smooth, str):
        raise ValueError(f"smooth is {smooth!r}, must be a list of names: [{smooth!r}]")
    for name in smooth:
        if name not in kinds:
            raise ValueError(f"smooth names {name!r}, must be some of the covariates {[*kinds]}")
        if kinds[name] == "words":
            raise ValueError(f"smooth names {name!r}, which has words, must be numbers or dates")


def _origin_and_unit(column: Column) -> tuple[float, float]:
    if column.kind == "words":
        return 0.0, 1.0
    mean, width = float(column.values.mean()), float(np.ptp(column.values))
    plain = abs(mean) <= FAR * width and PLAIN[0] < width < PLAIN[1]
    return (0.0, 1.0) if plain else (mean, width or 1.0)
