"""The folder of a corpus that is being built: it can be gone on with, and takes its place whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dirvae.data.corpus.manifest import SHARDS, write_manifest
from dirvae.data.corpus.shards import facts_of, is_whole
from dirvae.formats import is_corpus
from dirvae.writing import partial_of, reach_disk, write_text

__all__ = [
    "COUNTED",
    "building",
    "different",
    "finish",
    "is_there",
    "other_options",
    "require_no_more",
]

COUNTED, SETTINGS = "counted", "settings.json"


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
    """
    place = _begun(folder, settings, force)
    try:
        yield place
    except Exception:
        if not any(path for kind in (COUNTED, SHARDS) for path in (place / kind).glob("[0-9]*")):
            shutil.rmtree(place, ignore_errors=True)
        raise


def other_options(place: Path) -> ValueError:
    """What to raise for a build that was begun with other options."""
    return ValueError(
        f"{place} holds an unfinished build with other options: give the same options, or "
        "delete that folder"
    )


def _begun(folder: Path, settings: Mapping[str, Any], force: bool) -> Path:
    if folder.exists() and not is_corpus(folder):
        raise ValueError(f"{folder} exists and is not a corpus; choose another folder")
    if folder.exists() and not force:
        raise ValueError(f"{folder} exists; choose another folder, or replace it with force")
    place = unfinished(folder)
    told = json.dumps({"building": settings}, sort_keys=True)
    if place.exists() and any(not partial_of(entry.name) for entry in place.iterdir()):
        try:
            before = (place / SETTINGS).read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{place} holds something else; move this folder away") from error
        if before != told:
            raise other_options(place)
    else:
        place.mkdir(parents=True, exist_ok=True)
        write_text(place / SETTINGS, told)
    for kind in (COUNTED, SHARDS):
        (place / kind).mkdir(exist_ok=True)
    return place


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


def finish(place: Path, folder: Path, num_shards: int, num_words: int, **told: Any) -> None:
    """Delete what the build alone needed, and put the corpus in its place.

    Args:
        place: Where it was built.
        folder: Its place.
        num_shards: S.
        num_words: V.
        told: What else `write_manifest` takes.
    """
    for inside in (place, place / SHARDS):
        for entry in inside.iterdir():
            if partial_of(entry.name):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.rmtree(place / COUNTED, ignore_errors=True)
    reach_disk(place)  # before a manifest says what is there
    write_manifest(place, num_shards, num_words, **told)
    old = folder.with_name(f"{folder.name}.replaced")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(folder, old)
    os.rename(place, folder)
    shutil.rmtree(old, ignore_errors=True)


def different(words: Sequence[str]) -> list[str]:
    """Return words as a list.

    Raises:
        ValueError: If they are no different strings.
    """
    listed = list(words)
    if not all(isinstance(word, str) for word in listed) or len(set(listed)) < len(listed):
        raise ValueError("vocabulary must be a list of different strings")
    return listed
