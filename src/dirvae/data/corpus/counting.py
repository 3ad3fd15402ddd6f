"""Words of some documents, counted as the default vectorizer counts them, several times as fast."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.vectorizing import default_vectorizer
from dirvae.data.words import words_of

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

__all__ = ["MOST_NGRAMS", "Counted", "Counting", "count"]

MOST_NGRAMS = 10  # as many as a model may have to be saved
NO_LETTER = "0"  # what stands for digits and underscores: a word with one is none


class Counting(NamedTuple):
    """Which words of documents are counted; which are kept depends on all documents.

    Attributes:
        stop_words: Words to leave out; "english" for scikit-learn's list.
        ngrams: Longest sequence of words that is counted.
        are_texts: Whether documents are texts; otherwise lists of words, counted as they are.
    """

    stop_words: str | Sequence[str] | None = "english"
    ngrams: int = 1
    are_texts: bool = True

    def vectorizer(self, num_documents: int, **settings: Any) -> CountVectorizer:
        """Return the vectorizer that counts the same words, by `default_vectorizer`."""
        stop = self.stop_words if isinstance(self.stop_words, str | None) else [*self.stop_words]
        own = {"stop_words": stop, "ngram_range": (1, self.ngrams)}
        return default_vectorizer(num_documents, are_texts=self.are_texts, **own | settings)


class Counted(NamedTuple):
    """Words of some documents.

    Attributes:
        words: The W words that they have, sorted.
        counts: Shape (N, W), canonical.
    """

    words: list[str]
    counts: sparse.csr_matrix


def count(documents: Sequence[Any], counting: Counting) -> Counted:
    """Count the words of some documents.

    Args:
        documents: N texts, or lists of words.
        counting: Which words.

    Example:
        >>> counted = count(["Two cats, a cat", "cats"], Counting())
        >>> counted.words, counted.counts.toarray().tolist()
        (['cat', 'cats'], [[1, 1], [0, 1]])
    """
    place: defaultdict[str, int] = defaultdict()
    place.default_factory = place.__len__
    words_in, is_counted = _rules(counting)
    tokens, ends = array("i"), array("q", [0])
    for document in documents:
        tokens.extend(map(place.__getitem__, words_in(document)))
        ends.append(len(tokens))
    words = sorted(filter(is_counted, place))
    column = np.full(len(place), -1, np.int32)
    column[[place[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    columns = column[np.frombuffer(tokens, np.int32)] if tokens else np.empty(0, np.int32)
    return Counted(words, _summed(columns, np.frombuffer(ends, np.int64), len(words)))


def _summed(columns: NDArray[np.int32], ends: NDArray[np.int64], width: int) -> sparse.csr_matrix:
    """Counts of columns between ends; those below 0 are left out."""
    kept = columns >= 0
    indptr = np.concatenate([[0], np.cumsum(kept)])[ends]
    ones = np.ones(indptr[-1], np.int32)
    counts = sparse.csr_matrix((ones, columns[kept], indptr), (len(ends) - 1, width))
    counts.sum_duplicates()
    return counts


def _rules(counting: Counting) -> tuple[Callable[[Any], Iterable[str]], Callable[[str], bool]]:
    """From documents to what may be words, and which of these are.

    What is asked of a word is asked once of each, not of each time that it occurs.
    """
    vectorizer = counting.vectorizer(1)
    if counting.ngrams > 1 or not counting.are_texts:
        return vectorizer.build_analyzer(), lambda word: True
    stop = vectorizer.get_stop_words() or frozenset()
    return _split, lambda word: len(word) > 1 and NO_LETTER not in word and word not in stop


def _ascii() -> bytes:
    """Letters in lower case, digits and underscores as `NO_LETTER`, all else as blanks."""
    characters = map(chr, range(128))
    table = [
        c.lower() if c.isalpha() else NO_LETTER if c.isdigit() or c == "_" else " "
        for c in characters
    ]
    return "".join(table).encode() + bytes(128)


_TABLE = _ascii()


def _split(text: str) -> list[str]:
    """Words of a text in lower case, by `words_of`; of ASCII also what that leaves out."""
    if not text.isascii():
        return words_of(text.lower())
    return text.encode("ascii").translate(_TABLE).decode("ascii").split()
