"""`dirvae report`: from a model and a table to a page."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.cli.command import assert_one_sentence
from tests.report.explorer.example import data_of, documents, model


@pytest.fixture
def saved(tmp_path):
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
        texts, labels=labels, times=years, ids={"id": ids}, names={3: "My <b>name"}
    )
    assert found == data_of(expected)


def test_page_without_documents(run, saved) -> None:
    assert run("report", "model", "-o", "page.html").code == 0
    found = data_of((saved / "page.html").read_text())
    assert found["documents"] == []
    assert [t["share"] for t in found["topics"]] == pytest.approx(
        model().topic_prevalence_.tolist(), abs=5.1e-6
    )


def test_one_column_may_be_label_and_id(run, saved) -> None:
    columns = ["--label-column", "group", "--id-column", "group"]
    assert run("report", "model", "texts.csv", "-o", "page.html", *columns).code == 0
    found = data_of((saved / "page.html").read_text())
    for document in found["documents"]:
        label = "" if document["label"] < 0 else found["labels"][document["label"]]
        assert document["id"] == label


def test_fit_writes_the_page_and_says_what_is_next(run, saved) -> None:
    ran = run("fit", "topics", "texts.csv", "-o", "new", "-k", 2, "--max-epochs", 1)
    assert "Next: dirvae report new texts.csv -o report.html" in ran.err
    more = ["--report", "page.html", "--force", "-k", 2, "--max-epochs", 1]
    assert run("fit", "topics", "texts.csv", "-o", "new", *more).code == 0
    found = data_of((saved / "page.html").read_text())
    assert (len(found["topics"]), found["total"]) == (2, len(documents()[0]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["model", "texts.csv", "-o", "page.txt"], "page.txt must end in .html"),
        (["model", "texts.csv", "-o", "old.html"], "old.html exists"),
        (["model", "texts.csv", "-o", "model/page.html"], "is in the input model"),
        (["model", "-o", "p.html", "--label-column", "a"], "--label-column does not go with"),
        (["model", "texts.csv", "-o", "p.html", "--time-column", "no"], "no column 'no'"),
        (["model", "texts.csv", "-o", "p.html", "--time-column", "text"], "must have numbers, or"),
        (["model", "texts.csv", "-o", "p.html", "--names", "texts.csv"], "texts.csv is no JSON"),
    ],
)
def test_wrong_use_is_one_sentence(run, saved, options, said) -> None:
    (saved / "old.html").write_text("mine")
    assert_one_sentence(run("report", *options), said)
    assert (saved / "old.html").read_text() == "mine"
    assert not (saved / "p.html").exists()


def test_models_without_topics_have_no_page(run, fitted) -> None:
    np.save("x.npy", np.zeros((3, 6)))
    assert_one_sentence(run("report", fitted, "-o", "page.html"), "of which there is no page yet")


def test_fit_refuses_a_page_in_the_model(run, saved) -> None:
    ran = run("fit", "topics", "texts.csv", "-o", "new", "--report", "new/page.html")
    assert_one_sentence(ran, "new/page.html is in the model's folder")
    assert not (saved / "new").exists()


def test_names_of_a_page_are_those_of_python(saved) -> None:
    names = {"0": "One", "2": "Two"}
    (saved / "names.json").write_text(json.dumps(names))
    found = data_of(model().report(names=names))
    assert [topic["name"] for topic in found["topics"]] == ["One", "", "Two", ""]
