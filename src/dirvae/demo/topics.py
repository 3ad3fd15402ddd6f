"""The demo of topics: docstrings of installed packages, without a network."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from dirvae.assessment import word_scores
from dirvae.data.corpora import docstrings
from dirvae.persistence import require_replaceable
from dirvae.report.topics import topics_page
from dirvae.text import literal
from dirvae.topics import TopicModel
from dirvae.writing import try_writing, write_text

__all__ = ["FILES", "run"]

FILES = {"report": "topics.html", "model": "topics"}  # in the output folder

NUM_TOPICS = 30


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
    page = topics_page(
        theta,
        model.top_words(min(10, model.n_features_in_)),
        word_scores(model.top_word_ids, model.counts(texts.texts)),
        num_words=model.n_features_in_,
        seconds=seconds,
        ids=texts.ids,
        labels=texts.labels,
    )
    write_text(paths["report"], page)
    model.save(paths["folder"])
    console.print(_printed(model))
    for line in (
        f"Report: {paths['report']}   Model: {paths['folder']}",
        "Next: your own texts: dirvae fit topics YOUR.csv --text-column text -k 30 -o my-topics",
    ):
        console.print(literal(line), soft_wrap=True)
    return {"model": model, **paths}


def _printed(model: TopicModel) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("topic", justify="right")
    table.add_column("share", justify="right")
    table.add_column("words")
    words = model.top_words(min(8, model.n_features_in_))
    for k in np.argsort(-model.topic_prevalence_, kind="stable"):
        share = f"{model.topic_prevalence_[k]:.1%}"
        table.add_row(str(k), share, literal(", ".join(words[k])))
    return table
