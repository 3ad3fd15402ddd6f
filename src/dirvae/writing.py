"""Files that are whole or not there: written under another name, then put in their place."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

__all__ = [
    "alone",
    "delete_partials",
    "line_end",
    "made",
    "partial_of",
    "reach_disk",
    "require_writable",
    "save_array",
    "try_writing",
    "whole",
    "whole_folder",
    "write_text",
]

_NAME_LENGTH = 40  # characters of a file's name that the other name begins with: names have limits


@contextmanager
def whole(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that takes its place when all of it is written.

    Until then, and after an error, the file that was there stays. It gives its mode to the new one;
    without an earlier file the umask says. A link stays, and leads to the new file.

    Args:
        path: The file, in a folder that is there.

    Raises:
        OSError: If the file cannot be written; nothing is changed then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with whole(f"{folder}/a.bin") as file:
        ...         _ = file.write(b"content")
        ...     Path(folder, "a.bin").read_bytes()
        b'content'
    """
    target = Path(path).resolve()
    partial = target.with_name(f".{target.name[:_NAME_LENGTH]}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the name must not reach the disk before the content
        if target.exists():
            os.chmod(partial, stat.S_IMODE(target.stat().st_mode))
        os.replace(partial, target)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(partial):
            error.filename = str(path)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write files in, which takes its place when all of them are written.

    They may not be on the disk yet, as those of `whole` are: see `reach_disk`. If the place is
    taken by then, what is there stays, and what was written is deleted.

    Args:
        path: The folder; its parent is there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     with whole_folder(Path(parent, "a")) as folder:
        ...         write_text(folder / "b", "text")
        ...     Path(parent, "a", "b").read_text()
        'text'
    """
    partial = path.with_name(f".{path.name[:_NAME_LENGTH]}.{secrets.token_hex(4)}.partial")
    partial.mkdir()
    try:
        yield partial
        if not path.exists():
            os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a file or folder that no other process holds, where file systems and Windows let us.

    Args:
        path: What is there.
        wait: Whether to wait for the other process.

    Raises:
        BlockingIOError: If another process holds it, or has just put something else in its place.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with alone(Path(folder), wait=False):
        ...         write_text(f"{folder}/b", "text")
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    taken = f"{path} is being written by another process: try again when that has ended"
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        if wait:
            raise
        raise BlockingIOError(taken) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(taken) from error
        except OSError:
            pass
        if not wait and not (path.exists() and os.path.samestat(os.fstat(handle), path.stat())):
            raise BlockingIOError(taken)
        yield
    finally:
        with suppress(OSError):  # by itself, since processes that were forked meanwhile have it too
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def reach_disk(folder: Path) -> None:
    """Wait until all files below a folder are on the disk, where a loss of power leaves them."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("r+b") as written:
                os.fsync(written.fileno())


def save_array(file: BinaryIO, array: Any) -> None:
    """Write an array as `numpy.save` does, with the system's own error if the disk is full.

    NumPy writes to a file past Python, and then says only how many numbers were written.

    Example:
        >>> import io
        >>> import numpy as np
        >>> save_array(file := io.BytesIO(), np.eye(2))
        >>> bool((np.load(io.BytesIO(file.getvalue())) == np.eye(2)).all())
        True
    """
    import numpy as np

    np.save(cast(Any, SimpleNamespace(write=file.write)), array)


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all; an older file is replaced.

    Raises:
        OSError: If the folder cannot be written to; nothing is changed then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_text(f"{folder}/page.html", "text")
        ...     Path(folder, "page.html").read_text()
        'text'
    """
    with whole(path) as file:
        file.write(text.encode())


def line_end(cells: Iterable[Any]) -> str:
    r"""What lines of a CSV file end in, so that every reader finds the rows that were written.

    Python's ``csv``, by which pandas writes too, quotes a carriage return in a cell only if lines
    end in one; readers take a bare one for the end of a row.

    Args:
        cells: All cells that are texts, and names of columns.

    Example:
        >>> line_end(["a", 1]), line_end(["a", "b\r"])
        ('\n', '\r\n')
    """
    return "\r\n" if any(isinstance(cell, str) and "\r" in cell for cell in cells) else "\n"


def partial_of(name: str) -> str | None:
    """Name of the file that `whole` was writing when its process was killed, which left ``name``.

    Example:
        >>> partial_of(".a.csv.0123abcd.partial"), partial_of("a.csv")
        ('a.csv', None)
    """
    found = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.partial", name)
    return found and found[1]


def delete_partials(path: Path) -> None:
    """Delete what `whole` left of a file whenever its process was killed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, ".a.csv.0123abcd.partial").write_text("1,2")
        ...     delete_partials(Path(folder, "a.csv"))
        ...     list(Path(folder).iterdir())
        []
    """
    for entry in path.parent.glob(".*.partial"):
        if partial_of(entry.name) == path.name[:_NAME_LENGTH]:
            entry.unlink(missing_ok=True)


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; after an error those that were not there are gone again.

    Raises:
        OSError: If that cannot be done.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        _remove_empty(new)
        raise


def require_writable(folder: Path) -> None:
    """Try out whether a file can be written in a folder, which may not exist yet; leaves nothing.

    Raises:
        OSError: If it cannot.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{secrets.token_hex(4)}"
        with whole(trial):
            pass
        trial.unlink()
    except OSError as error:
        raise type(error)(f"{folder} cannot be written to: {error.strerror}") from error
    finally:
        _remove_empty(new)


def try_writing(path: Path) -> None:
    """Try out whether `whole` can write a file, by replacing it by itself if there is one.

    Raises:
        OSError: If it cannot, such as where a folder is, or a file that is a mount point.
    """
    if not os.path.exists(path):
        require_writable(path.resolve().parent)
        return
    if not path.is_file():
        raise FileExistsError(f"{path} is no file")
    try:
        with path.open("rb") as old, whole(path) as new:
            shutil.copyfileobj(old, new)
    except OSError as error:
        raise type(error)(f"{path} cannot be replaced: {error.strerror}") from error


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # not empty, or never made
            folder.rmdir()
