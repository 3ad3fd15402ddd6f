"""Rows of numbers from arrays and sparse matrices of NumPy and SciPy: .npy and .npz."""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from scipy import sparse

from dirvae.data.rows import Rows, require_rows, rows_of
from dirvae.data.sparse_matrix import sound_csr
from dirvae.data.text_files import damaged
from dirvae.reading import fitting_memory, open_regular, require_memory
from dirvae.text import some_of

__all__ = ["read_archive", "read_array", "read_named_array"]

INDICES = {"indices", "indptr", "row", "col", "offsets", "shape"}
MAGIC = npy.MAGIC_PREFIX
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
PREFERRED = ("x", "X", "x_train")
DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    LookupError,
    ArithmeticError,
    RuntimeError,  # of archives that are encrypted, or nested or packed in ways that NumPy lacks
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    tokenize.TokenError,  # of headers, which are read as Python's literals
)


def read_array(path: Path) -> Rows:
    """Read the array of an .npy file.

    Raises:
        ValueError: If it is damaged, or holds no rows of numbers.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(path := Path(folder, "x.npy"), np.eye(2))
        ...     read_array(path).x.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    with open_regular(path) as file, fitting_memory(path):
        size = os.fstat(file.fileno()).st_size
        require_memory(path, size)
        if file.read(len(MAGIC)) == MAGIC:  # otherwise it is refused below
            file.seek(0)
            _require_whole(path, file, size)
        file.seek(0)
        return rows_of(path, _load(path, file, np.ndarray))


def read_archive(path: Path, array: str | None = None) -> Rows:
    """Read an array of an .npz file, or the SciPy sparse matrix that it is.

    Args:
        path: The file.
        array: Name of the array; ``x``, ``X``, ``x_train``, or else the only one with two axes or
            more, by default.

    Raises:
        ValueError: If it is damaged, has no such array, or several without one being named.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(path := Path(folder, "x.npz"), x=np.eye(2), y=np.zeros(2))
        ...     read_archive(path).notes
        ("array 'x' is read; the file has x, y",)
    """
    with (
        open_regular(path) as file,
        fitting_memory(path),
        _load(path, file, np.lib.npyio.NpzFile) as archive,
    ):
        names: list[str] = archive.files
        if array is None and {"format", "shape", "data"} <= set(names):
            return _sparse(path, file, archive)
        chosen = array or _only_matrix(path, archive)
        if chosen not in names:
            raise ValueError(f"{path} has no array {chosen!r}; it has {some_of(names)}")
        rows = rows_of(path, _member(path, archive, chosen))
    others = f"array {chosen!r} is read; the file has {some_of(names)}"
    return rows._replace(notes=(others, *rows.notes) if len(names) > 1 else rows.notes)


def read_named_array(path: Path, name: str) -> NDArray[Any]:
    """Read one array of an .npz file, of any shape.

    Raises:
        ValueError: If it is damaged, or has no such array.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(path := Path(folder, "x.npz"), x=np.eye(2), y=np.arange(3))
        ...     read_named_array(path, "y").tolist()
        [0, 1, 2]
    """
    with (
        open_regular(path) as file,
        fitting_memory(path),
        _load(path, file, np.lib.npyio.NpzFile) as archive,
    ):
        if name not in archive.files:
            raise ValueError(f"{path} has no array {name!r}; it has {some_of(archive.files)}")
        return _member(path, archive, name)


def _load(path: Path, file: IO[bytes], kind: type) -> Any:
    try:
        loaded = np.load(file, allow_pickle=False)
    except DAMAGE as error:
        raise _no_array(path, error) from error
    if not isinstance(loaded, kind):
        raise ValueError(f"{path} is not what its name says: it contains a {type(loaded).__name__}")
    return loaded


def _require_whole(path: Path, file: IO[bytes], size: int) -> None:
    """Hold what the header of an .npy file declares against the bytes that there are."""
    try:
        version = npy.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"its format version {version} is not one of an array of numbers")
        shape, _, dtype = HEADERS[version](file)
        declared, found = math.prod(shape) * dtype.itemsize, size - file.tell()
        if declared > found and not dtype.hasobject:
            raise ValueError(f"it declares {declared:,} bytes and has {found:,}")
    except DAMAGE as error:
        raise _no_array(path, error) from error


def _sparse(path: Path, file: IO[bytes], archive: Any) -> Rows:
    require_memory(path, sum(entry.file_size for entry in archive.zip.infolist()))
    shape = _member(path, archive, "shape")
    if shape.dtype.kind in "iu" and shape.ndim == 1 and len(shape):
        require_memory(path, int(shape[0]) * np.dtype(np.int64).itemsize)  # a pointer for each row
    for name in INDICES & set(archive.files):
        if _member(path, archive, name).dtype.kind not in "iu":  # SciPy would make them such
            raise _no_array(path, ValueError(f"{name!r} in it are not whole numbers"))
    try:
        file.seek(0)
        x = sparse.load_npz(file)
    except DAMAGE as error:
        raise _no_array(path, error) from error
    stored = _member(path, archive, "data")
    if stored.shape != x.data.shape:  # SciPy forgets what is behind the last pointer
        raise ValueError(
            f"{path} is a broken sparse matrix: its pointers end before its {stored.size} values "
            "do; build it again from rows, columns and values"
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
            f"{', '.join(PREFERRED)}: choose one of {some_of(archive.files)} with --array"
        )
    return str(found[0])


def _member(path: Path, archive: Any, name: str) -> NDArray[Any]:
    _require_sound_member(path, archive.zip, f"{name}.npy")
    try:
        member = archive[name]
    except DAMAGE as error:
        raise _no_array(path, error) from error
    if not isinstance(member, np.ndarray):
        raise _no_array(path, ValueError(f"{name!r} in it is not an array"))
    return member


def _require_sound_member(path: Path, archive: zipfile.ZipFile, name: str) -> None:
    """Hold what a member is unpacked to against the memory budget, before it is."""
    if name not in archive.namelist():  # it is no array
        return
    size = archive.getinfo(name).file_size
    require_memory(path, size)
    try:
        member = archive.open(name)
    except DAMAGE as error:
        raise _no_array(path, error) from error
    with member:
        _require_whole(path, member, size)


def _no_array(path: Path, error: BaseException) -> Exception:
    """What to raise; NumPy's advice to unpickle what may be hostile is left out."""
    about_pickle = "pickle" in str(error)
    return damaged(path, ValueError("it is not an array of numbers") if about_pickle else error)
