"""Counts from Matrix Market files with names beside them, features by cells, as 10x writes them."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.rows import SAMPLE, Rows, require_rows
from dirvae.data.sparse_matrix import checked_csr, require_size
from dirvae.data.text_files import GZIP, damaged, read_text
from dirvae.reading import OverBudgetError, fitting_memory, open_regular, require_memory

__all__ = ["read_matrix_market"]

LAYOUTS = ("coordinate", "array")
FIELDS = ("real", "double", "integer", "unsigned-integer", "pattern", "complex")
LONGEST = 2**16  # characters of a line
CELLS, FEATURES = ("barcodes",), ("features", "genes")


def read_matrix_market(path: Path) -> Rows:
    """Read an .mtx or .mtx.gz file of features by samples; the samples become rows.

    Names are read from ``barcodes.tsv`` and ``features.tsv`` (or ``genes.tsv``) beside it, packed
    by gzip or not. Where "matrix" in the file's name is only a part of it, as in
    ``one_matrix.mtx``, the others are called alike: ``one_barcodes.tsv``. Features have the name
    in the second column, if there is one; where it is not the only such, with the id behind it.

    Raises:
        ValueError: If it is damaged, holds no rows of numbers, or names do not fit its size.
    """
    with open_regular(path) as raw, fitting_memory(path):
        try:
            x = _features_by_samples(path, _lines(path, raw))
        except (EOFError, OSError, zlib.error) as error:
            raise damaged(path, error) from error
    height, width = x.shape
    x = checked_csr(str(path), x.T)
    require_rows(path, x)
    cells, features = _beside(path, CELLS), _beside(path, FEATURES)
    for names, size, what in ((cells, width, "columns"), (features, height, "rows")):
        if names is not None and len(names[1]) != size:
            raise ValueError(
                f"{names[0]} has {len(names[1])} names for the {size} {what} of {path}"
            )
    ids = {} if cells is None else {SAMPLE: [row[0] for row in cells[1]]}
    return Rows(x, features and _feature_names(features[1]), ids, _notes(path, cells, features))


# --- the file: SciPy's reader ends the process on some that are damaged ---------------------------


def _lines(path: Path, raw: BinaryIO) -> Iterator[str]:
    """Lines of a few numbers each: a longer one is refused before all of it is read."""
    packed = raw.read(len(GZIP)) == GZIP
    raw.seek(0)
    with io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "latin-1") as file:
        in_comment = False
        while line := file.readline(LONGEST):
            is_comment = in_comment or line.startswith("%")
            is_cut = len(line) == LONGEST and not line.endswith("\n")
            if is_cut and not is_comment:
                raise OverBudgetError(f"{path} has a line of more than {LONGEST:,} characters")
            if not in_comment:
                yield line
            in_comment = is_comment and is_cut  # what comes next is the rest of it


def _features_by_samples(path: Path, lines: Iterator[str]) -> sparse.coo_matrix:
    words = next(lines, "").lower().split()
    if words[:2] != ["%%matrixmarket", "matrix"] or len(words) != 5:
        raise damaged(path, ValueError("its first line is not one of Matrix Market"))
    _, _, layout, field, symmetry = words
    if layout not in LAYOUTS or field not in FIELDS or (layout, field) == ("array", "pattern"):
        raise damaged(
            path, ValueError(f"{layout[:20]} of {field[:20]} is not a kind of Matrix Market")
        )
    if field == "complex":
        raise ValueError(f"{path} has complex numbers, must have real ones")
    if symmetry != "general":
        raise ValueError(f"{path} is {symmetry[:20]}, must be general: features by samples")
    size = next((line for line in lines if line.strip() and not line.startswith("%")), "")
    try:
        height, width, *rest = map(int, size.split())
        [entries] = rest if layout == "coordinate" else [height * width]
        if min(height, width, entries) < 0:
            raise ValueError("a size below 0")
    except ValueError as error:
        raise damaged(path, error) from error
    num_columns = (2 if field == "pattern" else 3) if layout == "coordinate" else 1
    require_size(str(path), width, height)
    if entries > 100 * max(1, path.stat().st_size):  # packed by gzip, an entry takes more
        raise ValueError(f"{path} cannot be read: the file is too small for {entries:,} entries")
    require_memory(path, entries * num_columns, np.dtype(np.float64).itemsize)
    numbers = _numbers(path, lines, entries, num_columns)
    if layout != "coordinate":
        return sparse.coo_matrix(numbers.reshape(width, height).T)  # column by column
    places, values = numbers[:, :2] - 1, numbers[:, 2] if num_columns == 3 else np.ones(entries)
    within = (places >= 0) & (places < [height, width]) & (places == np.floor(places))
    if not within.all():
        row = int(np.argmin(within.all(1)))
        raise damaged(path, ValueError(f"entry {row + 1} is outside of the matrix"))
    return sparse.coo_matrix((values, tuple(places.T.astype(np.int64))), (height, width))


def _numbers(path: Path, lines: Iterator[str], entries: int, width: int) -> NDArray[np.float64]:
    """What is in the lines, shape (entries, width)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file without entries
            found = np.loadtxt(lines, comments=None, ndmin=2, max_rows=entries + 1)
    except OverBudgetError:
        raise
    except ValueError as error:
        raise damaged(path, error) from error
    if found.size != entries * width or (entries and found.shape[1] != width):
        raise damaged(path, ValueError(f"it declares {entries:,} entries and has {len(found):,}"))
    return found.reshape(entries, width)


# --- names beside it ------------------------------------------------------------------------------


def _notes(path: Path, cells: Any, features: Any) -> tuple[str, ...]:
    names = ", ".join(found[0].name for found in (cells, features) if found)
    said = f"names taken from {names}" if names else "no names of rows and columns beside it"
    return (f"rows of the file taken for features, columns for samples; {said}",)


def _beside(path: Path, words: tuple[str, ...]) -> tuple[Path, list[list[str]]] | None:
    """The file of names, and its lines as cells."""
    stem = path.name.lower().partition(".mtx")[0]
    for word in words:
        name = path.name[: len(stem)].replace("matrix", word) if "matrix" in stem else word
        for suffix in (".tsv", ".tsv.gz"):
            other = path.with_name(name + suffix)
            if other.is_file():
                text, _ = read_text(other)
                lines = (line.rstrip("\r") for line in text.split("\n"))
                return other, [line.split("\t") for line in lines if line]
    return None


def _feature_names(rows: list[list[str]]) -> list[str]:
    names = [row[1] if len(row) > 1 else row[0] for row in rows]
    count = Counter(names)
    return [
        name if count[name] == 1 else f"{name} ({row[0]})"
        for name, row in zip(names, rows, strict=True)
    ]
