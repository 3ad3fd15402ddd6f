"""Every ```python block of README.md runs by itself, in an empty working folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def python_blocks(text: str) -> list[tuple[int, str]]:
    """The blocks of ```python, each with the number of its first line."""
    blocks = re.finditer(r"^```python\n(.*?)^```\s*$", text, flags=re.MULTILINE | re.DOTALL)
    return [(text[: block.start(1)].count("\n") + 1, block[1]) for block in blocks]


BLOCKS = python_blocks(README.read_text(encoding="utf-8")) if README.exists() else []


def test_readme_has_python_examples() -> None:
    assert BLOCKS


@pytest.mark.parametrize(
    ("line", "source"), BLOCKS, ids=[f"README.md:{line}" for line, _ in BLOCKS]
)
def test_readme_example_runs(
    line: int, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = compile("\n" * (line - 1) + source, str(README), "exec")
    exec(code, {"__name__": "__main__"})
