"""Every ```python block of these pages runs by itself, in an empty working folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "docs" / "compositions.md"]


def python_blocks(text: str) -> list[tuple[int, str]]:
    """The blocks of ```python, each with the number of its first line."""
    blocks = re.finditer(r"^```python\n(.*?)^```\s*$", text, flags=re.MULTILINE | re.DOTALL)
    return [(text[: block.start(1)].count("\n") + 1, block[1]) for block in blocks]


BLOCKS = [
    (page, line, source)
    for page in PAGES
    if page.exists()
    for line, source in python_blocks(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_have_python_examples(page: Path) -> None:
    assert any(page == other for other, _, _ in BLOCKS)


@pytest.mark.parametrize(
    ("page", "line", "source"), BLOCKS, ids=[f"{page.name}:{line}" for page, line, _ in BLOCKS]
)
def test_example_runs(
    page: Path, line: int, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = compile("\n" * (line - 1) + source, str(page), "exec")
    exec(code, {"__name__": "__main__"})
