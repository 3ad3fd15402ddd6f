"""Names that docs and docstrings refer to are where they say."""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path

import dirvae

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent.name for file in Path(dirvae.__file__).parent.glob("*/__init__.py"))
NAME = re.compile(rf"`(?:dirvae\.)?((?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+)`")


def found(name: str) -> bool:
    """Whether a dotted name below ``dirvae`` is a module or what one has."""
    parts = name.split(".")
    for place in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(["dirvae", *parts[:place]]))
            functools.reduce(getattr, parts[place:], module)
        except (ImportError, AttributeError):
            continue
        return True
    return False


def test_dotted_names_are_there() -> None:
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.py")]
    files.remove(ROOT / "CHANGELOG.md")  # it says what names were before
    named = {(name, file.name) for file in files for name in NAME.findall(file.read_text("utf-8"))}
    named = {pair for pair in named if not pair[0].endswith((".csv", ".html"))}  # files
    assert len(named) > 20
    assert [pair for pair in sorted(named) if not found(pair[0])] == []
