"""Words of many ASCII texts at once: NumPy finds them, and tells them apart by numbers.

Up to twelve letters fit in a number, five bits each. A table of hashes then says which of all
words each is, so that Python sees every different word once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["OTHER", "AsciiWords", "ascii_words"]

OTHER = "0"  # what stands for digits and underscores in a word
CODE_OF_OTHER = 27  # those of letters are 1 to 26, and 0 is between words
BITS, LONGEST = 5, 12  # of a letter; letters in a number
TEXTS = 256  # at once, whose words stay in the processor's cache
HASH_BITS = 19  # at most
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: Fibonacci hashing
LETTERS = np.frombuffer(b"\0abcdefghijklmnopqrstuvwxyz" + OTHER.encode(), np.uint8)


class AsciiWords(NamedTuple):
    """Words of some texts.

    Attributes:
        words: The W different ones, in any order, in lower case; with `OTHER` for digits.
        rows: Of which text each word that occurs is, in any order, shape (T,).
        places: Which of ``words`` it is, shape (T,).
    """

    words: list[str]
    rows: NDArray[np.int32]
    places: NDArray[np.int32]


class _Found(NamedTuple):
    """Words of a few texts: numbers of short ones, letters of long ones, and the texts of both."""

    numbers: NDArray[np.uint64]
    rows: NDArray[np.int32]
    long: list[bytes]
    rows_of_long: NDArray[np.int32]


def ascii_words(texts: Sequence[str]) -> AsciiWords:
    """Split texts at whatever is no letter, digit or underscore.

    Args:
        texts: Of ASCII alone, one or more.

    Example:
        >>> found = ascii_words(["Two cats, 2 cats"])
        >>> sorted(found.words), len(found.places)
        (['0', 'cats', 'two'], 4)
    """
    parts = [_found(texts[n : n + TEXTS], n) for n in range(0, len(texts), TEXTS)]
    numbers, rows, _, rows_of_long = map(list, zip(*parts, strict=True))
    different, places = _distinct(np.concatenate(numbers))
    place: dict[bytes, int] = {}
    long = [place.setdefault(word, len(place)) for part in parts for word in part.long]
    return AsciiWords(
        _spelled(different) + [LETTERS[list(word)].tobytes().decode() for word in place],
        np.concatenate(rows + rows_of_long),
        np.concatenate([places, np.array(long, np.int32) + np.int32(len(different))]),
    )


def _found(texts: Sequence[str], first: int) -> _Found:
    joined = "\n".join(["", *texts, ""]).encode("ascii").translate(_CODES)
    codes = np.frombuffer(joined + bytes(LONGEST), np.uint8)  # room to read on from the last word
    is_word = codes != 0
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    text_ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    words_before = np.searchsorted(starts, text_ends)
    numbered = np.arange(first, first + len(texts), dtype=np.int32)
    rows = np.repeat(numbered, np.diff(words_before, prepend=0))
    is_long = ends - starts > LONGEST
    cuts = zip(starts[is_long].tolist(), ends[is_long].tolist(), strict=True)
    long = [joined[start:end] for start, end in cuts]
    numbers = _numbers(codes, starts[~is_long], ends[~is_long])
    return _Found(numbers, rows[~is_long], long, rows[is_long])


def _code(character: str) -> int:
    if character.isalpha():
        return ord(character.lower()) - ord("a") + 1
    return CODE_OF_OTHER if character.isdigit() or character == "_" else 0


_CODES = bytes(map(_code, map(chr, range(128)))) + bytes(128)


def _numbers(
    codes: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The number of each word: its letters, the first one highest, then zeros."""
    numbers, place = np.zeros(len(starts), np.uint64), starts.copy()
    length = (ends - starts).astype(np.uint8)
    for letter in range(LONGEST):
        numbers <<= np.uint64(BITS)
        numbers |= codes.take(place) * (length > letter)
        place += 1
    return numbers


def _distinct(numbers: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Different numbers, in any order, and which of them each is; several times `np.unique`.

    Where two have the same place in the table, the last one has it. The other is among the few
    that are sorted.
    """
    bits = min(HASH_BITS, 1 + len(numbers).bit_length())
    slots = ((numbers * MULTIPLIER) >> np.uint64(64 - bits)).astype(np.int32)
    table = np.zeros(1 << bits, np.uint64)
    table[slots] = numbers
    is_there = table[slots] == numbers
    used = np.flatnonzero(table)
    place = np.empty(len(table), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    places = place[slots]
    others, of_others = np.unique(numbers[~is_there], return_inverse=True)
    places[~is_there] = of_others + len(used)
    return np.concatenate([table[used], others]), places


def _spelled(numbers: NDArray[np.uint64]) -> list[str]:
    shifts = np.arange(LONGEST - 1, -1, -1, dtype=np.uint64) * np.uint64(BITS)
    letters = LETTERS[(numbers[:, None] >> shifts) & np.uint64(2**BITS - 1)]
    spelled: list[str] = letters.view(f"S{LONGEST}").ravel().astype(str).tolist()
    return spelled
