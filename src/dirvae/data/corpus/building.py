"""A corpus of texts or lists of words, written shard by shard.

Documents are counted once, with the words of their own shard. When all words are known, columns are
changed to those of the corpus. Either step is one of whole shards, which several processes do.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.corpus.counting import MOST_NGRAMS, Counting, count
from dirvae.data.corpus.documents import Document, document_of, plain
from dirvae.data.corpus.manifest import SHARDS, VOCABULARY, shard_folder
from dirvae.data.corpus.shards import (
    KNOWN,
    ROWS,
    digest_of,
    facts_of,
    known_of,
    read_json,
    write_shard,
)
from dirvae.data.corpus.unfinished import (
    COUNTED,
    LIMITS,
    building,
    different,
    finish,
    is_there,
    other_options,
    require_no_more,
)
from dirvae.data.corpus.vocabulary import Limits, WordTally
from dirvae.data.corpus.workers import Workers, in_order, require_workers
from dirvae.data.words import unspaced
from dirvae.writing import write_text

__all__ = ["build_documents"]

CHARACTERS = 20_000_000  # of a shard, after which it ends


def build_documents(
    folder: Path,
    documents: Iterable[Any],
    counting: Counting,
    limits: Limits,
    *,
    vocabulary: Sequence[str] | None,
    columns: Mapping[str, str],
    workers: Workers = 1,
    force: bool = False,
    progress: Callable[[int], Any] | None = None,
) -> None:
    """Write a corpus of texts or lists of words; see `Corpus.build`."""
    require_workers(workers)
    _require_limits(counting, limits)
    rows = map(document_of, documents)
    first = list(islice(rows, 1))
    if not first:
        raise ValueError("documents is empty, must have at least one document")
    known = [name for name in KNOWN if name in columns or getattr(first[0], name) is not None]
    if not isinstance(first[0].text, str):
        stop = None if counting.stop_words == "english" else counting.stop_words
        counting = counting._replace(are_texts=False, stop_words=stop)
    names = {name: columns.get(name, name) for name in known}
    words = None if vocabulary is None else different(vocabulary)
    chunks = _chunks(chain(first, rows))
    with building(folder, {"counting": counting, "words": words, "columns": names}, force) as place:
        if words is not None:
            _write_words(place, words, limits)
        num_shards = _count(place, chunks, counting, known, limits, workers, progress)
        for _ in in_order(_settle_shard, ((place, n) for n in range(num_shards)), workers):
            pass
        width, undercount = len(_columns_of(place / VOCABULARY)), _undercount(place, limits)
        how: dict[str, Any] = {"counting": counting, "undercount": undercount}
        finish(place, folder, num_shards, width, force=force, columns=names, **how)


def _count(
    place: Path,
    chunks: Iterable[list[Document]],
    counting: Counting,
    known: Sequence[str],
    limits: Limits,
    workers: Workers,
    progress: Callable[[int], Any] | None,
) -> int:
    """Count all documents by shards, and choose the words unless that was done; return shards."""
    tally, num_documents, num_shards, num_unspaced = WordTally(), 0, 0, 0
    is_known = (place / VOCABULARY).exists()
    if is_known:
        _undercount(place, limits)  # which refuses other limits
    spelled_out = counting.spelled_out()
    parts = (list(zip(*chunk, strict=True)) for chunk in chunks)  # quicker to send than documents
    tasks = ((place, number, part, spelled_out, known) for number, part in enumerate(parts))
    for rows_done, without_spaces in in_order(_count_shard, tasks, workers):
        if not is_known:
            _add_words(tally, shard_folder(place, num_shards, COUNTED))
        num_documents, num_shards = num_documents + rows_done, num_shards + 1
        num_unspaced += without_spaces
        if num_shards == 1:
            _require_spaces(num_unspaced, num_documents)
        if progress is not None:
            progress(num_documents)
    require_no_more(place, num_shards)
    if not is_known:
        _write_words(place, tally.chosen(limits, num_documents), limits, tally.undercount)
    if num_unspaced:
        warnings.warn(_unspaced(num_unspaced, num_documents), stacklevel=4)
    return num_shards


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents of a shard each."""
    chunk: list[Document] = []
    size = 0
    for document in documents:
        text = document.text
        size += len(text) if isinstance(text, str) else sum(map(len, text))
        chunk.append(document)
        if len(chunk) >= ROWS or size >= CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _count_shard(
    place: Path, number: int, parts: list[Any], counting: Counting, known: Sequence[str]
) -> tuple[int, int]:
    """Count a shard with its own words, unless that was done; return rows, and those unspaced."""
    columns = dict(zip(Document._fields, parts, strict=True))
    rows = columns["text"]
    _require_known(columns, known)
    told = {name: list(map(plain, columns[name])) for name in known}
    _require_kind(rows, counting, number)
    source = digest_of(*_as_bytes(rows), told)
    without_spaces = sum(bool(unspaced(text)) for text in rows) if counting.are_texts else 0
    target = shard_folder(place, number, COUNTED)
    if not is_there(shard_folder(place, number), source) and not is_there(target, source):
        words, counts = count(rows, counting)
        totals = _totals(counts)
        in_words = np.frombuffer(json.dumps(words).encode(), np.uint8)
        write_shard(target, counts, told, source, {"totals": totals, "words": in_words})
    return len(rows), without_spaces


def _as_bytes(rows: Sequence[Any]) -> tuple[Any, Any]:
    """What a hash of texts or lists of words is made of."""
    if not isinstance(rows[0], str):
        return list(rows), None
    joined = "".join(rows).encode(errors="surrogatepass")
    return np.frombuffer(joined, np.uint8), np.array(list(map(len, rows)), np.int64)


def _totals(counts: sparse.csr_matrix) -> NDArray[np.int64]:
    """In how many documents each word is, and how often in all, shape (2, W)."""
    width = counts.shape[1]
    occurrences = np.bincount(counts.indices, counts.data, minlength=width)
    return np.stack([np.bincount(counts.indices, minlength=width), occurrences.astype(np.int64)])


def _shard_words(folder: Path) -> list[str]:
    words: list[str] = json.loads(np.load(folder / "words.npy", allow_pickle=False).tobytes())
    return words


def _add_words(tally: WordTally, folder: Path) -> None:
    tally.add(_shard_words(folder), np.load(folder / "totals.npy", allow_pickle=False))


def _write_words(place: Path, words: list[str], limits: Limits, undercount: int = 0) -> None:
    write_text(place / LIMITS, json.dumps({**limits._asdict(), "undercount": undercount}))
    write_text(place / VOCABULARY, json.dumps(words))


def _undercount(place: Path, limits: Limits) -> int:
    """That of the words that were chosen.

    Raises:
        ValueError: If they were chosen by other limits.
    """
    chosen = read_json(place / LIMITS)
    undercount = int(chosen.pop("undercount"))
    if chosen != limits._asdict():
        raise other_options(place)
    return undercount


def _columns_of(path: Path) -> dict[str, int]:
    return _columns_read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _columns_read(path: Path, written: int) -> dict[str, int]:
    return {word: column for column, word in enumerate(read_json(path))}


def _settle_shard(place: Path, number: int) -> None:
    """Change the columns of a shard's own words to those of the corpus."""
    counted, target = (shard_folder(place, number, kind) for kind in (COUNTED, SHARDS))
    if not target.exists():
        columns = _columns_of(place / VOCABULARY)
        own = _shard_words(counted)
        column = np.array([columns.get(word, -1) for word in own], np.int32)
        arrays = (np.load(counted / f"{name}.npy") for name in ("data", "indices", "indptr"))
        data, indices, indptr = arrays
        changed = column[indices] if len(indices) else indices
        kept = changed >= 0
        ends = np.concatenate([[0], np.cumsum(kept)])[indptr]
        parts = data[kept], changed[kept], ends
        counts = sparse.csr_matrix(parts, (len(indptr) - 1, len(columns)))
        counts.sort_indices()
        facts = facts_of(counted)
        write_shard(target, counts, known_of(counted, facts.rows), facts.source)
    shutil.rmtree(counted, ignore_errors=True)


# --- checks ---------------------------------------------------------------------------------------


def _require_limits(counting: Counting, limits: Limits) -> None:
    for name, value in (
        ("ngrams", counting.ngrams),
        ("vocabulary_size", limits.vocabulary_size),
    ):
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} is {value!r}, must be a whole number, 1 or more")
    if counting.ngrams > MOST_NGRAMS:
        raise ValueError(f"ngrams is {counting.ngrams}, must be at most {MOST_NGRAMS}")
    for name in ("min_df", "max_df"):
        share = getattr(limits, name)
        if isinstance(share, float) and not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}, must be a number of documents or a share")
    if isinstance(counting.stop_words, str) and counting.stop_words != "english":
        raise ValueError(
            f"stop_words is {counting.stop_words!r}, must be a list of words, 'english' or None"
        )


def _require_known(told: Mapping[str, Sequence[Any]], known: Sequence[str]) -> None:
    """Refuse ids that some lack, and what the first document lacks but others have."""
    for name in KNOWN:
        values = told[name]
        if name not in known and values.count(None) < len(values):
            raise ValueError(
                f"documents have a {name}, but the first has none: all must have one, or it must "
                f"be named, as columns={{{name!r}: {name!r}}}"
            )
        if name == "id" and name in known and values.count(None):
            raise ValueError("some documents have no id; all or none must have one")


def _require_kind(rows: Sequence[Any], counting: Counting, number: int) -> None:
    right: Any = str if counting.are_texts else list
    for row, text in enumerate(rows):
        if not isinstance(text, right):
            what = "texts" if counting.are_texts else "lists of words"
            raise ValueError(
                f"documents have a {type(text).__name__} in row {row} of shard {number}, must be "
                f"{what} as the first is"
            )


def _require_spaces(num_unspaced: int, num_documents: int) -> None:
    if 2 * num_unspaced >= num_documents and num_unspaced:
        raise ValueError(_unspaced(num_unspaced, num_documents))


def _unspaced(num_unspaced: int, num_documents: int) -> str:
    return (
        f"documents have texts without spaces between words, {num_unspaced:,} of "
        f"{num_documents:,}: give lists of words, or add spaces"
    )
