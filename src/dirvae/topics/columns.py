"""Columns of numbers, dates and words, however they are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.alignment import is_missing
from dirvae.data.sparse_matrix import sound_csr
from dirvae.estimators.labels import as_objects, categories_of, levels_of

__all__ = ["Column", "columns_of", "names_of"]

Floats = NDArray[np.float64]
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


class Named(Protocol):
    """A column, or what is known of one."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def levels(self) -> list[str]: ...


def names_of(columns: Iterable[Named], first: int = 0) -> list[str]:
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


def columns_of(covariates: Any, num_rows: int | None = None) -> list[Column]:
    """Read covariates; columns of words come last.

    Args:
        covariates: A pandas or polars DataFrame, a series, a mapping from names to columns, or an
            array or list of shape (N, C) or (N,). Booleans are 0 and 1. Levels of words are sorted,
            those of a category (an Enum of polars) in its own order, without such as no row has.
        num_rows: N, if it is known.

    Raises:
        ValueError: If a value is missing, infinite or of none of the four kinds. Or if a column is
            of two kinds, two columns have one name, or there are not N rows.

    Example:
        >>> [column.values.tolist() for column in columns_of([[1, "sea"], [2, "air"]])]
        [[1.0, 2.0], ['sea', 'air']]
    """
    columns = [_column(name, values) for name, values in _named(covariates)]
    if not columns or not len(columns[0].values):
        raise ValueError("covariates is empty, must have a row for each row of X")
    num_values = len(columns[0].values)
    for column in columns[1:]:
        if len(column.values) != num_values:
            raise ValueError(
                f"covariates has {num_values} values in column {columns[0].name!r} and "
                f"{len(column.values)} in column {column.name!r}, must have a value for each row "
                "in all columns"
            )
    if num_rows not in (None, num_values):
        raise ValueError(f"covariates has {num_values} rows, must be the {num_rows} of X")
    columns.sort(key=lambda column: column.kind == "words")
    _require_different([column.name for column in columns])
    _require_different(names_of(columns))
    return columns


def _require_different(names: list[str]) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"covariates has two columns named {name!r}: rename one of them")


def _named(covariates: Any) -> Iterator[tuple[str, Any]]:
    """Columns with their names."""
    if isinstance(covariates, Mapping):
        yield from ((str(name), values) for name, values in covariates.items())
    elif hasattr(covariates, "iter_columns"):  # of polars
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
    if len(shape) == 1:
        return [covariates]
    columns = np.asarray(covariates).T
    return [_maybe_numbers(column) for column in columns] if columns.dtype.kind == "U" else columns


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
    if np.ma.is_masked(given):
        given = given.tolist()  # with None where it is masked
    if categories_of(given) is not None:
        values = as_objects(given)
        _require_known(name, [is_missing(value) for value in values])
        return "words", as_objects([str(value) for value in values])
    values = as_objects(given) if isinstance(given, list | tuple) else np.asarray(given)
    if values.ndim != 1:
        raise ValueError(
            f"covariates has shape {values.shape} in column {name!r}, must have a value for each "
            "row"
        )
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
    """Numbers, where a column of an array of words has no others: NumPy made words of both."""
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
            f"values only (row {int(np.argmax(missing))}): fill them or leave those rows out"
        )
