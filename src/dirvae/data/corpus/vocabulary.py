"""Which words a corpus keeps: all are counted under a bound on memory, then chosen."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dirvae.data.vectorizing import VOCABULARY_SIZE, least_documents, most_documents

__all__ = ["Limits", "WordTally"]

MOST_WORDS = 2_000_000  # at a time: some 300 MB


class Limits(NamedTuple):
    """Which words are kept.

    Attributes:
        min_df: In how many documents a word must be, or in which share of them; None for
            `least_documents`.
        max_df: In how many it may be, or in which share; None for `most_documents`.
        vocabulary_size: How many words are kept at most, the commonest.
    """

    min_df: float | None = None
    max_df: float | None = None
    vocabulary_size: int = VOCABULARY_SIZE

    def documents(self, num_documents: int) -> tuple[float, float]:
        """In how many of N documents a word must be, and may be.

        Raises:
            ValueError: If the second is less.
        """
        least = least_documents(num_documents) if self.min_df is None else self.min_df
        most = most_documents(num_documents) if self.max_df is None else self.max_df
        low, high = (
            value if isinstance(value, Integral) else value * num_documents
            for value in (least, most)
        )
        if high < low:
            raise ValueError(f"max_df is {most}, must not be fewer documents than min_df, {least}")
        return float(low), float(high)


class WordTally:
    """In how many documents each word was, and how often in all.

    When there are more than ``most_words`` different words, those in the fewest documents are
    forgotten. Numbers of a word that comes again may then be too low, by ``undercount`` documents
    at most.

    Args:
        most_words: That are kept in memory.

    Attributes:
        undercount: 0 if nothing was forgotten.

    Example:
        >>> tally = WordTally()
        >>> tally.add(["cat", "dog"], np.array([[1, 1], [3, 1]]))
        >>> tally.add(["cat"], np.array([[1], [1]]))
        >>> tally.chosen(Limits(min_df=2), num_documents=2)
        ['cat']
    """

    def __init__(self, most_words: int = MOST_WORDS) -> None:
        self.most_words, self.undercount = most_words, 0
        self._place: dict[str, int] = {}
        self._totals = np.zeros((2, 0), np.int64)

    def add(self, words: Sequence[str], totals: NDArray[Any]) -> None:
        """Add some documents.

        Args:
            words: Different ones, W.
            totals: In how many of the documents each is, and how often in all, shape (2, W).
        """
        place = self._place
        columns = [place.setdefault(word, len(place)) for word in words]
        room = len(place) - self._totals.shape[1]
        if room > 0:
            grown = max(room, self._totals.shape[1] // 2)
            self._totals = np.pad(self._totals, ((0, 0), (0, grown)))
        self._totals[:, columns] += totals
        if len(place) > self.most_words:
            self._forget()

    def _forget(self) -> None:
        """Keep three quarters at most of the words that may be."""
        documents = self._totals[0, : len(self._place)]
        level = int(np.partition(documents, -(3 * self.most_words // 4))[-3 * self.most_words // 4])
        kept = documents > level
        self._totals = self._totals[:, : len(kept)][:, kept]
        words = [word for word, keep in zip(self._place, kept, strict=True) if keep]
        self._place = {word: column for column, word in enumerate(words)}
        self.undercount += level

    def chosen(self, limits: Limits, num_documents: int) -> list[str]:
        """Return the words that are kept, sorted, as scikit-learn's `CountVectorizer` chooses them.

        Raises:
            ValueError: If there are none.
        """
        low, high = limits.documents(num_documents)
        words = sorted(self._place)
        if not words:
            raise ValueError("documents have no words to count; see stop_words")
        documents, occurrences = self._totals[:, [self._place[word] for word in words]]
        mask = (documents >= low) & (documents <= high)
        if mask.sum() > limits.vocabulary_size:
            # To the letter: which of words that are as common are kept, depends on it.
            commonest = (-occurrences[mask]).argsort()[: limits.vocabulary_size]
            places = np.flatnonzero(mask)[commonest]
            mask = np.zeros(len(words), dtype=bool)
            mask[places] = True
        kept = [words[place] for place in np.flatnonzero(mask)]
        if not kept:
            raise ValueError(
                f"documents have {len(words):,} different words, none of them in {low:g} to "
                f"{high:g} documents; see min_df and max_df"
            )
        return kept
