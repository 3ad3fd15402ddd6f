"""What things are called: documents, words and topics, or samples, features and components."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COUNTS", "TEXTS", "Terms"]


class Terms(NamedTuple):
    """What a kind of data calls its things, in the singular; each takes an s in the plural.

    Attributes:
        row: A row of the data.
        column: A column of the data.
        part: What rows are mixtures of.
        unit: What a cell of the data counts.
        counted: The same, where only those of the model's columns are meant.
        content: What is shown of a row.
        mean: What shares of columns are compared with.
    """

    row: str
    column: str
    part: str
    unit: str
    counted: str
    content: str
    mean: str

    def many(self, count: int, field: str) -> str:
        """A number of things, by the name of their field.

        Example:
            >>> TEXTS.many(1, "row"), COUNTS.many(1200, "part")
            ('1 document', '1,200 components')
        """
        return f"{count:,} {getattr(self, field)}{'' if count == 1 else 's'}"


TEXTS = Terms("document", "word", "topic", "word", "counted word", "text", "all words")
COUNTS = Terms("sample", "feature", "component", "count", "count", "counts", "the mean sample")
