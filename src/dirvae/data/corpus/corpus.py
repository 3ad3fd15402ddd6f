"""A corpus on disk, to be used in place of a CSR matrix of counts that may not fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.corpus.building import build_documents
from dirvae.data.corpus.counting import Counting
from dirvae.data.corpus.manifest import VOCABULARY, read_manifest, shard_folder
from dirvae.data.corpus.matrices import build_matrices
from dirvae.data.corpus.shards import (
    FACTS,
    checksum,
    facts_of,
    known_of,
    opened_shard,
    read_json,
)
from dirvae.data.corpus.vocabulary import Limits
from dirvae.data.corpus.workers import Workers
from dirvae.data.vectorizing import VOCABULARY_SIZE
from dirvae.formats import MANIFEST
from dirvae.text import some_of

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

__all__ = ["Corpus"]

OPEN = 12  # shards that are mapped into memory at a time


class Corpus:
    """Counts of words in documents, in a folder on disk. Rows are read only when they are needed.

    A corpus can be used like a CSR matrix: ``corpus[100:200]`` and ``corpus[[3, 1, 2]]`` are rows
    as a SciPy CSR matrix. The counts are in several files, the shards. Each shard is checked when
    it is opened. Nothing in the folder is unpickled.

    Args:
        folder: A folder that `build`, `of_counts` or ``dirvae corpus build`` has written.

    Attributes:
        folder: The folder.
        shape: (N, V), the numbers of documents and words.
        nnz: Number of counts that are not 0.
        vocabulary: The V words, or None if they are not known.
        ends: Bounds of the S shards, shape (S + 1,), from 0 to N: shard s has the rows from
            ``ends[s]`` to ``ends[s + 1] - 1``.
        columns: Mapping from "id", "label" and "time" to the names of their
            columns in the table that was read.

    Raises:
        FileNotFoundError: If there is no corpus in the folder.
        ValueError: If the corpus is damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     corpus = Corpus.build(f"{folder}/corpus", ["Two cats", "a cat, a dog"])
        ...     print(corpus.vocabulary.tolist(), corpus[1:].toarray().tolist())
        ['cat', 'cats', 'dog'] [[1.0, 0.0, 1.0]]
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._manifest = read_manifest(self.folder)
        self.shape = self._manifest.shape
        self.nnz = self._manifest.entries
        self.columns = self._manifest.columns
        self.vocabulary = self._words()
        rows = [shard[0] for shard in self._manifest.shards]
        self.ends: NDArray[np.int64] = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
        self._opened: dict[int, sparse.csr_matrix] = {}

    def __repr__(self) -> str:
        rows, words = self.shape
        return f"Corpus({str(self.folder)!r}: {rows:,} documents, {words:,} words)"

    def __reduce__(self) -> Any:
        return Corpus, (str(self.folder.resolve()),)  # other processes may be elsewhere

    # --- writing ----------------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        folder: str | Path,
        documents: Iterable[Any],
        *,
        stop_words: str | Sequence[str] | None = "english",
        min_df: float | None = None,
        max_df: float | None = None,
        ngrams: int = 1,
        vocabulary_size: int = VOCABULARY_SIZE,
        vocabulary: Sequence[str] | None = None,
        columns: Mapping[str, str] | None = None,
        workers: Workers = 1,
        force: bool = False,
        progress: Any = None,
    ) -> Corpus:
        """Count the words of a stream of documents, as `topics.documents.default_vectorizer` does.

        If a build was interrupted, call it again with the same folder, documents and options. It
        then continues. The documents that were already counted are compared with the new ones.

        Args:
            folder: Folder for the corpus.
            documents: N texts, or lists of words, or `Document`, in any iterable. They are read
                once, and are never all in memory.
            stop_words: Words to leave out, or "english" for scikit-learn's list. None leaves out
                none. "english" has no effect on documents that are lists of words.
            min_df: Words in fewer documents than this are left out. A number, or a share such as
                .01. If None, 5; but 2 for fewer than 1,000 documents, and 1 for fewer than 100.
            max_df: Words in more documents than this are left out. If None, the share .5; but 1.0
                for fewer than 100 documents.
            ngrams: Length of the longest sequence of words that is counted.
            vocabulary_size: Largest number of words. The most frequent words are kept.
            vocabulary: The words to count, in the order of columns, instead of these rules.
            columns: Mapping from "id", "label" and "time" to the names that these shall have.
            workers: Number of processes. With more than one, a script needs the usual
                ``if __name__ == "__main__":``. Or a `concurrent.futures.Executor` that runs tasks
                on other machines, all of which must see the same folders.
            force: Whether an existing corpus is replaced, when the new one is complete.
            progress: Function that is called repeatedly, with the number of documents counted so
                far.

        Raises:
            ValueError: If the folder exists, an argument is out of range, or no word is left.
        """
        build_documents(
            Path(folder),
            documents,
            Counting(_listed(stop_words), ngrams),
            Limits(min_df, max_df, vocabulary_size),
            vocabulary=vocabulary,
            columns=columns or {},
            workers=workers,
            force=force,
            progress=progress,
        )
        return cls(folder)

    @classmethod
    def of_counts(
        cls,
        folder: str | Path,
        blocks: Iterable[Any],
        *,
        vocabulary: Sequence[str] | None = None,
        ids: Iterable[Any] | None = None,
        labels: Iterable[Any] | None = None,
        times: Iterable[Any] | None = None,
        columns: Mapping[str, str] | None = None,
        force: bool = False,
        progress: Any = None,
    ) -> Corpus:
        """Write counts, given in blocks of rows, as a corpus.

        If a run was interrupted, the same call continues it, as in `build`.

        Args:
            folder: Folder for the corpus.
            blocks: Counts, 0 or more, sparse or dense; each block has shape (n, V), for any n.
            vocabulary: The V words, or None if they are not known.
            ids: The id of each document, or None.
            labels: The label of each document, or None.
            times: The time of each document, a number or a date, or None.
            columns: Mapping from "id", "label" and "time" to the names that these shall have.
            force: Whether an existing corpus is replaced, when the new one is complete.
            progress: Function that is called repeatedly, with the number of documents written so
                far.

        Raises:
            ValueError: If the folder exists, or a block is not a matrix of counts.
        """
        known = {"id": ids, "label": labels, "time": times}
        given = {name: values for name, values in known.items() if values is not None}
        names = {name: (columns or {}).get(name, name) for name in given}
        build_matrices(
            Path(folder), blocks, vocabulary, given, names, force=force, progress=progress
        )
        return cls(folder)

    # --- what it has of a matrix ------------------------------------------------------------------

    def __getitem__(self, rows: Any) -> sparse.csr_matrix:
        """Rows by a slice or by their numbers, in that order, as CSR of float64."""
        wanted = self._numbers(rows)
        shards = np.searchsorted(self.ends, wanted, side="right") - 1
        order = np.argsort(shards, kind="stable")
        cuts = np.flatnonzero(np.diff(shards[order])) + 1
        parts = []
        for places in np.split(order, cuts) if len(order) else ():
            number = int(shards[places[0]])
            parts.append(self._counts(number)[wanted[places] - self.ends[number]])
        if not parts:
            return sparse.csr_matrix((0, self.shape[1]), dtype=np.float64)
        found = sparse.csr_matrix(parts[0] if len(parts) == 1 else sparse.vstack(parts, "csr"))
        if len(parts) > 1 and (np.diff(order) < 0).any():
            found = found[np.argsort(order)]
        return found.astype(np.float64)

    def blocks(self, num_rows: int) -> Iterator[sparse.csr_matrix]:
        """Yield all rows in order, in blocks."""
        for start in range(0, self.shape[0], num_rows):
            yield self[start : start + num_rows]

    @property
    def indptr(self) -> NDArray[np.int64]:
        """Where the counts of each row begin and end, as in a CSR matrix, shape (N + 1,)."""
        parts, before = [np.zeros(1, np.int64)], 0
        for number in range(len(self.ends) - 1):
            pointers = self._counts(number).indptr[1:].astype(np.int64)
            parts.append(before + pointers)
            before += int(self._manifest.shards[number][1])
        return np.concatenate(parts)

    def sum(self, axis: int) -> NDArray[np.float64]:
        """Sums of the columns (axis 0) or of the rows (axis 1)."""
        if axis == 0:
            total = np.zeros(self.shape[1])
            for number in range(len(self.ends) - 1):
                part = self._counts(number)
                total += np.bincount(part.indices, part.data, minlength=self.shape[1])
            return total
        numbers = range(len(self.ends) - 1)
        return np.concatenate([self._counts(n).astype(np.float64).sum(1).A1 for n in numbers])

    # --- what is known of the documents -----------------------------------------------------------

    @property
    def ids(self) -> list[Any] | None:
        """The id of each document, all in memory; None if no ids were given."""
        return self._known("id")

    @property
    def labels(self) -> list[Any] | None:
        """The label of each document, None where it has none; None if no labels were given."""
        return self._known("label")

    @property
    def times(self) -> list[Any] | None:
        """The time of each document; None if no times were given."""
        return self._known("time")

    def column(self, name: str) -> list[Any]:
        """Return the ids, labels or times of the documents, by their name in ``columns``.

        Raises:
            ValueError: If there is no such name.
        """
        return list(chain.from_iterable(self.column_blocks(name, self.shape[0])))

    def column_blocks(self, name: str, num_rows: int) -> Iterator[list[Any]]:
        """Yield a `column` in lists, for columns that may not fit in memory.

        Args:
            name: Name of the column, from ``columns``.
            num_rows: Length of each list but the last, 1 or more.

        Raises:
            ValueError: If there is no such name.
        """
        found = [part for part, called in self.columns.items() if called == name]
        if not found:
            known = some_of(self.columns.values()) or "none"
            raise ValueError(f"{self.folder} has no column {name!r}; it has {known}")
        values = chain.from_iterable(self._known_by_shard(found[0]))
        return iter(lambda: list(islice(values, num_rows)), [])

    @property
    def vectorizer(self) -> CountVectorizer | None:
        """Vectorizer that counts the same words in other texts; None if counts were given."""
        counting = self._manifest.counting
        if counting is None or self.vocabulary is None:
            return None
        found = counting.vectorizer(self.shape[0], vocabulary=self.vocabulary.tolist())
        nothing: Any = "" if counting.are_texts else []
        return found.fit([nothing])

    @property
    def fingerprint(self) -> str:
        """Hash of the content of the corpus, computed from its checksums."""
        return checksum(self.folder / MANIFEST)

    def verify(self) -> None:
        """Compare every file with its checksum.

        Raises:
            ValueError: If a file has changed since it was written; the message says which.
        """
        if self._manifest.vocabulary is not None:
            self._require_sum(self.folder / VOCABULARY, self._manifest.vocabulary)
        for number, (_, _, expected) in enumerate(self._manifest.shards):
            place = shard_folder(self.folder, number)
            self._require_sum(place / FACTS, expected)
            for name, of_file in facts_of(place).sha256.items():
                self._require_sum(place / Path(name).name, of_file)

    # --- inside -----------------------------------------------------------------------------------

    def _require_sum(self, path: Path, expected: str) -> None:
        if checksum(path) != expected:
            raise ValueError(f"{path} is not what was written: build {self.folder} again")

    def _words(self) -> NDArray[np.object_] | None:
        if self._manifest.vocabulary is None:
            return None
        words = read_json(self.folder / VOCABULARY)
        are_words = isinstance(words, list) and all(isinstance(word, str) for word in words)
        if not are_words or len(set(words)) != len(words) or len(words) != self.shape[1]:
            raise ValueError(
                f"{self.folder} is a broken corpus: {VOCABULARY} must have {self.shape[1]} "
                "different words"
            )
        return np.array(words, dtype=object)

    def _known(self, part: str) -> list[Any] | None:
        if part not in self.columns:
            return None
        return list(chain.from_iterable(self._known_by_shard(part)))

    def _known_by_shard(self, part: str) -> Iterator[list[Any]]:
        for number, (rows, _, _) in enumerate(self._manifest.shards):
            found = known_of(shard_folder(self.folder, number), rows).get(part)
            if found is None:
                raise ValueError(
                    f"{self.folder} is a broken corpus: documents without their {part}"
                )
            yield [None if part == "label" and cell == "" else cell for cell in found]

    def _counts(self, number: int) -> sparse.csr_matrix:
        """A shard; some stay open, the oldest is let go."""
        if number not in self._opened:
            rows, entries, _ = self._manifest.shards[number]
            place = shard_folder(self.folder, number)
            found = opened_shard(place, (rows, entries), self.shape[1])
            while len(self._opened) >= OPEN:
                self._opened.pop(next(iter(self._opened)))
            self._opened[number] = found
        return self._opened[number]

    def _numbers(self, rows: Any) -> NDArray[np.int64]:
        if isinstance(rows, slice):
            return np.arange(*rows.indices(self.shape[0]), dtype=np.int64)
        wanted = np.atleast_1d(np.asarray(rows, dtype=None if np.size(rows) else np.int64))
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise TypeError(f"rows are {rows!r}, must be a slice or whole numbers")
        wanted = np.where(wanted < 0, wanted + self.shape[0], wanted).astype(np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self.shape[0]):
            raise IndexError(f"rows are out of range, must be from 0 to {self.shape[0] - 1}")
        return wanted


def _listed(words: str | Iterable[str] | None) -> str | list[str] | None:
    return words if isinstance(words, str | None) else sorted(set(words))
