"""The command as a whole: what it offers, and bad commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer import Context

import dirvae
from dirvae.cli import app
from tests.cli.command import Ran, assert_one_sentence, help_of


def test_help_starts_without_torch():
    code = (
        "import sys\nfrom dirvae.cli import main\ntry:\n    main()\nexcept SystemExit as stop:\n"
        "    print(stop.code, *sys.modules.keys() & {'torch', 'lightning', 'sklearn', 'pandas'})"
    )
    for arguments in (["--help"], ["fit", "vae", "--help"], ["--version"], []):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "0"


COMMANDS = [
    *([], ["demo"], ["fit"], ["fit", "vae"], ["fit", "topics"], ["topics"], ["transform"]),
    *(["fit", "counts"], ["effects"], ["evaluate"], ["info"], ["reproduce"]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "dirvae")
def test_help_names_no_types_of_python(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown = help_of(run, *command)
    assert shown["--help"] in ("-h Show this message and exit.", "Show this message and exit.")
    assert [name for name, said in shown.items() if "<" in said] == []


def test_a_terminal_breaks_the_lines_of_help_by_its_own_width(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = [line.strip() for line in run("report", "--help").out.splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith("For topics"))
    paragraph = lines[first : lines.index("", first)]
    sentences = (
        "For topics, the page shows words, documents, and shares by label and over time. For a"
    )
    assert " ".join(paragraph).startswith(sentences)
    assert all(len(line) > 45 for line in paragraph[:-1])  # none ends where a docstring's does


def switches(command, *names):
    """Options without a value of a command and of those below it, with their defaults."""
    for name, below in getattr(command, "commands", {}).items():
        yield from switches(below, *names, name)
    for option in command.params:
        if getattr(option, "is_flag", False):
            yield (*names, option.name), option.default


def test_what_is_not_asked_for_is_not_done():
    """Above all nothing is replaced, and no progress is hidden."""
    found = dict(switches(typer.main.get_command(app)))
    assert {("fit", "topics", "force"), ("compare", "force")} <= found.keys()
    assert {name: default for name, default in found.items() if default} == {}


def test_what_makes_a_model_is_listed_before_what_needs_one():
    program = typer.main.get_command(app)
    names = program.list_commands(Context(program))
    assert names[:4] == ["demo", "fit", "corpus", "topics"]
    assert sorted(names) == sorted(program.commands)


def test_another_command_is_answered_by_those_that_there_are(run):
    names = "vae, topics, counts"
    said = f"Error: dirvae fit has no command mnist; its commands are {names}\n"
    assert run("fit", "mnist") == Ran(2, "", said)
    assert run("fti").err.startswith(
        "Error: dirvae has no command fti; its commands are demo, fit,"
    )


def test_version(run):
    assert run("--version") == Ran(0, f"dirvae {dirvae.__version__}\n", "")


def test_demo_is_called(run, monkeypatch):
    pytest.importorskip("dirvae.demo.digits")
    called: list[Any] = []
    monkeypatch.setattr("dirvae.demo.digits.run", lambda *arguments: called.extend(arguments))
    assert run("demo", "--quick", "-o", "here").code == 0
    assert called == [Path("here"), True]


@pytest.mark.parametrize(
    "arguments",
    [["fit"], ["fit", "vae"], ["fit", "vae", "x.npy"], ["bogus"], ["info"], ["--bogus"]],
)
def test_bad_command(arguments, run):
    assert_one_sentence(run(*arguments))


@pytest.mark.parametrize(
    ("words", "offered"),
    [("dirvae fit t", ["topics"]), ("dirvae fit topics a.csv --tok", ["--tokenizer"])],
)
def test_a_shell_completes_commands_and_options(words, offered, run, monkeypatch):
    monkeypatch.setenv("_DIRVAE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert run() == Ran(0, "\n".join(offered) + "\n", "")
