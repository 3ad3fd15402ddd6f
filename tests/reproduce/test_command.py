"""`dirvae reproduce`: names, refusals, tables, and the quick study of MNIST."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import typer.main
from rich.console import Console

from dirvae.cli import app
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.record import done
from dirvae.reproduce.runs import make_missing
from dirvae.reproduce.studies import STUDIES


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: Any) -> Ran:
        capsys.readouterr()
        command = typer.main.get_command(app)
        with pytest.raises(SystemExit) as stop:
            command.main(["reproduce", *map(str, arguments)], prog_name="dirvae")
        return Ran(int(stop.value.code or 0), *capsys.readouterr())

    return ran


def test_names_are_listed(run: Any) -> None:
    ran = run()
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()] == list(STUDIES)
    ran = run("table-2")
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == len(STUDIES) + 1
    assert ran.err.endswith("Error: 'table-2' is not a study; the studies are listed above\n")
    assert run("colapse").err.endswith("the studies are listed above; did you mean collapse?\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["knn", "--rows", "gauss"],
            "'gauss' is unknown (did you mean gaussian?), must be of gaussian",
        ),
        (["knn", "--rows", "dirichelt"], "'dirichelt' is unknown (did you mean dirichlet?), must"),
        (["knn", "--settings", "best"], "--settings: 'best' is unknown, must be of paper, ours"),
        (["knn", "--shares", "0.1"], "--shares cannot be used with knn"),
        (["semi-supervised-mnist", "--settings", "ours"], "--settings cannot be used with"),
        (["semi-supervised-mnist", "--samples", "100"], "--samples cannot be used with"),
        (["topics-20news", "--precision", "32-true"], "--precision cannot be used with"),
        (["knn", "--table", "--rows", "gaussian"], "--rows cannot be used with --table"),
        (["semi-supervised-mnist", "--shares", "few"], "--shares is 'few', must be numbers"),
        (["semi-supervised-mnist", "--shares", "2"], "--shares has 2.0, must be above 0"),
    ],
)
def test_bad_options_are_one_sentence(run: Any, arguments: list[str], words: str) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert words in ran.err.splitlines()[-1]
    assert not list(Path("dirvae-reproduce").iterdir() if Path("dirvae-reproduce").exists() else [])


def table_of(out: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table as it is printed."""
    lines = [line for line in out.splitlines() if re.search(r"\S {2,}\S", line)]
    header, *rows = [re.split(r" {2,}", line.strip()) for line in lines]
    return header, [row for row in rows if len(row) == len(header)]


@pytest.mark.parametrize("name", STUDIES)
def test_data_that_are_not_at_hand_are_one_sentence(
    run: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dirvae.data import image_sets

    for home in ("FASHION_HOME", "SVHN_HOME", "OMNIGLOT_HOME"):
        monkeypatch.setattr(image_sets, home, "http://127.0.0.1:9/")
    monkeypatch.setattr(image_sets, "MNIST", ("http://127.0.0.1:9/mnist.npz", None))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    ran = run(name, "--quick")
    assert ran.code == 2
    assert "cannot be downloaded" in ran.err.splitlines()[-1]


def test_table_shows_what_is_on_file_and_runs_nothing(run: Any) -> None:
    line = {"row": "gaussian", "setting": "ours", "pixels": "binarised", "nll": 87.125}
    Path("results").mkdir()
    Path("results/density-mnist.jsonl").write_text(json.dumps(line) + "\n")
    ran = run("density-mnist", "--table", "-o", "results")
    assert ran.code == 0
    header, rows = table_of(ran.out)
    place = header.index("NLL")
    own = {tuple(row[:2]): row[place] for row in rows}
    assert {key: nll for key, nll in own.items() if nll != "-"} == {("gaussian", "ours"): "87.12"}
    paper = header.index("the paper's NLL / -ELBO / reconstruction")
    theirs = {row[0]: row[paper] for row in rows if row[1] == "paper"}
    assert theirs["gaussian"] == "94.54 / 98.58 / 74.31"
    assert [path.name for path in Path("results").iterdir()] == ["density-mnist.jsonl"]
    _, rows = table_of(run("knn", "--table", "-o", "results").out)
    (row,) = [row for row in rows if row[:2] == ["gaussian", "paper"]]
    assert "27.16 / 20.20 / 14.89" in row


def test_tables_and_lines_are_shown_as_text(
    run: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from dirvae.cli.reproduce import _show
    from dirvae.reproduce.tables import Table

    strange, shown = "[red]a[/red] [/b] \x1b[2J\u202e", r"[red]a[/red] [/b] \x1b[2J\u202e"
    _show([Table(strange, strange, (strange, strange), [[strange, strange]])])
    out = capsys.readouterr().out
    assert out.count(shown) == 6
    assert "\x1b" not in out
    written = io.StringIO()
    wanted = [SimpleNamespace(key={"row": "a"})]
    with Bars(Console(file=written, width=100)) as bars:
        make_missing(
            wanted, tmp_path / "runs.jsonl", bars, lambda job: {"row": "a"}, lambda *_: strange
        )
        for _ in bars.track([1], strange):
            bars.progress.refresh()
            (task,) = bars.progress.tasks
            assert task.description == shown
    assert f"1/1 {shown}" in written.getvalue()
    ran = run("knn", "--rows", "\x1b[31m[/b]")
    assert "--rows: '\\x1b[31m[/b]' is unknown" in ran.err


MNIST = Path(os.environ.get("DIRVAE_DATA", "no folder"), "mnist.npz")


@pytest.mark.learning
@pytest.mark.skipif(not MNIST.is_file(), reason="DIRVAE_DATA names no folder with mnist.npz")
def test_quick_study_of_mnist_orders_the_models(run: Any) -> None:
    ran = run("density-mnist", "--quick", "--epochs", 8, "-o", "results", "--threads", 1)
    assert ran.code == 0, ran.err
    runs = {r["row"]: r for r in done("results/density-mnist-quick.jsonl")}
    nll = {row: found["nll"] for row, found in runs.items()}
    assert len(nll) == 4
    # Three seeds: 115.2 ± .6, 121.1 ± .5, 125.5 ± .5, 142.5 ± .4. Each margin is at least four
    # standard deviations of the difference below what was found.
    assert nll["gaussian"] < nll["dirichlet"] - 3
    assert nll["dirichlet"] < nll["inverse_cdf_dirichlet"] - 2
    assert nll["inverse_cdf_dirichlet"] < nll["stick_breaking_kumaraswamy"] - 10
    assert "Density, MNIST" in ran.out


def test_an_interrupted_study_says_how_to_go_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dirvae.reproduce.studies.Study.run", interrupt, raising=False)
    ran = run("knn")
    assert ran.code == 130
    assert ran.err.splitlines()[-1].startswith("Interrupted; ")
    assert "the same command" in ran.err
