"""The commands on topics: texts in, topics out, and one sentence for what goes wrong."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import typer.main
from scipy import sparse

from dirvae import TopicModel, load
from dirvae.cli import app

TEXTS = ["the cat sat by the dog", "a dog and a cat", "moon and stars", "the moon, the stars"] * 6


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def ran(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([str(a) for a in arguments], prog_name="dirvae")
        return int(stop.value.code or 0), *capsys.readouterr()

    return ran


@pytest.fixture
def table(tmp_path):
    labels = ["pets", "pets", "sky", "sky"] * 6
    path = tmp_path / "texts.csv"
    pd.DataFrame({"body": TEXTS, "class": labels}).to_csv(path, index=False)
    return path


def test_from_a_table_to_topics_proportions_and_scores(run, table):
    options = ["--text-column", "body"]
    code, _, err = run("fit", "topics", table, *options, "-k", 2, "--max-epochs", 15, "-o", "model")
    assert code == 0, err
    code, out, err = run("topics", "model", table, *options, "--words", 2, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert len(found) == 2
    assert {len(topic["words"]) for topic in found} == {2}
    assert sum(topic["prevalence"] for topic in found) == pytest.approx(1)
    assert found[0]["examples"][0]["text"] in TEXTS
    code, out, err = run("topics", "model")
    assert code == 0
    assert "moon" in out
    code, _, err = run("transform", "model", table, *options, "-o", "theta.csv")
    assert code == 0, err
    theta = pd.read_csv("theta.csv").set_index("row")
    np.testing.assert_allclose(theta.sum(axis=1), 1)
    code, out, err = run("evaluate", "model", table, *options, "--label-column", "class", "--json")
    assert code == 0, err
    assert json.loads(out)["purity"] == 1
    code, out, err = run("info", "model", "--json")
    assert code == 0, err
    assert json.loads(out)["kind"] == "TopicModel"


def test_topics_that_tell_labels(run, tmp_path, table):
    frame = pd.read_csv(table)
    frame.loc[[0, 2], "class"] = None
    frame.to_csv(tmp_path / "some.csv", index=False)
    options = ["--text-column", "body", "--label-column", "class"]
    fit = ["fit", "topics", "some.csv", *options, "-k", 2, "--max-epochs", 30, "-o", "model"]
    code, _, err = run(*fit)
    assert code == 0, err
    model = load("model")
    assert model.classes_.tolist() == ["pets", "sky"]
    assert model.predict(["a cat", "the moon"]).tolist() == ["pets", "sky"]
    code, out, err = run("evaluate", "model", table, *options, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["accuracy"] == (model.predict(TEXTS) == pd.read_csv(table)["class"]).mean()
    code, out, err = run("evaluate", "model", "some.csv", *options, "--json")
    assert code == 0, err
    assert json.loads(out)["documents"] == 24
    numbers = np.where(frame["class"].isna(), -1, frame["class"] == "sky")
    frame.assign(**{"class": numbers}).to_csv(tmp_path / "numbers.csv", index=False)
    code, _, err = run("fit", "topics", "numbers.csv", *fit[3:-1], "again")
    assert code == 0, err
    np.testing.assert_array_equal(load("again").topic_word_, model.topic_word_)
    code, out, err = run("evaluate", "again", "numbers.csv", *options, "--json")
    assert code == 0, err
    assert json.loads(out)["purity"] == 1
    frame.assign(**{"class": None}).to_csv(tmp_path / "none.csv", index=False)
    code, _, err = run("evaluate", "model", "none.csv", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert "no document has a label" in err
    code, _, err = run("fit", "topics", "docstrings", "--label-column", "class", "-o", "new")
    assert (code, err.count("\n")) == (2, 1)
    assert "--label-column goes with a table (.csv, .parquet, .jsonl)" in err


def test_an_array_of_counts_is_chosen(run, tmp_path):
    rng = np.random.default_rng(0)
    first, second = rng.poisson(1, (2, 30, 4))
    np.savez(tmp_path / "counts.npz", a=first, b=second)
    fit = ["fit", "topics", "counts.npz", "-k", 2, "--max-epochs", 2, "-o", "model"]
    code, _, err = run(*fit)
    assert (code, err.count("\n")) == (2, 1)
    assert "choose one of a, b with --array" in err
    code, _, err = run(*fit, "--array", "b")
    assert code == 0, err
    model = load("model")
    oracle = TopicModel(2, max_epochs=2, random_state=0).fit(second)
    np.testing.assert_array_equal(model.topic_word_, oracle.topic_word_)
    code, _, err = run("transform", "model", "counts.npz", "--array", "a", "-o", "theta.npy")
    assert code == 0, err
    np.testing.assert_array_equal(np.load("theta.npy"), model.transform(first))
    code, out, err = run("evaluate", "model", "counts.npz", "--array", "a", "--json")
    assert code == 0, err
    assert json.loads(out)["completion_perplexity"] == model.perplexity(first)
    code, out, err = run("topics", "model", "counts.npz", "--array", "a")
    assert code == 0, err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["counts.npy", "--id-column", "a"], "counts.npy is no table"),
        (["counts.npy", "--text-column", "a"], "--text-column does not go with counts"),
        (["counts.npy", "--encoding", "latin1"], "--encoding does not go with counts"),
        (["counts.npy", "--samples", 5], "--samples does not go with model, which has topics"),
        (["docstrings", "--array", "a"], "--array does not go with texts"),
        (["docstrings", "--id-column", "a"], "--id-column does not go with texts"),
    ],
)
def test_options_that_nothing_would_read_are_refused(run, tmp_path, options, sentence):
    counts = np.random.default_rng(0).poisson(1, (30, 4))
    np.save(tmp_path / "counts.npy", counts)
    fitted = TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(counts)
    fitted.save(tmp_path / "model")
    code, _, err = run("evaluate", "model", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err


def test_counts_with_their_words(run, tmp_path):
    counts = np.random.default_rng(0).poisson(1, (30, 4))
    sparse.save_npz(tmp_path / "counts.npz", sparse.csr_matrix(counts))
    (tmp_path / "words.txt").write_text("one\ntwo\nthree\nfour\n")
    arguments = ["counts.npz", "-k", 2, "--max-epochs", 2, "--vocabulary", "words.txt"]
    code, _, err = run("fit", "topics", *arguments, "-o", "model")
    assert code == 0, err
    _, out, _ = run("topics", "model")
    assert "three" in out


def test_what_goes_wrong_is_one_sentence(run, table):
    code, _, err = run("fit", "topics", table, "-o", "model")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no column 'text'; its columns are body, class" in err
    code, _, err = run("fit", "topics", table, "--text-column", "body", "-o", "model")
    assert code == 2
    assert "n_components is 50, must be at most the number of documents, 24" in err
    code, _, err = run("fit", "topics", table, "--vocabulary", "w.txt", "-o", "model")
    assert code == 2
    assert "--vocabulary goes with counts" in err
