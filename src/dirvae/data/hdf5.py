"""HDF5 files of strangers: what they unpack to, and that all of it is in the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirvae.data.images import required
from dirvae.data.text_files import damaged
from dirvae.reading import open_regular, require_memory
from dirvae.text import some_of

__all__ = ["COPIES", "member", "names_in", "opened", "require_own"]

COPIES = 2  # of what is read: as it is stored, and as it was checked
MOST_DEPTH = 8  # of groups in groups; anndata and BIOM have four
MOST_PARTS = 100_000


@contextmanager
def opened(path: Path, extra: str) -> Iterator[Any]:
    """Open an HDF5 file, and say in one sentence what is wrong with it while it is open.

    Args:
        path: The file.
        extra: Of this package, which has h5py.

    Raises:
        ValueError: If it is damaged.
        ImportError: If h5py is not installed.
    """
    h5py = required("h5py", path, extra)
    open_regular(path).close()
    try:
        with h5py.File(path, "r") as file:
            yield file
    except ImportError:
        raise
    except Exception as error:  # of many kinds, from a damaged file
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        raise damaged(path, error) from error


def member(path: Path, group: Any, name: str) -> Any:
    """Return a member of an HDF5 group that is in the file itself.

    Raises:
        ValueError: If there is none, or a link leads to it, or `group` is no group.
    """
    import h5py

    if name not in names_in(path, group):
        raise ValueError(f"{path} has no {name}; it has {some_of(group)}")
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{path} has {name} as a link, must have the data themselves")
    return group[name]


def names_in(path: Path, group: Any) -> Any:
    """Return the names in an HDF5 group; those of an array would be its rows, of any number.

    Raises:
        ValueError: If it is a data set.
    """
    import h5py

    if not isinstance(group, h5py.Group):
        raise ValueError(f"{path} has {group.name} as an array, must have it as a group")
    return group.keys()


def require_own(path: Path, stored: Any, share: int = 1) -> None:
    """Check a part of an HDF5 file before it is read.

    HDF5 may say that a part is in another file, which would then be read in its place. What is
    packed, or was never written, may unpack to any size.

    Args:
        path: The file, for messages.
        stored: A group or data set of h5py.
        share: How many times the size of what is unpacked the memory budget must have; 0 where it
            is read in pieces.

    Raises:
        ValueError: If some of it is in another file, is nested too deep, has too many parts, or
            takes more memory than the budget has.
    """
    size = 0
    for number, part in enumerate(_parts(path, stored, MOST_DEPTH)):
        if number >= MOST_PARTS:
            raise ValueError(f"{path} has too many parts, must have {MOST_PARTS:,} at most")
        if not hasattr(part, "chunks"):
            continue
        if part.external or part.is_virtual:
            raise ValueError(
                f"{path} has {part.name} in another file, must have it in the same file"
            )
        size += part.size * part.dtype.itemsize
    require_memory(path, size, share)


def _parts(path: Path, stored: Any, depth: int) -> Iterator[Any]:
    yield stored
    if hasattr(stored, "chunks"):
        return
    if not depth:
        raise ValueError(f"{path} is nested too deeply at {stored.name}")
    for name in stored:
        yield from _parts(path, member(path, stored, name), depth - 1)
