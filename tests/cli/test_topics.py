"""The commands on topics: texts in, topics out, and one sentence for what goes wrong."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae import TopicModel, evaluation, load, terms
from dirvae.cli.fit_topics import _end, _of_seeds, _refuse_columns, _vocabulary
from dirvae.cli.topics import _add_examples, _described, _print
from dirvae.data.corpora import Texts
from dirvae.evaluation import matching
from dirvae.topics import fit_seeds
from tests.report.explorer.example import data_of

TEXTS = ["the cat sat by the dog", "a dog and a cat", "moon and stars", "the moon, the stars"] * 6


THEMES = {"sky": 13, "pets": 9, "food": 6}
WORDS = {
    "sky": "moon stars comet orbit planet sun",
    "pets": "cat dog rabbit paw fur tail",
    "food": "bread butter cheese soup salt oven",
}


@pytest.fixture(scope="module")
def mixed():
    """Documents of three topics in unequal shares, all of other mixtures, and their model.

    No topic stands at the place of its number: by share the columns are 2, 0, 1.
    """
    rng = np.random.default_rng(0)
    texts = []
    for theme, count in THEMES.items():
        other = rng.choice([name for name in THEMES if name != theme], count)
        for place, stray in enumerate(other):
            own = rng.choice(WORDS[theme].split(), 9 + place)
            texts.append(" ".join([*own, *rng.choice(WORDS[stray].split(), 1 + place % 4)]))
    texts = [texts[i] for i in rng.permutation(len(texts))]
    model = TopicModel(3, max_epochs=15, random_state=0).fit(texts)
    largest, middle, least = np.argsort(-model.topic_prevalence_)
    model = model.merge([[middle], [least], [largest]])
    assert np.argsort(-model.topic_prevalence_).tolist() == [2, 0, 1]
    return model, texts


@pytest.fixture
def saved(mixed, tmp_path):
    """The model and its documents, as a table and as a folder of files."""
    model, texts = mixed
    model.save(tmp_path / "model")
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "texts.csv", index=False)
    (tmp_path / "folder").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "folder" / f"{(5 * number) % len(texts):02}.txt").write_text(text)
    return model, texts


def most(theta, k, count):
    """Rows with most of topic k, by a plain sort."""
    return sorted(range(len(theta)), key=lambda row: -theta[row, k])[:count]


def test_examples_are_those_of_the_topics_own_column(run, saved):
    model, texts = saved
    theta = model.transform(texts)
    code, out, err = run("topics", "model", "texts.csv", "--examples", 2, "--words", 3, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [topic["topic"] for topic in found] == [2, 0, 1]
    beta = model.topic_word_
    for topic in found:
        k = topic["topic"]
        rows = most(theta, k, 2)
        assert [e["row"] for e in topic["examples"]] == [row + 1 for row in rows]
        assert [e["document"] for e in topic["examples"]] == [str(row + 1) for row in rows]
        assert [e["theta"] for e in topic["examples"]] == theta[rows, k].tolist()
        assert [e["text"] for e in topic["examples"]] == [texts[row][:120] for row in rows]
        assert topic["column"] == model.get_feature_names_out()[k]
        assert topic["prevalence"] == model.topic_prevalence_[k]
        assert [word["word"] for word in topic["words"]] == model.top_words(3)[k]
        columns = model.top_word_ids(3)[k]
        assert [word["probability"] for word in topic["words"]] == beta[k, columns].tolist()
    # The column of that name in what transform writes has its largest value in that row.
    assert run("transform", "model", "texts.csv", "-o", "theta.csv")[0] == 0
    table = pd.read_csv("theta.csv").set_index("row")
    assert list(table.columns) == list(model.get_feature_names_out())
    for topic in found:
        assert table[topic["column"]].idxmax() == topic["examples"][0]["row"]
        assert (
            model.posterior(texts).mean[:, topic["topic"]].argmax() + 1
            == (topic["examples"][0]["row"])
        )


def test_intervals_stand_beside_the_proportions_in_a_table(run, saved):
    model, texts = saved
    assert run("transform", "model", "texts.csv", "--level", 0.8, "-o", "theta.csv").code == 0
    table, found = pd.read_csv("theta.csv").set_index("row"), model.posterior(texts, level=0.8)
    names = list(model.get_feature_names_out())
    assert list(table.columns[:3]) == [names[0], f"{names[0]}_lower", f"{names[0]}_upper"]
    for k, name in enumerate(names):
        for end, values in (("", found.mean), ("_lower", found.lower), ("_upper", found.upper)):
            np.testing.assert_allclose(table[f"{name}{end}"], values[:, k], atol=1e-12)
    np.save("x.npy", np.eye(4))
    assert run("fit", "vae", "x.npy", "-k", 2, "--max-epochs", 1, "-o", "rows").code == 0
    for arguments, said in (
        (["model", "texts.csv", "-o", "t.npy"], "t.npy must end in .csv or .parquet: --level"),
        (["model", "texts.csv", "-o", "t.csv", "--level", 2], "level is 2.0, must be in (0, 1)"),
    ):
        ran = run("transform", *arguments[:4], "--level", *(arguments[5:] or [0.9]))
        assert (ran.code, said in ran.err) == (2, True), ran
    assert run("transform", "rows", "x.npy", "--level", 0.5, "-o", "rows.csv").code == 0
    table, found = pd.read_csv("rows.csv"), load("rows").posterior(np.eye(4), level=0.5)
    for end, values in (("", found.mean), ("_lower", found.lower), ("_upper", found.upper)):
        shown = table[[f"dirichletvae{k}{end}" for k in range(2)]]
        np.testing.assert_allclose(shown, values, atol=1e-12)


@pytest.mark.parametrize(
    ("source", "known_by"), [("texts.csv", "row"), ("folder", "file"), ("counts.npy", "row")]
)
def test_the_printed_list_has_each_topics_number_words_and_documents(
    run, saved, monkeypatch, source, known_by
):
    model, texts = saved
    monkeypatch.setenv("COLUMNS", "250")
    np.save("counts.npy", model.counts(texts).toarray())
    names = [str(row) for row in range(1, len(texts) + 1)]
    if source == "folder":
        names = [f"{(5 * number) % len(texts):02}.txt" for number in range(len(texts))]
    code, out, err = run("topics", "model", source, "--examples", 2, "--words", 4)
    assert code == 0, err
    theta, words = model.transform(texts), model.top_words(4)
    expected = [f"topic share words, then documents by {known_by}"]
    for k in (2, 0, 1):
        expected.append(f"{k} {model.topic_prevalence_[k]:.1%} {', '.join(words[k])}")
        for row in most(theta, k, 2):
            text = texts[row][:120].strip() if source != "counts.npy" else ""
            expected.append(f"{names[row]}: {text}".strip())
    assert [" ".join(line.split()) for line in out.splitlines()] == expected


def test_without_documents_there_are_words_alone(run, saved, monkeypatch):
    model, _ = saved
    monkeypatch.setenv("COLUMNS", "250")
    code, out, _ = run("topics", "model", "--words", 2, "--by", "probability")
    assert code == 0
    words = model.top_words(2, by="probability")
    rows = [f"{k} {model.topic_prevalence_[k]:.1%} {', '.join(words[k])}" for k in (2, 0, 1)]
    assert [" ".join(line.split()) for line in out.splitlines()] == ["topic share words", *rows]


HOSTILE = "[red]moon[/red] [/quote] :cat: stars\x1b[2J\x9b31m\x07\u202e comet"
SHOWN = "[red]moon[/red] [/quote] :cat: stars\\x1b[2J\\x9b31m\\x07\\u202e comet"


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_model_saved_with_frames_for_output_is_read_as_any_other(run, saved, kind):
    _, texts = saved
    labels = ["ab"[row % 2] for row in range(len(texts))]
    pd.DataFrame({"text": texts, "label": labels}).to_csv("labelled.csv", index=False)
    load("model").set_output(transform=kind).save("framed")
    asked = (
        ("topics", "texts.csv", "--json"),
        ("evaluate", "labelled.csv", "--label-column", "label", "--json"),
    )
    for command, *options in asked:
        assert run(command, "framed", *options) == run(command, "model", *options)


def assert_harmless(text):
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)


def test_documents_and_their_names_are_shown_as_text(run, saved, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    pd.DataFrame({"text": [HOSTILE]}).to_csv("hostile.csv", index=False)
    code, out, err = run("topics", "model", "hostile.csv")
    assert code == 0, err
    assert_harmless(out)
    assert out.count(f"1: {SHOWN}") == 3
    Path("strange").mkdir()
    Path("strange", "[b]\x1b[31m.txt").write_text(HOSTILE)
    code, out, err = run("topics", "model", "strange")
    assert code == 0, err
    assert_harmless(out)
    assert out.count(f"[b]\\x1b[31m.txt: {SHOWN}") == 3
    code, out, err = run("topics", "model", "strange", "--json")
    assert_harmless(out)
    (example,) = json.loads(out)[0]["examples"]
    assert (example["document"], example["ids"]) == (
        "[b]\x1b[31m.txt",
        {"file": "[b]\x1b[31m.txt"},
    )
    assert example["text"] == " ".join(HOSTILE.split())


def test_words_are_shown_as_text(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    words = ["[/quote]", "[red]a[/red]", "b\x1b]0;title\x07", ":cat:"]
    counts = np.random.default_rng(0).poisson(1, (30, 4))
    model = TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0)
    model.fit(counts, vocabulary=words).save(tmp_path / "model")
    code, out, err = run("topics", "model")
    assert code == 0, err
    assert_harmless(out)
    escaped = {word: word.replace("\x1b", "\\x1b").replace("\x07", "\\x07") for word in words}
    shown = [", ".join(escaped[word] for word in model.top_words(4)[k]) for k in range(2)]
    assert sorted(line.split("%  ")[1].strip() for line in out.splitlines()[1:]) == sorted(shown)
    _, out, _ = run("topics", "model", "--json")
    assert_harmless(out)
    assert {word["word"] for word in json.loads(out)[0]["words"]} == set(words)


def test_errors_and_warnings_are_shown_as_text(run, saved, monkeypatch):
    code, _, err = run("topics", "model", "\x1b[31m[/red]\u202e.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert_harmless(err)
    assert "Error: \\x1b[31m[/red]\\u202e.csv does not exist" in err
    pd.DataFrame({"\x1b[31m": ["moon"]}).to_csv("hostile.csv", index=False)
    code, _, err = run("topics", "model", "hostile.csv")
    assert_harmless(err)
    assert "its columns are \\x1b[31m" in err
    code, _, err = run("topics", "model", "texts.csv", "--b\x1b[31m")
    assert code == 2
    assert_harmless(err)
    assert "\\x1b[31m" in err

    def warn(path):
        warnings.warn(f"strange \x1b[31m\n file {path}", UserWarning, stacklevel=1)
        return load(path)

    monkeypatch.setattr("dirvae.persistence.load", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, err = run("info", "model")
    assert (code, err) == (0, "Warning: strange \\x1b[31m file model\n")


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
    model = load("model")
    expected = model.transform(TEXTS)
    assert sorted(topic["topic"] for topic in found) == [0, 1]
    for topic in found:
        k = topic["topic"]
        assert [word["word"] for word in topic["words"]] == model.top_words(2)[k]
        assert topic["prevalence"] == model.topic_prevalence_[k]
        (example,) = topic["examples"]
        assert example["row"] == most(expected, k, 1)[0] + 1
        assert example["text"] == TEXTS[example["row"] - 1]
    code, _, err = run("transform", "model", table, *options, "-o", "theta.csv")
    assert code == 0, err
    theta = pd.read_csv("theta.csv").set_index("row")
    assert theta.index.tolist() == list(range(1, 25))
    np.testing.assert_allclose(theta, expected)
    code, out, err = run("evaluate", "model", table, *options, "--label-column", "class", "--json")
    assert code == 0, err
    counts, labels = model.counts(TEXTS), np.array(["pets", "pets", "sky", "sky"] * 6)
    ids = model.top_word_ids(counts.shape[1])
    assert counts.shape[1] < 10  # so that all words are among the first ten
    assert json.loads(out) == {
        "documents": 24,
        "completion_perplexity": model.perplexity(TEXTS),
        "npmi_document": evaluation.topic_coherence(ids, counts).mean(),
        "diversity_top25": evaluation.diversity(ids),
        "mean_document_frequency": evaluation.mean_document_frequency(ids, counts),
        "purity": 1,
        "nmi": evaluation.normalized_mutual_information(expected, labels),
    }
    scored = ["evaluate", "model", table, *options, "--label-column", "class", "--json"]
    code, out, err = run(*scored, "--level", 0.8)
    assert code == 0, err
    ends = model.evaluate(TEXTS, labels, level=0.8).intervals["nmi"]
    assert (json.loads(out)["nmi_lower"], json.loads(out)["nmi_upper"]) == (ends.lower, ends.upper)
    assert run(*scored, "--level", 1.5)[::2] == (2, "Error: --level is 1.5, must be in (0, 1)\n")
    code, out, err = run("info", "model", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["kind"], facts["latent"], facts["components"]) == ("TopicModel", "Dirichlet", 2)
    assert (facts["columns"], facts["epochs"]) == (counts.shape[1], model.n_iter_)
    assert facts["elbo"] == model.history_[-1]["elbo"]


def test_topics_that_other_seeds_do_not_find_are_marked(run, table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    options = ["--text-column", "body", "-k", 2, "--max-epochs", 1, "--seeds", 2, "-o", "model"]
    assert run("fit", "topics", table, *options).code == 0
    model = load("model")
    found = fit_seeds(TopicModel(2, max_epochs=1), TEXTS, (0, 1))
    np.testing.assert_array_equal(model.stability_, found.stability[found.best])
    model._stability = np.array([0.94, 0.42])
    model.save("model")
    listed = json.loads(run("topics", "model", "--json").out)
    assert {topic["topic"]: topic["stability"] for topic in listed} == {0: 0.94, 1: 0.42}
    lines = [line.split() for line in run("topics", "model").out.splitlines()]
    assert lines[0][:3] == ["topic", "share", "stability"]
    cells = {line[0]: line[2:4] for line in lines[1:-1]}
    assert (cells["0"][0], cells["1"]) == ("0.94", ["!", "0.42"])
    assert lines[-1] == ["!", "Not", "all", "other", "seeds", "find", "this", "topic."]
    assert run("report", "model", "-o", "page.html").code == 0
    signs = data_of(Path("page.html").read_text())["topics"][1]["signs"]
    assert ["stable", False, "Other seeds find it only in part: 0.42"] in signs


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
    assert "--label-column needs a table (.csv, .tsv, .parquet, .jsonl)" in err


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
    code, out, err = run("topics", "model", "counts.npz", "--array", "a", "--json")
    assert code == 0, err
    for topic in json.loads(out):
        best = most(model.transform(first), topic["topic"], 1)
        assert [example["row"] - 1 for example in topic["examples"]] == best


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["counts.npy", "--id-column", "a"], "counts.npy is not a table"),
        (
            ["counts.npy", "--text-column", "a"],
            "cannot be used with counts.npy, which has counts",
        ),
        (
            ["counts.npy", "--encoding", "latin1"],
            "--encoding cannot be used with counts.npy, which",
        ),
        (["counts.npy", "--samples", 5], "--samples cannot be used with model, which has topics"),
        (["counts.npy", "--certified"], "--certified cannot be used with model, which has topics"),
        (["docstrings", "--array", "a"], "--array cannot be used with docstrings, which has texts"),
        (
            ["docstrings", "--id-column", "a"],
            "--id-column cannot be used with docstrings, which",
        ),
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
    _, out, _ = run("topics", "model", "--json")
    named = {0: "one", 1: "two", 2: "three", 3: "four"}
    ids = load("model").top_word_ids(4)
    for topic in json.loads(out):
        words = [word["word"] for word in topic["words"]]
        assert words == [named[column] for column in ids[topic["topic"]]]


def test_what_goes_wrong_is_one_sentence(run, table):
    code, _, err = run("fit", "topics", table, "-o", "model")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no column 'text'; its columns are body, class; text_column (--text-column" in err
    code, _, err = run("fit", "topics", table, "--text-column", "body", "-o", "model")
    assert code == 2
    assert "--components is 50, must be at most the number of documents, 24" in err
    code, _, err = run("fit", "topics", table, "--vocabulary", "w.txt", "-o", "model")
    assert code == 2
    assert "--vocabulary needs counts" in err


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model"
    TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(TEXTS).save(path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_ids_of_texts_reach_every_table(run, small, suffix):
    keys = [f"00{row}" for row in range(len(TEXTS))]
    frame = pd.DataFrame({"key": keys, "text": TEXTS, "year": range(2000, 2000 + len(TEXTS))})
    write = {
        "csv": lambda path: frame.to_csv(path, index=False, sep=";"),
        "tsv": lambda path: frame.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda path: frame.to_json(path, orient="records", lines=True),
        "parquet": frame.to_parquet,
    }[suffix]
    write(f"texts.{suffix}")
    ids = ["--id-column", "key", "--id-column", "year"]
    code, _, err = run("transform", small, f"texts.{suffix}", *ids, "-o", "theta.csv")
    assert code == 0, err
    assert ("separated by semicolons" in err) == (suffix == "csv")
    theta = pd.read_csv("theta.csv", dtype=str)
    assert list(theta) == ["key", "year", *load(small).get_feature_names_out()]
    assert theta["key"].tolist() == keys
    assert theta["year"].tolist() == frame["year"].astype(str).tolist()
    expected = load(small).transform(TEXTS)
    np.testing.assert_allclose(theta.iloc[:, 2:].astype(float), expected, rtol=1e-5)
    code, out, err = run("topics", small, f"texts.{suffix}", *ids, "--json")
    assert code == 0, err
    for topic in json.loads(out):
        for example in topic["examples"]:
            row = int(example["ids"]["year"]) - 2000
            assert example["ids"]["key"] == keys[row]
            assert example["text"] == TEXTS[row]
            assert abs(expected[row] - example["theta"]).min() < 1e-6
    assert run("evaluate", small, f"texts.{suffix}", *ids, "--json")[0] == 0
    code, _, err = run("transform", small, f"texts.{suffix}", "--id-column", "z", "-o", "t.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no column 'z'; its columns are key, text, year" in err


def test_names_of_files_reach_every_table(run, small, tmp_path):
    (tmp_path / "texts").mkdir()
    for row, text in enumerate(TEXTS[:4]):
        (tmp_path / "texts" / f"{row}.txt").write_text(text)
    (tmp_path / "texts" / "1.txt").rename(tmp_path / "texts" / os.fsdecode(b"1\xe9.txt"))
    for output, read in (("theta.csv", pd.read_csv), ("theta.parquet", pd.read_parquet)):
        code, _, err = run("transform", small, "texts", "-o", output)
        assert code == 0, err
        assert read(output)["file"].tolist() == ["0.txt", "1\\xe9.txt", "2.txt", "3.txt"]
    _, out, _ = run("topics", small, "texts", "--json")
    names = {example["ids"]["file"] for topic in json.loads(out) for example in topic["examples"]}
    assert names <= {"0.txt", "1\\xe9.txt", "2.txt", "3.txt"}


def test_an_id_column_named_as_a_component_is_refused(run, small):
    frame = pd.DataFrame({"text": TEXTS, "topicmodel0": range(len(TEXTS))})
    frame.to_csv("texts.csv", index=False)
    arguments = ["texts.csv", "--id-column", "topicmodel0", "-o", "theta.csv"]
    code, _, err = run("transform", small, *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "--id-column is 'topicmodel0', which is also a component's column in theta.csv" in err


@pytest.mark.parametrize("option", ["--text-column", "--label-column", "--id-column"])
@pytest.mark.parametrize("source", ["docstrings", "folder"])
def test_columns_of_what_is_no_table_are_refused(run, small, tmp_path, source, option):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a cat")
    code, _, err = run("evaluate", small, source, option, "z")
    assert (code, err.count("\n")) == (2, 1)
    assert f"{option} cannot be used with {source}, which is not a table" in err


def test_words_of_counts_in_utf_16(run, tmp_path):
    np.save(tmp_path / "counts.npy", np.random.default_rng(0).poisson(1, (30, 2)))
    (tmp_path / "words.txt").write_bytes("größe\r\nzwei\r\n".encode("utf-16"))
    arguments = ["counts.npy", "-k", 2, "--max-epochs", 1, "--vocabulary", "words.txt"]
    code, _, err = run("fit", "topics", *arguments, "-o", "model")
    assert code == 0, err
    assert sorted(load("model").vocabulary_.tolist()) == ["größe", "zwei"]


# --- the steps of a fit ---------------------------------------------------------------------------


def test_words_of_counts_are_the_lines_of_a_file(tmp_path):
    (tmp_path / "words.txt").write_bytes(b"sea\r\n\r\nair b\r\n\r\n")
    assert _vocabulary(tmp_path / "words.txt", "x.npz") == ["sea", "", "air b"]
    assert _vocabulary(None, "x.csv") is None
    with pytest.raises(ValueError, match=r"--vocabulary needs counts \(.*\); texts have their own"):
        _vocabulary(tmp_path / "words.txt", "x.csv")


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (("class", None, None), "--label-column"),
        ((None, ["age"], None), "--covariates"),
        ((None, None, "year"), "--time-column"),
        ((None, None, None), None),
        ((None, [], None), None),
    ],
)
def test_columns_need_a_table(given, option):
    if option is None:
        _refuse_columns(*given)
    else:
        with pytest.raises(ValueError, match=rf"^{option} needs a table \(\.csv"):
            _refuse_columns(*given)


def test_the_end_of_a_fit_says_what_there_is_and_what_is_next(capsys):
    model = SimpleNamespace(n_components=3, n_features_in_=12_345, n_iter_=15)
    _end(model, None, Path("my model"), "'my texts.csv'", None, None)
    assert capsys.readouterr().err.splitlines() == [
        "my model: 3 topics, 12,345 words, 15 epochs",
        "Next: dirvae report 'my model' 'my texts.csv' -o report.html",
        "Or: dirvae topics 'my model'",
    ]


def test_the_model_that_others_agree_with_is_told_with_the_topics_that_they_do_not_find(
    monkeypatch, capsys
):
    stable = matching.STABLE
    found = SimpleNamespace(
        best=1,
        stability=[None, np.array([0.9, stable, stable - 0.01, 0.25])],
        models=["one", "two"],
    )
    monkeypatch.setattr("dirvae.topics.fit_seeds", lambda *_, **__: found)
    X = SimpleNamespace(texts=[])
    assert _of_seeds(None, X, None, range(5, 7), {}) == "two"
    assert capsys.readouterr().err.splitlines() == [
        "Of 2 seeds, the model of seed 6 is saved. The others find 2 of its 4 topics",
        f"Topic 2 is not found by all seeds (stability {stable - 0.01:.2f})",
        "Topic 3 is not found by all seeds (stability 0.25)",
    ]


# --- what is printed of topics --------------------------------------------------------------------


class Described(SimpleNamespace):
    """Two topics of three words, of which the second has more."""

    topic_word_ = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    topic_prevalence_ = np.array([0.25, 0.75])
    topic_names_ = ("sea", "air")
    n_features_in_ = 3
    stability_: np.ndarray | None = np.array([0.125, 1.0])

    def top_word_ids(self, count, by):
        assert by == "lift"
        return np.argsort(-self.topic_word_, 1)[:, :count]

    def top_words(self, count, by):
        return np.array(["u", "v", "w"])[self.top_word_ids(count, by)].tolist()

    def get_feature_names_out(self):
        return np.array(["model0", "model1"])


def test_topics_are_described_by_their_share_words_and_documents():
    found = _described(Described(), 2, "lift", terms.TEXTS)
    assert found == [
        {
            "topic": 1,
            "column": "model1",
            "name": "air",
            "prevalence": 0.75,
            "stability": 1.0,
            "words": [{"word": "w", "probability": 0.7}, {"word": "v", "probability": 0.2}],
        },
        {
            "topic": 0,
            "column": "model0",
            "name": "sea",
            "prevalence": 0.25,
            "stability": 0.125,
            "words": [{"word": "u", "probability": 0.5}, {"word": "v", "probability": 0.3}],
        },
    ]
    assert len(_described(Described(), 9, "lift", terms.COUNTS)[0]["features"]) == 3
    assert "stability" not in _described(Described(stability_=None), 2, "lift", terms.TEXTS)[0]
    theta = np.array([[0.2, 0.8], [0.9, 0.1], [0.4, 0.6]])
    X = Texts(["a  b\n" + "c" * 200, "d", "e"], {"doi": ["i", "j", "k"]})
    assert _add_examples(found, theta, X, 2, terms.TEXTS) == "doi"
    assert found[0]["examples"] == [
        {
            "document": "i",
            "row": 1,
            "ids": {"doi": "i"},
            "theta": 0.8,
            "text": "a b " + "c" * 116,
        },
        {"document": "k", "row": 3, "ids": {"doi": "k"}, "theta": 0.6, "text": "e"},
    ]
    assert [example["row"] for example in found[1]["examples"]] == [2, 3]


def test_topics_are_printed_with_their_stability(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    found = _described(Described(), 2, "lift", terms.TEXTS)
    _print(found, "", terms.TEXTS)
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert out == [
        ["topic", "share", "stability", "words"],
        ["1", "75.0%", "1.00", "w,", "v"],
        ["0", "25.0%", "!", "0.12", "u,", "v"],
        ["!", "Not", "all", "other", "seeds", "find", "this", "topic."],
    ]
    found[1]["stability"] = matching.STABLE
    _print(found, "", terms.TEXTS)
    assert "!" not in capsys.readouterr().out
    for topic in found:
        del topic["stability"]
    _print(found, "", terms.TEXTS)
    assert "stability" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "is_terminal", "is_shown"),
    [([], True, True), (["-q"], True, False), ([], False, False)],
)
def test_progress_of_a_fit_is_shown_on_a_terminal_unless_quiet(
    run, tmp_path, monkeypatch, options, is_terminal, is_shown
):
    def fit(self, *_, **__):
        raise ValueError(f"verbose is {self.verbose}")

    monkeypatch.setattr(TopicModel, "fit", fit)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    pd.DataFrame({"text": TEXTS}).to_csv(tmp_path / "texts.csv", index=False)
    ran = run("fit", "topics", "texts.csv", "-o", "model", *options)
    assert ran.err == f"Error: verbose is {is_shown}\n"
