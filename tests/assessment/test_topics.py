"""Scores of topics: each is the measure of the right words, documents and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae import evaluation
from dirvae.assessment.topics import are_predicted, label_scores, score_topics, word_scores

THETA = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
LABELS = [7, None, 7, 8, 8]


class Model:
    """Five documents."""

    def counts(self, X: Any) -> Any:
        return sparse.csr_matrix(X)

    def transform(self, X: Any) -> Any:
        return THETA

    def top_word_ids(self, n: int) -> Any:
        return np.stack([np.arange(n), np.arange(40)[::-1][:n]])

    def perplexity(self, X: Any) -> float:
        return float(X.sum())


class Classifier(Model):
    def predict(self, X: Any) -> Any:
        return np.array([7, 8, 7, 8, 7])


@pytest.fixture
def counts() -> Any:
    return np.random.default_rng(0).poisson(0.7, (5, 40))


def test_words_are_scored_by_ten_and_by_twenty_five(counts: Any) -> None:
    found = word_scores(Model().top_word_ids, sparse.csr_matrix(counts))
    ten, more = Model().top_word_ids(10), Model().top_word_ids(25)
    assert found.npmi == evaluation.topic_coherence(ten, counts).mean()
    assert found.diversity == len(set(more.flat)) / 50 == 0.8
    assert found.document_frequency == (counts > 0).sum(0)[ten].mean()


def test_lists_are_no_longer_than_the_vocabulary() -> None:
    asked: list[int] = []
    word_scores(lambda n: asked.append(n) or np.array([[0, 1, 2]]), sparse.csr_matrix(np.eye(3)))
    assert asked == [3, 3]


def test_documents_without_a_label_have_no_part() -> None:
    found = label_scores(THETA, LABELS)
    assert found.purity == 0.75  # 7 of the first topic; 7, 8, 8 of the second
    known, told = [0, 2, 3, 4], ["7", "7", "8", "8"]
    assert found.nmi == evaluation.normalized_mutual_information(THETA[known], told)
    with pytest.raises(ValueError, match="labels is missing for every document"):
        label_scores(THETA, [None] * 5)


@pytest.mark.parametrize(
    "labels",
    [
        [7, None, 7, 8, 8],
        [7.0, float("nan"), 7.0, 8.0, 8.0],
        pd.Series([7, pd.NA, 7, 8, 8], dtype="Int64", index=[4, 3, 2, 1, 0]),
    ],
)
def test_numbers_are_the_same_whole_or_not_and_gaps_have_no_part(labels: Any, counts: Any) -> None:
    class Fractions(Classifier):
        def predict(self, X: Any) -> Any:
            return super().predict(X).astype(float)

    for model in (Classifier(), Fractions()):
        found = score_topics(model, counts, labels).labels
        assert found == label_scores(THETA, LABELS)._replace(accuracy=0.75)
        assert are_predicted(model, counts, labels).tolist() == [True, True, True, False]


@pytest.mark.parametrize(("model", "accuracy"), [(Model(), None), (Classifier(), 0.75)])
def test_a_model_is_scored_on_documents(model: Any, accuracy: float | None, counts: Any) -> None:
    found = score_topics(model, counts, LABELS)
    assert (found.num_documents, found.perplexity) == (5, counts.sum())
    assert found.words == word_scores(model.top_word_ids, model.counts(counts))
    assert found.labels == label_scores(THETA, LABELS)._replace(accuracy=accuracy)
    assert score_topics(model, counts).labels is None
    shown = dict(line.split() for line in repr(found).splitlines())
    assert list(shown) == ["measure", *found.table()["measure"]]
    assert float(shown["nmi"]) == pytest.approx(found.labels.nmi, rel=1e-3)
