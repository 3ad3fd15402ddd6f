"""Words of some documents, counted as the default vectorizer counts them, several times as fast."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.corpus.ascii_words import OTHER, ascii_words
from dirvae.data.vectorizing import default_vectorizer
from dirvae.data.words import words_of

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

__all__ = ["MOST_NGRAMS", "Counted", "Counting", "count"]

MOST_NGRAMS = 10  # as many as a model may have to be saved


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

    def spelled_out(self) -> Counting:
        """Return the same with its stop words by name, so that workers need no scikit-learn."""
        if self.stop_words != "english":
            return self
        return self._replace(stop_words=sorted(self.vectorizer(1).get_stop_words() or ()))

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
    in_bulk, one_by_one, is_counted = _parts(documents, counting)
    found = ascii_words(in_bulk)
    of_found = np.array([place[word] for word in found.words], np.int32)
    tokens, lengths = array("i"), []
    for words_of_one in one_by_one:
        before = len(tokens)
        tokens.extend(map(place.__getitem__, words_of_one))
        lengths.append(len(tokens) - before)
    words = sorted(filter(is_counted, place))
    column = np.full(len(place), -1, np.int32)
    column[[place[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    rows = np.repeat(np.arange(len(documents), dtype=np.int32), lengths)
    rows = np.concatenate([found.rows, rows])
    places = np.concatenate([of_found[found.places], np.array(tokens, np.int32)])
    return Counted(words, _summed(rows, column[places], (len(documents), len(words))))


def _summed(
    rows: NDArray[np.int32], columns: NDArray[np.int32], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """How often each column is in each row; those below 0 are left out."""
    cells = rows.astype(np.int64)
    cells <<= 32
    cells |= columns
    cells = cells[columns >= 0]
    cells.sort()
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(first, append=len(cells)).astype(np.int32)
    different = cells[first]
    indptr = np.searchsorted(different, np.arange(shape[0] + 1, dtype=np.int64) << 32)
    return sparse.csr_matrix((counts, different.astype(np.int32), indptr), shape)


def _parts(
    documents: Sequence[Any], counting: Counting
) -> tuple[Sequence[str], Iterable[Iterable[str]], Callable[[str], bool]]:
    """What of each document is counted in bulk, its other words, and which words are counted.

    What is asked of a word is asked once of each, not of each time that it occurs.
    """
    if counting.ngrams > 1 or not counting.are_texts:
        analyze = counting.vectorizer(1).build_analyzer()
        return [""] * len(documents), map(analyze, documents), lambda word: True
    stop = frozenset(counting.spelled_out().stop_words or ())
    in_bulk, others = zip(*map(_parted, documents), strict=True)
    return in_bulk, others, lambda word: len(word) > 1 and OTHER not in word and word not in stop


def _parted(text: str) -> tuple[str, Sequence[str]]:
    """What of a text is ASCII, and the words of the rest, by `words_of`, in lower case.

    No word, and nothing that `words_of` or lower case look at beside a letter, has a space in it.
    """
    if text.isascii():
        return text, ()
    pieces = text.split()
    rest = " ".join(piece for piece in pieces if not piece.isascii())
    return " ".join(piece for piece in pieces if piece.isascii()), words_of(rest.lower())
