"""A folder of files that is one model or another, never a mixture: its manifest says which.

Files that replace others are first written beside them, under names that end in their hashes. The
manifest, replaced next, tells the new model from the old. Then the files take their places.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from dirvae.reading import read_regular
from dirvae.text import some_of
from dirvae.writing import alone, made, partial_of, try_writing, whole

__all__ = [
    "CHECKPOINTS",
    "CONFIG",
    "MANIFEST",
    "WEIGHTS",
    "ModelFormatError",
    "holds_model",
    "other_files",
    "parse",
    "read_folder",
    "require_replaceable",
    "write_folder",
]

CONFIG, WEIGHTS, MANIFEST = "config.json", "model.safetensors", "manifest.json"
CHECKPOINTS = "checkpoints"  # a folder in that of a model, where they have no other place
_CONTENT = "dirvae model"
_MANIFEST_BYTES = 2**17
_JSON_BYTES = 2**26  # a history and the names of features take far less
_JSON_VALUES = 10_000_000  # of which a machine's memory may hold fifty bytes each
_MEMORY_OF_WEIGHTS = 3  # times their bytes: as read, as tensors, and aligned
_TRIES = 100  # while others save to the folder
_MESSAGE = 300  # characters: what a file says may be long
_HASH = re.compile("[0-9a-f]{64}")
_STAGED = re.compile(rf"({re.escape(CONFIG)}|{re.escape(WEIGHTS)})\.[0-9a-f]{{16}}")


class ModelFormatError(ValueError):
    """A model folder cannot be read: it is missing or damaged, or has another kind or version.

    The message is one line of at most 300 characters. The middle of a longer message is left out.

    Example:
        >>> import dirvae
        >>> dirvae.load("no/such/folder")
        Traceback (most recent call last):
        ...
        dirvae.persistence.folder.ModelFormatError: no/such/folder does not exist
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        if len(line) > _MESSAGE:
            line = f"{line[: _MESSAGE // 2 - 5]} ... {line[-_MESSAGE // 2 :]}"
        super().__init__(line)


def write_folder(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Write files and their manifest to a folder, in one step as seen by `read_folder`.

    An empty folder or a model that was there is replaced. If the process is killed on the way, the
    folder has the old files or the new ones.

    Args:
        path: The folder; missing parents are made.
        files: Content by file name.

    Raises:
        OSError: If ``path`` holds something other than a model, or cannot be written; nothing is
            changed then.
    """
    target, entries = Path(path).resolve(), _entries(files)
    try:
        _require_ours(target)
        with made(target), alone(target):
            try:
                for name, content in files.items():
                    _write(target / _staged(name, entries[name]), content)
                _write(target / MANIFEST, _manifest(entries))
            finally:
                with suppress(OSError):  # the next one to save does it
                    _settle(target)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"the model could not be saved to {path}: {reason}") from error


def require_replaceable(path: str | Path) -> None:
    """Test whether `save` can write to a folder. The test leaves the folder unchanged.

    Raises:
        OSError: If the folder cannot be written to.
    """
    target = Path(path).resolve()
    _require_ours(target)
    with alone(target) if target.exists() else nullcontext():
        try_writing(target / MANIFEST)


def holds_model(folder: Path) -> bool:
    """Whether there is a model in a folder, or what says that there was one; not a corpus."""
    if not os.path.lexists(folder / MANIFEST):
        return False
    from dirvae.data.corpus.manifest import says_corpus  # whose manifest has the same name

    return not says_corpus(folder)


def other_files(folder: Path) -> list[str]:
    """Names of what is in a folder and is not part of a model."""
    names = {entry.name for entry in folder.iterdir()}
    try:  # whatever else a manifest lists is not ours to replace
        known = {MANIFEST, *_listed(_manifest_of(folder), MANIFEST).keys() & {CONFIG, WEIGHTS}}
    except ModelFormatError:
        known = set()
    return sorted(n for n in names - known if n != CHECKPOINTS and not _is_leftover(n))


def read_folder(path: str | Path) -> dict[str, bytes]:
    """Return the content of each file of a model folder, all of it verified.

    Raises:
        ModelFormatError: If there is no such folder, or it is not a model's. Or if a file is
            missing, or is not the one that was saved.
    """
    folder = Path(path)
    if not os.path.lexists(folder):
        raise ModelFormatError(f"{path} does not exist")
    if not os.path.isfile(folder / MANIFEST):
        raise ModelFormatError(f"{path} is not a model folder: there is no {MANIFEST} in it")
    for _ in range(_TRIES):
        manifest = _manifest_of(folder)
        try:
            return _files(folder, manifest)
        except ModelFormatError:
            if _manifest_of(folder) == manifest:
                raise
    raise ModelFormatError(f"{path} is being saved to again and again: try later")


def parse(content: bytes, source: object) -> dict[str, Any]:
    """Return the JSON object that ``content`` holds.

    Raises:
        ModelFormatError: If it holds none; the message begins with ``source``.
    """
    try:
        values = sum(map(content.count, (b",", b"[", b"{")))
        if len(content) > _JSON_BYTES or values > _JSON_VALUES:
            raise ValueError("too large")
        value = json.loads(content, parse_constant=_refuse)
        if not isinstance(value, dict):
            raise TypeError("not an object")
    except (TypeError, ValueError, RecursionError, MemoryError) as error:
        raise ModelFormatError(f"{source} is not the JSON of a model: {error}") from error
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


# --- writing --------------------------------------------------------------------------------------


def _require_ours(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError("there is a file of that name")
    others = other_files(target)
    if others:
        raise FileExistsError(f"it holds files that are not a model's ({some_of(others, most=3)})")


def _settle(folder: Path) -> None:
    """Finish or undo a save, as the manifest says: its files take their places, others go."""
    try:
        listed = _listed(_manifest_of(folder), folder / MANIFEST)
    except ModelFormatError:
        listed = {}
    ours = {name: listed[name] for name in (CONFIG, WEIGHTS) if name in listed}
    places = {_staged(name, entry): folder / name for name, entry in ours.items()}
    for entry in list(folder.iterdir()):
        if entry.name in places:
            os.replace(entry, places[entry.name])
        elif _is_leftover(entry.name):
            entry.unlink()


def _is_leftover(name: str) -> bool:
    """Whether a save that was cut off may have left this."""
    of = partial_of(name)
    return of == MANIFEST or bool(_STAGED.fullmatch(of or name))


def _staged(name: str, entry: Mapping[str, Any]) -> str:
    """Name of a file until it takes its place."""
    return f"{name}.{entry['sha256'][:16]}"


def _entries(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    return {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in files.items()
    }


def _manifest(entries: Mapping[str, Any]) -> bytes:
    return json.dumps({"content": _CONTENT, "files": entries}, indent=2).encode()


def _write(path: Path, content: bytes) -> None:
    with whole(path) as file:
        file.write(content)


# --- reading --------------------------------------------------------------------------------------


def _manifest_of(folder: Path) -> bytes:
    return _read(folder / MANIFEST, _MANIFEST_BYTES)


def _read(path: Path, most: int, share: int = 1) -> bytes:
    try:
        return read_regular(path, share, most)
    except FileNotFoundError as error:
        raise ModelFormatError(f"{path} is missing") from error
    except OSError as error:
        raise ModelFormatError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelFormatError(str(error)) from error


def _files(folder: Path, manifest: bytes) -> dict[str, bytes]:
    listed = _listed(manifest, folder / MANIFEST)
    for name in (CONFIG, WEIGHTS):
        if name not in listed:
            raise ModelFormatError(f"{folder / MANIFEST} does not list {name}")
    return {name: _verified(folder / name, listed[name]) for name in (CONFIG, WEIGHTS)}


def _listed(manifest: bytes, source: object) -> dict[str, dict[str, Any]]:
    """Return size and hash by file name, their types checked."""
    content = parse(manifest, source)
    files = content.get("files")
    if content.get("content") != _CONTENT or not isinstance(files, dict):
        raise ModelFormatError(f"{source} is not the manifest of a model")
    for name, entry in files.items():
        plain = name not in ("", ".", "..", MANIFEST) and not set(name) & set("/\\:\0")
        if not plain or not _is_entry(entry):
            raise ModelFormatError(f"{source} is malformed at {name!r}")
    return files


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and type(entry.get("size")) is int
        and entry["size"] >= 0
        and isinstance(entry.get("sha256"), str)
        and bool(_HASH.fullmatch(entry["sha256"]))
    )


def _verified(path: Path, entry: Mapping[str, Any]) -> bytes:
    staged = path.with_name(_staged(path.name, entry))
    if os.path.isfile(staged):  # of a save that was cut off; or it takes its place just now
        with suppress(ModelFormatError):
            return _matching(staged, entry)
    return _matching(path, entry)


def _matching(path: Path, entry: Mapping[str, Any]) -> bytes:
    """Return what a file holds if it is the one that was saved; its size is looked at first."""
    size, weighty = entry["size"], path.name.startswith(WEIGHTS)
    with suppress(OSError):  # which `_read` tells
        found = os.stat(path)
        if stat.S_ISREG(found.st_mode) and found.st_size != size:
            sizes = f"{found.st_size} bytes, {MANIFEST} says {size}"
            raise ModelFormatError(f"{path} is truncated or edited: it has {sizes}")
    content = _read(path, size, _MEMORY_OF_WEIGHTS if weighty else 1)
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ModelFormatError(f"{path} was edited: its SHA-256 is not the one in {MANIFEST}")
    return content
