"""What a model is worth, and the same of scikit-learn's LDA: on a page, and by other ways."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import LatentDirichletAllocation

from dirvae.evaluation import diversity, split_tokens, topic_coherence
from dirvae.topics.measures import halves_of, lda_measures, measures_of
from tests.report.explorer.example import composition, data_of, documents, model, samples


@cache
def told() -> Any:
    return data_of(model().report(documents()[0], baseline=True))["quality"]


def test_a_page_says_what_the_model_is_worth() -> None:
    scores = model().evaluate(documents()[0])
    size = f"{scores.perplexity:,.1f}"
    assert [quality["name"] for quality in told()] == ["Perplexity", "Coherence", "Diversity"]
    assert [quality["said"] for quality in told()] == [
        f"Hidden words are guessed as well as by a choice among {size} equal words",
        f"How far the first words of a topic occur together: {scores.words.npmi:.3f}",
        f"{scores.words.diversity:.0%} of the topics' first 25 words are different ones",
    ]
    assert told()[0]["how"].startswith("Perplexity; lower is better. Half of the words of each")


def test_lda_is_fitted_to_the_same_documents_and_scored_alike() -> None:
    counts = model().counts(documents()[0])
    seed = model()._seed
    lda = LatentDirichletAllocation(4, random_state=seed).fit(counts)
    beta = lda.components_ / lda.components_.sum(1)[:, None]
    encoded, scored = split_tokens(counts, 0)
    law = lda.transform(encoded) @ beta
    perplexity = np.exp(-(scored.toarray() * np.log(law)).sum() / scored.sum())
    assert told()[0]["baseline"] == f"{perplexity:,.1f}"
    plain = data_of(model().report(documents()[0]))["quality"]
    assert [quality["baseline"] for quality in plain] == [None] * 3


def test_words_of_both_are_ranked_alike() -> None:
    """Topics of two words each: whatever ranks them, these come first."""
    counts = sparse.csr_matrix(np.kron(np.eye(3), np.ones((8, 2))) * 5)
    found = lda_measures(counts, 3, 0, halves_of(counts))
    assert found["coherence"] == topic_coherence([[0, 1, 2, 3, 4, 5]] * 3, counts).mean()
    assert found["diversity"] == diversity([[0, 1, 2, 3, 4, 5]] * 3)


def test_samples_have_no_coherence_and_single_counts_no_perplexity() -> None:
    counts, _ = samples()
    found = data_of(composition().report(counts, baseline=True))["quality"]
    assert [quality["name"] for quality in found] == ["Perplexity", "Diversity"]
    assert "equal features" in found[0]["said"]
    X = composition().counts(counts)
    nothing = X * 0
    found = measures_of(composition(), X, (X, nothing), np.arange(12))
    assert set(found) == {"diversity"}
