"""theta of a corpus on disk, some documents after others; a run that was killed can go on."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dirvae.data.corpus import Corpus
from dirvae.data.corpus.shards import digest_of
from dirvae.writing import require_writable

__all__ = ["write_theta"]

ROWS_AT_ONCE = 20_000
UNFINISHED = "unfinished"


def write_theta(
    model: Any,
    corpus: Corpus,
    path: str | Path,
    *,
    covariates: Any = None,
    progress: Callable[[int], Any] | None = None,
) -> None:
    """Write theta of each document of a corpus to an ``.npy`` file, some documents at a time.

    Values are those of `TopicModel.transform`, float32, shape (N, K). They are written to a file
    beside ``path``, which takes its place in the end. When a run was cut off, the same call goes
    on after the last documents that were written whole.

    Args:
        model: A fitted `TopicModel`.
        corpus: Of the model's words.
        path: The file, which ends in ``.npy``; an older one is replaced.
        covariates: As in `TopicModel.transform`.
        progress: Called with the number of documents that are done, time after time.

    Raises:
        ValueError: If the corpus has other words, or the file another suffix.
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
    target = Path(path).resolve()
    if target.suffix != ".npy":
        raise ValueError(f"{target} must end in .npy")
    counts, known = model._counts_and_covariates(corpus, covariates, on_disk=True)
    num_rows, num_topics = corpus.shape[0], model._n_features_out
    head = _header((num_rows, num_topics))
    require_writable(target.parent)
    partial = _unfinished(target, model, corpus, known)
    width = num_topics * np.dtype(np.float32).itemsize
    with partial.open("r+b" if partial.exists() else "w+b") as file:
        done = _whole_rows(file, head, width, num_rows)
        for start in range(done, num_rows, ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            theta = model._theta(counts[part], None if known is None else known[part])
            file.write(np.ascontiguousarray(theta, dtype="<f4").data)
            file.flush()
            os.fsync(file.fileno())  # what is counted as done must be on the disk
            if progress is not None:
                progress(min(start + ROWS_AT_ONCE, num_rows))
    os.replace(partial, target)


def _header(shape: tuple[int, int]) -> bytes:
    head = io.BytesIO()
    told = {"descr": "<f4", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(head, told)
    return head.getvalue()


def _unfinished(target: Path, model: Any, corpus: Corpus, covariates: Any) -> Path:
    """Where theta of this model and corpus is written first; those of others are deleted."""
    weights = [array.numpy() for array in model.vae_.state_dict().values()]
    known: list[NDArray[Any]] = [] if covariates is None else [np.asarray(covariates)]
    mark = digest_of(corpus.fingerprint, *weights, *known)[:16]
    partial = target.with_name(f".{target.name}.{mark}.{UNFINISHED}")
    for other in target.parent.glob(f".{target.name}.*.{UNFINISHED}"):
        if other.name != partial.name:
            other.unlink()
    return partial


def _whole_rows(file: IO[bytes], head: bytes, width: int, num_rows: int) -> int:
    """Cut off what was not written whole; return how many rows are left."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    rows = max(0, size - len(head)) // width if file.read(len(head)) == head else 0
    rows = min(rows, num_rows)
    file.truncate(rows * width + len(head) if rows else 0)
    file.seek(0, os.SEEK_END)
    if not rows:
        file.write(head)
    return rows
