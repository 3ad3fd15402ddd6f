"""Examples of the pages: their blocks, and whether what is printed is what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```\s*?$\n?", flags=re.MULTILINE | re.DOTALL)
LONG = "<!-- long -->\n"  # before a block of more than a second or two: run by `make docs`
DECIMAL = re.compile(r"-?\d[\d,]*\.\d+")


class Example(NamedTuple):
    """A block of Python, or of commands, and what it prints; None where the page does not say."""

    page: Path
    line: int
    language: str
    source: str
    printed: str | None
    long: bool

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"


def examples(page: Path) -> list[Example]:
    """The blocks of ```python, each with the ```text that follows at once, and of ```console."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in FENCE.finditer(text):
        language, source = block.groups()
        if language not in ("python", "console"):
            continue
        follows = FENCE.match(text[block.end() :].lstrip("\n"))
        printed = follows[2] if follows and follows[1] == "text" else None
        line = text[: block.start(2)].count("\n") + 1
        long = language == "console" or text[: block.start()].endswith(LONG)
        found.append(Example(page, line, language, source, printed, long))
    return found


def commands(source: str) -> list[tuple[list[str], str]]:
    """Commands of a terminal and what each prints, from lines that begin with a prompt."""
    parts = re.split(r"^\$ ", source, flags=re.MULTILINE)
    assert not parts[0].strip(), "a block of console begins with a prompt"
    found = []
    for part in parts[1:]:
        command, _, printed = part.partition("\n")
        found.append((command.split(), printed))
    return found


def same(wanted: str, got: str) -> bool:
    """Whether texts agree: spaces as any others, ``...`` for anything, decimals as far as written.

    The last place that is written may differ by two: other processors add in another order.
    """
    pattern, numbers = _pattern(wanted)
    found = re.fullmatch(pattern, " ".join(got.split()))
    if found is None:
        return False
    return all(
        abs(_number(shown) - _number(given)) <= 2.01 * 10.0 ** -len(shown.partition(".")[2])
        for shown, given in zip(numbers, found.groups(), strict=True)
    )


def _pattern(wanted: str) -> tuple[str, list[str]]:
    """A regular expression with a group for each decimal number, and these numbers."""
    text = " ".join(wanted.split())
    numbers = DECIMAL.findall(text)
    between = [re.escape(part).replace(r"\.\.\.", ".*?") for part in DECIMAL.split(text)]
    return rf"({DECIMAL.pattern})".join(between), numbers


def _number(text: str) -> float:
    return float(text.replace(",", ""))
