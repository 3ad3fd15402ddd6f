"""Options whose help and refusals are in our own words, whatever the version of Typer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import typer

from dirvae.text import nearest

__all__ = ["DEVICES", "available", "integer", "number", "numeral", "one_of", "words_of"]


DEVICES = ("auto", "cpu", "cuda", "mps")


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


def integer(least: int, *names: str, **shown: Any) -> Any:
    """Return an option that takes whole numbers.

    Args:
        least: The least that it takes.
        names: As in `typer.Option`.
        shown: What help shows, as in `typer.Option`.
    """

    def parse(text: str | int) -> int:
        return _parsed(int, text, least, f"must be a whole number, {least} or more")

    return typer.Option(*names, min=least, metavar="N", parser=parse, **shown)


def numeral(text: str | float) -> int | float:
    """Parse a number of documents, or a share of them.

    Example:
        >>> numeral("5"), numeral("0.5")
        (5, 0.5)
    """
    try:
        value = int(text) if str(text).isdigit() else float(text)
    except ValueError:
        value = -1
    if not (value >= 1 if isinstance(value, int) else 0 <= value <= 1):
        raise typer.BadParameter(
            f"{text!r} must be a whole number, 1 or more, or a share in [0, 1]"
        )
    return value


def available(device: str) -> str:
    """Return a device, where PyTorch has it.

    Raises:
        ValueError: If it has not.
    """
    import torch

    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not found.get(device, True):
        raise ValueError(f"--device {device} is not available to PyTorch on this machine")
    return device


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
