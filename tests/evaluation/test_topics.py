"""Measures of topics, against the same written as loops."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import entropy, rankdata

from dirvae.evaluation import (
    completion_perplexity,
    diversity,
    documents_of_words,
    inverted_rank_overlap,
    match_topics,
    mean_document_frequency,
    normalized_mutual_information,
    pairwise_distinctness,
    purity,
    split_tokens,
    stability,
    top_word_ids,
    top_words_by_documents,
    uniqueness,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_rankings(rng: np.random.Generator) -> None:
    beta = rng.dirichlet(np.full(30, 0.3), 4)
    np.testing.assert_array_equal(top_word_ids(beta, 5), np.argsort(-beta, 1)[:, :5])
    lift = beta / beta.mean(0)
    np.testing.assert_array_equal(top_word_ids(beta, 5, by="lift"), np.argsort(-lift, 1)[:, :5])
    for weight in (0.3, 0.5, 1.0):
        expected = []
        for row, exclusive in zip(beta, beta / beta.sum(0), strict=True):
            f, e = rankdata(row) / 30, rankdata(exclusive) / 30
            expected.append(np.argsort(-1 / (weight / f + (1 - weight) / e), kind="stable")[:1])
        found = top_word_ids(beta, 1, by="frex", frequency_weight=weight)
        np.testing.assert_array_equal(found, expected)


def test_words_that_no_topic_has_come_last() -> None:
    beta = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]])
    for by in ("probability", "lift", "frex"):
        assert 3 not in top_word_ids(beta, 2, by=by)


def test_diversities(rng: np.random.Generator) -> None:
    topics = np.stack([rng.permutation(20)[:6] for _ in range(5)])
    words = topics.ravel().tolist()
    assert diversity(topics) == len(set(words)) / 30
    assert uniqueness(topics) == pytest.approx(np.mean([1 / words.count(w) for w in words]))
    jaccard = [len({*a} & {*b}) / len({*a} | {*b}) for a, b in combinations(topics.tolist(), 2)]
    assert pairwise_distinctness(topics) == pytest.approx(1 - np.mean(jaccard))
    overlaps = []
    for a, b in combinations(topics.tolist(), 2):
        seen = [len({*a[:d]} & {*b[:d]}) / d for d in range(1, 7)]
        total = 0.1 * sum(0.9 ** (d - 1) * seen[d - 1] for d in range(1, 7))
        overlaps.append(total + 0.9**6 * seen[-1])
    assert inverted_rank_overlap(topics) == pytest.approx(1 - np.mean(overlaps))
    same = np.tile(np.arange(6), (3, 1))
    assert diversity(same) == pytest.approx(1 / 3)
    assert inverted_rank_overlap(same) == pytest.approx(0, abs=1e-12)
    assert pairwise_distinctness(same) == 0


def test_against_labels(rng: np.random.Generator) -> None:
    theta, labels = rng.dirichlet(np.ones(4), 200), rng.integers(0, 3, 200)
    largest = theta.argmax(1)
    groups = [labels[largest == k] for k in range(4)]
    expected = sum(np.bincount(g).max() for g in groups) / 200
    assert purity(theta, labels) == pytest.approx(expected)
    table = np.histogram2d(labels, largest, bins=(np.arange(4), np.arange(5)))[0] / 200
    a, b = table.sum(1), table.sum(0)
    information = entropy(a) + entropy(b) - entropy(table.ravel())
    expected = information / ((entropy(a) + entropy(b)) / 2)
    assert normalized_mutual_information(theta, labels) == pytest.approx(expected)


def test_document_frequency(rng: np.random.Generator) -> None:
    counts = rng.poisson(0.5, (40, 10))
    topics = np.array([[0, 3, 5], [3, 8, 9]])
    expected = np.mean([(counts[:, w] > 0).sum() for w in topics.ravel()])
    assert mean_document_frequency(topics, sparse.csr_matrix(counts)) == expected


def test_split_is_the_shuffle_it_says(rng: np.random.Generator) -> None:
    counts = rng.poisson(0.7, (30, 12))
    encoded, scored = (part.toarray() for part in split_tokens(counts, seed=3))
    np.testing.assert_array_equal(encoded + scored, counts)
    generator = np.random.default_rng(3)
    for row, half in zip(counts, encoded, strict=True):
        tokens = np.repeat(np.arange(12), row)
        generator.shuffle(tokens)
        expected = np.bincount(tokens[: len(tokens) // 2], minlength=12)
        np.testing.assert_array_equal(half, expected)


def test_perplexity(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    theta, beta = rng.dirichlet(np.ones(3), 20), rng.dirichlet(np.ones(15), 3)
    counts = rng.poisson(0.5, (20, 15))
    counts[4] = 0
    expected = math.exp(-(counts * np.log(theta @ beta)).sum() / counts.sum())
    assert completion_perplexity(theta, beta, counts) == pytest.approx(expected)
    monkeypatch.setattr("dirvae.evaluation.topics.ENTRIES_AT_ONCE", 10)
    assert completion_perplexity(theta, beta, counts) == pytest.approx(expected)
    beta[:, 0] = 0
    beta /= beta.sum(1, keepdims=True)
    counts[0, 0] = 1
    assert completion_perplexity(theta, beta, counts) == math.inf


def test_matching_undoes_a_permutation(rng: np.random.Generator) -> None:
    beta = rng.dirichlet(np.full(40, 0.1), 8)
    order = rng.permutation(8)
    matching = match_topics(beta, beta[order])
    np.testing.assert_array_equal(order[matching.order], np.arange(8))
    np.testing.assert_allclose(matching.similarity, 1)
    assert stability([beta, beta[order], beta]) == pytest.approx(1)
    other = rng.dirichlet(np.full(40, 0.1), 8)
    pairs = [match_topics(*p).similarity.mean() for p in combinations([beta, other, beta], 2)]
    assert stability([beta, other, beta]) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: top_word_ids([[0.5, 0.5]], 3), "n is 3, must be from 1 to the 2 words"),
        (lambda: top_word_ids([[0.5, -0.5]], 1), "without negative, NaN or infinite"),
        (lambda: top_word_ids([[0.5, 0.5]], 1, by="idf"), "by is 'idf', must be"),
        (lambda: diversity([[0.5]]), "must be integers"),
        (lambda: pairwise_distinctness([[0, 1]]), "K of at least 2"),
        (lambda: inverted_rank_overlap([[0, 1], [1, 2]], 1.0), "persistence is 1.0"),
        (lambda: split_tokens([[0.5]]), "must be whole numbers"),
        (lambda: completion_perplexity([[1.0]], [[1.0]], [[1, 1]]), "must be of shapes"),
        (lambda: completion_perplexity([[0.5]], [[1.0]], [[1]]), "theta has rows that do not"),
        (lambda: completion_perplexity([[1.0]], [[1.0]], [[0]]), "held_out has no tokens"),
        (lambda: match_topics([[1.0]], [[1.0, 0.0]]), "must be alike"),
        (lambda: stability([[[1.0]]]), "must have two or more"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_documents_of_words_are_counted_one_by_one():
    rng = np.random.default_rng(0)
    theta, beta = rng.dirichlet(np.ones(3), 8), rng.dirichlet(np.ones(5), 3)
    counts = rng.poisson(0.7, (8, 5))
    wanted = np.zeros((3, 5))
    for d, v in zip(*np.nonzero(counts), strict=True):
        share = theta[d] * beta[:, v]
        wanted[:, v] += share / share.sum()
    found = documents_of_words(theta, beta, counts)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    np.testing.assert_allclose(found.sum(0), (counts > 0).sum(0))


def test_relevance_is_sievert_and_shirleys():
    rng = np.random.default_rng(0)
    beta, frequency = rng.dirichlet(np.ones(20), 4), rng.dirichlet(np.ones(20))
    wanted = 0.6 * np.log(beta) + 0.4 * np.log(beta / frequency)
    options = {"by": "relevance", "frequency_weight": 0.6, "frequency": frequency}
    np.testing.assert_array_equal(top_word_ids(beta, 20, **options), np.argsort(-wanted, axis=1))
    with pytest.raises(ValueError, match="frequency has shape"):
        top_word_ids(beta, 5, by="relevance", frequency=frequency[:3])


def test_words_of_many_documents_come_before_bursts():
    counts = np.array([[9, 1, 0, 1]] + [[0, 1, 0, 1]] * 5 + [[0, 0, 1, 1]] * 5)
    theta = np.array([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 5)
    beta = np.array([[0.6, 0.2, 0.0, 0.2], [0.0, 0.0, 0.5, 0.5]])
    documents = documents_of_words(theta, beta, counts)
    assert top_word_ids(beta, 1)[0] == [0]
    assert top_words_by_documents(documents, 1)[:, 0].tolist() == [1, 2]
    absent = np.column_stack([documents, np.zeros(len(documents))])  # a word of other documents
    last = absent.shape[1] - 1
    assert top_words_by_documents(absent, last + 1)[:, -1].tolist() == [last] * len(documents)
