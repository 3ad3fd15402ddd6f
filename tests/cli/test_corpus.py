"""A corpus by the command line: built, fitted, transformed, and refused in one sentence."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dirvae import TopicModel, load
from dirvae.data import Corpus
from tests.cli.command import assert_one_sentence

TEXTS = ["the cat sat by the dog", "a dog and a cat", "moon and stars", "the moon, the stars"] * 6
ROWS = [
    {"text": text, "doi": f"d{row}", "area": "xy"[row % 2], "year": 2000 + row}
    for row, text in enumerate(TEXTS)
]
COLUMNS = ["--id-column", "doi", "--label-column", "area", "--time-column", "year"]
FIT = ["-k", 2, "--max-epochs", 2]


@pytest.fixture
def built(run, tmp_path):
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    ran = run("corpus", "build", "texts.jsonl", "-o", "corpus", *COLUMNS)
    assert ran.code == 0, ran
    assert "corpus: 24 documents, 5 words, " in ran.err
    assert "documents a second" in ran.err
    return Corpus("corpus")


def test_from_texts_to_theta(run, built):
    assert built.ids == [row["doi"] for row in ROWS]
    assert built.labels == [row["area"] for row in ROWS]
    assert built.times == [row["year"] for row in ROWS]
    assert run("fit", "topics", "corpus", "-o", "model", *FIT).code == 0
    assert run("fit", "topics", "texts.jsonl", "-o", "of_texts", *FIT).code == 0
    model, of_texts = load("model"), load("of_texts")
    assert (model.topic_word_ == of_texts.topic_word_).all()
    ran = run("transform", "model", "corpus", "-o", "theta.npy")
    assert ran.err == "theta.npy: 24 rows, 2 components\n"
    expected = of_texts.transform(TEXTS)
    assert (np.load("theta.npy") == expected.astype(np.float32)).all()
    assert run("transform", "model", "corpus", "-o", "theta.csv").code == 0
    frame = pd.read_csv("theta.csv")
    assert frame["doi"].tolist() == built.ids
    assert np.allclose(frame[["topicmodel0", "topicmodel1"]], expected)
    found, of_file = (
        json.loads(run("evaluate", "model", data, "--label-column", "area", "--json").out)
        for data in ("corpus", "texts.jsonl")
    )
    assert found == of_file
    shown = json.loads(run("topics", "model", "corpus", "--json").out)
    assert {topic["examples"][0]["document"] for topic in shown} <= set(built.ids)
    assert run("report", "model", "corpus", "--label-column", "area", "-o", "page.html").code == 0


def test_labels_and_times_of_a_corpus_are_learned(run, built):
    columns = ["--label-column", "area", "--time-column", "year"]
    for data in ("corpus", "texts.jsonl"):
        assert run("fit", "topics", data, "-o", f"of_{data}", *FIT, *columns).code == 0
    one, other = load("of_corpus"), load("of_texts.jsonl")
    assert (one.coef_ == other.coef_).all()
    assert one.covariate_kinds_ == {"year": "numbers"}
    assert run("transform", "of_corpus", "corpus", "-o", "theta.npy").code == 0
    expected = other.transform(TEXTS, covariates={"year": built.times})
    assert (np.load("theta.npy") == expected.astype(np.float32)).all()


def test_words_are_those_that_options_ask_for(run, built, tmp_path):
    (tmp_path / "stop.txt").write_text("moon")
    options = ["--stop-words", "stop.txt", "--ngrams", 2, "--min-df", 12, "--vocabulary-size", 4]
    assert run("corpus", "build", "texts.jsonl", "-o", "other", *options).code == 0
    assert Corpus("other").vocabulary.tolist() == ["and", "cat", "dog", "the"]


def test_new_documents_are_counted_by_the_words_of_a_model(run, built):
    assert run("fit", "topics", "corpus", "-o", "model", *FIT).code == 0
    pd.DataFrame({"body": ["a dog and a new hat", "stars"]}).to_csv("new.csv")
    options = ["--text-column", "body", "--model", "model"]
    assert run("corpus", "build", "new.csv", "-o", "new", *options).code == 0
    assert run("transform", "model", "new", "-o", "theta.npy").code == 0
    expected = load("model").transform(["a dog and a new hat", "stars"])
    assert (np.load("theta.npy") == expected.astype(np.float32)).all()


def test_counts_of_a_file_become_a_corpus(run, tmp_path):
    anndata = pytest.importorskip("anndata")
    counts = np.random.default_rng(0).poisson(1, (6, 4))
    index = (pd.Index(list(names), dtype=object) for names in ("abcdef", "wxyz"))
    cells, genes = (pd.DataFrame(index=names) for names in index)
    anndata.AnnData(counts, obs=cells, var=genes).write_h5ad(tmp_path / "x.h5ad")
    np.save(tmp_path / "x.npy", counts)
    for data in ("x.h5ad", "x.npy"):
        assert run("corpus", "build", data, "-o", f"of_{data}").code == 0
        assert (Corpus(f"of_{data}")[:].toarray() == counts).all()
    assert Corpus("of_x.h5ad").ids == list("abcdef")
    assert Corpus("of_x.h5ad").vocabulary.tolist() == list("wxyz")
    assert_one_sentence(run("corpus", "build", "x.npy", "-o", "c", "--min-df", 2), "--min-df")


def test_a_corpus_is_replaced_when_told_alone(run, built):
    assert_one_sentence(run("corpus", "build", "texts.jsonl", "-o", "corpus"), "--force")
    ran = run("corpus", "build", "texts.jsonl", "-o", "corpus", "--force", "--min-df", 12)
    assert ran.code == 0, ran
    assert Corpus("corpus").ids is None


def test_a_corpus_is_checked(run, built):
    assert run("corpus", "check", "corpus").err.endswith("no file has changed\n")
    path = built.folder / "shards" / "000000" / "indices.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    assert_one_sentence(run("corpus", "check", "corpus"), "indices.npy is not what was written")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--text-column", "text"], ["--text-column cannot be used with"]),
        (["--strip", "headers"], ["--strip cannot be used with"]),
        (["--min-df", 2], ["--min-df cannot be used with"]),
        (["--label-column", "venue"], ["no column 'venue'; it has doi, area, year"]),
        (["--vocabulary", "texts.jsonl"], ["--vocabulary needs counts"]),
    ],
)
def test_options_of_texts_are_refused_for_a_corpus(run, built, options, words):
    assert_one_sentence(run("fit", "topics", "corpus", "-o", "model", *FIT, *options), *words)


def test_a_model_of_counts_has_no_words_to_count(run, built):
    TopicModel(2, max_epochs=1).fit(np.eye(4)).save("of_counts")
    ran = run("corpus", "build", "texts.jsonl", "-o", "new", "--model", "of_counts")
    assert_one_sentence(ran, "must have been fitted to texts")
