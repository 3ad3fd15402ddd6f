"""Which names have a page in the reference: those of each ``__all__``, new ones by themselves."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import dirvae

# Rooms that no user imports: the command line and its pages, and helpers of the other rooms.
NOT_FOR_IMPORT = {
    "__main__",
    "alignment",
    "cli",
    "demo",
    "formats",
    "report",
    "reproduce",
    "terms",
    "text",
    "words",
    "writing",
}
# Modules below a package that users import from.
BELOW = ("models.likelihoods", "models.zoo", "topics.documents", "topics.zoo")


class Home(NamedTuple):
    """A module of the reference, the names that have their page there, and names of other homes."""

    module: str
    summary: str
    own: list[str]
    others: dict[str, str]


def modules() -> list[str]:
    """Modules of the reference, ``dirvae`` itself first."""
    rooms = [info.name for info in pkgutil.iter_modules(dirvae.__path__)]
    rooms = [name for name in rooms if name not in NOT_FOR_IMPORT and not name.startswith("_")]
    return ["dirvae", *(f"dirvae.{name}" for name in sorted([*rooms, *BELOW]))]


def homes() -> Iterator[Home]:
    """Every name of every module once: where it is met first, by the shortest way."""
    known: dict[int, str] = {}
    for name in modules():
        module = importlib.import_module(name)
        own, others = [], {}
        for word in sorted(_public(module), key=str.lower):
            thing = getattr(module, word)
            path = f"{name}.{word}"
            if _shared(thing) and (first := known.setdefault(id(thing), path)) != path:
                others[word] = first
            else:
                own.append(word)
        if own or others:
            yield Home(name, inspect.getdoc(module) or "", own, others)


def _public(module: ModuleType) -> list[str]:
    named: list[str] = getattr(module, "__all__", [])
    return [
        word
        for word in named
        if not isinstance(getattr(module, word), ModuleType) and not word.startswith("__")
    ]


def _shared(thing: object) -> bool:
    """Whether identity says that two names are one thing: not so of numbers and strings."""
    return inspect.isclass(thing) or inspect.isroutine(thing)
