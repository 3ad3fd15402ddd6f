"""The page of a model's topics: words, shares, documents, and labels where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.assessment import WordScores, label_scores
from dirvae.report.examples import document_names, most_of
from dirvae.report.figures import COLORS, bars, heatmap
from dirvae.report.page import Panel, Section, Table, render

__all__ = ["topics_page"]

NUM_LABELS = 25  # the largest, that are drawn


def topics_page(
    theta: NDArray[np.float64],
    words: Sequence[Sequence[Any]],
    scores: WordScores,
    *,
    num_words: int,
    seconds: float,
    ids: Mapping[str, Sequence[Any]] | None = None,
    labels: Sequence[str] | None = None,
) -> str:
    """Return one HTML page.

    Args:
        theta: Proportions of topics, shape (N, K).
        words: The words that tell each topic best, K lists.
        scores: What `assessment.word_scores` says of the topics.
        num_words: V, size of the vocabulary.
        seconds: That the fit took.
        ids: What identifies documents, each of length N, by column name; if None, their rows do.
        labels: Class of each document, length N; None for none.

    Example:
        >>> scores = WordScores(npmi=0.1, diversity=1.0, document_frequency=2.0)
        >>> page = topics_page(np.eye(2), [["cat"], ["moon"]], scores, num_words=9, seconds=1.0)
        >>> "2 documents, 9 words, 2 topics, fitted in 1 s." in page
        True
    """
    order = np.argsort(-theta.mean(0), kind="stable")
    known_by, names = document_names(ids or {}, len(theta))
    examples = {k: ", ".join(names[row] for row in most_of(theta, k, 1)) for k in order}
    rows = [[str(k), f"{theta[:, k].mean():.1%}", ", ".join(words[k]), examples[k]] for k in order]
    sections = [
        Section(
            "Topics",
            "Words that are frequent in a topic and in few others, and the document that has most "
            "of it. A topic's number is its column in the model's transform, counted from 0.",
            table=Table(["topic", "share", "words", f"document ({known_by})"], rows, numbers=False),
        ),
        Section(
            "How much of the documents each topic is",
            "Mean of the documents' proportions, which the model infers with their uncertainty.",
            [Panel(_shares(theta, order))],
        ),
    ]
    if labels is not None:
        sections.append(_by_label(theta, order, words, labels))
    introduction = (
        f"{len(theta):,} documents, {num_words:,} words, {theta.shape[1]} topics, "
        f"fitted in {seconds:.0f} s. {_in_words(scores, theta, labels)}"
    )
    return render("Topics", introduction, sections)


def _in_words(scores: WordScores, theta: NDArray[np.float64], labels: Sequence[str] | None) -> str:
    sentence = (
        f"NPMI of the top 10 words over these documents {scores.npmi:.3f}, "
        f"distinct words among the top 25 {scores.diversity:.0%}"
    )
    if labels is None:
        return f"{sentence}."
    return f"{sentence}; NMI with the labels {label_scores(theta, labels).nmi:.2f}."


def _shares(theta: NDArray[np.float64], order: NDArray[np.int64]) -> Any:
    return bars(
        theta.mean(0)[order],
        color=COLORS[0],
        x_title="topic",
        y_title="share of the documents",
        names=order.tolist(),
    )


def _by_label(
    theta: NDArray[np.float64], order: NDArray[np.int64], words: Any, labels: Sequence[str]
) -> Section:
    known, counts = np.unique(np.asarray(labels), return_counts=True)
    largest = np.sort(known[np.argsort(-counts)[:NUM_LABELS]])
    mean = np.stack([theta[np.asarray(labels) == label].mean(0) for label in largest])
    figure = heatmap(
        mean[:, order],
        list(largest),
        [f"{k}: {words[k][0]}" for k in order],
        color=COLORS[0],
        x_title="topic",
        y_title="",
    )
    caption = "Mean proportions of the documents of each label, which the model was not told."
    return Section("Topics and labels", caption, [Panel(figure, height=560)])
