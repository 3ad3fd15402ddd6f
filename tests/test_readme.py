"""Every example of README.md and docs/ runs in an empty folder, and prints what its page says."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer.main
from sklearn.datasets import load_digits

from dirvae import CompositionModel, TopicModel
from dirvae.cli import app
from tests.pages import FENCE, PAGES, ROOT, Example, commands, examples, same

FOUND = [example for page in PAGES for example in examples(page)]
PROGRAM: Any = typer.main.get_command(app)
SCRIPTS = sorted((ROOT / "docs" / "scripts").rglob("*.py"))
NAMES = [f"pixel{number}" for number in range(64)]  # of data.csv, which the commands read
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#([^)\s]*))?\)")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def those(language: str, long: bool) -> list[Example]:
    """Examples of a kind; one that stands on two pages is there once."""
    found = [one for one in FOUND if (one.language, one.long) == (language, long)]
    return list({(one.source, one.printed): one for one in found}.values())


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


def run_command(line: str, *more: str) -> None:
    program, *words = shlex.split(line)
    with pytest.raises(SystemExit) as stop:
        typer.main.get_command(app).main([*words, *more], prog_name=program)
    assert not stop.value.code, line


def shell_blocks(name: str) -> list[list[str]]:
    """Lines of each block of ```sh of a page in docs/."""
    found = FENCE.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))
    return [source.splitlines() for language, source in found if language == "sh"]


def test_the_commands_on_compositions_run_as_they_stand() -> None:
    """The first example writes the tables; then each command, and what the last ones wrote."""
    exec(examples(ROOT / "docs" / "compositions.md")[0].source, {"__name__": "__main__"})
    shell = shell_blocks("compositions.md")[0]
    for line in shell:
        run_command(line, *(["--max-epochs", "2"] if line.startswith("dirvae fit") else []))
    header = Path("effects.csv").read_text().splitlines()[0]
    assert header.startswith("component,column,covariate,level,reference,effect,std_error,lower")
    assert len(Path("effects.csv").read_text().splitlines()) == 1 + 4 * 2
    assert Path("proportions.csv").read_text().startswith("sample,compositionmodel0,")
    [report] = commands_in_sentences("compositions.md")
    run_command(report)
    assert "swap" in Path("page.html").read_text(encoding="utf-8")


def test_the_commands_on_corpora_run_as_they_stand() -> None:
    words = [f"{first}{second}" for first in "abcdefghijkl" for second in "mnopqrst"]
    rows = [
        {"id": place, "year": 2000 + place % 3, "text": " ".join(words[place : place + 9])}
        for place in range(80)
    ]
    Path("texts.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    Path("new.jsonl").write_text("\n".join(map(json.dumps, rows[:7])), encoding="utf-8")
    [(build, fit, transform), new] = shell_blocks("corpora.md")
    run_command(build)
    run_command(fit, "--max-epochs", "1")
    run_command(transform)
    assert np.load("theta.npy").shape == (80, 50)
    run_command(new[0])
    run_command(new[1], "--force")
    assert np.load("theta.npy").shape == (7, 50)


def commands_in_sentences(name: str) -> list[str]:
    """Those between backticks on a page in docs/ that name a table, and so are whole."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return [line for line in re.findall(r"`(dirvae [a-z][^`]*)`", text) if ".csv" in line]


def test_the_commands_on_topics_run_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["moon and stars", "cat and dog"] * 10
    for name in ("my-topics", "small", "large"):
        TopicModel(2, max_epochs=1, random_state=0).fit(texts).save(name)
    rows = [f"{n},g{n % 2},j{n % 2},{2000 + n % 3},{text}" for n, text in enumerate(texts)]
    Path("texts.csv").write_text("\n".join(["id,group,journal,year,text", *rows]), encoding="utf-8")
    [[report]] = shell_blocks("topics.md")
    run_command(report)
    assert "moon" in Path("report.html").read_text(encoding="utf-8")
    evaluate, compare, fit = commands_in_sentences("topics.md")
    capsys.readouterr()
    run_command(evaluate)
    documents, perplexity, lower, upper = capsys.readouterr().out.splitlines()[:4]
    assert documents.split() == ["documents", "20"]
    ends = [float(line.split()[-1].replace(",", "")) for line in (lower, perplexity, upper)]
    assert ends == sorted(ends)
    assert "perplexity lower" in lower
    run_command(compare)
    assert "on 20 documents" in Path("page.html").read_text(encoding="utf-8")
    run_command(fit, "--max-epochs", "1", "-k", "2", "-o", "by-journal")
    kinds = TopicModel.load("by-journal").covariate_kinds_
    assert kinds == {"year": "numbers", "journal": "words"}


def test_the_commands_on_cells_run_as_they_stand() -> None:
    anndata = pytest.importorskip("anndata")
    counts = np.random.default_rng(0).poisson(3.0, (30, 12)).astype(np.float32)
    cells, genes = (
        pd.DataFrame(index=pd.Index(map(str, range(n)), dtype=object)) for n in (30, 12)
    )
    made = anndata.AnnData(np.log1p(counts), cells, genes, layers={"counts": counts})
    made.write_h5ad("cells.h5ad")
    fit, transform = shell_blocks("compositions.md")[1]
    run_command(fit, "--max-epochs", "1")
    run_command(transform)
    theta = CompositionModel.load("cells-model").transform(counts)
    written = anndata.read_h5ad("cells-with.h5ad").obsm["X_dirvae"]
    np.testing.assert_allclose(written, theta, atol=1e-6)


def blocks_of_script(name: str, language: str) -> list[list[str]]:
    """Lines of each block in the text of a script of docs/, without those that are its code."""
    text = (ROOT / "docs" / "scripts" / name).read_text(encoding="utf-8").replace("\\\n#", "")
    found = re.findall(
        rf"^# \.\. code-block:: {language}\n#\n((?:#    .*\n|#\n)+)", text, re.MULTILINE
    )
    return [[line[5:] for line in block.splitlines() if line != "#"] for block in found]


def test_the_commands_for_counts_to_start_with_run_as_they_stand() -> None:
    script = (ROOT / "docs" / "scripts" / "start" / "counts.py").read_text(encoding="utf-8")
    made: dict[str, Any] = {}
    exec(script.partition("# Fit\n")[0], made)  # the table
    made["table"].rename_axis("sample").to_csv("counts.csv")
    diets = pd.DataFrame({"diet": made["diet"]}, made["table"].index)
    diets.rename_axis("sample").to_csv("samples.csv")
    [[fit, *others]] = blocks_of_script("start/counts.py", "text")
    run_command(fit, "--max-epochs", "1")
    for line in others:
        run_command(line)
    assert len(others) == 3
    page = Path("page.html").read_text(encoding="utf-8")
    assert "taxon 11" in page
    assert "plants" in page


def test_the_commands_for_texts_to_start_with_run_as_they_stand() -> None:
    texts = ["moon and stars", "cat and dog"] * 40
    rows = pd.DataFrame({"review": texts, "product": list("ab") * 40, "date": [2001, 2002] * 40})
    rows.to_csv("reviews.csv", index=False)
    [[fit, *others]] = blocks_of_script("start/documents.py", "text")
    run_command(fit, "--max-epochs", "1")
    for line in others:
        run_command(line)
    model = TopicModel.load("my-topics")
    written = pd.read_csv("proportions.csv").select_dtypes("float").to_numpy()
    np.testing.assert_allclose(written, model.transform(texts), atol=1e-5)
    [python] = blocks_of_script("start/documents.py", "python")
    exec("\n".join(python), {"model": model, "texts": texts})
    assert "distributions" in Path("topics.html").read_text(encoding="utf-8")


def written_commands(file: Path) -> list[str]:
    """Commands of dirvae in a page or a script: in blocks, and between backticks."""
    text = file.read_text(encoding="utf-8").replace("\\\n#", "")
    lines = re.findall(r"^(?:\$ |#    )?(dirvae [a-z].*)$", text, flags=re.MULTILINE)
    spans = re.findall(r"`(dirvae [a-z][^`]*)`", text)
    return [" ".join(found.split()) for found in [*lines, *spans]]


@pytest.mark.parametrize("file", [*PAGES, *SCRIPTS], ids=lambda file: file.name)
def test_every_command_is_one_with_these_options(file: Path) -> None:
    for line in written_commands(file):
        command, words = PROGRAM, shlex.split(line)[1:]
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        context = command.context_class(command)
        _, left, _ = command.make_parser(context).parse_args(words)
        assert left == [], line


def test_commands_are_found_in_pages_and_scripts() -> None:
    found = [line for file in [*PAGES, *SCRIPTS] for line in written_commands(file)]
    assert len(found) > 50
    assert "dirvae fit vae --commitment 2" in found  # between backticks
    assert any("review --label-column product --time-column date" in line for line in found)
