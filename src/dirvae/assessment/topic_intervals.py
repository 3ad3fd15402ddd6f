"""How far measures of topics would move with other documents of the same kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dirvae.alignment import matched
from dirvae.assessment.topics import (
    TopicEstimator,
    TopicScores,
    are_predicted,
    known_labels,
    label_scores,
)
from dirvae.evaluation.bootstrap import Interval, bootstrap_std, normal_interval
from dirvae.evaluation.coherence import npmi_of_weights
from dirvae.levels import LEVEL

__all__ = ["HeldOut", "score_intervals", "spread_of_scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class HeldOut(NamedTuple):
    """Log probability of half of each document's tokens, given the other half.

    Attributes:
        nats: Log probability of the held-out half of each document, in nats, shape (N,).
        tokens: Number of held-out tokens of each document, shape (N,).
    """

    nats: Floats
    tokens: Floats

    def perplexity(self, rows: Any = slice(None)) -> float:
        """Exponential of minus the mean log probability of a held-out token.

        Args:
            rows: Indices of the documents to use. By default all documents.
        """
        return float(np.exp(-self.nats[rows].sum() / self.tokens[rows].sum()))


def score_intervals(
    model: TopicEstimator,
    scores: TopicScores,
    documents: Any,
    labels: Sequence[Any] | None,
    held_out: HeldOut,
    *,
    level: float = LEVEL,
    covariates: Any = None,
) -> dict[str, Interval]:
    """Bootstrap intervals of the measures of `score_topics`, by the names in its table.

    The documents are drawn with replacement 200 times (fewer times, but at least 50, for more than
    10,000 documents). Each time, all measures are computed again, with the same fitted model. The
    interval of a measure goes from value - z s to value + z s. Here s is the standard deviation of
    the measure over the draws, and z the quantile of the normal distribution for ``level``.
    Diversity has no interval, because it does not depend on the documents.

    Args:
        model: As in `score_topics`.
        scores: The result of `score_topics` on these documents.
        documents: N documents, as in `score_topics`.
        labels: Class of each document, as in `score_topics`.
        held_out: Log probability of half of the tokens of these documents.
        level: Probability of the intervals, in (0, 1).
        covariates: As in `score_topics`.

    Example:
        >>> from dirvae import TopicModel
        >>> texts = ["the cat and the dog", "dog and cat", "stars and moon", "moon, stars"] * 5
        >>> model = TopicModel(2, max_epochs=20, random_state=0).fit(texts)
        >>> sorted(model.evaluate(texts, level=0.9).intervals)
        ['completion_perplexity', 'mean_document_frequency', 'npmi_document']
    """
    counts, labels = model.counts(documents), matched("labels", labels, documents)
    covariates = matched("covariates", covariates, documents)
    spread = spread_of_scores(counts, model.top_word_ids(min(10, counts.shape[1])), held_out)
    if labels is not None:
        told = {} if covariates is None else {"covariates": covariates}
        theta = model.transform(documents, **told)
        right = are_predicted(model, documents, labels) if hasattr(model, "predict") else None
        spread |= _spread_of_labels(theta, labels, right)
    table = scores.table()
    values = dict(zip(table["measure"], table["value"], strict=True))
    return {name: normal_interval(values[name], std, level) for name, std in spread.items()}


def spread_of_scores(
    counts: Any, top_words: Ints | None, held_out: HeldOut | None
) -> dict[str, float]:
    """Standard errors of perplexity, coherence and document frequency, by a bootstrap.

    Args:
        counts: Words of the documents, CSR, shape (N, V).
        top_words: Columns of the first words of each topic, shape (K, n); None leaves out what is
            of words.
        held_out: Of the same documents; None leaves out the perplexity.
    """
    if top_words is not None:
        npmi = npmi_of_weights(top_words, counts)
        frequency = np.asarray((counts > 0)[:, top_words.ravel()].mean(1)).ravel()

    def measures(rows: Ints) -> Mapping[str, float]:
        found = {}
        if held_out is not None and held_out.tokens[rows].sum() > 0:
            found["completion_perplexity"] = held_out.perplexity(rows)
        if top_words is not None:
            times_drawn = np.bincount(rows, minlength=counts.shape[0]).astype(float)
            found["npmi_document"] = float(npmi(times_drawn).mean())
            found["mean_document_frequency"] = float(times_drawn @ frequency)
        return found

    return bootstrap_std(measures, counts.shape[0])


def _spread_of_labels(theta: Any, labels: Sequence[Any], right: Any) -> dict[str, float]:
    known, truth = known_labels(labels, len(theta))
    shares = np.asarray(theta)[known]

    def measures(rows: Ints) -> Mapping[str, float]:
        found = label_scores(shares[rows], truth[rows].tolist())
        accuracy = {} if right is None else {"accuracy": float(right[rows].mean())}
        return {"purity": found.purity, "nmi": found.nmi, **accuracy}

    return bootstrap_std(measures, len(known))
