"""``dirvae topics``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.errors import print_json
from dirvae.cli.inputs import (
    UTF8,
    Array,
    Encoding,
    IdColumn,
    TextColumn,
    covariates_of,
    load_estimator,
    read_documents,
    rows_of,
)
from dirvae.cli.options import one_of, whole, words_of
from dirvae.cli.texts import Strip, parts_of
from dirvae.text import literal

__all__ = ["topics"]

RANKINGS = ("relevance", "frex", "probability", "lift")


def topics(
    model: Annotated[Path, typer.Argument(help="Folder that dirvae fit topics wrote.")],
    documents: Annotated[str | None, typer.Argument(help="Documents to show examples of.")] = None,
    words: Annotated[int, whole(1, help="Words a topic.")] = 10,
    by: Annotated[
        str,
        typer.Option(
            metavar="NAME", parser=one_of(RANKINGS), help=f"Ranking: {words_of(RANKINGS)}."
        ),
    ] = "relevance",
    examples: Annotated[int, whole(0, help="Documents a topic.")] = 1,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    strip: Strip = "",
    encoding: Encoding = UTF8,
    array: Array = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a model's topics: share of the documents, words, and documents that have most of it.

    The largest come first. A topic's number is its column in what transform writes, counted from 0,
    here as everywhere. Documents are named by their id or file, or else by their row, counted from
    1.
    """
    estimator = load_estimator(model, "top_words", ", which has no topics")
    found = _described(estimator, words, by)
    known_by = ""
    if documents is not None and examples:
        X = read_documents(
            documents,
            array=array,
            id_column=id_column,
            text_column=text_column,
            encoding=encoding,
            strip=parts_of(strip),
            kinds=estimator.covariate_kinds_,
        )
        theta = estimator.transform(rows_of(X), covariates=covariates_of(X))
        known_by = _add_examples(found, theta, X, examples)
    if as_json:
        print_json(found)
    else:
        _print(found, known_by)


def _add_examples(found: list[dict[str, Any]], theta: Any, X: Any, count: int) -> str:
    """Add to each topic the documents that have most of it; return what they are known by."""
    from dirvae.report.examples import document_names, most_of

    known_by, names = document_names(X.ids, len(theta))
    for topic in found:
        k = topic["topic"]
        topic["examples"] = [
            {
                "document": names[row],
                "row": int(row) + 1,
                "ids": {name: values[row] for name, values in X.ids.items()},
                "theta": float(theta[row, k]),
                **_text(X, row),
            }
            for row in most_of(theta, k, count)
        ]
    return known_by


def _text(X: Any, row: int) -> dict[str, str]:
    return {"text": " ".join(X.texts[row].split())[:120]} if hasattr(X, "texts") else {}


def _described(estimator: Any, num_words: int, by: str) -> list[dict[str, Any]]:
    beta, num_words = estimator.topic_word_, min(num_words, estimator.n_features_in_)
    names = estimator.top_words(num_words, by=by)
    ids = estimator.top_word_ids(num_words, by=by)
    columns = estimator.get_feature_names_out()
    return [
        {
            "topic": k,
            "column": str(columns[k]),
            "name": estimator.topic_names_[k],
            "prevalence": float(estimator.topic_prevalence_[k]),
            "words": [
                {"word": word, "probability": float(beta[k, column])}
                for word, column in zip(names[k], ids[k], strict=True)
            ],
        }
        for k in (-estimator.topic_prevalence_).argsort(kind="stable").tolist()
    ]


def _print(found: list[dict[str, Any]], known_by: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("topic", justify="right")
    table.add_column("share", justify="right")
    table.add_column(literal(f"words, then documents by {known_by}" if known_by else "words"))
    for topic in found:
        words = ", ".join(str(word["word"]) for word in topic["words"])
        shown = [
            f"{example['document']}: {example.get('text', '')}"
            for example in topic.get("examples", [])
        ]
        lines = Text("\n").join(map(literal, [words, *shown]))
        table.add_row(str(topic["topic"]), f"{topic['prevalence']:.1%}", lines)
    Console().print(table)
