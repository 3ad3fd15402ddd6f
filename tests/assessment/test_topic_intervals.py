"""How far measures move with the documents: against formulas, and against fresh documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse, stats

from dirvae.assessment import HeldOut, TopicScores, score_intervals
from dirvae.assessment.topic_intervals import spread_of_scores
from dirvae.assessment.topics import LabelScores, WordScores
from dirvae.evaluation import bootstrap_std, mean_document_frequency, topic_coherence

RNG = np.random.default_rng(0)
NUM = 300
THETA = RNG.dirichlet([0.5, 0.5], NUM)
COUNTS = sparse.csr_matrix((RNG.random((NUM, 12)) < np.linspace(0.2, 0.6, 12)).astype(float))
HELD_OUT = HeldOut(-RNG.gamma(9.0, size=NUM), RNG.integers(1, 9, NUM).astype(float))
TOLD = (THETA[:, 0] < 0.5) ^ (np.arange(NUM) % 10 == 1)
LABELS = [None if row % 3 == 0 else int(TOLD[row]) for row in range(NUM)]
TELLS = np.array([row % 2 if row % 5 else 1 - row % 2 for row in range(NUM)])
TOP = np.array([[0, 3, 6], [1, 4, 11]])
SCORES = TopicScores(NUM, 500.0, WordScores(0.1, 0.9, 40.0), LabelScores(0.6, 0.2, 0.8))
CLOSE = {"rel": 0.2}  # four errors of a standard deviation of 200 draws


class Model:
    def counts(self, X: Any) -> Any:
        return COUNTS

    def transform(self, X: Any) -> Any:
        return THETA

    def top_word_ids(self, n: int) -> Any:
        return TOP

    def predict(self, X: Any) -> Any:
        return TELLS


@pytest.fixture(scope="module")
def found() -> Any:
    return score_intervals(Model(), SCORES, None, LABELS, HELD_OUT, level=0.9)


def test_errors_of_perplexity_and_of_shares_are_those_of_formulas(found: Any) -> None:
    nats, tokens = HELD_OUT
    perplexity = HELD_OUT.perplexity()
    assert perplexity == pytest.approx(np.exp(-nats.sum() / tokens.sum()))
    residual = nats - nats.sum() / tokens.sum() * tokens
    wanted = perplexity * residual.std() / tokens.mean() / np.sqrt(NUM)
    assert found["completion_perplexity"].std == pytest.approx(wanted, **CLOSE)
    right = np.array([label == TELLS[row] for row, label in enumerate(LABELS) if label is not None])
    assert found["accuracy"].std == pytest.approx(right.std() / np.sqrt(len(right)), **CLOSE)
    pure = np.array([row % 10 != 1 for row in range(NUM) if row % 3])  # the commonest label
    assert found["purity"].std == pytest.approx(pure.std() / np.sqrt(len(pure)), **CLOSE)
    frequency = (COUNTS[:, TOP.ravel()] > 0).mean(1).A1 * NUM
    wanted = frequency.std() / np.sqrt(NUM)
    assert found["mean_document_frequency"].std == pytest.approx(wanted, **CLOSE)


def test_draws_of_documents_are_scored_as_such_documents_are() -> None:
    topics = np.array([[0, 3, 6], [1, 4, 11], [6, 0, 2]])

    def measures(rows: Any) -> dict[str, float]:
        drawn = COUNTS[rows]
        return {
            "npmi_document": topic_coherence(topics, drawn).mean(),
            "mean_document_frequency": mean_document_frequency(topics, drawn),
        }

    wanted = bootstrap_std(measures, NUM)
    assert spread_of_scores(COUNTS, topics, None) == pytest.approx(wanted, rel=1e-9)


def test_labels_go_with_their_own_documents() -> None:
    alike = [None if row % 3 == 0 else int(THETA[row, 0] < 0.5) for row in range(NUM)]
    assert score_intervals(Model(), SCORES, None, alike, HELD_OUT)["purity"].std == 0


def test_the_error_of_coherence_is_that_over_fresh_documents(found: Any) -> None:
    rng, law = np.random.default_rng(1), np.linspace(0.2, 0.6, 12)
    fresh = [topic_coherence(TOP, rng.random((NUM, 12)) < law).mean() for _ in range(200)]
    assert found["npmi_document"].std == pytest.approx(np.std(fresh), rel=0.3)


def test_intervals_lie_around_the_scores_and_diversity_has_none(found: Any) -> None:
    names = ["completion_perplexity", "npmi_document", "mean_document_frequency"]
    assert list(found) == [*names, "purity", "nmi", "accuracy"]
    low, high = stats.norm(0.6, found["purity"].std).interval(0.9)
    assert (found["purity"].lower, found["purity"].upper) == pytest.approx((low, high))
    assert sum(found["nmi"][1:]) / 2 == pytest.approx(0.2)
    without = score_intervals(Model(), SCORES._replace(labels=None), None, None, HELD_OUT)
    assert list(without) == names


def test_the_table_has_them_where_they_are(found: Any) -> None:
    table = SCORES._replace(intervals=found).table()
    place = table["measure"].index("purity")
    assert [table[name][place] for name in ("value", "std", "lower", "upper")] == [
        0.6,
        *found["purity"],
    ]
    assert table["lower"][table["measure"].index("diversity_top25")] is None
    assert list(SCORES.table().columns) == ["measure", "value"]
