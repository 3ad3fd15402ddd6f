"""A shard: counts of some documents as CSR arrays in files, and what is known of the documents.

A shard is a folder that is whole or not there. What is in it is checked each time it is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.reading import open_regular, read_regular
from dirvae.writing import save_array, whole_folder

__all__ = [
    "ARRAYS",
    "KNOWN",
    "ROWS",
    "SHARD_FILES",
    "Facts",
    "checksum",
    "compact",
    "digest_of",
    "facts_of",
    "is_whole",
    "known_of",
    "opened_shard",
    "read_json",
    "write_shard",
]

ARRAYS = ("data", "indices", "indptr")
KNOWN = ("id", "label", "time")
FACTS, ABOUT = "shard.json", "documents.json"
SHARD_FILES = {*(f"{name}.npy" for name in ARRAYS), FACTS, ABOUT}
COUNTS = tuple(map(np.dtype, ("u1", "u2", "u4")))
WEIGHTS = tuple(map(np.dtype, ("f4", "f8")))
ROWS = 20_000  # of a shard, at most
MOST_FACTS = 100_000  # bytes; there are some hundreds


class Facts(NamedTuple):
    """What a shard says of itself.

    Attributes:
        rows: Its documents.
        entries: Counts that are not 0.
        source: Hash of what it was made from.
        sha256: Of its files, by name.
    """

    rows: int
    entries: int
    source: str
    sha256: Mapping[str, str]


def write_shard(
    folder: Path,
    counts: sparse.csr_matrix,
    known: Mapping[str, Sequence[Any]],
    source: str,
    more: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write a shard, whole or not at all; one that is there stays.

    Args:
        folder: Of the shard.
        counts: Canonical, above 0, shape (N, V).
        known: Lists of what is known of documents, each of length N.
        source: Hash of what it was made from.
        more: Further arrays, by name.
    """
    arrays = {name: getattr(counts, name) for name in ARRAYS}
    arrays |= {"data": compact(counts.data), "indptr": counts.indptr.astype(np.int64)}
    arrays |= {"indices": counts.indices.astype(np.int32, copy=False), **(more or {})}
    with whole_folder(folder) as partial:
        for name, array in arrays.items():
            with (partial / f"{name}.npy").open("xb") as file:
                save_array(file, array)
        (partial / ABOUT).write_text(json.dumps(dict(known)), encoding="utf-8")
        sums = {file.name: checksum(file) for file in sorted(partial.iterdir())}
        facts = Facts(counts.shape[0], counts.nnz, source, sums)
        (partial / FACTS).write_text(json.dumps(facts._asdict()), encoding="utf-8")


def compact(values: NDArray[Any]) -> NDArray[Any]:
    """Return counts in the smallest type that holds them; weights that are not whole as floats.

    Example:
        >>> compact(np.array([1, 300])).dtype, compact(np.array([0.5])).dtype
        (dtype('uint16'), dtype('float64'))
    """
    if values.dtype.kind == "f" and (values % 1).any():
        return values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64, copy=False)
    largest = values.max(initial=0)
    fitting = [dtype for dtype in COUNTS if largest <= np.iinfo(dtype).max]
    return values.astype(fitting[0] if fitting else np.float64)


def digest_of(*parts: Any) -> str:
    """Return a hash of values of JSON, or of arrays.

    Example:
        >>> digest_of(["a"]) == digest_of(["a"]), digest_of(["a"]) == digest_of(["b"])
        (True, False)
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        is_array = isinstance(part, np.ndarray)
        digest.update(np.ascontiguousarray(part).data if is_array else json.dumps(part).encode())
    return digest.hexdigest()


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` prints it."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def read_json(path: Path, most: int | None = None) -> Any:
    """Return what a file of JSON holds.

    Raises:
        ValueError: If it is none, or larger than ``most`` bytes.
    """
    try:
        return json.loads(read_regular(path, 4, most))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def is_whole(folder: Path) -> bool:
    """Whether all files of a shard are as they were written: the machine may have lost power."""
    try:
        sums = facts_of(folder).sha256
        return all(checksum(folder / Path(name).name) == sums[name] for name in sums)
    except (ValueError, OSError):
        return False


def facts_of(folder: Path) -> Facts:
    """Return what a shard says of itself.

    Raises:
        ValueError: If it says something else.
    """
    found = read_json(folder / FACTS, MOST_FACTS)
    is_sound = (
        isinstance(found, dict)
        and found.keys() == set(Facts._fields)
        and all(type(found[name]) is int and found[name] >= 0 for name in ("rows", "entries"))
        and isinstance(found["source"], str)
        and isinstance(found["sha256"], dict)
        and {f"{name}.npy" for name in ARRAYS} | {ABOUT} <= found["sha256"].keys()
    )
    if not is_sound:
        raise _broken(folder, f"{FACTS} contradicts a shard")
    return Facts(**found)


def known_of(folder: Path, rows: int) -> dict[str, list[Any]]:
    """Return what is known of the documents of a shard.

    Raises:
        ValueError: If it is not that of ``rows`` documents.
    """
    found = read_json(folder / ABOUT)
    is_sound = isinstance(found, dict) and all(
        name in KNOWN
        and isinstance(values, list)
        and len(values) == rows
        and all(isinstance(value, str | int | float | None) for value in values)
        for name, values in found.items()
    )
    if not is_sound:
        raise _broken(folder, f"{ABOUT} must have ids, labels or times of {rows} documents")
    return found


def opened_shard(folder: Path, facts: tuple[int, int], num_words: int) -> sparse.csr_matrix:
    """Return the counts of a shard, mapped into memory, after a check of all that is in them.

    SciPy's routines trust pointers and indices, so these are checked first.

    Args:
        folder: Of the shard.
        facts: Documents and entries that it must have.
        num_words: V.

    Raises:
        ValueError: If the arrays are no CSR matrix of counts in canonical form.
    """
    rows, entries = facts
    lengths = {"data": entries, "indices": entries, "indptr": rows + 1}
    data, indices, indptr = (_mapped(folder, name, lengths[name]) for name in ARRAYS)
    for name, array, right in (
        ("data", data, (*COUNTS, *WEIGHTS)),
        ("indices", indices, (np.dtype("i4"),)),
        ("indptr", indptr, (np.dtype("i8"),)),
    ):
        if array.dtype not in right:
            raise _broken(folder, f"{name} has type {array.dtype}, must have {right[-1]}")
    if indptr[0] != 0 or indptr[-1] != entries or (np.diff(indptr) < 0).any():
        raise _broken(folder, f"its pointers do not rise from 0 to {entries}, its entries")
    if entries:
        _require_canonical(folder, data, indices, indptr, num_words)
    return sparse.csr_matrix((data, indices, indptr), (rows, num_words))


def _mapped(folder: Path, name: str, length: int) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    open_regular(path).close()
    try:
        # An empty array cannot be mapped.
        found = np.load(path, mmap_mode="r" if length else None, allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise _broken(folder, f"{path.name} is cut off or is not an array") from error
    if not isinstance(found, np.ndarray) or found.shape != (length,):
        raise _broken(folder, f"{name} has shape {np.shape(found)}, must have {(length,)}")
    return np.asarray(found)


def _require_canonical(
    folder: Path,
    data: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    num_words: int,
) -> None:
    if indices.min() < 0 or indices.max() >= num_words:
        raise _broken(folder, f"it has a column out of range, must be from 0 to {num_words - 1}")
    rises = np.diff(indices) > 0
    borders = indptr[1:-1][(indptr[1:-1] > 0) & (indptr[1:-1] < len(indices))] - 1
    rises[borders] = True
    if not rises.all():
        raise _broken(folder, "columns of a document are not in rising order")
    if not (data > 0).all() or not np.isfinite(data).all():
        raise _broken(folder, "it has a count that is not a finite number above 0")


def _broken(folder: Path, what: str) -> ValueError:
    return ValueError(f"{folder} is a broken shard: {what}; build the corpus again")
