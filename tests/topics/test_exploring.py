"""What a user asks of topics: names, words, documents, reasons."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.cluster.hierarchy import linkage
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from dirvae import CompositionModel, TopicModel, load
from dirvae.topics import ProductDecoder
from dirvae.topics.exploring import explained_words, merges, words_asked_for
from tests.report.explorer.example import samples

OPTIONS = {"max_epochs": 10, "hidden_sizes": (8,), "batch_size": 10, "random_state": 0}
PETS, SKY = "cat dog fur paw", "moon star sun comet"
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice((PETS if row % 3 else SKY).split(), 12)) for row in range(60)]


@pytest.fixture(scope="module")
def model():
    return TopicModel(2, **OPTIONS).fit(TEXTS)


@pytest.fixture(scope="module")
def pets(model):
    """The topic of pets: texts of it are two of three."""
    assert sorted(model.topic_prevalence_.round(1)) == [0.3, 0.7]
    return int(model.topic_prevalence_.argmax())


def test_names_are_first_words_until_they_are_given_and_are_saved(model, pets, tmp_path):
    assert model.topic_names_ == [", ".join(words) for words in model.top_words(3)]
    named = copy.deepcopy(model)
    named.topic_names_ = {pets: "pets"}
    assert named.topic_names_[pets] == "pets"
    assert named.topic_names_[1 - pets] == model.topic_names_[1 - pets]
    named.topic_names_ = ["one", "other"]
    named.topic_names_ = {1: "two"}
    named.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.topic_names_ == ["one", "two"]
    assert again.topic_info()["name"] == ["one", "two"]
    assert again.fit(TEXTS[:10]).topic_names_ != ["one", "two"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a"], "must be a list of 2 names or a mapping"),
        ("ab", "must be a list of 2 names or a mapping"),
        (["a", " "], "has ' ', must have texts that are not empty"),
        (["a", 3], "has 3, must have texts"),
        ({2: "a"}, "names topic 2, must be from 0 to 1"),
        ({-1: "a"}, "names topic -1, must be from 0 to 1"),
    ],
)
def test_names_that_are_none_are_refused(model, given, message):
    with pytest.raises(ValueError, match=f"topic_names_ .*{message}"):
        copy.deepcopy(model).topic_names_ = given


def test_guided_topics_have_the_names_of_the_guide_and_keep_them(pets):
    guide = {"sky": ["moon", "star"], "pets": ["cat"]}
    guided = TopicModel(3, guide=guide, **OPTIONS).fit(TEXTS)
    assert guided.topic_names_[:2] == ["sky", "pets"]
    merged = guided.merge([[2, 1]])
    assert merged.topic_names_[1] == "sky"
    assert merged.topic_names_[0] == ", ".join(merged.top_words(3)[0])
    names = guided.topic_names_
    for other in ({"one": ["sun"], "two": ["dog"], "three": ["cat"], "four": ["star"]}, None):
        guided.set_params(guide=other)  # for the next fit
        assert guided.topic_names_ == guided.topic_info().to_frame()["name"].tolist() == names
        assert guided.merge([[2, 1]]).topic_names_[1] == "sky"


def test_info_has_a_row_for_each_topic(model):
    info = model.topic_info(4).to_frame()
    assert info["topic"].tolist() == [0, 1]
    assert info["share"].tolist() == model.topic_prevalence_.tolist()
    assert info["words"].tolist() == [", ".join(words) for words in model.top_words(4)]
    assert str(model).startswith("TopicModel: 2 topics of 8 words\ntopic  name")
    np.testing.assert_array_equal(model.components_, model.topic_word_)


def test_words_find_their_topic(model, pets):
    found = model.find_topics("The CAT")
    assert found["topic"] == [pets, 1 - pets]
    column = list(model.vocabulary_).index("cat")
    documents = model.word_documents_[:, column].astype(float)
    np.testing.assert_allclose(found["share"][0], documents[pets] / documents.sum())
    assert model.find_topics("moon, star", n=1)["topic"] == [1 - pets]
    of_counts = TopicModel(2, **OPTIONS)
    of_counts.fit(model.counts(TEXTS), vocabulary=list(model.vocabulary_))
    assert of_counts.find_topics("cat nothing")["topic"][0] == of_counts.topic_prevalence_.argmax()
    with pytest.raises(
        ValueError,
        match=r"query is 'commet', must have a word of the vocabulary; did you mean comet\?",
    ):
        of_counts.find_topics("commet")
    unnamed = TopicModel(2, **{**OPTIONS, "max_epochs": 1}).fit(model.counts(TEXTS))
    with pytest.raises(ValueError, match="the model has none: fit with a vocabulary"):
        unnamed.find_topics("cat")


def test_documents_that_have_most_of_a_topic_come_first(model):
    texts = pd.Series(TEXTS, index=[f"id{row}" for row in range(60)])
    found = model.representative_documents(texts, 2)
    theta = model.transform(texts)
    rows = np.argsort(-theta, axis=0, kind="stable")[:2].T.ravel()
    assert found["topic"] == [0, 0, 1, 1]
    assert found["row"] == [int(row) for row in rows]
    assert found["document"] == [f"id{row}" for row in rows]
    assert found["text"] == [TEXTS[row] for row in rows]
    assert found["share"] == [theta[row, k] for row, k in zip(rows, (0, 0, 1, 1), strict=True)]
    assert "text" not in model.representative_documents(model.counts(TEXTS), 1).columns


def test_each_word_of_a_document_is_explained_by_its_topic(model, pets):
    found = model.explain("cat cat dog moon and unheard")
    assert found["word"] == ["cat", "dog", "moon"]
    assert found["count"] == [2, 1, 1]
    assert found["topic"] == [pets, pets, 1 - pets]
    names = model.topic_names_
    assert found["name"] == [names[pets], names[pets], names[1 - pets]]
    assert min(found["probability"]) > 0.5
    as_list = model.explain(model.counts(["cat cat dog moon"]))
    assert as_list["probability"] == found["probability"]
    with pytest.raises(ValueError, match="X has 2 documents, must have one"):
        model.explain(model.counts(TEXTS[:2]))
    product = TopicModel(2, decoder=ProductDecoder, **{**OPTIONS, "max_epochs": 1}).fit(TEXTS)
    with pytest.raises(ValueError, match="takes a mixture of topics, not ProductDecoder"):
        product.explain("cat")


def test_a_sample_is_explained_with_what_is_known_of_it():
    """Features that both components have, of a sample with few counts: the prior decides."""
    counts, known = samples()
    model = CompositionModel(2, max_epochs=2, hidden_sizes=(4,), random_state=0)
    model.fit(counts, covariates=known)
    one, told = counts.iloc[[4]].clip(upper=1), known.iloc[[4]]
    found = model.explain(one, covariates=told)
    theta = model.transform(one, covariates=told)[0]
    phi = model.topic_word_ * theta[:, None]
    phi /= phi.sum(0)
    place = [list(counts.columns).index(name) for name in found["feature"]]
    np.testing.assert_allclose(found["probability"], phi.max(0)[place])
    assert found["component"] == phi.argmax(0)[place].tolist()
    named = model.explain(one, covariates={"diet": "swap", "age": told["age"].item()})
    assert named["probability"] == found["probability"]
    other = model.explain(one, covariates={"diet": "home", "age": 20})
    assert other["probability"] != found["probability"]
    with pytest.warns(UserWarning, match="prior of each sample is the one at their mean"):
        model.explain(one)


def test_a_word_of_many_topics_is_of_the_one_that_the_document_has():
    beta = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.2, 0.2, 0.6]])  # the last: background
    counts = sparse.csr_matrix([[1.0, 0.0, 4.0]])
    found = explained_words(counts, np.array([0.7, 0.2, 0.1]), beta, ["a", "b"], ["x", "y", "z"])
    assert found["word"] == ["z", "x"]
    assert found["topic"] == [1, 0]
    np.testing.assert_allclose(found["probability"], [0.1 / 0.16, 0.35 / 0.47])
    found = explained_words(counts, np.array([0.1, 0.1, 0.8]), beta, ["a", "b"], None)
    assert (found["word"], found["topic"], found["name"]) == ([2, 0], [-1, -1], ["background"] * 2)


def test_merging_follows_the_tree_of_scipy():
    beta = np.random.default_rng(0).dirichlet(np.ones(12) / 4, 5)
    found = merges(beta, 50 * beta, [f"w{column}" for column in range(12)], 2)
    tree = linkage(beta, method="average", metric="cosine")
    assert found["node"] == [5, 6, 7, 8]
    np.testing.assert_array_equal(np.column_stack([found["left"], found["right"]]), tree[:, :2])
    assert found["distance"] == tree[:, 2].tolist()
    first = sorted(tree[0, :2].astype(int).tolist())
    assert found["topics"][0] == first
    assert found["topics"][-1] == [0, 1, 2, 3, 4]
    gain = beta[first].sum(0) / beta.sum(0) + 1e-9  # a word that is of the merged topics alone
    assert gain[int(found["words"][0][0][1:])] > np.median(gain)


def test_a_search_needs_no_scoring(model):
    counts = sparse.csr_matrix(model.counts(TEXTS))
    assert model.score(counts) == pytest.approx(-np.log(model.perplexity(counts)))
    one_mixes_all = TopicModel(background=False, **OPTIONS)
    split = ShuffleSplit(1, test_size=20, random_state=0)
    search = GridSearchCV(one_mixes_all, {"n_components": [1, 2]}, cv=split, refit=False)
    search.fit(counts)
    assert search.best_params_ == {"n_components": 2}


def test_evaluate_has_what_the_command_says(model):
    found = model.evaluate(TEXTS, ["pets" if row % 3 else "sky" for row in range(60)])
    assert found.labels.purity == 1
    table = found.table()
    assert table["measure"][:2] == ["documents", "completion_perplexity"]
    assert table["value"][:2] == [60, model.perplexity(TEXTS)]
    assert len(found.to_frame()) == len(table) == 7


def test_names_with_spaces_are_found() -> None:
    words = ["Prevotella oralis et rel.", "oralis", "Dialister"]
    assert words_asked_for("Prevotella oralis et rel.", None, words).tolist() == [0]
    assert words_asked_for("oralis Dialister", None, words).tolist() == [1, 2]
