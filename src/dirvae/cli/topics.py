"""``dirvae topics``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.counts import (
    Covariates,
    DropMissing,
    Layer,
    Modality,
    Source,
    Transpose,
    features_in_order,
    is_composition,
    read_samples,
)
from dirvae.cli.errors import print_json, refuse
from dirvae.cli.inputs import (
    UTF8,
    Array,
    Encoding,
    IdColumn,
    TextColumn,
    covariates_of,
    load_estimator,
    read_documents,
    refuse_texts,
)
from dirvae.cli.options import integer, one_of, words_of
from dirvae.cli.outputs import AsJson
from dirvae.cli.texts import Strip, parts_of
from dirvae.terms import COUNTS, TEXTS, Terms
from dirvae.text import literal

__all__ = ["topics"]

RANKINGS = ("relevance", "frex", "probability", "lift")


def topics(
    model: Annotated[
        Path, typer.Argument(help="Folder that dirvae fit topics or fit counts wrote.")
    ],
    documents: Annotated[
        str | None, typer.Argument(help="Documents or samples, to show examples of each topic.")
    ] = None,
    words: Annotated[int, integer(1, help="Number of words per topic.")] = 10,
    by: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            parser=one_of(RANKINGS),
            help=f"Ranking of the words: {words_of(RANKINGS)}.",
        ),
    ] = "relevance",
    examples: Annotated[int, integer(0, help="Number of example documents per topic.")] = 1,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    strip: Strip = "",
    encoding: Encoding = UTF8,
    array: Array = None,
    transpose: Transpose = False,
    layer: Layer = None,
    modality: Modality = None,
    covariates: Covariates = None,
    drop_missing: DropMissing = False,
    as_json: AsJson = False,
) -> None:
    """Print each topic's mean share, words, and the documents with the largest share of the topic.

    For a model of fit counts, components, features and samples take the place of topics, words and
    documents.

    The topics with the largest mean share come first. The number of a topic is its column in the
    table that dirvae transform writes, counted from 0. A document is named by its id or its file,
    or else by its row, counted from 1.

    If the model was fitted with --seeds, each topic also has a stability. A stability near 1
    means that the other seeds find the topic, too.
    """
    estimator = load_estimator(model, "top_words", ", which has no topics")

    called = COUNTS if is_composition(model) else TEXTS
    found = _described(estimator, words, by, called)
    known_by, told = "", None
    if called is TEXTS:
        options = {"--transpose": transpose, "--layer": layer, "--modality": modality}
        what = f"{model}, which is not a model of dirvae fit counts"
        refuse(what, {**options, "--covariates": covariates, "--drop-missing": drop_missing})
    if documents is not None and examples:
        if called is COUNTS:
            refuse_texts(f"{documents}, which has counts", text_column)
            refuse(f"{documents}, which has counts", {"--strip": strip})
            source = Source(documents, array, id_column, encoding, transpose, layer, modality)
            X, counts, told = read_samples(estimator, source, covariates, drop_missing=drop_missing)
        else:
            X = read_documents(
                documents,
                array=array,
                id_column=id_column,
                text_column=text_column,
                encoding=encoding,
                strip=parts_of(strip),
                model=estimator,
                kinds=estimator.covariate_kinds_,
            )
            counts, told = features_in_order(estimator, X, documents), covariates_of(X)
        theta = estimator.transform(counts, covariates=told)
        known_by = _add_examples(found, theta, X, examples, called)
    if as_json:
        print_json(found)
    else:
        _print(found, known_by, called)


def _add_examples(
    found: list[dict[str, Any]], theta: Any, X: Any, count: int, called: Terms
) -> str:
    """Add to each topic the documents that have most of it; return what they are known by."""
    from dirvae.report.examples import document_names, most_of

    known_by, names = document_names(X.ids, len(theta))
    kept = getattr(X, "kept", None) or range(len(theta))
    for topic in found:
        k = topic[called.part]
        topic["examples"] = [
            {
                called.row: names[row],
                "row": kept[row] + 1,
                "ids": {name: values[row] for name, values in X.ids.items()},
                "theta": float(theta[row, k]),
                **_text(X, row),
            }
            for row in most_of(theta, k, count)
        ]
    return known_by


def _text_of(example: dict[str, Any]) -> str:
    return str(example.get("text", ""))


def _stability_of(topic: dict[str, Any]) -> str:
    from dirvae.evaluation.matching import STABLE

    value = topic.get("stability", 1.0)
    return f"{value:.2f}" if value >= STABLE else f"! {value:.2f}"


def _share_of(example: dict[str, Any]) -> str:
    return f"{example['theta']:.0%} of the sample"


def _text(X: Any, row: int) -> dict[str, str]:
    return {"text": " ".join(X.texts[row].split())[:120]} if hasattr(X, "texts") else {}


def _described(estimator: Any, num_words: int, by: str, called: Terms) -> list[dict[str, Any]]:
    beta, num_words = estimator.topic_word_, min(num_words, estimator.n_features_in_)
    names = estimator.top_words(num_words, by=by)
    ids = estimator.top_word_ids(num_words, by=by)
    columns, stability = estimator.get_feature_names_out(), estimator.stability_
    return [
        {
            called.part: k,
            "column": str(columns[k]),
            "name": estimator.topic_names_[k],
            "prevalence": float(estimator.topic_prevalence_[k]),
            **({} if stability is None else {"stability": float(stability[k])}),
            f"{called.column}s": [
                {called.column: word, "probability": float(beta[k, column])}
                for word, column in zip(names[k], ids[k], strict=True)
            ],
        }
        for k in (-estimator.topic_prevalence_).argsort(kind="stable").tolist()
    ]


def _print(found: list[dict[str, Any]], known_by: str, called: Terms) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column(called.part, justify="right")
    table.add_column("share", justify="right")
    if "stability" in found[0]:
        table.add_column("stability", justify="right")
    examples = f", then {called.row}s by {known_by}" if known_by else ""
    table.add_column(literal(f"{called.column}s{examples}"))
    shown_of = _text_of if called is TEXTS else _share_of
    for topic in found:
        words = ", ".join(str(word[called.column]) for word in topic[f"{called.column}s"])
        shown = [
            f"{example[called.row]}: {shown_of(example)}" for example in topic.get("examples", [])
        ]
        lines = Text("\n").join(map(literal, [words, *shown]))
        stability = [_stability_of(topic)] if "stability" in topic else []
        table.add_row(str(topic[called.part]), f"{topic['prevalence']:.1%}", *stability, lines)
    Console().print(table)
    if any("!" in _stability_of(topic) for topic in found):
        Console().print(f"! Not all other seeds find this {called.part}.")
