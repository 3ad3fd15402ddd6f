"""Names of topics, as people give them: a file of JSON that the page writes and reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dirvae.reading import read_regular
from dirvae.text import as_json

__all__ = ["checked_names", "names_as_json", "read_names"]

LONGEST = 200
SHAPE = '{"0": "a name", "3": "another"}'


def read_names(path: str | Path) -> dict[str, str]:
    """Read the file that the page's "Download names" writes.

    Args:
        path: JSON, from topics' numbers to names.

    Raises:
        ValueError: If it is no such file.
        OSError: If it cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "names.json").write_text('{"3": "Space"}')
        ...     read_names(Path(folder, "names.json"))
        {'3': 'Space'}
    """
    try:
        found = json.loads(read_regular(path).decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON, must be names of topics, such as {SHAPE}"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ValueError(f"{path} must hold names of topics, such as {SHAPE}")
    return found


def checked_names(names: Any, num_topics: int) -> list[str]:
    """Return a name for each topic, the empty string where none is given.

    Args:
        names: From numbers to names, or a name for each topic; None for none.
        num_topics: K.

    Raises:
        ValueError: If a name is no text or a number is not that of a topic.

    Example:
        >>> checked_names({"1": "Space"}, 3), checked_names(None, 2)
        (['', 'Space', ''], ['', ''])
    """
    if names is None:
        return [""] * num_topics
    if isinstance(names, str) or not isinstance(names, Mapping | Sequence):
        raise ValueError(f"names is a {type(names).__name__}, must be such as {SHAPE}")
    if not isinstance(names, Mapping):
        if len(names) != num_topics:
            raise ValueError(f"names has {len(names)} names, must have one for each topic")
        names = dict(enumerate(names))
    found = [""] * num_topics
    for key, name in names.items():
        place = _number(key)
        if place is None or place >= num_topics:
            raise ValueError(f"names has {key!r}, must have numbers from 0 to {num_topics - 1}")
        if name is not None and not isinstance(name, str):
            raise ValueError(f"names has a {type(name).__name__} at {key!r}, must have texts")
        found[place] = " ".join((name or "").split())[:LONGEST]
    return found


def _number(key: Any) -> int | None:
    text = str(key)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def names_as_json(names: Sequence[str]) -> str:
    """Return the JSON of those that are not empty, as the page writes it.

    Example:
        >>> print(names_as_json(["", "Space"]))
        {
          "1": "Space"
        }
    """
    return as_json({str(k): name for k, name in enumerate(names) if name})
