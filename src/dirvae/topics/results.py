"""What results of a topic model have besides numbers: ids of documents, and names of topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np

from dirvae.tables import ResultTable
from dirvae.terms import TEXTS, Terms

__all__ = ["Labels", "Result", "require_places"]


def require_places(name: str, places: Sequence[Any] | None, size: int) -> None:
    """Raise ValueError unless all of these are places from 0; None for none asked for.

    Example:
        >>> require_places("topics", [0, -1], 3)
        Traceback (most recent call last):
        ValueError: topics has -1, must be from 0 to 2
    """
    for place in () if places is None else places:
        if isinstance(place, bool) or not isinstance(place, Integral) or not 0 <= int(place) < size:
            raise ValueError(f"{name} has {place!r}, must be from 0 to {size - 1}")


@dataclass(frozen=True)
class Labels:
    """What is said beside the numbers of a result.

    Attributes:
        topics: Name of each topic, length K.
        ids: Of the documents, length N; None for their places from 0.
        frames: What `ResultTable.to_frame` returns.
        terms: What documents and topics are called.
    """

    topics: Sequence[str]
    ids: Sequence[Any] | None = None
    frames: str | None = None
    terms: Terms = TEXTS


class Result:
    """Base class of results, which are shown with the names of topics."""

    _labels: Labels | None = None

    def labelled(self, labels: Labels) -> Self:
        """Set names and ids, and return the result itself.

        :meta private:
        """
        self._labels = labels
        return self

    def table(self) -> ResultTable:
        """The result as a table with named columns."""
        raise NotImplementedError

    def to_frame(self) -> Any:
        """The `table` as a DataFrame of the kind that ``set_output`` of the model sets."""
        return self.table().to_frame()

    def __repr__(self) -> str:
        return f"{self._title()}\n{self.table()!r}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>{self.table()._repr_html_()}"

    def _title(self) -> str:
        """What it is, in words of ours alone."""
        return type(self).__name__

    @property
    def _terms(self) -> Terms:
        return self._labels.terms if self._labels else TEXTS

    def _names(self, num_topics: int) -> list[str]:
        return list(self._labels.topics) if self._labels else [str(k) for k in range(num_topics)]

    def _ids(self, num_documents: int) -> list[Any]:
        ids = self._labels.ids if self._labels else None
        return list(range(num_documents)) if ids is None else list(ids)

    def _long(self, rows: Mapping[str, Iterable[Any]], values: Mapping[str, Any]) -> ResultTable:
        """A row for each row and topic.

        Args:
            rows: Columns that name rows, length R.
            values: Columns of shape (R, K).
        """
        count, size = next(iter(values.values())).shape
        names = self._names(size)
        columns: dict[str, Iterable[Any]] = {
            name: [value for value in column for _ in range(size)] for name, column in rows.items()
        }
        columns |= {self._terms.part: list(range(size)) * count, "name": names * count}
        columns |= {name: np.ravel(column) for name, column in values.items()}
        return ResultTable(columns, frames=self._labels.frames if self._labels else None)
