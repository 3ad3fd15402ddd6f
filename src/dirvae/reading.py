"""Safe reading of unknown files: only regular files, and only within a memory budget."""

from __future__ import annotations

import gzip
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "OverBudgetError",
    "fitting_memory",
    "memory_budget",
    "open_regular",
    "read_regular",
    "require_memory",
    "unpacked",
]

_VARIABLE = "DIRVAE_MEMORY"
_GIB = 2**30
_UNKNOWN = 16 * _GIB  # of a machine that does not tell how much memory it has
_PIECE = 2**20
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def memory_budget() -> int:
    """Return the memory budget: how many bytes reading one file may use.

    The budget is half of the machine's memory, or the number of GiB in the environment variable
    ``DIRVAE_MEMORY``.

    Raises:
        ValueError: If the variable is not a number above 0.

    Example:
        >>> memory_budget() > 10_000_000
        True
    """
    word = os.environ.get(_VARIABLE)
    if word is None:
        return _machine_memory() // 2
    try:
        budget = int(float(word) * _GIB)
    except (ValueError, OverflowError):
        budget = 0
    if budget <= 0:
        raise ValueError(
            f"{_VARIABLE} is {word[:40]!r}, must be a number of GiB above 0, such as 8"
        )
    return budget


class OverBudgetError(ValueError):
    """Reading a file needs more than the memory budget. The file may be correct.

    Example:
        >>> issubclass(OverBudgetError, ValueError)
        True
    """


def require_memory(path: str | Path, size: int, share: int = 1) -> None:
    """Raise `OverBudgetError` if reading a file needs more than the memory budget.

    Args:
        path: The file, for the message.
        size: Bytes of the content after reading or decompression.
        share: Factor by which more memory than ``size`` is needed.

    Example:
        >>> require_memory("x.npy", 800)
    """
    budget = memory_budget()
    if size * share > budget:
        raise OverBudgetError(
            f"{path} cannot be read: it takes {_told(size * share)} of memory, of which "
            f"{_told(budget)} may be used; {_VARIABLE}=... allows more, in GiB"
        )


def _told(size: int) -> str:
    return f"{size / _GIB:,.1f} GiB" if size >= _GIB / 10 else f"{size / 2**20:,.1f} MiB"


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return _UNKNOWN


@contextmanager
def fitting_memory(path: str | Path) -> Iterator[None]:
    """Context manager that turns errors of memory or recursion into one plain sentence.

    The sentence says that the file is too large, or nested too deep.

    Example:
        >>> with fitting_memory("x.csv"):
        ...     raise MemoryError
        Traceback (most recent call last):
        dirvae.reading.OverBudgetError: x.csv cannot be read: there is not enough memory for it
    """
    try:
        yield
    except MemoryError as error:
        raise OverBudgetError(
            f"{path} cannot be read: there is not enough memory for it"
        ) from error
    except RecursionError as error:
        raise ValueError(f"{path} cannot be read: it is nested too deep") from error


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file to read its bytes; refuse a pipe, a device, or a link to one.

    Reading a pipe or a device may block for ever or never end. Opening one may have effects.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If ``path`` is not a regular file.

    Example:
        >>> open_regular(os.devnull)
        Traceback (most recent call last):
        ValueError: /dev/null cannot be read: it is a device, must be a file
    """
    _require_regular(path, os.stat(path))
    # Not to wait, should another have put a pipe there since.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(path, "rb", opener=lambda name, _: os.open(name, flags))  # noqa: SIM115
    try:
        _require_regular(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def _require_regular(path: str | Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((what for test, what in _KINDS if test(found.st_mode)), "no file")
        raise ValueError(f"{path} cannot be read: it is {kind}, must be a file")


def read_regular(path: str | Path, share: int = 1, most: int | None = None) -> bytes:
    """Return the content of a regular file. The size of the file is checked before reading.

    Args:
        path: The file.
        share: Factor: the size of the file times ``share`` must be within the memory budget.
        most: Largest size in bytes, if it is to be less than the budget allows.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If ``path`` is not a regular file, or the file is too large.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a").write_bytes(b"content")
        ...     read_regular(Path(folder, "a"))
        b'content'
    """
    with open_regular(path) as file, fitting_memory(path):
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise ValueError(f"{path} has {size:,} bytes, must have {most:,} at most")
        require_memory(path, size, share)
        content = file.read(size + 1)  # files of /proc say that they have none
        if len(content) > size:
            raise ValueError(f"{path} has more bytes than it says, or grows while it is read")
        return content


def unpacked(path: str | Path, packed: bytes, share: int = 1) -> bytes:
    """Decompress gzip content, within the memory budget.

    Args:
        path: The file, for messages.
        packed: The compressed content of the file.
        share: Factor: the decompressed size times ``share`` must be within the memory budget.

    Raises:
        ValueError: If the decompressed content needs more than the memory budget.
        OSError, EOFError, zlib.error: If the content is damaged or cut off.

    Example:
        >>> unpacked("a.gz", gzip.compress(b"one ") + gzip.compress(b"two"))
        b'one two'
    """
    pieces, size = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file, fitting_memory(path):
        while piece := file.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            require_memory(path, size, share)
        return b"".join(pieces)
