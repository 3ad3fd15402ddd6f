"""A folder of files that is whole or not there: hashes, and a rename at the end."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["CONFIG", "WEIGHTS", "ModelFormatError", "parse", "read_folder", "write_folder"]

CONFIG, WEIGHTS, MANIFEST = "config.json", "model.safetensors", "manifest.json"
_CONTENT = "dirvae model"
_JSON_BYTES = 2**26  # a history and the names of features take far less


class ModelFormatError(ValueError):
    """A model folder cannot be read: it is missing, damaged, or of another kind or version.

    Example:
        >>> import dirvae
        >>> dirvae.load("no/such/folder")
        Traceback (most recent call last):
        ...
        dirvae.persistence.folder.ModelFormatError: no/such/folder does not exist
    """


def write_folder(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Write files and their manifest to a folder, in one step as seen from outside.

    They are written to a hidden sibling, which is then renamed. An empty folder or a model that was
    there is replaced.

    Args:
        path: The folder; missing parents are made.
        files: Content by file name.

    Raises:
        OSError: If ``path`` holds something other than a model, or cannot be written; nothing is
            changed then.
    """
    target = Path(path).resolve()
    partial = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    try:
        _require_replaceable(target)
        partial.mkdir(parents=True)
        for name, content in {**files, MANIFEST: _manifest(files)}.items():
            _write(partial / name, content)
        _replace(target, partial)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"the model could not be saved to {path}: {reason}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_folder(path: str | Path) -> dict[str, bytes]:
    """Return the content of each file of a model folder, all of it verified.

    Raises:
        ModelFormatError: If there is no such folder, it is not a model's, or a file is missing or
            is not the one that was saved.
    """
    folder = Path(path)
    if not os.path.lexists(folder):
        raise ModelFormatError(f"{path} does not exist")
    if not os.path.isfile(folder / MANIFEST):
        raise ModelFormatError(f"{path} is not a model folder: there is no {MANIFEST} in it")
    listed = _listed(_read(folder / MANIFEST), folder / MANIFEST)
    for name in (CONFIG, WEIGHTS):
        if name not in listed:
            raise ModelFormatError(f"{folder / MANIFEST} does not list {name}")
    return {name: _verified(folder / name, entry) for name, entry in listed.items()}


def parse(content: bytes, source: object) -> dict[str, Any]:
    """Return the JSON object that ``content`` holds.

    Raises:
        ModelFormatError: If it holds none; the message begins with ``source``.
    """
    try:
        if len(content) > _JSON_BYTES:
            raise ValueError("too large")
        value = json.loads(content, parse_constant=_refuse)
        if not isinstance(value, dict):
            raise TypeError("not an object")
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFormatError(f"{source} is not the JSON of a model: {error}") from error
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


# --- writing --------------------------------------------------------------------------------------


def _require_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise FileExistsError("there is a file of that name")
    names = {entry.name for entry in target.iterdir()}
    if not names:
        return
    try:
        ours = {MANIFEST, *_listed(_read(target / MANIFEST), MANIFEST)}
    except ModelFormatError:
        ours = set()
    if not names <= ours:
        others = ", ".join(sorted(names - ours)[:3])
        raise FileExistsError(f"it holds files that are not a model's ({others})")


def _manifest(files: Mapping[str, bytes]) -> bytes:
    entries = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in files.items()
    }
    return json.dumps({"content": _CONTENT, "files": entries}, indent=2).encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the content


def _replace(target: Path, partial: Path) -> None:
    if not target.exists():
        partial.rename(target)
        return
    previous = partial.with_suffix(".previous")
    target.rename(previous)
    try:
        partial.rename(target)
    except BaseException:
        previous.rename(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


# --- reading --------------------------------------------------------------------------------------


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFormatError(f"{path} is missing") from error
    except OSError as error:
        raise ModelFormatError(f"{path} cannot be read: {error.strerror}") from error


def _listed(manifest: bytes, source: object) -> dict[str, dict[str, Any]]:
    """Return size and hash by file name, their types checked."""
    content = parse(manifest, source)
    files = content.get("files")
    if content.get("content") != _CONTENT or not isinstance(files, dict):
        raise ModelFormatError(f"{source} is not the manifest of a model")
    for name, entry in files.items():
        plain = name not in ("", ".", "..", MANIFEST) and not set(name) & set("/\\:\0")
        if not plain or not isinstance(entry, dict) or type(entry.get("size")) is not int:
            raise ModelFormatError(f"{source} is malformed at {name!r}")
    return files


def _verified(path: Path, entry: Mapping[str, Any]) -> bytes:
    content = _read(path)
    if len(content) != entry["size"]:
        sizes = f"{len(content)} bytes, {MANIFEST} says {entry['size']}"
        raise ModelFormatError(f"{path} is truncated or edited: it has {sizes}")
    if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
        raise ModelFormatError(f"{path} was edited: its SHA-256 is not the one in {MANIFEST}")
    return content
