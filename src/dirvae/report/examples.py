"""Documents that stand for a topic: which they are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dirvae.alignment import is_missing

__all__ = ["document_names", "most_of"]


def most_of(theta: ArrayLike, topic: int, count: int) -> NDArray[np.int64]:
    """Return the rows with most of a topic, the first of those that tie first.

    Args:
        theta: Proportions, shape (N, K).
        topic: A column of ``theta``, from 0.
        count: Most rows to return.

    Example:
        >>> most_of([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]], 0, 2).tolist()
        [1, 2]
    """
    return np.argsort(-np.asarray(theta)[:, topic], kind="stable")[:count]


def document_names(ids: Mapping[str, Sequence[Any]], count: int) -> tuple[str, list[str]]:
    """Return what identifies documents, and that of each: its row, from 1, where nothing does.

    Values that are missing are left out.

    Args:
        ids: Values by column name, as in `data.corpora.Texts`.
        count: N.

    Raises:
        ValueError: If what identifies documents is a table.

    Example:
        >>> document_names({"site": ["a", None], "day": [1, 2]}, 2), document_names({}, 2)
        (('site, day', ['a, 1', '2']), ('row', ['1', '2']))
    """
    for name, values in ids.items():
        if len(getattr(values, "shape", (0,))) != 1:
            raise ValueError(
                f"ids has a table as {name!r}, must have one value for each row: give one of its "
                "columns"
            )
    if not ids:
        return "row", [str(row) for row in range(1, count + 1)]
    rows = zip(*ids.values(), strict=True)
    known = ([str(value) for value in row if not is_missing(value)] for row in rows)
    return ", ".join(ids), [", ".join(k) or f"row {place}" for place, k in enumerate(known, 1)]
