"""``dirvae fit topics`` and ``dirvae topics``, and what ``evaluate`` says of a topic model."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.checkpoints import (
    CheckpointDir,
    Resume,
    fingerprint,
    open_folder,
    place,
    remove,
    resumable,
)
from dirvae.cli.errors import print_json, refuse, say
from dirvae.cli.inputs import UTF8, is_named, load_estimator, read_data, tell
from dirvae.cli.options import one_of, whole, words_of
from dirvae.cli.outputs import Force, require_model_folder
from dirvae.text import literal

__all__ = ["UTF8", "fit_topics", "measure_topics", "read_documents", "refuse_texts", "topics"]

COUNTS = (".npy", ".npz")
TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
CORPORA = ("docstrings", "20news")
DOCUMENTS = (
    "A folder of .txt, .csv, .tsv, .parquet or .jsonl with a column of texts, .npz or .npy of "
    "counts, or docstrings or 20news."
)
TextColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of texts.", show_default="text")
]
LabelColumn = Annotated[str | None, typer.Option(metavar="NAME", help="Column of classes.")]
Encoding = Annotated[
    str,
    typer.Option(metavar="NAME", help="Of text files; utf-16 is recognised by its mark."),
]
IdColumn = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Column that identifies rows and is no data; give it again for more."
    ),
]
Array = Annotated[
    str | None, typer.Option(metavar="NAME", help="Which array of an .npz file or of mnist.")
]


class Ranking(StrEnum):
    """How words of a topic are ranked."""

    RELEVANCE = "relevance"
    FREX = "frex"
    PROBABILITY = "probability"
    LIFT = "lift"


class Decoder(StrEnum):
    """Words for decoders."""

    MIXTURE = "mixture"
    OVERDISPERSED = "overdispersed"
    PRODUCT = "product"
    EMBEDDED = "embedded"


def fit_topics(
    context: typer.Context,
    documents: Annotated[str, typer.Argument(help=DOCUMENTS)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Folder for the model.")
    ],
    text_column: TextColumn = None,
    label_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of classes that the topics are to tell."),
    ] = None,
    components: Annotated[int, whole(2, "--components", "-k", help="Number of topics.")] = 50,
    decoder: Annotated[
        Decoder,
        typer.Option(metavar="NAME", parser=one_of(Decoder), help=f"{words_of(Decoder)}."),
    ] = Decoder.MIXTURE,
    vocabulary: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Words of counts, one a line in the order of columns."),
    ] = None,
    max_epochs: Annotated[int | None, whole(1, help="Passes over the documents.")] = None,
    seed: Annotated[int, whole(0, help="Same seed, same topics.")] = 0,
    checkpoint_dir: CheckpointDir = None,
    resume: Resume = False,
    force: Force = False,
    encoding: Encoding = UTF8,
    array: Array = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Find topics in documents and save the model.

    Checkpoints are kept during training, so that a run that was cut off can go on.
    """
    inputs = [documents, vocabulary]
    require_model_folder(output, force or resume, inputs)
    folder = place(output, checkpoint_dir, inputs)
    if label_column is not None and not is_named(documents, TABLES):
        raise ValueError(f"--label-column goes with a table ({', '.join(TABLES)})")
    words = _vocabulary(vocabulary, documents)
    X = read_documents(
        documents,
        array=array,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
    )
    labels = None if label_column is None else _known_or_none(X.labels)
    from dirvae.topics import TopicModel
    from dirvae.topics import decoders as topic_decoders

    decoders = {
        Decoder.MIXTURE: topic_decoders.MixtureDecoder,
        Decoder.OVERDISPERSED: topic_decoders.OverdispersedDecoder,
        Decoder.PRODUCT: topic_decoders.ProductDecoder,
        Decoder.EMBEDDED: topic_decoders.EmbeddedDecoder,
    }
    options: dict[str, Any] = {} if max_epochs is None else {"max_epochs": max_epochs}
    model = TopicModel(
        components,
        decoder=decoders[decoder],
        random_state=seed,
        verbose=not quiet and sys.stdout.isatty(),
        **options,
    )
    settings = {
        "n_components": components,
        "decoder": decoder.value,
        "random_state": seed,
        "max_epochs": model.max_epochs,
        "data": fingerprint(_rows(X), labels, words),
    }
    open_folder(folder, settings, resume)
    with resumable(folder, context.obj):
        model.fit(_rows(X), labels, vocabulary=words, checkpoint_dir=folder, resume=resume)
        model.save(output)
    if checkpoint_dir is None:
        remove(folder)
    say(f"{output}: {components} topics, {model.n_features_in_:,} words, {model.n_iter_} epochs")
    say(f"Next: dirvae topics {shlex.quote(str(output))}")


def topics(
    model: Annotated[Path, typer.Argument(help="Folder that dirvae fit topics wrote.")],
    documents: Annotated[str | None, typer.Argument(help="Documents to show examples of.")] = None,
    words: Annotated[int, whole(1, help="Words a topic.")] = 10,
    by: Annotated[
        Ranking,
        typer.Option(metavar="NAME", parser=one_of(Ranking), help=f"Ranking: {words_of(Ranking)}."),
    ] = Ranking.RELEVANCE,
    examples: Annotated[int, whole(0, help="Documents a topic.")] = 1,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
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
    found = _described(estimator, words, by.value)
    known_by = ""
    if documents is not None and examples:
        X = read_documents(
            documents,
            array=array,
            id_column=id_column,
            text_column=text_column,
            encoding=encoding,
        )
        known_by = _add_examples(found, estimator.transform(_rows(X)), X, examples)
    if as_json:
        print_json(found)
    else:
        _print(found, known_by)


def measure_topics(estimator: Any, X: Any, labels: Any) -> dict[str, Any]:
    """Scores of a fitted `TopicModel` on documents, by the ranking that ``top_words`` has."""
    from dirvae import evaluation

    counts = estimator.counts(_rows(X))
    ten, more = (estimator.top_word_ids(min(n, counts.shape[1])) for n in (10, 25))
    theta = estimator.transform(_rows(X))
    measured = {
        "documents": counts.shape[0],
        "completion_perplexity": estimator.perplexity(counts),
        "npmi_document": float(evaluation.topic_coherence(ten, counts).mean()),
        "diversity_top25": evaluation.diversity(more),
        "mean_document_frequency": evaluation.mean_document_frequency(ten, counts),
    }
    if labels is not None:
        measured |= _label_measures(estimator, X, theta, labels)
    return measured


def _known_or_none(labels: Sequence[str]) -> list[str | None]:
    """Cells of a column of classes; those without any are empty or, of whole numbers, -1."""
    return [None if label in ("", "-1") else label for label in labels]


def _label_measures(estimator: Any, X: Any, theta: Any, labels: Any) -> dict[str, float]:
    """How far topics go with the labels that are known, and how many a supervised model tells."""
    import numpy as np

    from dirvae import evaluation

    known = [row for row, label in enumerate(_known_or_none(labels)) if label is not None]
    if not known:
        raise ValueError("no document has a label: leave --label-column out")
    theta, truth = theta[known], np.array([labels[row] for row in known])
    measured = {
        "purity": evaluation.purity(theta, truth),
        "nmi": evaluation.normalized_mutual_information(theta, truth),
    }
    if hasattr(estimator, "predict"):
        told = estimator.predict(_rows(X))[known].astype(str)
        measured["accuracy"] = float((told == truth).mean())
    return measured


def read_documents(
    source: str,
    *,
    array: str | None = None,
    id_column: list[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str = UTF8,
) -> Any:
    """Texts, or the rows of a file of counts; an option of the other kind is refused."""
    if Path(source).suffix.lower() in COUNTS:
        refuse_texts(f"counts, {source}", text_column, label_column, encoding)
        return read_data(source, array, id_column)
    refuse(f"texts, {source}", {"--array": array})
    columns = {
        "--id-column": id_column,
        "--text-column": text_column,
        "--label-column": label_column,
    }
    if source in CORPORA or Path(source).is_dir():
        refuse(f"texts of no table, {source}", columns)
    from dirvae.data.corpora import read_texts

    texts = read_texts(
        source,
        text_column=text_column,
        label_column=label_column,
        id_columns=id_column or (),
        encoding=encoding,
    )
    tell(source, texts.notes)
    return texts


def refuse_texts(
    what: str, text_column: str | None, label_column: str | None = None, encoding: str = UTF8
) -> None:
    """Refuse the options of texts, given for what has none."""
    given = {"--text-column": text_column, "--label-column": label_column}
    refuse(what, {**given, "--encoding": encoding != UTF8})


def _rows(X: Any) -> Any:
    return X.texts if hasattr(X, "texts") else X.x


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


def _vocabulary(path: Path | None, documents: str) -> list[str] | None:
    if path is None:
        return None
    if Path(documents).suffix.lower() not in COUNTS:
        raise ValueError("--vocabulary goes with counts (.npz or .npy); texts have their own words")
    from dirvae.data.text_files import read_text

    text, _ = read_text(path)
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def _described(estimator: Any, num_words: int, by: str) -> list[dict[str, Any]]:
    beta, num_words = estimator.topic_word_, min(num_words, estimator.n_features_in_)
    names = estimator.top_words(num_words, by=by)
    ids = estimator.top_word_ids(num_words, by=by)
    columns = estimator.get_feature_names_out()
    return [
        {
            "topic": k,
            "column": str(columns[k]),
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
