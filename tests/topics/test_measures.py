"""What a model is worth, and the same of scikit-learn's LDA: on a page, and by other ways."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation

from dirvae.evaluation import diversity, split_tokens, top_words_by_documents, topic_coherence
from dirvae.topics.measures import measures_of
from tests.report.explorer.example import composition, data_of, documents, model, samples


@cache
def told() -> Any:
    return data_of(model().report(documents()[0], baseline=True))["quality"]


def test_a_page_says_what_the_model_is_worth() -> None:
    scores = model().evaluate(documents()[0])
    size, npmi = f"{scores.perplexity:,.1f}", scores.words.npmi
    assert [quality["name"] for quality in told()] == ["Perplexity", "Coherence", "Diversity"]
    assert [quality["said"] for quality in told()] == [
        f"Hidden words are guessed as well as by a choice among {size} equal words",
        f"Coherence {npmi:.3f}, where 0 is chance and 1 is always together",
        f"{scores.words.diversity:.0%} of the topics' first 25 words are different ones",
    ]
    assert told()[0]["how"].startswith("Perplexity; lower is better. Half of the words of each")


def test_a_page_says_how_far_its_measures_may_move() -> None:
    ends = model().evaluate(documents()[0], level=0.9).intervals
    perplexity, npmi = ends["completion_perplexity"], ends["npmi_document"]
    assert [quality["interval"] for quality in told()] == [
        f"{perplexity.lower:,.1f} to {perplexity.upper:,.1f}",
        f"{npmi.lower:.3f} to {npmi.upper:.3f}",
        None,
    ]


def test_lda_is_fitted_to_the_same_documents_and_scored_alike() -> None:
    counts = model().counts(documents()[0])
    seed = model()._seed
    lda = LatentDirichletAllocation(4, random_state=seed).fit(counts)
    beta = lda.components_ / lda.components_.sum(1)[:, None]
    encoded, scored = split_tokens(counts, 0)
    law = lda.transform(encoded) @ beta
    perplexity = np.exp(-(scored.toarray() * np.log(law)).sum() / scored.sum())
    assert told()[0]["baseline"] == f"{perplexity:,.1f}"
    theta = lda.transform(counts)
    shares = counts.sign().toarray()[:, None] * theta[:, :, None] * beta
    by_topic = (shares / shares.sum(1, keepdims=True).clip(1e-300)).sum(0)
    order = top_words_by_documents(by_topic, 25)
    assert told()[1]["baseline"] == f"{topic_coherence(order[:, :10], counts).mean():.3f}"
    assert told()[2]["baseline"] == f"{diversity(order[:, :25]):.0%}"
    plain = data_of(model().report(documents()[0]))["quality"]
    assert [quality["baseline"] for quality in plain] == [None] * 3


def test_samples_have_no_coherence_and_single_counts_no_perplexity() -> None:
    counts, _ = samples()
    found = data_of(composition().report(counts, baseline=True))["quality"]
    assert [quality["name"] for quality in found] == ["Perplexity", "Diversity"]
    assert "equal features" in found[0]["said"]
    X = composition().counts(counts)
    nothing = X * 0
    found = measures_of(composition(), X, (X, nothing), np.arange(12))
    assert set(found) == {"diversity"}
