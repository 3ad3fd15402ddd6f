"""Counts from Matrix Market files with names beside them, features by cells, as 10x writes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from scipy import io, sparse

from dirvae.data.rows import SAMPLE, Rows, require_rows
from dirvae.data.sparse_matrix import checked_csr, require_size
from dirvae.data.text_files import damaged, read_text
from dirvae.reading import open_regular

__all__ = ["read_matrix_market"]

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
    open_regular(path).close()
    try:
        height, width, entries, *_, field, _ = io.mminfo(path)
    except Exception as error:  # of many kinds, from a damaged file
        raise damaged(path, error) from error
    require_size(str(path), width, height)
    if entries > 100 * max(1, path.stat().st_size):  # packed by gzip, an entry takes more
        raise ValueError(f"{path} cannot be read: it is too small for the {entries:,} entries")
    if field == "complex":
        raise ValueError(f"{path} has complex numbers, must have real ones")
    try:
        found = io.mmread(path)
    except Exception as error:  # of many kinds, from a damaged file
        raise damaged(path, error) from error
    x = checked_csr(str(path), sparse.coo_matrix(found).T)
    require_rows(path, x)
    cells, features = _beside(path, CELLS), _beside(path, FEATURES)
    for names, size, what in ((cells, width, "columns"), (features, height, "rows")):
        if names is not None and len(names[1]) != size:
            raise ValueError(
                f"{names[0]} has {len(names[1])} names for the {size} {what} of {path}"
            )
    ids = {} if cells is None else {SAMPLE: [row[0] for row in cells[1]]}
    return Rows(x, features and _feature_names(features[1]), ids, _notes(path, cells, features))


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
                return other, [line.rstrip("\r").split("\t") for line in text.split("\n") if line]
    return None


def _feature_names(rows: list[list[str]]) -> list[str]:
    names = [row[1] if len(row) > 1 else row[0] for row in rows]
    count = Counter(names)
    return [
        name if count[name] == 1 else f"{name} ({row[0]})"
        for name, row in zip(names, rows, strict=True)
    ]
