"""A corpus by the command line: built, fitted, transformed, and refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from dirvae import TopicModel, load
from dirvae.cli import corpus as command
from dirvae.cli import inputs, texts
from dirvae.data import Corpus, text_files, vectorizing
from dirvae.data.corpus import counting
from dirvae.data.words import words_of
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


# --- how a corpus is built ------------------------------------------------------------------------


def test_words_are_counted_by_the_options_or_those_of_a_model(monkeypatch):
    counting = {"stop_words": ["a"], "ngram_range": (1, 3)}
    assert command._settings(counting, 7, None) == {
        "stop_words": ["a"],
        "ngrams": 3,
        "vocabulary_size": 7,
    }
    assert command._settings({}, 7, None) == {"ngrams": 1, "vocabulary_size": 7}
    with pytest.raises(ValueError, match="--ngram-range cannot be used with --model m"):
        command._settings({"ngram_range": (1, 3)}, 7, Path("m"))
    model = SimpleNamespace(vocabulary_=np.array(["a b", "c"]), vectorizer_=None)
    monkeypatch.setattr(command, "load_estimator", lambda *_: model)
    for own, is_ours in (
        ({"ngram_range": (1, 2)}, True),
        ({"ngram_range": (1, 1)}, True),
        ({"ngram_range": (2, 2)}, False),
        ({"tokenizer": str.split}, False),
        (None, False),
    ):
        model.vectorizer_ = (
            None if own is None else CountVectorizer(**{"tokenizer": words_of, **own})
        )
        if is_ours:
            assert command._settings({}, 7, Path("m")) == {
                "vocabulary": ["a b", "c"],
                "stop_words": None,
                "ngrams": own["ngram_range"][1],
            }
        else:
            with pytest.raises(ValueError, match="--model m must have been fitted to texts by"):
                command._settings({}, 7, Path("m"))


def test_there_is_a_process_for_each_core_that_may_be_used(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert command._cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert command._cores() == 4
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert command._cores() == 1


@pytest.mark.parametrize(("is_terminal", "quiet"), [(True, False), (True, True), (False, False)])
def test_progress_is_shown_on_a_terminal_and_how_fast_it_goes(monkeypatch, is_terminal, quiet):
    shown = []
    clock = iter([100.0, 104.0, 100.0])

    class Status:
        update = shown.append

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("rich.console.Console.status", lambda self, what: Status())
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with command.counted("texts", quiet) as progress:
        progress(6000)
    assert shown == (["6,000 texts, 1,500 a second"] if is_terminal and not quiet else [])


def test_a_corpus_of_counts_has_the_first_ids_of_the_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(",a,b\nu,1,0\nv,0,2\n")
    corpus = command._of_counts(str(path), tmp_path / "corpus", None, None, False, print)
    assert (corpus.ids, corpus.columns) == (["u", "v"], {"id": "row"})
    assert corpus.vocabulary.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match=r"--layer cannot be used with .*x\.csv, which is not a"):
        command._of_counts(str(path), tmp_path / "other", None, "raw", False, print)
    np.save(tmp_path / "x.npy", np.eye(2))
    corpus = command._of_counts(
        str(tmp_path / "x.npy"), tmp_path / "bare", None, None, False, print
    )
    assert (corpus.ids, corpus.vocabulary, corpus.columns) == (None, None, {})


def test_it_is_told_how_many_documents_were_counted_a_second(run, tmp_path, monkeypatch):
    clock = iter([100.0, 100.0, 104.0])
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    (tmp_path / "texts.jsonl").write_text('{"text": "a cat"}\n' * 40)
    ran = run("corpus", "build", "texts.jsonl", "-o", "my corpus", "--max-df", "1.0")
    assert ran.err.splitlines() == [
        "my corpus: 40 documents, 1 words, 10 documents a second",
        "Next: dirvae fit topics 'my corpus' -o model",
    ]


def test_what_help_shows_is_what_the_library_does():
    """Numbers that stand twice, so that help need not wait for imports."""
    assert command.VOCABULARY_SIZE == vectorizing.VOCABULARY_SIZE
    assert texts.MOST_NGRAMS == counting.MOST_NGRAMS
    assert inputs.UTF8 == text_files.UTF8
