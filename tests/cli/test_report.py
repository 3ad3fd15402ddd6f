"""`dirvae report`: from a model and a table to a page."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.io import mmwrite
from scipy.sparse import coo_matrix

from dirvae import load
from dirvae.cli.report import write_page
from dirvae.data.corpora import Texts
from tests.cli.command import SMALL, X, assert_one_sentence
from tests.report.explorer.example import data_of, documents, model


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model().save(tmp_path / "model")
    texts, labels, years, ids = documents()
    table = pd.DataFrame({"id": ids, "group": labels, "year": years, "text": texts})
    table.astype({"year": "Int64"}).to_csv(tmp_path / "texts.csv", index=False)
    return tmp_path


def test_page_has_the_columns(run, saved) -> None:
    (saved / "names.json").write_text('{"3": "My <b>name"}')
    columns = ["--label-column", "group", "--time-column", "year", "--id-column", "id"]
    ran = run(
        "report", "model", "texts.csv", "-o", "new/page.html", *columns, "--names", "names.json"
    )
    assert ran.code == 0, ran
    assert "page.html" in ran.err
    texts, labels, years, ids = documents()
    found = data_of((saved / "new" / "page.html").read_text())
    expected = model().report(
        texts, labels={"group": labels}, times=years, ids={"id": ids}, names={3: "My <b>name"}
    )
    assert found["labelled_by"] == "group"
    assert found == data_of(expected)


def test_effects_of_columns(run, saved) -> None:
    columns = ["--covariates", "size", "--covariates", "kind"]
    frame = pd.read_csv("texts.csv")
    frame["size"], frame["kind"] = frame.index % 7, ["b", "a", "c"] * 24
    frame.to_csv("more.csv")
    assert run("report", "model", "more.csv", "-o", "page.html", *columns).code == 0
    found = data_of((saved / "page.html").read_text())
    expected = data_of(model().report(documents()[0], covariates=frame[["size", "kind"]]))
    assert found["effects"] == expected["effects"]
    assert found["known_by"] == "row"


def test_the_quality_of_lda_is_shown_if_asked(run, saved) -> None:
    assert run("report", "model", "texts.csv", "--baseline", "-o", "page.html").code == 0
    found = data_of((saved / "page.html").read_text())["quality"]
    assert found == data_of(model().report(documents()[0], baseline=True))["quality"]
    ran = run("report", "model", "--baseline", "-o", "other.html")
    assert_one_sentence(ran, "--baseline cannot be used with a report without data")


def test_other_covariates_than_the_models_own_are_shown(run, saved) -> None:
    """The model was fitted to a size; asked of a kind alone, it takes the prior at the mean."""
    texts = documents()[0]
    frame = pd.DataFrame({"size": np.arange(72.0) % 7, "kind": ["b", "a", "c"] * 24, "text": texts})
    told = type(model())(2, max_epochs=1, hidden_sizes=(4,), random_state=0)
    told.fit(texts, covariates=frame[["size"]])
    with pytest.warns(UserWarning, match="is used without them: the prior of each document is"):
        found = data_of(told.report(texts, covariates=frame[["kind"]]))
    assert found["effects"]["told"] == ["kind: b, not a", "kind: c, not a"]
    both = data_of(told.report(texts, covariates=frame[["kind", "size"]]))
    theta = told.transform(texts, covariates=frame[["size"]])
    shares = [topic["share"] for topic in both["topics"]]
    np.testing.assert_allclose(shares, theta.mean(0), atol=5.1e-6)
    told.save("told")
    frame.to_csv("more.csv", index=False)
    ran = run("evaluate", "told", "more.csv", "--json")
    assert ran.code == 0, ran.err
    scores = told.evaluate(texts, covariates=frame[["size"]])
    assert json.loads(ran.out)["completion_perplexity"] == pytest.approx(scores.perplexity)
    perplexity = told.perplexity(texts, covariates=frame[["size"]])
    assert scores.perplexity == pytest.approx(perplexity)
    assert perplexity != pytest.approx(told.perplexity(texts, covariates=frame[["size"]] * 0))


def test_page_without_documents(run, saved) -> None:
    assert run("report", "model", "-o", "new/folder/page.html").code == 0
    found = data_of((saved / "new/folder/page.html").read_text())
    assert found["documents"] == []
    assert [t["share"] for t in found["topics"]] == pytest.approx(
        model().topic_prevalence_.tolist(), abs=5.1e-6
    )


def test_one_column_may_be_label_and_id(run, saved) -> None:
    columns = ["--label-column", "group", "--id-column", "group"]
    assert run("report", "model", "texts.csv", "-o", "page.html", *columns).code == 0
    found = data_of((saved / "page.html").read_text())
    expected = data_of(model().report(documents()[0], labels=documents()[1]))  # ids are rows
    for document, known in zip(found["documents"], expected["documents"], strict=True):
        row = f"row {known['id']}"
        assert document["id"] == (row if known["label"] < 0 else found["labels"][known["label"]])


def test_fit_of_rows_says_how_to_read_them_again(run, tmp_path) -> None:
    pd.DataFrame({"my id": range(60)}).join(pd.DataFrame(X).add_prefix("x")).to_csv(
        tmp_path / "x.csv", index=False
    )
    options = ["--id-column", "my id", "--encoding", "latin-1"]
    ran = run("fit", "vae", "x.csv", "-o", "vae", *SMALL, "--max-epochs", 1, *options)
    [then] = [line for line in ran.err.splitlines() if line.startswith("Next: dirvae ")]
    told = ["transform", "vae", "DATA", *options, "-o", "theta.csv"]
    assert shlex.split(then.removeprefix("Next: dirvae ")) == told


def test_fit_writes_the_page_and_says_what_is_next(run, saved) -> None:
    ran = run("fit", "topics", "texts.csv", "-o", "new", "-k", 2, "--max-epochs", 1)
    assert "Next: dirvae report new texts.csv -o report.html" in ran.err
    more = [
        "--report",
        "page.html",
        "--force",
        "-k",
        2,
        "--max-epochs",
        1,
        "--label-column",
        "group",
    ]
    assert run("fit", "topics", "texts.csv", "-o", "new", *more).code == 0
    found = data_of((saved / "page.html").read_text())
    assert (len(found["topics"]), found["total"]) == (2, len(documents()[0]))
    assert (found["labelled_by"], set(found["labels"])) == ("group", {"a", "b"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["model", "texts.csv", "-o", "page.txt"], "page.txt must end in .html"),
        (["model", "texts.csv", "-o", "old.html"], "old.html exists"),
        (["model", "texts.csv", "-o", "folder.html"], "folder.html is a folder; --output must be"),
        (["model", "texts.csv", "-o", "model/page.html"], "is in the input model"),
        (["model", "-o", "p.html", "--label-column", "a"], "--label-column cannot be used with"),
        (["model", "texts.csv", "-o", "p.html", "--time-column", "no"], "no column 'no'"),
        (["model", "texts.csv", "-o", "p.html", "--time-column", "text"], "must have numbers, or"),
        (
            ["model", "texts.csv", "-o", "p.html", "--names", "texts.csv"],
            "texts.csv is not valid JSON",
        ),
    ],
)
def test_wrong_use_is_one_sentence(run, saved, options, said) -> None:
    (saved / "old.html").write_text("mine")
    (saved / "folder.html").mkdir()
    assert_one_sentence(run("report", *options), said)
    assert (saved / "old.html").read_text() == "mine"
    assert not (saved / "p.html").exists()


def test_rows_have_a_page_of_components(run, fitted) -> None:
    """Columns go by name, and rows are called by their ids."""
    frame = pd.DataFrame(X[:20], columns=list("abcdef")).assign(id=[f"row {r}" for r in range(20)])
    model_ = load(fitted).fit(frame.drop(columns="id"))
    model_.save("named")
    frame[["id", *"fedcba"]].to_csv("rows.csv", index=False)
    ran = run("report", "named", "rows.csv", "--id-column", "id", "-o", "page.html", "--title", "A")
    assert ran.code == 0, ran
    found = data_of(Path("page.html").read_text())
    theta = model_.transform(frame.drop(columns="id"))
    assert found["title"] == "A"
    np.testing.assert_allclose(found["mean"], theta.mean(0), rtol=1e-3)
    first = [examples[0]["id"] for examples in found["examples"]]
    assert first == [f"row {row}" for row in theta.argmax(0)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "has no topics: give the rows to show"),
        (["x.npy", "--label-column", "a"], "--label-column cannot be used with"),
        (["x.npy", "--names", "names.json"], "--names cannot be used with"),
    ],
)
def test_wrong_use_with_rows_is_one_sentence(run, fitted, options, said) -> None:
    np.save("x.npy", X)
    assert_one_sentence(run("report", fitted, *options, "-o", "page.html"), said)


def test_fit_refuses_a_page_in_the_model(run, saved) -> None:
    ran = run("fit", "topics", "texts.csv", "-o", "new", "--report", "new/page.html")
    assert_one_sentence(ran, "new/page.html is in the model's folder")
    assert not (saved / "new").exists()


def test_names_of_a_page_are_those_of_python(saved) -> None:
    names = {"0": "One", "2": "Two"}
    (saved / "names.json").write_text(json.dumps(names))
    found = data_of(model().report(names=names))
    assert [topic["name"] for topic in found["topics"]] == ["One", "", "Two", ""]


def test_a_page_of_counts_has_their_effects(run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = [f"s{i}" for i in range(40)]
    counts = pd.DataFrame(rng.poisson(4, (40, 6)), pd.Index(names, name="sample"), list("abcdef"))
    people = pd.DataFrame({"sample": names[::-1], "age": range(40)})
    sites = [["7", "8", None][row % 3] for row in range(40)]  # words that look like numbers
    pd.DataFrame({"sample": names[::-1], "site": sites, "age": range(40)}).to_csv(
        "sites.csv", index=False
    )
    counts.to_csv("counts.csv")
    people.to_csv("people.csv", index=False)
    known = ("--id-column", "sample", "--covariates", "people.csv")
    fit = ("fit", "counts", "counts.csv", *known, "-k", 2, "--max-epochs", 20, "-o", "m")
    assert run(*fit).code == 0
    ran = run("report", "m", "counts.csv", *known, "-o", "page.html")
    assert ran.code == 0, ran.err
    ages = people.set_index("sample").loc[names]
    told = {"covariates": ages, "ids": {"sample": names}, "title": "Components"}
    expected = load("m").report(counts.to_numpy(), **told)
    assert data_of(Path("page.html").read_text()) == data_of(expected)
    assert_one_sentence(
        run("report", "m", "counts.csv", "--strip", "quotes", "-o", "other.html"), "--strip"
    )
    told["labels"] = {"site": sites[::-1]}
    labelled = ("report", "m", "counts.csv", *known[:3], "sites.csv", "--label-column", "site")
    ran = run(*labelled, "-o", "labelled.html")
    assert ran.code == 0, ran.err
    found = data_of(Path("labelled.html").read_text())
    assert found == data_of(load("m").report(counts.to_numpy(), **told))
    assert found["labels"] == ["7", "8"]
    assert [by["name"] for by in found["samples"]["groupings"]] == ["site"]
    ran = run("report", "m", "counts.csv", *known[:2], "--label-column", "site", "-o", "no.html")
    assert_one_sentence(
        ran, "--label-column names a column of --covariates: give --covariates, too"
    )


def test_features_of_counts_are_matched_by_name(run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    counts = np.random.default_rng(0).poisson(3, (30, 6))
    order = [3, 0, 5, 1, 4, 2]
    for folder, columns in (("straight", range(6)), ("mixed", order)):
        (tmp_path / folder).mkdir()
        mmwrite(tmp_path / folder / "matrix.mtx", coo_matrix(counts[:, list(columns)].T))
        words = "\n".join(f"{'abcdef'[column]}\tx" for column in columns)
        (tmp_path / folder / "features.tsv").write_text(words)
        names = "\n".join(f"S{row}" for row in range(30))
        (tmp_path / folder / "barcodes.tsv").write_text(names)
    small = ("-k", 2, "--max-epochs", 1)
    ran = run("fit", "topics", "straight/matrix.mtx", *small, "-o", "m")
    assert ran.code == 0, ran.err
    for folder in ("straight", "mixed"):
        ran = run("report", "m", f"{folder}/matrix.mtx", "-o", f"{folder}.html")
        assert ran.code == 0, ran.err
    pages = [data_of((tmp_path / f"{f}.html").read_text()) for f in ("straight", "mixed")]
    assert pages[0]["documents"] == pages[1]["documents"]


class Shown(SimpleNamespace):
    """A model that keeps what its page was asked for."""

    def report(self, X, output, **given):
        self.X, self.given = X, given
        return "é" * 60_000


@pytest.mark.parametrize(
    ("labels", "times", "ids", "right"),
    [
        (None, None, None, (None, None, {"doi": ["i", "j"], "area": ["", "x"], "year": [1, 2]})),
        ("area", None, None, ({"area": [None, "x"]}, None, {"doi": ["i", "j"], "year": [1, 2]})),
        ("area", "year", None, ({"area": [None, "x"]}, [1, 2], {"doi": ["i", "j"]})),
        (
            "area",
            "year",
            ["doi", "year"],
            ({"area": [None, "x"]}, [1, 2], {"doi": ["i", "j"], "year": [1, 2]}),
        ),
    ],
)
def test_labels_and_times_are_no_ids_unless_they_are_named_so(
    tmp_path, capsys, labels, times, ids, right
) -> None:
    X = Texts(["a", "b"], {"doi": ["i", "j"], "area": ["", "x"], "year": [1, 2]})
    shown = Shown()
    write_page(shown, X, tmp_path / "new" / "page.html", labels, times, ids, {"title": "T"})
    assert shown.X == ["a", "b"]
    told = dict(zip(("labels", "times", "ids"), right, strict=True))
    assert shown.given == {"title": "T", **told}
    assert capsys.readouterr().err.endswith("page.html: 0.1 MB; open it in a browser\n")
    assert (tmp_path / "new").is_dir()


def test_labels_that_were_read_as_such_have_their_name_or_none(tmp_path) -> None:
    shown = Shown()
    for labels, column, right in (
        (["x", "-1"], None, {"label": ["x", None]}),
        (["x", ""], "area", {"area": ["x", None]}),
        (None, "area", None),
    ):
        X = Texts(["a", "b"], {}, labels)
        write_page(shown, X, tmp_path / "page.html", column, None, None, {})
        assert shown.given == {"labels": right, "times": None, "ids": None}
    write_page(shown, None, tmp_path / "page.html", None, None, None, {})
    assert (shown.X, shown.given) == (None, {})
