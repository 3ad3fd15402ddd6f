"""Texts as people have them: which words are counted, what topics start from and depend on."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae import load
from dirvae.cli.fit_topics import fit_topics
from dirvae.cli.texts import guide_of, parts_of, vectorizer_settings
from dirvae.topics import TopicEnsemble, TopicModel
from tests.cli.command import assert_one_sentence
from tests.report.explorer.example import data_of

RNG = np.random.default_rng(0)
PETS, SKY = "katze hund fell pfote", "mond stern sonne komet"
TEXTS = [
    " ".join(["From:", "someone\n\n", "und", *RNG.choice((PETS if row % 3 else SKY).split(), 9)])
    for row in range(60)
]
FIT = ["fit", "topics", "texts.csv", "-o", "model", "-k", 2, "--max-epochs", 3]


def test_defaults_of_the_command_are_those_of_the_model():
    command = inspect.signature(fit_topics).parameters
    model = inspect.signature(TopicModel).parameters
    own = {"components": "n_components", "max_epochs": "max_epochs", "batch_size": "batch_size"}
    for option, name in own.items():
        assert command[option].default == model[name].default


@pytest.fixture
def texts(tmp_path):
    """A table of texts with a year and a place."""
    frame = pd.DataFrame({"text": TEXTS})
    frame["year"] = 2000 + np.arange(60) % 12
    frame["place"] = np.where(np.arange(60) % 2, "sea", "7")
    frame.to_csv(tmp_path / "texts.csv", index=False)
    return frame


def test_batches_are_of_the_size_that_is_asked_for(run, texts):
    same = TopicModel(2, max_epochs=3, batch_size=7, random_state=0).fit(texts["text"])
    assert run(*FIT, "--batch-size", 7).code == 0
    np.testing.assert_array_equal(load("model").topic_word_, same.topic_word_)


def words_of_model(run, *options):
    code, _, err = run(*FIT, *options)
    assert code == 0, err
    return set(load("model").vocabulary_), load("model")


def test_options_say_which_words_are_counted(run, texts, tmp_path):
    (tmp_path / "stop.txt").write_text("Komet\nSomeone")
    every = set(f"{PETS} {SKY}".split())
    words, _ = words_of_model(run, "--stop-words", "de", "--stop-words", "stop.txt")
    assert words == {"from"} | every - {"komet"}
    words, _ = words_of_model(run, "--stop-words", "none", "--force", "--min-df", 50)
    assert words == {"from", "someone", "und"}
    words, _ = words_of_model(run, "--force", "--max-df", "0.9", "--strip", "headers")
    assert words == every
    words, _ = words_of_model(run, "--force", "--ngrams", 2, "--stop-words", "de", "--min-df", 2)
    assert "katze hund" in words
    assert max(len(word.split()) for word in words) == 2


def test_parts_of_messages_are_left_out_when_a_model_is_used_too(run, texts):
    words_of_model(run, "--strip", "headers", "--stop-words", "none")
    code, _, err = run("transform", "model", "texts.csv", "-o", "out.csv", "--strip", "headers")
    assert code == 0, err
    bodies = [text.partition("\n\n")[2] for text in TEXTS]
    found = pd.read_csv("out.csv").iloc[:, 1:].to_numpy()
    np.testing.assert_allclose(found, load("model").transform(bodies))
    assert_one_sentence(
        run("transform", "model", "texts.csv", "-o", "x.csv", "--strip", "header"),
        "--strip has 'header', must be some of headers, footers, quotes; did you mean headers?",
    )


@pytest.mark.filterwarnings("always:the model was fitted to texts read")
def test_what_is_said_to_come_next_reads_the_same_texts(run, tmp_path):
    """In the encoding, column and parts of the fit; else a warning says so."""
    words = "Käse Brot", "Mönd Stern"
    rows = [f"From: jemand\n\n{words[row % 2]} {row}" for row in range(20)]
    pd.DataFrame({"my text": rows}).to_csv("own.csv", index=False, encoding="latin-1")
    options = ["--text-column", "my text", "--encoding", "latin-1", "--strip", "quotes, headers"]
    ran = run("fit", "topics", "own.csv", "-o", "own", "-k", 2, "--max-epochs", 1, *options)
    [then] = [line for line in ran.err.splitlines() if line.startswith("Next: dirvae ")]
    command = shlex.split(then.removeprefix("Next: dirvae "))
    ran = run(*command)
    assert ran.code == 0, ran
    assert "Warning" not in ran.err
    shown = data_of(Path("report.html").read_text())["documents"]
    assert sorted(document["text"] for document in shown) == sorted(
        row.partition("\n\n")[2] for row in rows
    )
    own, these = (
        "read with --strip headers,quotes, but",
        "these texts are read with {}, so the words",
    )
    for other in ("report", "transform", "topics", "evaluate"):
        output = {"report": ["-o", "new.html"], "transform": ["-o", "theta.csv"]}.get(other, [])
        strip = ["--strip", "headers"] if other == "topics" else []
        told = these.format(" ".join(strip) or "no --strip")
        assert f"{own} {told}" in run(other, "own", "own.csv", *options[:4], *strip, *output).err


def test_topics_start_from_a_guide_and_have_its_names(run, texts, tmp_path):
    (tmp_path / "guide.txt").write_text("sky: mond, stern\n\npets: katze hund\n")
    _, model = words_of_model(run, "--guide", "guide.txt")
    assert model.guide == {"sky": ["mond", "stern"], "pets": ["katze", "hund"]}
    assert set(model.top_words(4)[0]) == set(SKY.split())
    shown = json.loads(run("topics", "model", "--json").out)
    assert {topic["topic"]: topic["name"] for topic in shown} == {0: "sky", 1: "pets"}
    (tmp_path / "guide.json").write_text('{"sky": ["mond"]}')
    assert guide_of(tmp_path / "guide.json", "utf-8") == {"sky": ["mond"]}
    for text, said in (("sky mond", "has 'sky mond' in line 1"), ("a: b\na: c", "in line 2")):
        (tmp_path / "bad.txt").write_text(text)
        assert_one_sentence(run(*FIT, "--force", "--guide", "bad.txt"), "bad.txt", said)
    for text, said in (("[1]", "must be a JSON object"), ('{"sky": ', " JSON (Expecting value")):
        (tmp_path / "bad.json").write_text(text)
        assert_one_sentence(run(*FIT, "--force", "--guide", "bad.json"), "bad.json", said)


def test_shares_depend_on_columns_in_use_too(run, texts):
    options = ["--covariates", "place", "--time-column", "year"]
    code, _, err = run(*FIT, *options)
    assert code == 0, err
    model = load("model")
    names = [f"year_spline{place}" for place in range(6)]
    assert model.covariate_names_.tolist() == [*names, "place_7", "place_sea"]
    texts[texts["place"] == "7"].to_csv("some.csv", index=False)  # words that look like numbers
    code, _, err = run("transform", "model", "some.csv", "-o", "out.csv")
    assert (code, "Warning" in err) == (0, False), err
    frame = texts[["year", "place"]]
    expected = model.transform(texts["text"], covariates=frame)[texts["place"] == "7"]
    np.testing.assert_allclose(pd.read_csv("out.csv").iloc[:, 1:].to_numpy(), expected)
    texts.drop(columns="year").to_csv("without.csv", index=False)
    assert_one_sentence(
        run("transform", "model", "without.csv", "-o", "x.csv"), "has no column 'year'"
    )
    texts.assign(year=texts["year"].astype(object).where(texts.index != 3, "")).to_csv("gap.csv")
    assert_one_sentence(
        run("fit", "topics", "gap.csv", "-o", "x", *options), "nothing in row 4 of 'year'"
    )


def test_of_several_seeds_the_one_that_others_agree_with_is_kept(run, texts, monkeypatch):
    seen = {}

    def found(model, X, seeds, **data):
        seen.update(data, seeds=list(seeds))
        models = [type(model)(2, max_epochs=1, random_state=seed).fit(X) for seed in seeds]
        return TopicEnsemble(models, np.array([[0.5, 0.5], [0.9, 0.4], [0.1, 0.1]]), 1)

    monkeypatch.setattr("dirvae.topics.fit_seeds", found)
    code, _, err = run(*FIT, "--seeds", 3, "--seed", 7, "--time-column", "year")
    assert code == 0, err
    assert seen["seeds"] == [7, 8, 9]
    assert seen["smooth"] == ["year"]
    assert load("model").random_state == 8
    assert "Of 3 seeds, the model of seed 8 is saved. The others find 1 of its 2 topics" in err
    assert "Topic 1 is not found by all seeds (stability 0.40)" in err
    again = run(*FIT, "--force", "--seeds", 2, "--resume")
    assert_one_sentence(again, "--resume cannot be used with --seeds")


@pytest.mark.parametrize(
    ("tokenizer", "words", "count"),
    [
        ("words", ["big", "dogs", "rooms"], 2),
        ("characters", ["7", "a", "b", "d", "g", "i", "m", "o", "r", "s"], 8),
        ("[a-z]+(?:-[a-z]+)*", ["big-dogs", "rooms"], 1),
        (r"\d+|dog", ["7", "dog"], 2),
    ],
)
def test_a_word_is_what_the_tokenizer_says(run, tmp_path, tokenizer, words, count):
    (tmp_path / "own.csv").write_text("text\n" + "a Big-dogs\nbig-Dogs\n7 rooms\nrooms 7\n" * 3)
    fit = ("fit", "topics", "own.csv", "-k", 2, "--max-epochs", 1, "-o", "own")
    ran = run(*fit, "--tokenizer", tokenizer)
    assert ran.code == 0, ran.err
    assert load("own").vocabulary_.tolist() == words
    assert load("own").counts(["Big-dogs 7"]).sum() == count


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tokenizer", "(a+)+"], "--tokenizer is '(a+)+', must be words, characters or a plain"),
        (["--tokenizer", "a*"], "that matches no empty text"),
        (["--tokenizer", "[a"], "must be words, characters or a plain regular expression"),
        (["--min-df", "-1"], "'-1' must be a whole number, 1 or more, or a share in [0, 1]"),
        (["--max-df", "1.5"], "'1.5' must be a whole number"),
        (["--ngrams", "0"], "'0' must be a whole number, 1 or more"),
        (["--ngrams", "11"], "--ngrams is 11, must be at most 10"),
        (
            ["--stop-words", "none", "--stop-words", "de"],
            "--stop-words has the word none and a list",
        ),
        (["--stop-words", "klingon"], "must be a file that exists, the word english, or a"),
        (["--device", "gpu"], "'gpu' is not one of auto, cpu, cuda, mps"),
        (["--time-column", "place"], "--time-column has 'sea' in row 2 of texts.csv, must have"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(run, texts, options, said):
    ran = run(*FIT, *options)
    assert ran.code == 2
    assert said in re.sub(r"\s+", " ", ran.err)


def test_options_on_words_do_not_go_with_counts(run, tmp_path):
    sparse.save_npz(tmp_path / "counts.npz", sparse.csr_matrix(np.eye(4)))
    fit = ["fit", "topics", "counts.npz", "-o", "m"]
    assert_one_sentence(run(*fit, "--min-df", 2), "--min-df cannot be used with counts.npz")
    of_characters = run(*fit, "--tokenizer", r"\w+")
    assert_one_sentence(of_characters, "--tokenizer cannot be used with counts.npz")
    assert_one_sentence(run(*fit, "--strip", "quotes"), "--strip cannot be used with counts.npz")
    assert_one_sentence(run(*fit, "--time-column", "a"), "--time-column needs a table")


# --- settings and guides --------------------------------------------------------------------------


def test_settings_are_those_that_were_given():
    assert vectorizer_settings(None, None, None, 1, "utf-8") == {}
    assert vectorizer_settings(None, 0, 1.0, 10, "utf-8", "characters") == {
        "min_df": 0,
        "max_df": 1.0,
        "ngram_range": (1, 10),
        "stop_words": None,
        "tokenizer": None,
        "token_pattern": r"\w",
    }
    assert vectorizer_settings(["none"], None, None, 2, "utf-8", "[a-z]+") == {
        "stop_words": None,
        "ngram_range": (1, 2),
        "tokenizer": None,
        "token_pattern": "[a-z]+",
    }
    with pytest.raises(ValueError, match="--ngrams is 11, must be at most 10"):
        vectorizer_settings(None, None, None, 11, "utf-8")
    with pytest.raises(ValueError, match="--stop-words has the word none and a list; give only"):
        vectorizer_settings(["none", "de"], None, None, 1, "utf-8")
    for pattern in ("", "[a-z]*", "(a+)+b"):
        with pytest.raises(ValueError, match=r"--tokenizer is .*, must be words, characters or a"):
            vectorizer_settings(None, None, None, 1, "utf-8", pattern)


def test_parts_are_known_words_between_commas():
    assert parts_of("") == []
    assert parts_of(" headers,, quotes ") == ["headers", "quotes"]
    with pytest.raises(ValueError, match=r"--strip has 'header', must be some of .*mean headers"):
        parts_of("quotes,header")


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("x.txt", "sea: wave, fish  salt\n\n air:bird\n", {"sea": 3, "air": 1}),
        ("x.txt", "sea:\n", {"sea": 0}),
        ("x.JSON", '{"sea": ["wave"]}', {"sea": 1}),
        ("x.txt", "sea: wave\n\nbird\n", r"has 'bird' in line 3, must be a name"),
        ("x.txt", ": wave\n", r"has ': wave' in line 1, must be a name"),
        ("x.txt", "sea: a\nsea : b\n", r"has 'sea : b' in line 2, must be a name"),
        ("x.json", "[1]", r"must be a JSON object, such as"),
        ("x.json", "sea: wave", r"is not valid JSON \("),
    ],
)
def test_a_guide_has_a_name_and_words_in_each_line(tmp_path, name, text, right):
    (tmp_path / name).write_text(text)
    if isinstance(right, str):
        with pytest.raises(ValueError, match=right):
            guide_of(tmp_path / name, "utf-8")
    else:
        found = guide_of(tmp_path / name, "utf-8")
        assert {topic: len(words) for topic, words in found.items()} == right
        assert all(re.fullmatch("[a-z]+", word) for words in found.values() for word in words)
