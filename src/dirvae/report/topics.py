"""The demo of topics: docstrings of installed packages, without a network; and a page of topics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as RichTable

from dirvae.data.corpora import Texts, docstrings
from dirvae.evaluation import (
    diversity,
    normalized_mutual_information,
    topic_coherence,
)
from dirvae.persistence import require_replaceable
from dirvae.report.examples import document_names, most_of
from dirvae.report.figures import COLORS, bars, heatmap
from dirvae.report.page import Panel, Section, Table, render
from dirvae.text import literal
from dirvae.topics import TopicModel
from dirvae.writing import try_writing, write_text

__all__ = ["FILES", "run", "topics_page"]

FILES = {"report": "topics.html", "model": "topics"}  # in the output folder

NUM_TOPICS = 30
NUM_LABELS = 25  # the largest, that are drawn


def run(output: Path, quick: bool = False) -> dict[str, Any]:
    """Fit topics to docstrings, print them, write ``topics.html`` and save the model in ``topics``.

    A page and a model that were there are replaced.

    Args:
        output: Folder for both; made if it is not there.
        quick: Whether to train for few epochs, to see that all works.

    Returns:
        The model as ``model``, and the paths as ``report`` and ``folder``.

    Raises:
        OSError: If that cannot be written; found out before training.
    """
    console = Console()
    output = Path(output)
    paths = {"report": output / FILES["report"], "folder": output / FILES["model"]}
    try_writing(paths["report"])
    require_replaceable(paths["folder"])
    output.mkdir(parents=True, exist_ok=True)
    with console.status("Reading docstrings of installed packages"):
        texts = docstrings()
    console.print(f"{len(texts.texts):,} docstrings; finding {NUM_TOPICS} topics")
    options: dict[str, Any] = {"max_epochs": 2} if quick else {}
    start = perf_counter()
    model = TopicModel(NUM_TOPICS, random_state=0, verbose=console.is_terminal, **options)
    model.fit(texts.texts)
    seconds = perf_counter() - start
    theta = model.transform(texts.texts)
    write_text(paths["report"], topics_page(model, texts, theta, seconds))
    model.save(paths["folder"])
    console.print(_printed(model))
    for line in (
        f"Report: {paths['report']}   Model: {paths['folder']}",
        "Next: your own texts: dirvae fit topics YOUR.csv --text-column text -k 30 -o my-topics",
    ):
        console.print(literal(line), soft_wrap=True)
    return {"model": model, **paths}


def topics_page(model: TopicModel, texts: Texts, theta: NDArray[np.float64], seconds: float) -> str:
    """Return a page of a model's topics: words, shares, documents, and labels where there are any.

    Args:
        model: Fitted to texts.
        texts: The documents.
        theta: Their proportions, shape (N, K).
        seconds: That the fit took.
    """
    order = np.argsort(-theta.mean(0), kind="stable")
    words = model.top_words(min(10, model.n_features_in_))
    known_by, names = document_names(texts.ids, len(theta))
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
    if texts.labels is not None:
        sections.append(_by_label(theta, order, words, texts.labels))
    introduction = (
        f"{len(texts.texts):,} documents, {model.n_features_in_:,} words, {theta.shape[1]} topics, "
        f"fitted in {seconds:.0f} s. {_scores(model, texts, theta)}"
    )
    return render("Topics", introduction, sections)


def _scores(model: TopicModel, texts: Texts, theta: NDArray[np.float64]) -> str:
    counts = model.counts(texts.texts)
    ten, more = (model.top_word_ids(min(n, counts.shape[1])) for n in (10, 25))
    told = (
        f"NPMI of the top 10 words over these documents {topic_coherence(ten, counts).mean():.3f}, "
        f"distinct words among the top 25 {diversity(more):.0%}"
    )
    if texts.labels is None:
        return f"{told}."
    return f"{told}; NMI with the labels {normalized_mutual_information(theta, texts.labels):.2f}."


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


def _printed(model: TopicModel) -> RichTable:
    table = RichTable(box=None, pad_edge=False)
    table.add_column("topic", justify="right")
    table.add_column("share", justify="right")
    table.add_column("words")
    words = model.top_words(min(8, model.n_features_in_))
    for k in np.argsort(-model.topic_prevalence_, kind="stable"):
        share = f"{model.topic_prevalence_[k]:.1%}"
        table.add_row(str(k), share, literal(", ".join(words[k])))
    return table
