"""The folder of a corpus that is being built: it can be gone on with, and takes its place whole."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dirvae.data.corpus.manifest import SHARDS, VOCABULARY, says_corpus, write_manifest
from dirvae.data.corpus.shards import SHARD_FILES, facts_of, is_whole
from dirvae.formats import MANIFEST
from dirvae.writing import alone, partial_of, reach_disk, write_text

__all__ = [
    "COUNTED",
    "LIMITS",
    "building",
    "different",
    "finish",
    "is_there",
    "other_options",
    "require_no_more",
]

COUNTED, SETTINGS, LIMITS = "counted", "settings.json", "limits.json"
OF_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini"}  # which leave them in any folder
FILES = {MANIFEST, VOCABULARY, SETTINGS, LIMITS}  # of a corpus, besides those of its shards


def unfinished(folder: Path) -> Path:
    """Where a corpus is built, beside its place.

    Example:
        >>> unfinished(Path("a", "corpus")).name
        'corpus.unfinished'
    """
    return folder.with_name(f"{folder.name}.unfinished")


@contextmanager
def building(folder: Path, settings: Mapping[str, Any], force: bool) -> Iterator[Path]:
    """Make the folder of a build, or make sure that the one that is there is of the same.

    After an error it stays, unless it holds no shard.

    Raises:
        BlockingIOError: If another process builds there.
        ValueError: If it is of another build, or the corpus must not be replaced.
    """
    if folder.exists():
        _require_replaceable(folder, force)
    place = unfinished(folder)
    place.mkdir(parents=True, exist_ok=True)
    with alone(place, wait=False):
        _begin(place, settings)
        try:
            yield place
        except Exception:
            shards = (path for kind in (COUNTED, SHARDS) for path in (place / kind).glob("[0-9]*"))
            if not any(shards):
                shutil.rmtree(place, ignore_errors=True)
            raise


def other_options(place: Path) -> ValueError:
    """What to raise for a build that was begun with other options."""
    return ValueError(
        f"{place} holds an unfinished build with other options: give the same options, or "
        "delete that folder"
    )


def _begin(place: Path, settings: Mapping[str, Any]) -> None:
    told = json.dumps({"building": settings}, sort_keys=True)
    if any(not partial_of(entry.name) for entry in place.iterdir()):
        try:
            before = (place / SETTINGS).read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{place} holds something else; move this folder away") from error
        if before != told:
            raise other_options(place)
    else:
        write_text(place / SETTINGS, told)
    for kind in (COUNTED, SHARDS):
        (place / kind).mkdir(exist_ok=True)


def _require_replaceable(folder: Path, force: bool) -> None:
    """Raise ValueError unless a folder holds a corpus, nothing else, and is to be replaced."""
    if not says_corpus(folder):  # other things have a file of that name, too
        raise ValueError(f"{folder} exists and is not a corpus; choose another folder")
    if not force:
        raise ValueError(f"{folder} exists; choose another folder, or replace it with force")
    others = (entry for entry in sorted(folder.rglob("*")) if not _is_own(entry, folder))
    if other := next(others, None):
        raise ValueError(
            f"{folder} has files that are not part of a corpus ({other.relative_to(folder)}); "
            "move them away, or choose another folder"
        )


def _is_own(entry: Path, folder: Path) -> bool:
    """Whether a build makes such a file or folder; what was left of one by a kill is its own."""
    parts = entry.relative_to(folder).parts
    if any(map(partial_of, parts)) or entry.name in OF_SYSTEMS:
        return True
    match parts:
        case (name,):
            return name in FILES or (name == SHARDS and entry.is_dir())
        case (_, shard):
            return re.fullmatch(r"\d{6,}", shard) is not None and entry.is_dir()
        case (_, _, name):
            return name in SHARD_FILES
    return False


def is_there(shard: Path, source: str) -> bool:
    """Whether a shard was written before, of the same documents.

    Raises:
        ValueError: If it was of others.
    """
    if not shard.exists():
        return False
    if not is_whole(shard):
        shutil.rmtree(shard)
        return False
    if facts_of(shard).source != source:
        raise ValueError(
            f"{shard.parents[1]} holds an unfinished build of other documents: give the same "
            "documents, or delete that folder"
        )
    return True


def require_no_more(place: Path, num_shards: int) -> None:
    """Refuse a build that has shards of documents that were not given now."""
    there = {int(p.name) for kind in (COUNTED, SHARDS) for p in (place / kind).glob("[0-9]*")}
    if there != set(range(num_shards)):
        raise ValueError(
            f"{place} holds an unfinished build of more documents: give the same documents, or "
            "delete that folder"
        )


def finish(
    place: Path, folder: Path, num_shards: int, num_words: int, *, force: bool, **told: Any
) -> None:
    """Delete what the build alone needed, and put the corpus in its place.

    Args:
        place: Where it was built.
        folder: Its place.
        num_shards: S.
        num_words: V.
        force: Whether a corpus that is there is replaced.
        told: What else `write_manifest` takes.
    """
    for inside in (place, place / SHARDS):
        for entry in inside.iterdir():
            if partial_of(entry.name):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.rmtree(place / COUNTED, ignore_errors=True)
    reach_disk(place)  # before a manifest says what is there
    write_manifest(place, num_shards, num_words, **told)
    if folder.exists():
        _require_replaceable(folder, force)  # again: it may be another than when the build began
        os.rename(folder, folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.replaced"))
    os.rename(place, folder)
    with suppress(OSError):  # the corpus is there
        _delete_replaced(folder)


def _delete_replaced(folder: Path) -> None:
    """Delete the corpus that was replaced, and those of builds that were killed at this point."""
    name = rf"\.{re.escape(folder.name)}\.[0-9a-f]{{16}}\.replaced"
    for old in folder.parent.glob(".*.replaced"):
        if re.fullmatch(name, old.name):
            old.unlink() if old.is_symlink() else shutil.rmtree(old, ignore_errors=True)


def different(words: Sequence[str]) -> list[str]:
    """Return words as a list.

    Raises:
        ValueError: If they are no different strings.
    """
    listed = list(words)
    if not all(isinstance(word, str) for word in listed) or len(set(listed)) < len(listed):
        raise ValueError("vocabulary must be a list of different strings")
    return listed
