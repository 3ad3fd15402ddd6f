"""`dirvae compare`: from models and their data to a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae import CompositionModel, TopicModel
from dirvae.cli.compare import _called, _parted
from dirvae.data import Corpus
from dirvae.topics import compare
from tests.cli.command import assert_one_sentence
from tests.report.explorer.example import composition, documents, model, samples


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Two models of documents and one of samples."""
    monkeypatch.chdir(tmp_path)
    model().save("one")
    other = TopicModel(3, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(documents()[0])
    other.save("two")
    composition().save("counted")
    pd.DataFrame({"text": documents()[0]}).to_csv("texts.csv", index=False)
    return other


def test_the_page_is_that_of_python(run, saved) -> None:
    ran = run("compare", "one", "two", "texts.csv", "-o", "new/page.html", "--title", "A")
    assert ran.code == 0, ran.err
    expected = compare([model(), saved], documents()[0], names=["one", "two"]).report(title="A")
    assert Path("new/page.html").read_text() == expected
    size = Path("new/page.html").stat().st_size
    assert ran.err.endswith(f"new/page.html: {size / 1e6:.1f} MB; open it in a browser\n")
    assert run("compare", "two", "one", "-o", "page.html").code == 0
    alone = compare([saved, model()], names=["two", "one"]).report()
    assert Path("page.html").read_text() == alone


def test_features_go_by_name_and_covariates_to_those_that_know_them(run, saved) -> None:
    counts, known = samples()
    told = CompositionModel(2, max_epochs=2, hidden_sizes=(4,), random_state=0)
    told.fit(counts.iloc[:, ::-1], covariates=known).save("told")
    counts.to_csv("counts.csv")
    known.iloc[::-1].to_csv("known.csv")
    options = ("--id-column", "sample", "--covariates", "known.csv")
    ran = run("compare", "counted", "told", "counts.csv", *options, "-o", "page.html")
    assert ran.code == 0, ran.err
    theta = told.transform(counts.iloc[:, ::-1], covariates=known)
    page = Path("page.html").read_text()
    for k, share in enumerate(theta.mean(0)):
        assert f"component {k}, {share:.1%}" in page
    assert "All know the same 12 features." in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["one", "texts.csv"], "MODEL names 1 models, must name two to five"),
        (["one"], "MODEL names 1 models"),
        (["one", "two", "--text-column", "text"], "--text-column cannot be used with"),
        (
            ["one", "counted", "texts.csv"],
            "models of dirvae fit topics only, or of fit counts only",
        ),
        (["one", "two", "texts.csv", "--layer", "a"], "--layer cannot be used with"),
        (
            ["one", "two", "texts.csv", "--drop-missing"],
            "--drop-missing cannot be used with models of dirvae fit topics",
        ),
        (
            ["counted", "counted", "--drop-missing"],
            "--drop-missing cannot be used with a comparison without data",
        ),
        (["one", "two", "texts.csv", "-o", "one/page.html"], "is in the input one"),
        (["one", "two", "texts.csv", "-o", "page.txt"], "page.txt must end in .html"),
        (["one", "none", "texts.csv"], "none"),
    ],
)
def test_wrong_use_is_one_sentence(run, saved, options, said) -> None:
    assert_one_sentence(run("compare", *options), said)
    assert not Path("comparison.html").exists()


def test_counts_without_names_are_no_ones_if_words_differ(run, saved) -> None:
    """By position each model would take them for its own words, one of the two for wrong ones."""
    counts, names = np.random.default_rng(0).poisson(2, (20, 4)), list("abcd")
    options = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    TopicModel(2, **options).fit(counts, vocabulary=names).save("ours")
    TopicModel(2, **options).fit(counts[:, ::-1], vocabulary=names[::-1]).save("theirs")
    np.savez("counts.npz", counts=counts)
    Corpus.of_counts("corpus", [sparse.csr_matrix(counts)])
    for data in ("counts.npz", "corpus"):
        assert_one_sentence(run("compare", "ours", "theirs", data), "X has counts without names")
        assert not Path("comparison.html").exists()
        assert run("compare", "ours", "ours", data, "-o", "page.html", "--force").code == 0


def test_folders_of_one_name_are_told_apart(run, saved) -> None:
    model().save("a/same")
    saved.save("b/same")
    assert run("compare", "a/same", "b/same", "-o", "page.html").code == 0
    assert "The topics of a/same" in " ".join(Path("page.html").read_text().split())
    assert np.isfinite(saved.topic_prevalence_).all()


@pytest.mark.parametrize("number", [1, 2, 5, 6])
def test_two_to_five_models_may_come_before_the_data(tmp_path, monkeypatch, number) -> None:
    def holds_model(path):
        return path.name.startswith("m")

    monkeypatch.setattr("dirvae.persistence.folder.holds_model", holds_model)
    names = [f"m{place}" for place in range(number)]
    for data in (None, "x.csv"):
        sources = [*names, *([data] if data else [])]
        if number in (2, 5):
            assert _parted(sources) == ([Path(name) for name in names], data)
        else:
            with pytest.raises(ValueError, match=f"MODEL names {number} models, must name two to"):
                _parted(sources)


def test_models_are_called_by_their_folders_or_whole_paths() -> None:
    assert _called([Path("a/one"), Path("a/two")]) == ["one", "two"]
    assert _called([Path("a/one"), Path("b/one")]) == ["a/one", "b/one"]
