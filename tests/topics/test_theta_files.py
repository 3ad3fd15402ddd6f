"""A model learns the same from a corpus on disk as from memory, and writes theta to disk."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from dirvae import TopicModel, load
from dirvae.data import Corpus, Document, arrays
from dirvae.data.counts import CountDataset
from dirvae.topics import compare_sizes, documents, model, theta_files, write_theta
from tests.data.corpus.killed import run_until
from tests.report.explorer.example import data_of
from tests.test_resume import interrupt_at_the_third_checkpoint

RNG = np.random.default_rng(0)
NAMES = [f"{a}{b}" for a in ("sea", "moon", "tree") for b in "abcdefgh"]
TEXTS = [" ".join(RNG.choice(NAMES[8 * (n % 3) :][:8], 9)) for n in range(130)]
LABELS = [str(row % 3) for row in range(130)]
SMALL = {"hidden_sizes": (8,), "max_epochs": 2, "batch_size": 40, "random_state": 0}
LEARNED = ("topic_word_", "topic_prevalence_", "word_documents_", "word_frequency_", "background_")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dirvae.data.corpus.building.ROWS", 25)
        return Corpus.build(folder, TEXTS)


@pytest.fixture(scope="module")
def fitted(corpus):
    return TopicModel(3, **SMALL).fit(corpus)


def assert_alike(one, other):
    for name in LEARNED:
        assert (getattr(one, name) == getattr(other, name)).all(), name
    for a, b in zip(one.vae_.parameters(), other.vae_.parameters(), strict=True):
        assert torch.equal(a, b)


def test_topics_are_those_from_memory_to_the_bit(corpus, fitted):
    of_texts = TopicModel(3, **SMALL).fit(TEXTS)
    assert_alike(fitted, of_texts)
    assert fitted.vocabulary_.tolist() == of_texts.vocabulary_.tolist()
    assert fitted.history_ == of_texts.history_
    assert (fitted.transform(corpus) == of_texts.transform(TEXTS)).all()
    assert (fitted.transform(TEXTS) == of_texts.transform(TEXTS)).all()


def test_topics_of_many_shards_are_those_of_memory_in_the_same_order(corpus, monkeypatch):
    monkeypatch.setattr(arrays, "WINDOW", 2)
    monkeypatch.setattr(model, "ROWS_COUNTED_AT_ONCE", 30)
    of_corpus = TopicModel(3, **SMALL).fit(corpus)
    theta = of_corpus.transform(corpus)
    assert np.allclose(of_corpus.topic_prevalence_, theta.mean(0), rtol=1e-12, atol=0)
    monkeypatch.setattr(CountDataset, "blocks", corpus.ends)
    assert_alike(of_corpus, TopicModel(3, **SMALL).fit(TEXTS))


def test_labels_and_covariates_go_with_a_corpus(corpus):
    years = np.arange(130) // 10
    one, other = (TopicModel(3, **SMALL).fit(X, LABELS, covariates=years) for X in (corpus, TEXTS))
    assert_alike(one, other)
    assert (one.coef_ == other.coef_).all()
    found = one.transform(corpus, covariates=years)
    assert (found == other.transform(TEXTS, covariates=years)).all()
    assert np.allclose(one.topic_prevalence_, found.mean(0), rtol=1e-12, atol=0)


def test_passes_over_corpora_are_those_over_memory(corpus):
    one, other = TopicModel(3, **SMALL), TopicModel(3, **SMALL)
    for _ in range(2):
        one.partial_fit(corpus)
        other.partial_fit(TEXTS)
    assert_alike(one, other)


def test_an_interrupted_fit_goes_on_to_the_same_topics(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "WINDOW", 2)
    long = {**SMALL, "max_epochs": 5}
    undisturbed = TopicModel(3, **long).fit(corpus)
    with monkeypatch.context() as patch:
        interrupt_at_the_third_checkpoint(patch)
        with pytest.raises(KeyboardInterrupt):
            TopicModel(3, **long).fit(corpus, checkpoint_dir=tmp_path)
    resumed = TopicModel(3, **long).fit(corpus, checkpoint_dir=tmp_path, resume=True)
    assert_alike(resumed, undisturbed)


def test_sizes_are_compared_on_a_corpus(corpus):
    model, sizes = TopicModel(**{**SMALL, "max_epochs": 1}), (2, 3)
    found = compare_sizes(model, corpus, sizes, num_splits=2)
    assert (found.nats == compare_sizes(model, corpus[:], sizes, num_splits=2).nats).all()


def test_a_corpus_is_scored_as_memory_is(corpus, fitted):
    assert fitted.perplexity(corpus) == fitted.perplexity(TEXTS)
    assert fitted.score(corpus) == fitted.score(TEXTS)
    assert fitted.evaluate(corpus, LABELS) == fitted.evaluate(TEXTS, LABELS)
    assert (fitted.posterior(corpus).lower == fitted.posterior(TEXTS).lower).all()


def test_a_large_corpus_is_scored_by_a_sample(corpus, fitted, monkeypatch):
    monkeypatch.setattr(documents, "SAMPLE", 40)
    rows = np.sort(np.random.RandomState(0).choice(130, 40, replace=False))
    some, labels = [TEXTS[row] for row in rows], [LABELS[row] for row in rows]
    assert fitted.perplexity(corpus) == fitted.perplexity(some)
    assert fitted.evaluate(corpus, LABELS) == fitted.evaluate(some, labels)
    assert fitted.evaluate(corpus).num_documents == 40


def test_counts_are_not_held_in_memory(corpus, monkeypatch):
    """No more rows are asked for at a time than a batch, or a block, has."""
    asked, rows = [], Corpus.__getitem__

    def noted(self, wanted):
        found = rows(self, wanted)
        asked.append(found.shape[0])
        return found

    monkeypatch.setattr(Corpus, "__getitem__", noted)
    monkeypatch.setattr(model, "ROWS_COUNTED_AT_ONCE", 30)
    monkeypatch.setattr(documents, "SAMPLE", 20)
    monkeypatch.setattr("dirvae.topics.start.DOCUMENTS_AT_MOST", 35)
    fitted = TopicModel(3, **SMALL).fit(corpus)
    assert max(asked) == 40
    monkeypatch.setattr("dirvae.topics.posterior.ROWS_AT_ONCE", 10)
    asked.clear()
    fitted.transform(corpus)
    assert max(asked) == 10


def test_a_model_of_a_corpus_is_saved_and_takes_texts(corpus, fitted, tmp_path):
    fitted.save(tmp_path / "model")
    assert (load(tmp_path / "model").transform(TEXTS) == fitted.transform(corpus)).all()


def test_a_page_of_many_documents_is_that_of_a_sample(corpus, fitted, monkeypatch):
    years = list(range(1900, 1900 + len(TEXTS)))
    whole = data_of(fitted.report(corpus, labels=LABELS))
    assert whole == data_of(fitted.report(corpus[:], labels=LABELS))
    monkeypatch.setattr(documents, "SAMPLE", 40)
    rows = np.sort(np.random.RandomState(0).choice(len(TEXTS), 40, replace=False))
    given = {"labels": {"class": LABELS}, "times": years, "covariates": pd.DataFrame({"y": years})}
    found = data_of(fitted.report(corpus, **given))
    there = data_of(
        fitted.report(
            corpus[rows],
            labels={"class": [LABELS[row] for row in rows]},
            times=[years[row] for row in rows],
            covariates=pd.DataFrame({"y": years}).iloc[rows],
            ids={"row": rows + 1},
        )
    )
    assert found.pop("sentence").startswith("40 documents, drawn at random from 130, 3 topics.")
    assert there.pop("sentence").startswith("40 documents, 3 topics.")
    assert found == there


@pytest.mark.parametrize("name", ["labels", "times", "ids", "covariates"])
def test_what_is_known_of_a_sample_must_be_known_of_all(corpus, fitted, monkeypatch, name):
    monkeypatch.setattr(documents, "SAMPLE", 40)
    given = {name: {"a": LABELS[1:]} if name in ("ids", "covariates") else LABELS[1:]}
    with pytest.raises(ValueError, match=f"{name} has 129 entries, must have one for each of 130"):
        fitted.report(corpus, **given)


@pytest.mark.parametrize("name", ["y", "covariates"])
def test_what_scores_are_told_must_be_of_all_documents(corpus, fitted, monkeypatch, name):
    monkeypatch.setattr(documents, "SAMPLE", 40)
    given = {name: {"a": [*LABELS, "0"]} if name == "covariates" else [*LABELS, "0"]}
    with pytest.raises(ValueError, match=f"{name} has 131 entries, must have one for each of 130"):
        fitted.evaluate(corpus, **given)


def test_words_must_be_those_of_the_model(fitted, tmp_path):
    words = fitted.vocabulary_.tolist()
    other = Corpus.build(tmp_path / "other", TEXTS, vocabulary=words[::-1])
    with pytest.raises(ValueError, match="has other words than the model"):
        fitted.transform(other)
    with pytest.raises(ValueError, match="has other words than vocabulary"):
        TopicModel(3, **SMALL).fit(other, vocabulary=words)
    same = Corpus.build(tmp_path / "same", TEXTS[:9], vocabulary=words)
    assert (fitted.transform(same) == fitted.transform(TEXTS[:9])).all()
    fewer = Corpus.build(tmp_path / "fewer", TEXTS, vocabulary=words[:5])
    with pytest.raises(ValueError, match="X has 5 features, but TopicModel is expecting 24"):
        fitted.transform(fewer)


def test_fractions_in_a_corpus_are_told(tmp_path):
    corpus = Corpus.of_counts(tmp_path / "corpus", [np.eye(4) / 2])
    with pytest.warns(UserWarning, match="X has fractions, such as 0.5"):
        TopicModel(2, **SMALL).fit(corpus)


# --- theta on disk --------------------------------------------------------------------------------


@pytest.fixture
def in_blocks(monkeypatch):
    monkeypatch.setattr(theta_files, "ROWS_AT_ONCE", 20)


def test_theta_is_that_of_transform(corpus, fitted, tmp_path, in_blocks):
    done = []
    write_theta(fitted, corpus, tmp_path / "theta.npy", progress=done.append)
    found = np.load(tmp_path / "theta.npy")
    assert found.dtype == np.float32
    assert (found == fitted.transform(corpus).astype(np.float32)).all()
    assert done == [20, 40, 60, 80, 100, 120, 130]
    assert [path.name for path in tmp_path.iterdir()] == ["theta.npy"]


@pytest.mark.parametrize("moment", [3, 5, 9])
def test_a_run_that_is_killed_goes_on_to_the_same(corpus, fitted, tmp_path, in_blocks, moment):
    target, done = tmp_path / "theta.npy", []
    target.write_bytes(b"older")
    assert not run_until(moment, lambda: write_theta(fitted, corpus, target))
    assert target.read_bytes() == b"older"
    [partial] = tmp_path.glob(".theta.npy.*.unfinished")
    with partial.open("ab") as file:
        file.write(b"half a row")
    write_theta(fitted, corpus, target, progress=done.append)
    assert (np.load(target) == fitted.transform(corpus).astype(np.float32)).all()
    assert len(done) == 9 - moment
    assert [path.name for path in tmp_path.iterdir()] == ["theta.npy"]


@pytest.mark.parametrize("name", ["theta.npy", "theta.csv"])
def test_two_runs_at_once_do_not_mix(corpus, fitted, tmp_path, in_blocks, name):
    target, refused = tmp_path / name, []
    other = TopicModel(3, **{**SMALL, "random_state": 1}).fit(corpus)

    def interfere(done):
        for of in (fitted, other):
            with pytest.raises(BlockingIOError, match=f"{name}.* by another process: try again"):
                write_theta(of, corpus, target)
            refused.append(done)

    write_theta(fitted, corpus, target, progress=interfere)
    wanted = fitted.transform(corpus)
    if name == "theta.npy":
        assert (np.load(target) == wanted.astype(np.float32)).all()
    else:
        assert (np.loadtxt(target, delimiter=",", skiprows=1) == wanted).all()
    assert len(refused) == 14
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_run_of_another_model_starts_anew(corpus, fitted, tmp_path, in_blocks):
    other, target = TopicModel(3, **{**SMALL, "random_state": 1}).fit(corpus), tmp_path / "x.npy"
    assert not run_until(6, lambda: write_theta(other, corpus, target))
    write_theta(fitted, corpus, target)
    assert (np.load(target) == fitted.transform(corpus).astype(np.float32)).all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_theta_of_other_workers_is_the_same(corpus, fitted, tmp_path, in_blocks, monkeypatch):
    monkeypatch.chdir(corpus.folder.parent)
    done, loads = [], []
    load_model = theta_files._loaded.__wrapped__
    monkeypatch.setattr(
        theta_files, "_loaded", lru_cache(lambda *where: loads.append(where) or load_model(*where))
    )
    with ThreadPoolExecutor(1) as executor:
        here = Corpus(corpus.folder.name)
        target = tmp_path / "theta.npy"
        write_theta(fitted, here, target, workers=executor, progress=done.append)
    assert (np.load(target) == fitted.transform(corpus).astype(np.float32)).all()
    assert done == [20, 40, 60, 80, 100, 120, 130]
    assert [Path(corpus).is_absolute() for _, corpus in loads] == [True]  # once for all parts
    assert [path.name for path in tmp_path.iterdir()] == ["theta.npy"]


def test_theta_needs_a_worker(corpus, fitted, tmp_path):
    with pytest.raises(ValueError, match="workers is 0, must be a whole number, 1 or more"):
        write_theta(fitted, corpus, tmp_path / "theta.npy", workers=0)
    assert not list(tmp_path.iterdir())


def test_theta_of_other_workers_goes_on_after_a_kill(corpus, fitted, tmp_path, in_blocks):
    target, done = tmp_path / "theta[1].npy", []
    assert not run_until(5, lambda: write_theta(fitted, corpus, target))
    [partial] = tmp_path.glob(".theta*.unfinished")
    rows = (partial.stat().st_size - 128) // 12
    old = partial.with_name(f"{partial.name.rpartition('.')[0]}.model")
    old.mkdir()  # what a killed run leaves
    with ThreadPoolExecutor(2) as executor:
        write_theta(fitted, corpus, target, workers=executor, progress=done.append)
    assert (np.load(target) == fitted.transform(corpus).astype(np.float32)).all()
    assert rows > 0
    assert done[0] == rows + 20
    assert [path.name for path in tmp_path.iterdir()] == ["theta[1].npy"]


def test_a_worker_that_fails_leaves_what_was_done(corpus, fitted, tmp_path, in_blocks, monkeypatch):
    counts = corpus[:]

    def theta(model, corpus, part, known):
        if part.start == 60:
            raise OSError("a machine is gone")
        return fitted._theta(counts[part], known)

    monkeypatch.setattr(theta_files, "_theta_of", theta)
    with ThreadPoolExecutor(2) as executor, pytest.raises(OSError, match="a machine is gone"):
        write_theta(fitted, corpus, tmp_path / "theta.npy", workers=executor)
    [partial] = tmp_path.iterdir()
    assert partial.name.endswith(".unfinished")
    assert partial.stat().st_size == 128 + 60 * 3 * 4


@pytest.fixture(scope="module")
def named(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("named") / "corpus"
    known = [(f"d{n}", None if n % 7 == 0 else f"{n % 3}, b", 1900 + n) for n in range(len(TEXTS))]
    rows = [Document(text, *values) for text, values in zip(TEXTS, known, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dirvae.data.corpus.building.ROWS", 25)
        return Corpus.build(folder, rows, columns={"label": "class"})


@pytest.fixture(scope="module")
def expected(named, fitted):
    theta = dict(zip(fitted.get_feature_names_out(), fitted.transform(named).T, strict=True))
    told = {"class": named.labels, "id": named.ids, "time": named.times}
    return pd.DataFrame({**told, **theta})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_theta_is_that_of_pandas(named, fitted, expected, tmp_path, in_blocks, suffix):
    target, done = tmp_path / f"theta.{suffix}", []
    write_theta(fitted, named, target, columns=["class", "id", "time"], progress=done.append)
    if suffix == "csv":
        assert target.read_text() == expected.to_csv(index=False)
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(target), expected, check_dtype=True)
    assert done == [20, 40, 60, 80, 100, 120, 130]
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize(("moment", "left"), [(5, 4), (10, 0), (11, 0)])
def test_a_table_that_was_cut_off_is_written_from_what_is_there(
    named, fitted, expected, tmp_path, in_blocks, moment, left
):
    target, done = tmp_path / "theta.csv", []
    columns = list(expected)[:3]
    assert not run_until(moment, lambda: write_theta(fitted, named, target, columns=columns))
    assert not target.exists()
    write_theta(fitted, named, target, columns=columns, progress=done.append)
    assert target.read_text() == expected.to_csv(index=False)
    assert len(done) == left
    assert [path.name for path in tmp_path.iterdir()] == ["theta.csv"]


def test_a_table_of_theta_is_refused_before_work(named, fitted, tmp_path):
    with pytest.raises(ValueError, match=r"theta.txt must end in \.npy, \.csv or \.parquet"):
        write_theta(fitted, named, tmp_path / "theta.txt")
    with pytest.raises(ValueError, match="has no column 'year'; it has id, class, time"):
        write_theta(fitted, named, tmp_path / "theta.csv", columns=["year"])
    with pytest.raises(ValueError, match=r"must be empty for a .npy file"):
        write_theta(fitted, named, tmp_path / "theta.npy", columns=["id"])
    with pytest.raises(ValueError, match="columns has 'id' twice"):
        write_theta(fitted, named, tmp_path / "theta.csv", columns=["id", "id"])
    assert list(tmp_path.iterdir()) == []


def test_covariates_count(corpus, tmp_path, in_blocks):
    years = np.arange(130) // 10
    fitted = TopicModel(3, **SMALL).fit(corpus, covariates=years)
    write_theta(fitted, corpus, tmp_path / "theta.npy", covariates=years)
    expected = fitted.transform(corpus, covariates=years)
    assert (np.load(tmp_path / "theta.npy") == expected.astype(np.float32)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (fitted.transform(corpus) != expected).any()
