"""Every ```python block of these pages runs by itself, in an empty working folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from dirvae.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "docs" / "compositions.md"]


def python_blocks(text: str, language: str = "python") -> list[tuple[int, str]]:
    """The blocks of ```python, each with the number of its first line."""
    fence = rf"^```{language}\n(.*?)^```\s*$"
    blocks = re.finditer(fence, text, flags=re.MULTILINE | re.DOTALL)
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


def test_the_commands_on_compositions_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block writes the tables; then each command, and what the last ones wrote."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "compositions.md").read_text(encoding="utf-8")
    exec(python_blocks(text)[0][1], {"__name__": "__main__"})
    [(_, commands)] = python_blocks(text, "sh")
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        quick = ["--max-epochs", "2"] if words[0] == "fit" else []
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([*words, *quick], prog_name=program)
        assert not stop.value.code, line
    header = Path("effects.csv").read_text().splitlines()[0]
    assert header.startswith("component,column,covariate,level,reference,effect,std_error,lower")
    assert len(Path("effects.csv").read_text().splitlines()) == 1 + 4 * 2
    assert Path("proportions.csv").read_text().startswith("sample,compositionmodel0,")
