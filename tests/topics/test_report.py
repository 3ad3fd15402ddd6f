"""The page of any topic model: of all kinds of documents, latents and covariates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from torch.distributions import Normal

from dirvae import TopicModel
from dirvae.distributions import SoftmaxNormal
from dirvae.topics import ProductDecoder, fit_seeds
from tests.report.explorer.example import data_of, documents, model

COUNTS = np.random.default_rng(0).poisson(1.5, (30, 8))
SMALL: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}


def fitted(X: Any = COUNTS, covariates: Any = None, **options: Any) -> TopicModel:
    return TopicModel(2, **SMALL, **options).fit(X, covariates=covariates)


def test_series_go_by_index() -> None:
    texts, labels, years, ids = documents()
    names = pd.Index(ids)
    shuffled = np.random.default_rng(1).permutation(len(ids))
    straight = model().report(texts, labels={"board": labels}, times=years, ids=ids)
    by_index = model().report(
        pd.Series(texts, names),
        labels=pd.Series(labels, names, name="board").iloc[shuffled],
        times=pd.Series(years, names, dtype="Int64").iloc[shuffled],
        ids=ids,
    )
    assert data_of(by_index) == data_of(straight)
    assert data_of(straight)["labelled_by"] == "board"


def test_ids_go_by_index() -> None:
    texts, _, years, ids = documents()
    names = pd.Index(ids)
    X, last_first = pd.Series(texts, names), np.arange(len(ids))[::-1]
    called = pd.Series(ids, names, name="paper").iloc[last_first]
    straight = data_of(model().report(X, ids={"paper": ids}, times=years))
    assert data_of(model().report(X, ids=called, times=years)) == straight
    assert data_of(model().report(X, ids={"paper": called}, times=years)) == straight
    assert data_of(model().report(X, ids=dict(called.to_frame()), times=years)) == straight
    assert {d["id"] for d in straight["documents"]} <= set(ids)


def test_large_counts_have_all_their_digits() -> None:
    large = COUNTS.astype(float)
    large[0, 0], large[1, 1] = 1234567, 1000001
    first, second = data_of(fitted().report(large))["documents"][:2]
    told = {d["text"].split(", ")[0] for d in (first, second)}
    assert told == {"0 1234567", "1 1000001"}


def test_a_page_is_written_and_returned(tmp_path) -> None:
    page = model().report(path=tmp_path / "page.html", title="Any title")
    assert (tmp_path / "page.html").read_text() == page
    assert "<title>Any title</title>" in page


def test_a_page_has_the_names_that_the_model_was_given() -> None:
    found = fitted()
    assert [topic["name"] for topic in data_of(found.report(COUNTS))["topics"]] == ["", ""]
    found.topic_names_ = ["sea", "<b>air"]
    assert [topic["name"] for topic in data_of(found.report(COUNTS))["topics"]] == ["sea", "<b>air"]
    named = data_of(found.report(COUNTS, names={1: "sky"}))
    assert [topic["name"] for topic in named["topics"]] == ["", "sky"]


def test_counts_are_shown_by_their_words() -> None:
    found = data_of(fitted().report(COUNTS, ids={"site": range(30), "day": range(30)}))
    assert found["known_by"] == "site, day"
    for document in found["documents"]:
        row = int(document["id"].partition(",")[0])
        order = np.argsort(-COUNTS[row], kind="stable")
        told = [f"{w} {COUNTS[row, w]}" for w in order if COUNTS[row, w]]
        assert document["text"] == ", ".join(told)
        assert document["words"] == COUNTS[row].sum()
    assert set(found["words"]) == {f"word {column}" for column in range(8)}


def test_lists_of_words_are_shown_and_marked() -> None:
    rows = [["Moon", "comet"] * 3, ["cat", "dog"] * 3] * 5
    found = data_of(fitted(rows, vectorizer=None).report(rows))
    assert {document["text"] for document in found["documents"]} == {" ".join(r) for r in rows}
    assert any(document["marks"] for document in found["documents"])


def test_words_that_are_not_known_are_numbered() -> None:
    texts = ["moon stars", "cat dog"] * 6
    hashing = HashingVectorizer(alternate_sign=False, norm=None, n_features=16)
    found = data_of(fitted(texts, vectorizer=hashing).report(texts))
    assert found["words"][0] == "word 0"
    assert all(document["marks"] == [] for document in found["documents"])


@pytest.mark.parametrize("options", [{"latent": SoftmaxNormal}, {"decoder": ProductDecoder}])
def test_other_laws_have_shares(options) -> None:
    other = fitted(**options)
    found = data_of(other.report(COUNTS))
    shares = [topic["share"] for topic in found["topics"]]
    np.testing.assert_allclose(shares, other.transform(COUNTS).mean(0), atol=5.1e-6)
    assert (found["level"] is None) == (options.get("latent") is SoftmaxNormal)


def test_covariates_go_into_the_shares() -> None:
    group = np.repeat([0.0, 3.0], 15)
    other = fitted(covariates=group)
    found = data_of(other.report(COUNTS, covariates=group))
    theta = other.transform(COUNTS, covariates=group)
    shares = [topic["share"] for topic in found["topics"]]
    np.testing.assert_allclose(shares, theta.mean(0), atol=5.1e-6)
    posterior = other.posterior(COUNTS, covariates=group)
    row = int(found["documents"][3]["id"]) - 1
    k, mean, low, high, _ = found["documents"][3]["topics"][0]
    expected = [part[row, k] for part in (posterior.mean, posterior.lower, posterior.upper)]
    np.testing.assert_allclose([mean, low, high], expected, atol=5.1e-4)


def test_effects_of_covariates_are_shown() -> None:
    """Of a model that was fitted without them, too."""
    texts = documents()[0]
    frame = pd.DataFrame({"size": np.arange(len(texts)) % 7, "kind": ["b", "a", "c"] * 24})
    found = data_of(model().report(texts, covariates=frame))["effects"]
    effects = model().effects(texts, frame, level=0.9)
    assert found["told"] == ["size", "kind: b, not a", "kind: c, not a"]
    values = np.stack([effects.effect, effects.lower, effects.upper], -1)[1:]
    np.testing.assert_allclose(found["values"], values, atol=5.1e-6)


def test_stability_is_told() -> None:
    found = data_of(model().report(stability=[0.9, 0.95, 0.2, 1.0]))
    said = [topic["signs"][0] for topic in found["topics"]]
    assert said[1] == ["stable", True, "Other seeds find it, too: 0.95"]
    assert said[2] == ["stable", False, "Other seeds find it only in part: 0.20"]


def test_the_stability_of_several_seeds_is_told() -> None:
    """The model's own, unless another is given."""
    found = fit_seeds(TopicModel(2, **SMALL), COUNTS, (0, 1)).models[1]
    first = found.stability_[0]
    found._stability = np.array([first, 0.31])
    for page in (found.report(COUNTS), found.report()):
        [one, other] = [stable_of(topic) for topic in data_of(page)["topics"]]
        assert one == [first >= 0.7, f"Other seeds find it, too: {first:.2f}"]
        assert other == [False, "Other seeds find it only in part: 0.31"]
    given = data_of(found.report(stability=[0.5, 1.0]))["topics"]
    assert stable_of(given[1]) == [True, "Other seeds find it, too: 1.00"]
    assert stable_of(data_of(fitted().report())["topics"][0]) is None


def stable_of(topic: Any) -> Any:
    return next((said for kind, *said in topic["signs"] if kind == "stable"), None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"labels": {"a": [1], "b": [2]}}, "labels is a mapping from 2 names, must be from one"),
        ({"labels": ["a"]}, "labels has 1 values, must have one for each of 30 documents"),
        ({"ids": {"id": [1]}}, "ids has 'id', must have a value for each of 30 documents"),
        ({"ids": "abc"}, "ids has 'id'"),
        ({"ids": pd.DataFrame({"a": range(30)})}, "ids has a table as .id., must have one value"),
        ({"names": {"2": "a"}}, "names has '2', must have numbers from 0 to 1"),
        ({"stability": [2.0, 1.0]}, "stability has shape"),
        ({"level": 1.0}, r"level is 1.0, must be in \(0, 1\)"),
        ({"X": None, "labels": ["a"]}, "labels is given without X"),
    ],
)
def test_wrong_arguments_are_refused(given, said) -> None:
    with pytest.raises(ValueError, match=said):
        fitted().report(**{"X": COUNTS, **given})


def test_a_latent_off_the_simplex_is_refused() -> None:
    other = fitted(decoder=ProductDecoder, latent=Normal)
    with pytest.raises(ValueError, match="the latent is a Normal, must be on the simplex"):
        other.report(COUNTS)


def test_a_page_without_effects_says_why() -> None:
    ages = pd.DataFrame({"age": np.arange(30.0)})
    found = fitted(covariates=ages)
    assert data_of(found.report(COUNTS, covariates=ages))["effects"]["told"] == ["age"]
    alike = pd.DataFrame({"age": np.full(6, 3.0)})
    with pytest.warns(UserWarning, match="the page has no effects: "):
        page = data_of(found.report(COUNTS[:6], covariates=alike))
    assert not page["effects"]
    assert len(page["documents"]) == 6
