"""A corpus of counts that come in blocks of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from scipy import sparse

from dirvae.data.corpus.documents import plain
from dirvae.data.corpus.manifest import VOCABULARY, shard_folder
from dirvae.data.corpus.shards import ROWS, digest_of, write_shard
from dirvae.data.corpus.unfinished import building, different, finish, is_there, require_no_more
from dirvae.data.sparse_matrix import checked_csr
from dirvae.writing import write_text

__all__ = ["build_matrices"]

ENTRIES = 10_000_000  # of a shard, after which it ends


def build_matrices(
    folder: Path,
    blocks: Iterable[Any],
    vocabulary: Sequence[str] | None,
    known: Mapping[str, Iterable[Any]],
    columns: Mapping[str, str],
    *,
    force: bool = False,
    progress: Callable[[int], Any] | None = None,
) -> None:
    """Write a corpus of counts; see `Corpus.of_counts`."""
    words = None if vocabulary is None else different(vocabulary)
    values = {name: iter(of_rows) for name, of_rows in known.items()}
    with building(folder, {"words": words, "columns": columns}, force) as place:
        if words is not None:
            write_text(place / VOCABULARY, json.dumps(words))
        matrices = _matrices(blocks, None if words is None else len(words))
        shape = _write(place, matrices, values, progress)
        finish(place, folder, *shape, force=force, columns=columns)


def _write(
    place: Path,
    matrices: Iterable[sparse.csr_matrix],
    values: Mapping[str, Iterator[Any]],
    progress: Callable[[int], Any] | None,
) -> tuple[int, int]:
    """Write a shard of each; return their number and how many columns they have."""
    number, num_documents, width = 0, 0, None
    for number, counts in enumerate(matrices, 1):
        rows, width = counts.shape
        told = {
            name: [plain(v) for v in _exactly(name, of_rows, rows)]
            for name, of_rows in values.items()
        }
        source = digest_of(counts.data, counts.indices, counts.indptr, told)
        target = shard_folder(place, number - 1)
        if not is_there(target, source):
            write_shard(target, counts, told, source)
        num_documents += rows
        if progress is not None:
            progress(num_documents)
    if width is None:
        raise ValueError("blocks is empty, must have at least one block")
    for name, of_rows in values.items():
        if next(of_rows, None) is not None:
            raise ValueError(f"{name}s are more than the {num_documents:,} documents")
    require_no_more(place, number)
    return number, width


def _matrices(blocks: Iterable[Any], width: int | None) -> Iterator[sparse.csr_matrix]:
    """Counts of a shard each, whatever the blocks were."""
    waiting: list[sparse.csr_matrix] = []
    for number, block in enumerate(blocks):
        counts = _checked_block(number, block, width)
        width = counts.shape[1]
        for start in range(0, counts.shape[0], ROWS):
            waiting.append(counts[start : start + ROWS])
            if sum(c.shape[0] for c in waiting) >= ROWS or sum(c.nnz for c in waiting) >= ENTRIES:
                joined = sparse.csr_matrix(sparse.vstack(waiting, "csr"))
                yield joined[:ROWS]
                waiting = [joined[ROWS:]] if joined.shape[0] > ROWS else []
    if waiting:
        yield sparse.csr_matrix(sparse.vstack(waiting, "csr"))


def _checked_block(number: int, block: Any, width: int | None) -> sparse.csr_matrix:
    name = f"block {number}"
    counts = checked_csr(name, block if sparse.issparse(block) else sparse.csr_matrix(block))
    if width is not None and counts.shape[1] != width:
        raise ValueError(f"{name} has {counts.shape[1]} columns, must have {width}")
    if counts.nnz and counts.data.min() < 0:
        raise ValueError(f"{name} has negative counts, must have 0 or more")
    if not counts.data.all():
        counts = counts.copy()
        counts.eliminate_zeros()
    return counts


def _exactly(name: str, values: Iterator[Any], count: int) -> list[Any]:
    found = list(islice(values, count))
    if len(found) < count:
        raise ValueError(f"{name}s are fewer than the documents")
    return found
