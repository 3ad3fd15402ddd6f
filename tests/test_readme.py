"""Every example of README.md and docs/ runs in an empty folder, and prints what its page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer.main
from sklearn.datasets import load_digits

from dirvae.cli import app
from tests.pages import FENCE, PAGES, ROOT, Example, commands, examples, same

FOUND = [example for page in PAGES for example in examples(page)]
NAMES = [f"pixel{number}" for number in range(64)]  # of data.csv, which the commands read
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#([^)\s]*))?\)")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def those(language: str, long: bool) -> list[Example]:
    return [found for found in FOUND if (found.language, found.long) == (language, long)]


def run_python(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    code = compile("\n" * (example.line - 1) + example.source, str(example.page), "exec")
    capsys.readouterr()
    exec(code, {"__name__": "__main__"})
    got = capsys.readouterr().out
    if example.printed is not None:
        assert same(example.printed, got), got


def test_pages_have_examples() -> None:
    assert len(those("python", False)) >= 10
    assert len(those("console", True)) >= 2


@pytest.mark.parametrize("example", those("python", False), ids=lambda found: found.name)
def test_example_runs(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    run_python(example, capsys)


@pytest.mark.docs
@pytest.mark.parametrize("example", those("python", True), ids=lambda found: found.name)
def test_long_example_runs(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    run_python(example, capsys)


@pytest.mark.docs
@pytest.mark.parametrize("example", those("console", True), ids=lambda found: found.name)
def test_commands_print_what_the_page_says(
    example: Example, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    rows = (load_digits().data / 16).round(4)
    np.savetxt("data.csv", rows, "%g", delimiter=",", header=",".join(NAMES), comments="")
    for (program, *arguments), printed in commands(example.source):
        assert program == "dirvae"
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main(arguments, prog_name="dirvae")
        shown = capsys.readouterr()
        assert not stop.value.code, shown.err
        assert same(printed, shown.out + shown.err), shown


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        path = page.parent / target
        if path.suffix == ".rst":  # a page that is made from a script
            path = ROOT / "docs" / "scripts" / Path(target).parent / f"{path.stem}.py"
            made = Path(target).name == "index.rst" or path.exists()
            broken += [] if made else [target]
        elif not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize(
    ("wanted", "got", "agree"),
    [
        ("a  b\n", "a b", True),
        ("a b", "a c", False),
        ("nats -24.47 a row", "nats -24.48 a row", True),
        ("nats -24.47 a row", "nats -24.50 a row", False),
        ("nats 24.47 a row", "nats -24.47 a row", False),
        ("10 rows", "11 rows", False),
        ("1,797.5", "1,797.6", True),
        ("first ... last", "first 2 3\n last", True),
        ("first ... last", "first 2 3 end", False),
        ("", "more", False),
    ],
)
def test_printed_texts_are_compared(wanted: str, got: str, agree: bool) -> None:
    assert same(wanted, got) == agree


def test_the_commands_on_compositions_run_as_they_stand() -> None:
    """The first example writes the tables; then each command, and what the last ones wrote."""
    page = ROOT / "docs" / "compositions.md"
    exec(examples(page)[0].source, {"__name__": "__main__"})
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    [shell] = [source for language, source in blocks if language == "sh"]
    for line in shell.splitlines():
        program, *words = shlex.split(line)
        quick = ["--max-epochs", "2"] if words[0] == "fit" else []
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([*words, *quick], prog_name=program)
        assert not stop.value.code, line
    header = Path("effects.csv").read_text().splitlines()[0]
    assert header.startswith("component,column,covariate,level,reference,effect,std_error,lower")
    assert len(Path("effects.csv").read_text().splitlines()) == 1 + 4 * 2
    assert Path("proportions.csv").read_text().startswith("sample,compositionmodel0,")
