"""Options whose help and refusals are in our own words, whatever the version of Typer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import typer

from dirvae.text import nearest

__all__ = ["number", "one_of", "whole", "words_of"]


def words_of(words: Iterable[str]) -> str:
    """Return the words that an option takes, as help lists them.

    Example:
        >>> words_of({"one": 1, "two": 2})
        'one, two'
    """
    return ", ".join(words)


def one_of(words: Collection[str]) -> Callable[[str], str]:
    """Return a parser that takes ``words``, and names the nearest of a wrong one."""

    def parse(word: str) -> str:
        if word not in words:
            raise typer.BadParameter(
                f"{word!r} is not one of {words_of(words)}{nearest(word, words)}"
            )
        return word

    return parse


def whole(least: int, *names: str, **shown: Any) -> Any:
    """Return an option that takes whole numbers.

    Args:
        least: The least that it takes.
        names: As in `typer.Option`.
        shown: What help shows, as in `typer.Option`.
    """

    def parse(text: str | int) -> int:
        return _parsed(int, text, least, f"must be a whole number, {least} or more")

    return typer.Option(*names, min=least, metavar="N", parser=parse, **shown)


def number(*names: str, **shown: Any) -> Any:
    """Return an option that takes numbers; arguments are those of `whole`."""

    def parse(text: str | float) -> float:
        return _parsed(float, text, float("-inf"), "must be a number")

    return typer.Option(*names, metavar="NUMBER", parser=parse, **shown)


def _parsed(kind: Callable[[Any], Any], text: Any, least: float, must: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or value < least:
        raise typer.BadParameter(f"{text!r} {must}")
    return value
