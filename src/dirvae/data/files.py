"""Rows from files that people have: arrays, tables, folders of images."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.image_sets import mnist
from dirvae.data.images import read_images
from dirvae.data.number_tables import read_numbers
from dirvae.data.rows import Rows, require_numbers, require_rows
from dirvae.data.sparse_matrix import sound_csr
from dirvae.data.text_files import UTF8, damaged, kind_of

__all__ = ["Rows", "read_rows"]

KINDS = ".npy, .npz, .csv, .tsv, .parquet, a folder of .png or .jpg images, or the word mnist"
TEXT_TABLES = (".csv", ".tsv")
TABLES = (*TEXT_TABLES, ".parquet")
INDICES = {"indices", "indptr", "row", "col", "offsets", "shape"}
PREFERRED = ("x", "X", "x_train")
DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    LookupError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_rows(
    source: str | Path,
    *,
    array: str | None = None,
    id_columns: Sequence[str] = (),
    encoding: str = UTF8,
) -> Rows:
    """Read rows of numbers; nothing in a file is ever unpickled.

    Images (a folder, the word ``mnist``, or an array of 8-bit integers with more than two axes) are
    scaled to [0, 1]; axes after the first are flattened, height before width before channels.

    A table in text may be separated by commas, semicolons, tabs or bars, have decimal commas, names
    of rows as R writes them, and be packed by gzip: all of it is recognised, and told in ``notes``.
    What is not certain is refused. A first line that holds numbers only is a row, unless they are
    0, 1, ..., D - 1.

    Args:
        source: ``.npy``; ``.npz`` (a SciPy sparse matrix, or the array ``x``, ``X``, ``x_train``,
            or else the only one with two axes or more); ``.csv`` or ``.tsv``, also as ``.csv.gz``
            or ``.tsv.gz``; ``.parquet``; a folder of ``.png`` or ``.jpg`` images of one size; or
            ``mnist`` (see `mnist`).
        array: Which array of an ``.npz`` file, or of MNIST, instead.
        id_columns: Columns of a table that identify rows. A first one without a name is set aside
            unasked, as ``row``.
        encoding: Of a ``.csv`` or ``.tsv`` file. UTF-16 is recognised by the mark at its beginning.

    Returns:
        The rows, and what was done to them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty, cut off, of another kind, has rows of different lengths, or
            holds what is no finite number.
        ImportError: If pandas, pyarrow, pillow or pooch is needed and not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(path := Path(folder, "x.npy"), np.full((2, 3, 3), 255, np.uint8))
        ...     rows = read_rows(path)
        >>> rows.x.shape, float(rows.x.max()), rows.notes
        ((2, 9), 1.0, ('2 images of 3 x 3, scaled to [0, 1] and flattened to 9 columns',))
    """
    path, is_mnist = Path(source), str(source) == "mnist"
    if not path.exists() and not is_mnist:
        raise FileNotFoundError(f"{source} does not exist; data are {KINDS}")
    if array and not is_mnist and kind_of(path) != ".npz":
        raise ValueError(f"{source} is no .npz file, so it has no array {array!r} to choose")
    if id_columns and kind_of(path) not in TABLES:
        raise ValueError(f"{source} is no table, so it has no column {id_columns[0]!r}")
    if encoding != UTF8 and kind_of(path) not in TEXT_TABLES:
        raise ValueError(f"{source} is no .csv or .tsv file, so it has no encoding {encoding!r}")
    if is_mnist:
        return _matrix("mnist", mnist(array or "x_train"))
    rows = _read(path, array, id_columns, encoding)
    _require_finite(path, rows)
    return rows


def _read(path: Path, array: str | None, id_columns: Sequence[str], encoding: str) -> Rows:
    if path.is_dir():
        names, pixels = read_images(path)
        return _matrix(path, pixels)._replace(ids={"file": names})
    if kind_of(path) == ".npy":
        with path.open("rb") as file:
            return _matrix(path, _load(path, file, np.ndarray))
    if kind_of(path) == ".npz":
        return _archive(path, array)
    if kind_of(path) in TABLES:
        return read_numbers(path, id_columns, encoding)
    raise ValueError(f"{path} is of no kind that can be read; data are {KINDS}")


# --- arrays --------------------------------------------------------------------------------------


def _load(path: Path, file: IO[bytes], kind: type) -> Any:
    try:
        loaded = np.load(file, allow_pickle=False)
    except DAMAGE as error:
        raise _no_array(path, error) from error
    if not isinstance(loaded, kind):
        raise ValueError(f"{path} is not what its name says: it holds a {type(loaded).__name__}")
    return loaded


def _archive(path: Path, array: str | None) -> Rows:
    with path.open("rb") as file, _load(path, file, np.lib.npyio.NpzFile) as archive:
        names: list[str] = archive.files
        if array is None and {"format", "shape", "data"} <= set(names):
            return _sparse(path, archive)
        chosen = array or _only_matrix(path, archive)
        if chosen not in names:
            raise ValueError(f"{path} has no array {chosen!r}; it has {', '.join(names)}")
        rows = _matrix(path, _member(path, archive, chosen))
    others = f"array {chosen!r} taken from {', '.join(names)}"
    return rows._replace(notes=(others, *rows.notes) if len(names) > 1 else rows.notes)


def _sparse(path: Path, archive: Any) -> Rows:
    for name in INDICES & set(archive.files):
        if _member(path, archive, name).dtype.kind not in "iu":  # SciPy would make them such
            raise _no_array(path, ValueError(f"{name!r} in it are no whole numbers"))
    try:
        x = sparse.load_npz(path)
    except DAMAGE as error:
        raise _no_array(path, error) from error
    stored = _member(path, archive, "data")
    if stored.shape != x.data.shape:  # SciPy forgets what is behind the last pointer
        raise ValueError(
            f"{path} is a broken sparse matrix: its pointers end before its {stored.size} values "
            "do; build it anew from rows, columns and values"
        )
    require_rows(path, x)
    return Rows(sound_csr(str(path), x))


def _only_matrix(path: Path, archive: Any) -> str:
    for name in PREFERRED:
        if name in archive.files:
            return name
    found = [name for name in archive.files if _member(path, archive, name).ndim >= 2]
    if len(found) != 1:
        raise ValueError(
            f"{path} has {len(found) or 'no'} arrays with rows and columns, and none is called "
            f"{', '.join(PREFERRED)}: choose one of {', '.join(archive.files)} with --array"
        )
    return str(found[0])


def _member(path: Path, archive: Any, name: str) -> NDArray[Any]:
    try:
        member = archive[name]
    except DAMAGE as error:
        raise _no_array(path, error) from error
    if not isinstance(member, np.ndarray):
        raise _no_array(path, ValueError(f"{name!r} in it is no array"))
    return member


def _no_array(path: Path, error: BaseException) -> Exception:
    """What to raise; NumPy's advice to unpickle what may be hostile is left out."""
    about_pickle = "pickle" in str(error)
    return damaged(path, ValueError("it is no array of numbers") if about_pickle else error)


def _matrix(name: Any, values: Any) -> Rows:
    """Rows of an array, whose axes after the first are flattened."""
    if values.ndim < 2:
        raise ValueError(f"{name} has shape {values.shape}, must have rows and columns")
    require_numbers(name, values)
    require_rows(name, values)
    if values.ndim == 2:
        return Rows(values)
    size = " x ".join(map(str, values.shape[1:]))
    flat = values.reshape(len(values), -1)
    if values.dtype != np.uint8:
        return Rows(flat, notes=(f"rows of {size} flattened to {flat.shape[1]} columns",))
    images = f"{len(flat):,} images of {size}, scaled to [0, 1] and flattened"
    return Rows(flat / np.float32(255), notes=(f"{images} to {flat.shape[1]} columns",))


# --- checks --------------------------------------------------------------------------------------


def _require_finite(path: Path, rows: Rows) -> None:
    values = rows.x.data if sparse.issparse(rows.x) else rows.x
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    row, column, value = _first_not_finite(rows.x)
    kind = "missing values (NaN)" if np.isnan(value) else "infinite values"
    name = repr(rows.columns[column]) if rows.columns else column + 1
    raise ValueError(
        f"{path} has {kind}, the first in row {row + 1}, column {name} (counted from 1): fill them "
        "in or leave these rows out"
    )


def _first_not_finite(x: Any) -> tuple[int, int, float]:
    if sparse.issparse(x):
        entries = x.tocoo()
        first = np.flatnonzero(~np.isfinite(entries.data))[0]
        return entries.row[first], entries.col[first], entries.data[first]
    row, column = np.argwhere(~np.isfinite(x))[0]
    return row, column, x[row, column]
