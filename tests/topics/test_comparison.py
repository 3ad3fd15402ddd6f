"""Models side by side: partners, agreement, and measures on the words that all know."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.feature_extraction.text import CountVectorizer

from dirvae import DirichletVAE, TopicModel
from dirvae.evaluation import split_tokens, topic_coherence
from dirvae.topics import ProductDecoder, compare
from dirvae.topics.posterior import proportions
from tests.report.explorer.example import composition, documents, model, samples

SMALL = {"max_epochs": 3, "hidden_sizes": (8,), "random_state": 1}


@cache
def other() -> TopicModel:
    """One topic more, and half of the words, in another order."""
    words = sorted(model().vocabulary_.tolist())[::2][::-1]
    vectorizer = CountVectorizer(vocabulary=["never", *words])
    return TopicModel(5, vectorizer=vectorizer, **SMALL).fit(documents()[0])


@cache
def found():
    return compare([model(), other()], documents()[0], names=["a", "b"])


def columns():
    shared = [word for word in model().vocabulary_ if word in other().vocabulary_.tolist()]
    return [[m.vocabulary_.tolist().index(word) for word in shared] for m in (model(), other())]


def test_partners_are_those_of_the_shared_words() -> None:
    first, second = (
        m.topic_word_[:, c] for m, c in zip((model(), other()), columns(), strict=True)
    )
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    second = second / np.linalg.norm(second, axis=1, keepdims=True)
    cosine = first @ second.T
    rows, order = linear_sum_assignment(-cosine)
    [match] = found().partners
    likely = cosine[rows, order] >= 0.5
    assert match.order.tolist() == np.where(likely, order, -1).tolist()
    np.testing.assert_allclose(match.similarity, np.where(likely, cosine[rows, order], 0))
    assert (found().shared, found().documents) == (len(columns()[0]), 72)
    assert len(set(match.order[match.order >= 0])) >= 2


def test_agreement_is_the_correlation_over_documents() -> None:
    [match] = found().partners
    texts = documents()[0]
    one, two = model().transform(texts), other().transform(texts)
    for k, j in enumerate(match.order):
        if j >= 0:
            expected = np.corrcoef(one[:, k], two[:, j])[0, 1]
            assert match.agreement[k] == pytest.approx(expected)
        else:
            assert np.isnan(match.agreement[k])
    table = found().table()
    assert table["partner"] == match.order.tolist()
    assert table["model"] == ["b"] * 4
    assert table["topic"] == [0, 1, 2, 3]


def test_perplexity_is_of_the_shared_words_with_the_same_halves() -> None:
    """A mixture's law of some of its words: its law of all, renormalised over these."""
    counts = model().counts(documents()[0])[:, columns()[0]]
    encoded, scored = split_tokens(counts, 0)
    for place, m in enumerate((model(), other())):
        full = np.zeros((72, m.n_features_in_))
        full[:, columns()[place]] = encoded.toarray()
        weights = proportions(m.vae_, m.counts(full))
        law = weights @ m._mixed()[:, columns()[place]]
        law /= law.sum(1, keepdims=True)
        total = (scored.toarray() * np.log(law)).sum() / scored.sum()
        assert found().models[place].measures["perplexity"] == pytest.approx(np.exp(-total))


def test_one_vocabulary_has_each_models_own_perplexity() -> None:
    texts = documents()[0]
    more = TopicModel(3, **SMALL).fit(texts)
    product = TopicModel(3, decoder=ProductDecoder, **SMALL).fit(texts)
    told = compare([more, product, model()], texts)
    for m, compared in zip((more, product, model()), told.models, strict=True):
        assert compared.measures["perplexity"] == pytest.approx(m.perplexity(texts))
        npmi = topic_coherence(m.top_word_ids(10), m.counts(texts)).mean()
        assert compared.measures["coherence"] == pytest.approx(npmi)
        words = m.top_words(25)
        different = len({word for row in words for word in row}) / sum(map(len, words))
        assert compared.measures["diversity"] == pytest.approx(different)
    assert [compared.name for compared in told.models] == ["model 0", "model 1", "model 2"]
    assert "perplexity" not in compare([other(), product], texts).models[1].measures


def test_without_documents_words_alone_are_compared() -> None:
    told = compare([model(), other()])
    assert told.documents == 0
    assert told.models[0].measures == {}
    np.testing.assert_array_equal(told.models[0].shares, model().topic_prevalence_)
    assert told.partners[0].order.tolist() == found().partners[0].order.tolist()
    assert np.isnan(told.partners[0].agreement).all()


def test_samples_are_compared_with_what_is_known_of_them() -> None:
    counts, known = samples()
    fit = type(composition())(2, max_epochs=2, hidden_sizes=(4,), random_state=0)
    fit.fit(counts, covariates=known[["diet"]])
    told = compare([composition(), fit], counts, covariates=known)
    theta = fit.transform(counts, covariates=known[["diet"]])
    np.testing.assert_allclose(told.models[1].shares, theta.mean(0))
    assert set(told.models[1].measures) == {"perplexity", "diversity"}
    assert told.terms.row == "sample"
    with pytest.warns(UserWarning, match="prior of each sample is the one at their mean"):
        compare([composition(), fit], counts)


@pytest.mark.parametrize(
    ("models", "options", "said"),
    [
        (lambda: [model()], {}, "models has 1 entries, must have 2 to 5"),
        (lambda: [model()] * 6, {}, "models has 6 entries, must have 2 to 5"),
        (lambda: [model(), DirichletVAE(2)], {}, "models has a DirichletVAE, must have topic"),
        (lambda: [model(), composition()], {}, "models of documents and of samples"),
        (
            lambda: [model()] * 2,
            {"names": ["a"]},
            "names has 1 entries, must have one for each of 2",
        ),
        (
            lambda: [model(), TopicModel(2, **SMALL).fit(["sand salt", "salt sugar"] * 3)],
            {},
            None,
        ),
        (
            lambda: [model(), TopicModel(2, **SMALL).fit(["zinc iron", "iron lead"] * 3)],
            {},
            "have no word in common",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(models, options, said) -> None:
    if said is None:
        assert compare(models(), **options).shared == 2
        return
    with pytest.raises(ValueError, match=said):
        compare(models(), **options)


def test_counts_of_columns_that_models_name_otherwise_are_refused():
    counts = np.random.default_rng(0).poisson(2, (20, 4))
    names, turned = list("abcd"), list("dcba")
    ours = TopicModel(2, **SMALL).fit(counts, vocabulary=names)
    theirs = TopicModel(2, **SMALL).fit(counts[:, ::-1], vocabulary=turned)
    with pytest.raises(ValueError, match="X has counts without names, but the models have diff"):
        compare([ours, theirs], counts)
    with pytest.raises(ValueError, match="X has counts without names"):
        compare([ours, theirs], pd.DataFrame(counts))
    assert compare([ours, theirs]).shared == 4
    assert compare([ours, ours], counts).documents == 20
