"""Rankings of words, against what their papers write."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from dirvae.evaluation import documents_of_words, top_word_ids, top_words_by_documents


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


@pytest.mark.parametrize("n", [1, 7, 40])
def test_the_best_words_are_the_first_of_all_sorted(rng: np.random.Generator, n: int) -> None:
    beta = rng.dirichlet(np.full(40, 0.3), 5).round(2)  # many ties
    wanted = np.lexsort((-beta, -beta), axis=1)[:, :n]
    assert top_word_ids(beta, np.uint8(n)).tolist() == wanted.tolist()
    lift = np.divide(beta, beta.sum(0), where=beta.sum(0) > 0, out=np.zeros_like(beta))
    wanted = np.lexsort((-beta, -lift), axis=1)[:, :n]
    assert top_word_ids(beta, n, by="lift").tolist() == wanted.tolist()


def test_words_that_no_topic_has_come_last() -> None:
    beta = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]])
    for by in ("probability", "lift", "frex"):
        assert 3 not in top_word_ids(beta, 2, by=by)


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


def test_the_weight_of_frequency_in_words_by_documents() -> None:
    rng = np.random.default_rng(1)
    documents = rng.gamma(0.5, 20.0, (4, 30))
    shares = (documents + 1e-3) / (documents + 1e-3).sum(1, keepdims=True)
    log_lift = np.log(shares) - np.log(documents.sum(0) / documents.sum())
    orders = {}
    for weight in (0.0, 0.4, 0.7, 1.0):
        wanted = np.argsort(-(weight * np.log(shares) + (1 - weight) * log_lift), axis=1)
        orders[weight] = top_words_by_documents(documents, 30, frequency_weight=weight)
        np.testing.assert_array_equal(orders[weight], wanted)
    np.testing.assert_array_equal(top_words_by_documents(documents, 30), orders[0.4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: top_word_ids([[0.5, 0.5]], 3), "n is 3, must be from 1 to the 2 words"),
        (lambda: top_word_ids([[0.5, -0.5]], 1), "without negative, NaN or infinite"),
        (lambda: top_word_ids([[0.5, 0.5]], 1, by="idf"), "by is 'idf', must be"),
        (
            lambda: top_word_ids([[0.5, 0.5]], 1, by="frex", frequency_weight=1.5),
            "frequency_weight is 1.5, must be from 0 to 1",
        ),
        (
            lambda: top_words_by_documents([[0.5, 0.5]], 1, frequency_weight=float("nan")),
            "frequency_weight is nan, must be from 0 to 1",
        ),
        (
            lambda: top_word_ids([[0.5, 0.5]], 1, frequency_weight=0.5),
            "frequency_weight is for by=frex or relevance, not for 'probability'",
        ),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_word_that_no_topic_has_is_of_each_as_the_document_is() -> None:
    found = documents_of_words(
        [[0.25, 0.75], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]], [[2, 1], [0, 1]]
    )
    np.testing.assert_allclose(found, [[0.25, 1.25], [0.75, 0.75]], atol=1e-11)
