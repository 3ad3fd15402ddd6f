"""Rows from files that people have: arrays, tables, folders of images."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from scipy import sparse

from dirvae.data.image_sets import mnist
from dirvae.data.images import read_images, required

__all__ = ["Rows", "read_rows"]

KINDS = ".npy, .npz, .csv, .parquet, a folder of .png or .jpg images, or the word mnist"
TABLES = (".csv", ".parquet")
PREFERRED = ("x", "X", "x_train")
DAMAGE = (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error)


class Rows(NamedTuple):
    """Data of N rows, as read.

    Attributes:
        x: Finite numbers, shape (N, D), an array or a SciPy CSR matrix.
        columns: Names of the D columns, or None where the file has none.
        ids: What identifies rows without being data, each of length N, by column name.
        notes: What was done to the file's values.

    Example:
        >>> Rows(np.eye(2), columns=["a", "b"]).columns
        ['a', 'b']
    """

    x: Any
    columns: list[str] | None = None
    ids: Mapping[str, Sequence[Any]] = {}
    notes: tuple[str, ...] = ()


def read_rows(
    source: str | Path, *, array: str | None = None, id_columns: Sequence[str] = ()
) -> Rows:
    """Read rows of numbers; nothing in a file is ever unpickled.

    Images (a folder, the word ``mnist``, or an array of 8-bit integers with more than two axes) are
    scaled to [0, 1]; axes after the first are flattened, height before width before channels. A
    first line of a .csv file that holds numbers only is a row, unless they are 0, 1, ..., D - 1.

    Args:
        source: ``.npy``; ``.npz`` (a SciPy sparse matrix, or the array ``x``, ``X``, ``x_train``,
            or else the only one with two axes or more); ``.csv``; ``.parquet``; a folder of
            ``.png`` or ``.jpg`` images of one size; or ``mnist`` (see `mnist`).
        array: Which array of an ``.npz`` file, or of MNIST, instead.
        id_columns: Columns of a table that identify rows. One without a name is set aside unasked.

    Returns:
        The rows, and what was done to them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty, cut off, of another kind, or holds what is no finite number.
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
    if array and not is_mnist and _suffix(path) != ".npz":
        raise ValueError(f"{source} is no .npz file, so it has no array {array!r} to choose")
    if id_columns and _suffix(path) not in TABLES:
        raise ValueError(f"{source} is no table, so it has no column {id_columns[0]!r}")
    if is_mnist:
        return _matrix("mnist", mnist(array or "x_train"))
    rows = _read(path, array, id_columns)
    _require_finite(path, rows)
    return rows


def _read(path: Path, array: str | None, id_columns: Sequence[str]) -> Rows:
    if path.is_dir():
        names, pixels = read_images(path)
        return _matrix(path, pixels)._replace(ids={"file": names})
    if _suffix(path) == ".npy":
        with path.open("rb") as file:
            return _matrix(path, _load(path, file, np.ndarray))
    if _suffix(path) == ".npz":
        return _archive(path, array)
    if _suffix(path) in TABLES:
        return _table(path, id_columns)
    raise ValueError(f"{path} is of no kind that can be read; data are {KINDS}")


def _suffix(path: Path) -> str:
    return path.suffix.lower()


# --- arrays --------------------------------------------------------------------------------------


def _load(path: Path, file: IO[bytes], kind: type) -> Any:
    try:
        loaded = np.load(file, allow_pickle=False)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    if not isinstance(loaded, kind):
        raise ValueError(f"{path} is not what its name says: it holds a {type(loaded).__name__}")
    return loaded


def _archive(path: Path, array: str | None) -> Rows:
    with path.open("rb") as file, _load(path, file, np.lib.npyio.NpzFile) as archive:
        names: list[str] = archive.files
        if array is None and {"format", "shape", "data"} <= set(names):
            return _sparse(path)
        chosen = array or _only_matrix(path, archive)
        if chosen not in names:
            raise ValueError(f"{path} has no array {chosen!r}; it has {', '.join(names)}")
        rows = _matrix(path, _member(path, archive, chosen))
    others = f"array {chosen!r} taken from {', '.join(names)}"
    return rows._replace(notes=(others, *rows.notes) if len(names) > 1 else rows.notes)


def _sparse(path: Path) -> Rows:
    try:
        x = sparse.load_npz(path).tocsr()
    except DAMAGE as error:
        raise _damaged(path, error) from error
    _require_numbers(path, x)
    _require_rows(path, x)
    return Rows(x)


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


def _member(path: Path, archive: Any, name: str) -> Any:
    try:
        return archive[name]
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _matrix(name: Any, values: Any) -> Rows:
    """Rows of an array, whose axes after the first are flattened."""
    if values.ndim < 2:
        raise ValueError(f"{name} has shape {values.shape}, must have rows and columns")
    _require_numbers(name, values)
    _require_rows(name, values)
    if values.ndim == 2:
        return Rows(values)
    size = " x ".join(map(str, values.shape[1:]))
    flat = values.reshape(len(values), -1)
    if values.dtype != np.uint8:
        return Rows(flat, notes=(f"rows of {size} flattened to {flat.shape[1]} columns",))
    images = f"{len(flat):,} images of {size}, scaled to [0, 1] and flattened"
    return Rows(flat / np.float32(255), notes=(f"{images} to {flat.shape[1]} columns",))


# --- tables --------------------------------------------------------------------------------------


def _table(path: Path, id_columns: Sequence[str]) -> Rows:
    pandas = required("pandas", path)
    try:
        frame = _csv(pandas, path) if _suffix(path) == ".csv" else _parquet(pandas, path)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    has_names = not pandas.api.types.is_integer_dtype(frame.columns)
    frame.columns = [str(column) for column in frame.columns]
    missing = [column for column in id_columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{path} has no column {missing[0]!r} to set aside")
    unnamed = [column for column in frame.columns[:1] if column in ("", "index", "Unnamed: 0")]
    aside = list(dict.fromkeys([*unnamed, *id_columns]))
    ids = {column: frame[column].tolist() for column in aside}
    frame = frame.drop(columns=aside)
    _require_rows(path, frame)
    is_number = pandas.api.types.is_numeric_dtype
    words = [repr(column) for column in frame.columns if not is_number(frame[column].dtype)]
    if words:
        raise ValueError(
            f"{path} has columns that are not numbers: {_some(words)}; remove them, or set aside "
            "what identifies rows with --id-column"
        )
    notes = (f"column {unnamed[0]!r} set aside: it numbers the rows",) if unnamed else ()
    names = list(frame.columns) if has_names else None
    return Rows(frame.to_numpy(np.float64, na_value=np.nan), names, ids, notes)


def _csv(pandas: Any, path: Path) -> Any:
    first = pandas.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
    header = None if _is_data(first.iloc[0].tolist()) else 0
    return _with_plain_index(pandas, pandas.read_csv(path, header=header, low_memory=False))


def _parquet(pandas: Any, path: Path) -> Any:
    required("pyarrow", path)
    return _with_plain_index(pandas, pandas.read_parquet(path, engine="pyarrow"))


def _with_plain_index(pandas: Any, frame: Any) -> Any:
    """Make the index that pandas took from a file a column again."""
    return frame if isinstance(frame.index, pandas.RangeIndex) else frame.reset_index()


def _is_data(cells: list[str]) -> bool:
    """Whether a first line is a row: numbers, but not the column numbers that pandas writes."""
    try:
        return [float(cell) for cell in cells] != list(range(len(cells)))
    except ValueError:
        return False


# --- checks --------------------------------------------------------------------------------------


def _damaged(path: Path, error: BaseException) -> Exception:
    if isinstance(error, OSError) and error.errno is not None:
        return error
    detail = " ".join(str(error).split()).rstrip(".")
    return ValueError(f"{path} cannot be read: it is cut off, or not what its name says ({detail})")


def _require_numbers(name: Any, values: Any) -> None:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} has values of type {values.dtype}, must be real numbers")


def _require_rows(name: Any, x: Any) -> None:
    if 0 in x.shape:
        shape = " x ".join(map(str, x.shape))
        raise ValueError(f"{name} is empty: its size is {shape}, rows by columns")


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


def _some(words: list[str], most: int = 5) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
