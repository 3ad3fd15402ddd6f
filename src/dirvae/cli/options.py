"""Options whose help and refusals are in our own words, whatever the version of Typer."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import typer

from dirvae.text import nearest

__all__ = ["number", "one_of", "whole", "words_of"]


def words_of(words: type[StrEnum]) -> str:
    """Return the words that an option takes, as help lists them."""
    return ", ".join(word.value for word in words)


def one_of(words: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return a parser that takes the values of ``words``, and names the nearest of a wrong one."""

    def parse(word: str) -> StrEnum:
        try:
            return words(word)
        except ValueError:
            known = words_of(words)
            raise typer.BadParameter(
                f"{word!r} is not one of {known}{nearest(word, known.split(', '))}"
            ) from None

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
