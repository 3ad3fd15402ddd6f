"""theta of a corpus on disk, some documents after others; a run that was killed can go on.

It is written as an array first, row after row, so that a file that was cut off tells how far it is.
A table is made of the array in the end.
"""

from __future__ import annotations

import glob
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dirvae.data.corpus import Corpus
from dirvae.data.corpus.shards import digest_of
from dirvae.data.corpus.workers import Workers, in_order, require_workers
from dirvae.data.table_blocks import kind_of_cells, require_packages, write_blocks
from dirvae.writing import alone, delete_partials, require_writable

__all__ = ["write_theta"]

ROWS_AT_ONCE = 20_000
TABLES = (".csv", ".parquet")
UNFINISHED, MODEL = "unfinished", "model"


def write_theta(
    model: Any,
    corpus: Corpus,
    path: str | Path,
    *,
    covariates: Any = None,
    columns: Sequence[str] = (),
    workers: Workers = 1,
    progress: Callable[[int], Any] | None = None,
) -> None:
    """Write theta of each document of a corpus to a file, in parts that fit in memory.

    Values are those of `TopicModel.transform`, shape (N, K). They are first written to a second
    file in the same folder, which is renamed to ``path`` at the end. If a run was interrupted, the
    same call continues after the last document that was completely written.

    Args:
        model: A fitted `TopicModel`.
        corpus: A corpus with the words of the model.
        path: The file. An existing file is replaced. With the suffix ``.npy`` it is an array of
            float32; with ``.csv`` or ``.parquet``, a table with a column for each topic.
        covariates: As in `TopicModel.transform`.
        columns: Names of columns of the corpus, such as ids, that come first in a table.
        workers: As in `data.Corpus.build`. Each worker loads the model once, from a folder beside
            the file. This process alone writes.
        progress: Function that is called repeatedly, with the number of documents done so far.

    Raises:
        ValueError: If the words of the corpus are not those of the model, a column is missing, or
            the file has another suffix.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> from dirvae import TopicModel
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     corpus = Corpus.of_counts(f"{folder}/corpus", [np.eye(4)])
        ...     model = TopicModel(2, max_epochs=1, random_state=0).fit(corpus)
        ...     write_theta(model, corpus, f"{folder}/theta.npy")
        ...     np.load(f"{folder}/theta.npy").shape
        (4, 2)
    """
    require_workers(workers)
    target = Path(path).resolve()
    is_table = target.suffix in TABLES
    if not is_table and target.suffix != ".npy":
        raise ValueError(f"{target} must end in .npy, .csv or .parquet")
    if columns and not is_table:
        raise ValueError(f"columns is {list(columns)}, must be empty for a .npy file: {target}")
    names = [*columns, *model.get_feature_names_out()] if is_table else []
    if is_table:
        require_packages(target)
        _require_different(names)
    kinds = {name: kind_of_cells(corpus.column_blocks(name, ROWS_AT_ONCE)) for name in columns}
    counts, known = model._counts_and_covariates(corpus, covariates, on_disk=True)
    require_writable(target.parent)
    dtype = np.dtype("<f8" if is_table else "<f4")
    with _unfinished(target, model, corpus, known) as partial:
        _write_array(partial, model, counts, known, dtype, workers, progress)
        if is_table:
            delete_partials(target)  # of runs that were killed here, which may be large
            blocks = _table_blocks(partial, corpus, columns, names)
            write_blocks(target, blocks, {**dict.fromkeys(names, float), **kinds})
            partial.unlink()
        else:
            os.replace(partial, target)


def _write_array(
    partial: Path,
    model: Any,
    counts: Corpus,
    known: Any,
    dtype: np.dtype[Any],
    workers: Workers,
    progress: Callable[[int], Any] | None,
) -> None:
    """Write theta after the rows that are there."""
    shape = counts.shape[0], model._n_features_out
    with partial.open("r+b") as file:
        rows = _whole_rows(file, shape, dtype)
        for theta in _in_parts(
            model, counts, known, rows, workers, partial.with_suffix(f".{MODEL}")
        ):
            file.write(np.ascontiguousarray(theta, dtype=dtype).data)
            file.flush()
            os.fsync(file.fileno())  # what is counted as done must be on the disk
            rows += len(theta)
            if progress is not None:
                progress(rows)


def _in_parts(
    model: Any, counts: Corpus, known: Any, first: int, workers: Workers, folder: Path
) -> Iterator[NDArray[np.float64]]:
    """Theta of the documents from ``first`` on, in parts; workers find the model in a folder."""
    parts = [slice(row, row + ROWS_AT_ONCE) for row in range(first, counts.shape[0], ROWS_AT_ONCE)]
    some = [None if known is None else known[part] for part in parts]
    if workers == 1:
        for part, of_part in zip(parts, some, strict=True):
            yield model._theta(counts[part], of_part)
        return
    model.save(folder)
    try:
        where = str(folder), str(counts.folder.resolve())
        tasks = ((*where, part, of_part) for part, of_part in zip(parts, some, strict=True))
        yield from in_order(_theta_of, tasks, workers)
    finally:
        shutil.rmtree(folder)


def _theta_of(model: str, corpus: str, part: slice, known: Any) -> NDArray[np.float64]:
    found, counts = _loaded(model, corpus)
    theta: NDArray[np.float64] = found._theta(counts[part], known)
    return theta


@lru_cache(maxsize=1)
def _loaded(model: str, corpus: str) -> tuple[Any, Corpus]:
    from dirvae.persistence import load  # which imports all models

    return load(model), Corpus(corpus)


def _require_different(names: Sequence[str]) -> None:
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise ValueError(f"columns has {again!r} twice, or it is the name of a topic's column")


def _table_blocks(
    array: Path, corpus: Corpus, columns: Sequence[str], names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    theta: NDArray[np.float64] = np.load(array, mmap_mode="r", allow_pickle=False)
    told = [corpus.column_blocks(name, ROWS_AT_ONCE) for name in columns]
    for start in range(0, len(theta), ROWS_AT_ONCE):
        part = np.array(theta[start : start + ROWS_AT_ONCE])
        yield dict(zip(names, [*map(next, told), *part.T], strict=True))


def _header(shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    head = io.BytesIO()
    told = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(head, told)
    return head.getvalue()


@contextmanager
def _unfinished(target: Path, model: Any, corpus: Corpus, covariates: Any) -> Iterator[Path]:
    """Where theta of this model and corpus is written first; those of others are deleted.

    Raises:
        BlockingIOError: If another process writes this file.
    """
    weights = [array.numpy() for array in model.vae_.state_dict().values()]
    known: list[NDArray[Any]] = [] if covariates is None else [np.asarray(covariates)]
    mark = digest_of(corpus.fingerprint, *weights, *known)[:16]
    partial = target.with_name(f".{target.name}.{mark}.{UNFINISHED}")
    ours = f".{glob.escape(target.name)}.{'[0-9a-f]' * len(mark)}."
    for other in target.parent.glob(ours + UNFINISHED):
        if other.name != partial.name:
            with alone(other, wait=False):
                other.unlink()
    partial.touch()
    with alone(partial, wait=False):
        for other in target.parent.glob(ours + MODEL):  # of runs that were killed
            shutil.rmtree(other)
        yield partial


def _whole_rows(file: IO[bytes], shape: tuple[int, int], dtype: np.dtype[Any]) -> int:
    """Cut off what was not written whole; return how many rows are left."""
    head, width = _header(shape, dtype), shape[1] * dtype.itemsize
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    rows = max(0, size - len(head)) // width if file.read(len(head)) == head else 0
    rows = min(rows, shape[0])
    file.truncate(rows * width + len(head) if rows else 0)
    file.seek(0, os.SEEK_END)
    if not rows:
        file.write(head)
    return rows
