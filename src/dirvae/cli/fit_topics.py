"""``dirvae fit topics``."""

from __future__ import annotations

import shlex
import sys
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
from dirvae.cli.errors import say
from dirvae.cli.inputs import (
    DOCUMENTS,
    UTF8,
    Array,
    Encoding,
    TextColumn,
    known_or_none,
    read_documents,
    rows_of,
)
from dirvae.cli.options import one_of, whole, words_of
from dirvae.cli.outputs import Force, require_model_folder, require_page
from dirvae.cli.report import write_page
from dirvae.cli.words import DECODERS, named
from dirvae.formats import COUNTS, TEXTS, kind_of, listed

__all__ = ["fit_topics"]


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
        str,
        typer.Option(metavar="NAME", parser=one_of(DECODERS), help=f"{words_of(DECODERS)}."),
    ] = "mixture",
    vocabulary: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Words of counts, one a line in the order of columns."),
    ] = None,
    max_epochs: Annotated[int | None, whole(1, help="Passes over the documents.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Page of the topics to write, .html; see dirvae report."),
    ] = None,
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
    if report is not None:
        require_page(report, force or resume, inputs)
        if output.resolve() in report.resolve().parents:
            raise ValueError(f"{report} is in the model's folder; choose another --report")
    folder = place(output, checkpoint_dir, inputs)
    if label_column is not None and kind_of(documents) not in TEXTS:
        raise ValueError(f"--label-column goes with a table ({', '.join(TEXTS)})")
    words = _vocabulary(vocabulary, documents)
    X = read_documents(
        documents,
        array=array,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
    )
    words = words or getattr(X, "columns", None)
    labels = None if label_column is None else known_or_none(X.labels)
    from dirvae.topics import TopicModel

    options: dict[str, Any] = {} if max_epochs is None else {"max_epochs": max_epochs}
    model = TopicModel(
        components,
        decoder=named(DECODERS, decoder),
        random_state=seed,
        verbose=not quiet and sys.stdout.isatty(),
        **options,
    )
    settings = {
        "n_components": components,
        "decoder": decoder,
        "random_state": seed,
        "max_epochs": model.max_epochs,
        "data": fingerprint(rows_of(X), labels, words),
    }
    open_folder(folder, settings, resume)
    with resumable(folder, context.obj):
        model.fit(rows_of(X), labels, vocabulary=words, checkpoint_dir=folder, resume=resume)
        model.save(output)
    if checkpoint_dir is None:
        remove(folder)
    say(f"{output}: {components} topics, {model.n_features_in_:,} words, {model.n_iter_} epochs")
    if report is None:
        _say_next(output, documents, text_column)
    else:
        write_page(model, X, report, None, None, None, {})


def _say_next(output: Path, documents: str, text_column: str | None) -> None:
    folder, source = shlex.quote(str(output)), shlex.quote(documents)
    column = "" if text_column is None else f" --text-column {shlex.quote(text_column)}"
    say(f"Next: dirvae report {folder} {source}{column} -o report.html")
    say(f"Or: dirvae topics {folder}")


def _vocabulary(path: Path | None, documents: str) -> list[str] | None:
    if path is None:
        return None
    if kind_of(documents) not in COUNTS:
        raise ValueError(
            f"--vocabulary goes with counts ({listed(COUNTS)}); texts have their own words"
        )
    from dirvae.data.text_files import read_text

    text, _ = read_text(path)
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")
