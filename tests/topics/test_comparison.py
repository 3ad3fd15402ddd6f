"""Models side by side: partners, agreement, and measures on the words that all know."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from sklearn.feature_extraction.text import CountVectorizer

from dirvae import DirichletVAE, TopicModel
from dirvae.data import Corpus
from dirvae.evaluation import split_tokens, topic_coherence
from dirvae.topics import ProductDecoder, compare
from dirvae.topics.comparison import compare_counts
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


def own_ranking(expected: np.ndarray) -> np.ndarray:
    """Words by relevance: of the logs of a share of documents, and of its ratio to that of all."""
    share = (expected + 1e-3) / (expected + 1e-3).sum(1, keepdims=True)
    overall = expected.sum(0) / expected.sum()
    return np.argsort(-(0.4 * np.log(share) + 0.6 * np.log(share / overall)), axis=1)


def npmi_of(words: np.ndarray, present: np.ndarray) -> float:
    found = []
    for a, b in combinations(words, 2):
        joint = (present[:, a] & present[:, b]).mean()
        apart = present[:, a].mean() * present[:, b].mean()
        found.append(np.log(joint / apart) / -np.log(joint) if joint else -1)
    return float(np.mean(found))


def test_coherence_and_diversity_are_of_the_shared_words() -> None:
    assert 10 < found().shared < 25  # so that the lists of 25 words are of all shared words
    for m, own, told in zip((model(), other()), columns(), found().models, strict=True):
        expected = m.word_documents_[: m.n_components, own].astype(float)
        present = m.counts(documents()[0]).toarray()[:, own] > 0
        order = own_ranking(expected)
        coherence = np.mean([npmi_of(words[:10], present) for words in order])
        assert told.measures["coherence"] == pytest.approx(coherence, rel=1e-6)
        assert told.measures["diversity"] == pytest.approx(1 / m.n_components)


def test_lists_of_25_words_are_of_the_shared_ones() -> None:
    """Of 60 words, of which the second model knows 40, in another order, and 5 others."""
    counts = np.random.default_rng(0).poisson(0.6, (80, 60))
    names = [f"w{n:02}" for n in range(65)]
    order = np.random.default_rng(1).permutation(40)
    first = TopicModel(4, **SMALL).fit(counts, vocabulary=names[:60])
    own = [names[n] for n in order] + names[60:]
    more = np.hstack([counts[:, order], counts[:, :5]])
    second = TopicModel(4, **SMALL).fit(more, vocabulary=own)
    told = compare_counts([first, second], [*map(sparse.csr_matrix, (counts, more))])
    for m, of, given in ((first, range(40), counts), (second, np.argsort(order), more)):
        among = np.asarray(of)
        ranked = own_ranking(m.word_documents_[:4, among].astype(float))
        measures = told.models[m is second].measures
        assert measures["diversity"] == len(np.unique(ranked[:, :25])) / 100
        present = given[:, among] > 0
        coherence = np.mean([npmi_of(words[:10], present) for words in ranked])
        assert measures["coherence"] == pytest.approx(coherence, rel=1e-6)
    assert told.shared == 40


def test_one_shared_word_has_no_coherence() -> None:
    texts = ["sand salt", "salt sugar"] * 3
    told = compare([model(), TopicModel(2, **SMALL).fit(["sand moon", "moon iron"] * 3)], texts)
    assert told.shared == 1
    assert [compared.measures.keys() & {"coherence", "diversity"} for compared in told.models] == [
        set(),
        set(),
    ]


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


def test_counts_of_columns_that_models_name_otherwise_are_refused(tmp_path):
    counts = np.random.default_rng(0).poisson(2, (20, 4))
    names, turned, rows = list("abcd"), list("dcba"), [sparse.csr_matrix(counts)]
    ours = TopicModel(2, **SMALL).fit(counts, vocabulary=names)
    theirs = TopicModel(2, **SMALL).fit(counts[:, ::-1], vocabulary=turned)
    with pytest.raises(ValueError, match="X has counts without names, but the models have diff"):
        compare([ours, theirs], counts)
    with pytest.raises(ValueError, match="X has counts without names"):
        compare([ours, theirs], pd.DataFrame(counts))
    with pytest.raises(ValueError, match="X has counts without names"):
        compare([ours, theirs], Corpus.of_counts(tmp_path / "unnamed", [sparse.csr_matrix(counts)]))
    rows = [sparse.csr_matrix(counts)]
    named = Corpus.of_counts(tmp_path / "named", rows, vocabulary=names)
    assert compare([ours, ours], named).documents == 20
    assert compare([ours, theirs]).shared == 4
    assert compare([ours, ours], counts).documents == 20
