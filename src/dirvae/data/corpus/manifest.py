"""What a corpus says of itself: the file that makes a folder of shards a corpus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from dirvae.data.corpus.counting import MOST_NGRAMS, Counting
from dirvae.data.corpus.shards import FACTS, KNOWN, checksum, facts_of, read_json
from dirvae.data.sparse_matrix import require_size
from dirvae.formats import MANIFEST, is_corpus
from dirvae.writing import write_text

__all__ = ["Manifest", "read_manifest", "says_corpus", "shard_folder", "write_manifest"]

VOCABULARY, SHARDS = "vocabulary.json", "shards"
FORMAT = 1
SHARD = ("rows", "entries", "sha256")


class Manifest(NamedTuple):
    """What a corpus says of itself.

    Attributes:
        shape: N and V.
        entries: Counts that are not 0.
        columns: Names of what is known of documents, by "id", "label" and "time".
        counting: Which words were counted, or None where counts were given.
        undercount: See `vocabulary.WordTally`.
        vocabulary: SHA-256 of the file of words, or None where they are not known.
        shards: Rows, entries, and SHA-256 of what a shard says of itself, of each.
    """

    shape: tuple[int, int]
    entries: int
    columns: Mapping[str, str]
    counting: Counting | None
    undercount: int
    vocabulary: str | None
    shards: list[tuple[int, int, str]]


def shard_folder(folder: Path, number: int, kind: str = SHARDS) -> Path:
    """Return where a shard is, by its number from 0."""
    return folder / kind / f"{number:06d}"


def write_manifest(
    folder: Path,
    num_shards: int,
    num_words: int,
    columns: Mapping[str, str],
    counting: Counting | None = None,
    undercount: int = 0,
) -> None:
    """Write what the shards of a folder say of themselves, and so make it a corpus."""
    places = [shard_folder(folder, number) for number in range(num_shards)]
    facts = [(*facts_of(place)[:2], checksum(place / FACTS)) for place in places]
    rows, entries = (sum(column) for column in list(zip(*facts, strict=True))[:2])
    words = folder / VOCABULARY
    told = {
        "shape": (rows, num_words),
        "entries": entries,
        "columns": dict(columns),
        "counting": None if counting is None else counting._asdict(),
        "undercount": undercount,
        "vocabulary": checksum(words) if words.exists() else None,
        "shards": facts,
    }
    from importlib.metadata import version

    head = {"kind": "corpus", "format": FORMAT, "dirvae": version("dirvae")}
    write_text(folder / MANIFEST, json.dumps({**head, **told}, indent=1))


def read_manifest(folder: Path) -> Manifest:
    """Read what a corpus says of itself.

    Raises:
        FileNotFoundError: If the folder holds no corpus.
        ValueError: If it does not say what a corpus does.
    """
    if not is_corpus(folder):
        raise FileNotFoundError(f"{folder} holds no corpus: it has no {MANIFEST}")
    found = read_json(folder / MANIFEST)
    if not _is_of_corpus(found):
        raise ValueError(f"{folder} holds no corpus: its {MANIFEST} is not of a corpus")
    if found.get("format") != FORMAT:
        raise ValueError(
            f"{folder} is of format {found.get('format')!r}, this version of dirvae reads {FORMAT}"
        )
    try:
        return _manifest(folder, found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder} is a broken corpus: its {MANIFEST} is malformed") from error


def says_corpus(folder: Path) -> bool:
    """Whether a folder says that it holds a corpus, sound or broken.

    Example:
        >>> says_corpus(Path("nowhere"))
        False
    """
    try:
        return is_corpus(folder) and _is_of_corpus(read_json(folder / MANIFEST))
    except ValueError:
        return False


def _is_of_corpus(found: Any) -> bool:
    return isinstance(found, dict) and found.get("kind") == "corpus"


def _manifest(folder: Path, found: Mapping[str, Any]) -> Manifest:
    shards = [tuple(shard) for shard in found["shards"]]
    lengths = {len(shard) for shard in shards}
    if len(found["shape"]) != 2 or not isinstance(found["columns"], dict) or lengths - {len(SHARD)}:
        raise TypeError
    rows, words = found["shape"]
    numbers = [rows, words, found["entries"], found["undercount"]]
    numbers += chain.from_iterable(shard[:2] for shard in shards)
    texts = [*found["columns"].values(), *(shard[2] for shard in shards)]
    is_sound = (
        all(type(number) is int and number >= 0 for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and found["columns"].keys() <= set(KNOWN)
        and isinstance(found["vocabulary"], str | None)
    )
    if not is_sound:
        raise TypeError
    require_size(str(folder), rows, words)
    if (rows, found["entries"]) != tuple(sum(shard[part] for shard in shards) for part in (0, 1)):
        raise ValueError(f"{folder} is a broken corpus: its shards do not add up to its shape")
    told = {name: found[name] for name in Manifest._fields}
    own = {"shape": (rows, words), "counting": _counting(found["counting"]), "shards": shards}
    return Manifest(**told | own)


def _counting(found: Any) -> Counting | None:
    if found is None:
        return None
    counting = Counting(**found)
    stop = counting.stop_words
    is_list = isinstance(stop, list) and all(isinstance(word, str) for word in stop)
    is_sound = (
        (stop in (None, "english") or is_list)
        and type(counting.ngrams) is int
        and 1 <= counting.ngrams <= MOST_NGRAMS
        and isinstance(counting.are_texts, bool)
    )
    if not is_sound:
        raise TypeError
    return counting
