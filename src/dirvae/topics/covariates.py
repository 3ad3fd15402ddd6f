"""What is known of documents, as numbers: of numbers, dates and words, however they are given."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.sparse_matrix import sound_csr
from dirvae.estimators.labels import as_objects, categories_of, is_missing, levels_of

__all__ = ["Column", "Covariate", "as_numbers", "columns_of", "covariates_of", "names_of"]

Floats = NDArray[np.float64]
FAR = 1e3  # ranges from 0 at which single precision, in which models are trained, blurs a column
PLAIN = (1e-15, 1e15)  # ranges whose squares it holds
KINDS: dict[str, tuple[type, ...]] = {
    "numbers": (Real, Decimal),
    "dates": (date,),
    "durations": (timedelta,),
    "words": (str,),
}


class Column(NamedTuple):
    """A column as it is given.

    Attributes:
        name: Of the column.
        kind: "numbers", "dates", "durations" or "words".
        values: Shape (N,): numbers, days (of dates those since 1970, in UTC) or words.
        levels: Distinct words in their order; none of other kinds.
    """

    name: str
    kind: str
    values: NDArray[Any]
    levels: list[str]

    def numbers(self, first: int = 0) -> Floats:
        """The column, shape (N, 1); of words 0 or 1 for each level from a first one on."""
        if self.kind != "words":
            return self.values[:, None]
        levels = np.array(self.levels[first:], dtype=object)
        return (self.values[:, None] == levels).astype(np.float64)


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
    """

    name: str
    kind: str
    levels: list[str]
    origin: float
    unit: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.origin) and 0 < self.unit < math.inf):
            raise ValueError(f"{self.name} has no origin and unit, must have finite ones")


def names_of(columns: Iterable[Column | Covariate], first: int = 0) -> list[str]:
    """Names of columns as numbers: their own, or one for each level from a first one on.

    Example:
        >>> names_of(columns_of(["sea", "air", "sea"]))
        ['covariate0_air', 'covariate0_sea']
    """
    names: list[str] = []
    for column in columns:
        words = [f"{column.name}_{level}" for level in column.levels[first:]]
        names += words if column.kind == "words" else [column.name]
    return names


def columns_of(covariates: Any) -> list[Column]:
    """Read covariates; columns of words come last.

    Args:
        covariates: A frame of pandas or polars, a series, or an array or list of shape (N, C) or
            (N,). Booleans are 0 and 1. Levels of words are sorted, those of a category (an Enum of
            polars) in its own order, without such as no row has.

    Raises:
        ValueError: If a value is missing, infinite or of none of the four kinds, a column is of
            two kinds, or two columns have one name.

    Example:
        >>> [column.values.tolist() for column in columns_of([[1, "sea"], [2, "air"]])]
        [[1.0, 2.0], ['sea', 'air']]
    """
    columns = [_column(name, values) for name, values in _named(covariates)]
    if not columns or not len(columns[0].values):
        raise ValueError("covariates is empty, must have a row for each row of X")
    columns.sort(key=lambda column: column.kind == "words")
    _require_different([column.name for column in columns])
    _require_different(names_of(columns))
    return columns


def covariates_of(columns: Sequence[Column]) -> list[Covariate]:
    """Return what `as_numbers` needs to read columns of other rows as these.

    Raises:
        ValueError: If a column has a word of its own for each row.
    """
    for column in columns:
        if len(column.levels) == len(column.values) > 1:
            raise ValueError(
                f"covariates has another word in each row of column {column.name!r}, must have "
                "words that repeat: leave it out, or give dates and numbers as such"
            )
    return [Covariate(c.name, c.kind, c.levels, *_origin_and_unit(c)) for c in columns]


def as_numbers(columns: Sequence[Column], known: Sequence[Covariate]) -> Floats:
    """Return columns as a model was fitted to them, shape (N, C), with all levels of words.

    Args:
        columns: In any order.
        known: Those that the model was fitted to.

    Raises:
        ValueError: If columns, kinds or levels are not those of ``known``.

    Example:
        >>> known = covariates_of(columns_of(["sea", "air", "sea"]))
        >>> as_numbers(columns_of(["sea"]), known).tolist()
        [[0.0, 1.0]]
    """
    given, names = {c.name: c for c in columns}, [c.name for c in known]
    new, gone = [n for n in given if n not in names], [n for n in names if n not in given]
    if new or gone:
        raise ValueError(
            f"covariates has columns that fit did not see, {new}, or lacks some, {gone}; must have "
            f"those of fit: {names}"
        )
    # By column, as frames are: sums in single precision depend on the order in memory.
    return np.asfortranarray(np.hstack([_as_before(given[c.name], c) for c in known]))


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
            f"covariates has levels that fit did not see, {names}; must have in column "
            f"{known.name!r} some of {known.levels}"
        )
    return (column._replace(levels=known.levels).numbers() - known.origin) / known.unit


def _origin_and_unit(column: Column) -> tuple[float, float]:
    if column.kind == "words":
        return 0.0, 1.0
    mean, width = float(column.values.mean()), float(np.ptp(column.values))
    plain = abs(mean) <= FAR * width and PLAIN[0] < width < PLAIN[1]
    return (0.0, 1.0) if plain else (mean, width or 1.0)


def _require_different(names: list[str]) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"covariates has two columns named {name!r}: rename one of them")


# --- reading --------------------------------------------------------------------------------------


def _named(covariates: Any) -> Iterator[tuple[str, Any]]:
    """Columns with their names."""
    if hasattr(covariates, "iter_columns"):  # of polars
        yield from ((series.name, series) for series in covariates.iter_columns())
    elif hasattr(covariates, "iloc") and hasattr(covariates, "columns"):  # of pandas
        yield from ((str(name), series) for name, series in covariates.items())
    else:
        name = getattr(covariates, "name", None)
        for place, values in enumerate(_unnamed(covariates)):
            yield f"covariate{place}" if name in (None, "") else str(name), values


def _unnamed(covariates: Any) -> Any:
    """Columns of what has no names for them."""
    if sparse.issparse(covariates):
        covariates = sound_csr("covariates", covariates).toarray()
    if isinstance(covariates, np.ma.MaskedArray):
        covariates = covariates.tolist()  # with None where it is masked
    if isinstance(covariates, list | tuple):
        rows = [row if isinstance(row, list | tuple | np.ndarray) else [row] for row in covariates]
        lengths = {len(row) for row in rows}
        if len(lengths) > 1:
            raise ValueError(
                f"covariates has rows of {min(lengths)} to {max(lengths)} values, must have C in "
                "each"
            )
        return [list(column) for column in zip(*rows, strict=True)]
    shape = np.shape(covariates)
    if len(shape) not in (1, 2):
        raise ValueError(
            f"covariates is a {type(covariates).__name__} of shape {tuple(shape)}, must be (N, C) "
            "or (N,), or a data frame"
        )
    return [covariates] if len(shape) == 1 else np.asarray(covariates).T


def _column(name: str, given: Any) -> Column:
    kind, values = _kind_and_values(name, given)
    if kind == "words":
        categories = categories_of(given)
        order = None if categories is None else [str(category) for category in categories]
        return Column(name, kind, values, levels_of(values, order))
    _require_known(name, np.isnan(values))
    if np.isinf(values).any():
        raise ValueError(
            f"covariates is infinite in column {name!r}, must be complete, with finite values only"
        )
    return Column(name, kind, values, [])


def _kind_and_values(name: str, given: Any) -> tuple[str, NDArray[Any]]:
    if categories_of(given) is not None:
        values = as_objects(given)
        _require_known(name, [is_missing(value) for value in values])
        return "words", as_objects([str(value) for value in values])
    values = as_objects(given) if isinstance(given, list | tuple) else np.asarray(given)
    if values.dtype.kind == "U":
        values = _maybe_numbers(values)
    if values.dtype.kind not in "biufMm":
        values = as_objects(values)
        _require_known(name, [is_missing(value) for value in values])
        values = _of_one_kind(name, values)
    if values.dtype.kind == "M":
        return "dates", _days(values - np.datetime64(0, "s"))
    if values.dtype.kind == "m":
        return "durations", _days(values)
    return ("words", values) if values.dtype == object else ("numbers", values.astype(np.float64))


def _days(durations: NDArray[Any]) -> Floats:
    return np.asarray(durations / np.timedelta64(1, "D"), dtype=np.float64)


def _maybe_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers, where an array of words has no others: it cannot say what they were."""
    try:
        return values.astype(np.float64)
    except ValueError:
        return values.astype(object)


def _of_one_kind(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Objects as an array of their kind; words stay objects."""
    kinds = sorted({_kind(name, value) for value in values})
    if len(kinds) > 1:
        raise ValueError(
            f"covariates has {kinds[0]} and {kinds[1]} in column {name!r}, must be of one kind"
        )
    if kinds == ["numbers"]:
        return np.array([float(value) for value in values])
    if kinds == ["dates"]:
        return np.array([_without_zone(value) for value in values], dtype="datetime64[us]")
    if kinds == ["durations"]:
        return np.array(values.tolist(), dtype="timedelta64[us]")
    return values


def _kind(name: str, value: Any) -> str:
    for kind, types in KINDS.items():
        if isinstance(value, types):
            return kind
    raise ValueError(
        f"covariates has {value!r} in column {name!r}, must have numbers, booleans, dates or words"
    )


def _without_zone(value: Any) -> Any:
    zoned = getattr(value, "tzinfo", None) is not None
    return value.astimezone(UTC).replace(tzinfo=None) if zoned else value


def _require_known(name: str, missing: Any) -> None:
    if np.any(missing):
        raise ValueError(
            f"covariates has missing values in column {name!r}, must be complete, with finite "
            f"values only (row {int(np.argmax(missing))}): fill them or leave those documents out"
        )
