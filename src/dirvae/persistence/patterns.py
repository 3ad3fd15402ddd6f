r"""Regular expressions of strangers: which of them end in any text, and in good time.

Python tries all ways in which repetitions can share a text. With repetitions inside of each other
there are exponentially many ways, and with several in a row the cost is a power of the text's
length. So of a pattern of tokens that came with a file only a plain form is used:

- one or more alternatives, parted by ``|``;
- each has characters, classes of them such as ``\w`` or ``[a-z]``, repeated or not, and ``\b``;
- at most three repetitions of an alternative, a ``?`` among them, may be of several lengths, and
  these do not match white space; one that does is the last of its alternative, and the only one;
- at the end may be a group ``(?:-\w+)*``: a character that the rest of the group does not match,
  and a class repeated.
"""

from __future__ import annotations

import re

__all__ = ["is_plain"]

_CLASS = (
    r"(?:\\[wWdDsS.'+*?()\[\]{}|\\^$-]|\[\^?(?:\\[wWdDsS\]\\^-]|[^\]\\\[])+\]|[^\\()\[\]{}^$|*+?])"
)
_REPEAT = r"(?:[+*?]|\{\d{1,3}(?:,\d{0,3})?\})?"
_ITEM = re.compile(rf"({_CLASS})({_REPEAT})")
_TAIL = re.compile(rf"\(\?:({_CLASS})({_CLASS})\+?\)[*+?]")
_LONGEST = 200  # characters of a pattern
_SPACES = " \t\n\r\x0b\x0c"
_MOST = 3


def is_plain(pattern: str) -> bool:
    r"""Whether a pattern has the form that ends in good time in any text.

    Example:
        >>> is_plain(r"(?u)\b\w\w+\b"), is_plain(r"[a-z]+(?:-[a-z]+)*"), is_plain(r"(\w+)+!")
        (True, True, False)
    """
    if len(pattern) > _LONGEST:
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return all(map(_is_plain_alternative, _split(pattern.removeprefix("(?u)"))))


def _split(pattern: str) -> list[str]:
    """Alternatives, parted by bars that are in no class and not escaped."""
    return re.split(r"\|", re.sub(_CLASS, lambda found: found[0].replace("|", "\0"), pattern))


def _is_plain_alternative(text: str) -> bool:
    text = text.replace("\0", "|").removeprefix(r"\b").removesuffix(r"\b")
    varying: list[str] = []  # classes whose repetitions may be of several lengths
    place = 0
    while item := _ITEM.match(text, place):
        place = item.end()
        if item[2] and not re.fullmatch(r"\{\d+\}", item[2]):
            varying.append(item[1])
    if place < len(text):
        tail = _TAIL.fullmatch(text, place)
        if tail is None or not _are_apart(tail[1], tail[2]):
            return False
        varying.append(tail[2])
    crossing = [one for one in varying if any(re.match(one, space) for space in _SPACES)]
    alone = len(varying) == 1 and place == len(text) and text[-1] in "+*}"
    return alone if crossing else len(varying) <= _MOST


def _are_apart(first: str, rest: str) -> bool:
    """Whether no character of ASCII, as joiners are, may both begin a group and go on in it."""
    return not any(re.match(first, c) and re.match(rest, c) for c in map(chr, range(128)))
