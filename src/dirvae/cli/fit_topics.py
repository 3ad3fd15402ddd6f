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
    place,
    resumable,
)
from dirvae.cli.errors import refuse, say
from dirvae.cli.inputs import (
    DOCUMENTS,
    UTF8,
    Array,
    Encoding,
    TextColumn,
    as_read,
    covariates_of,
    known_or_none,
    read_documents,
    rows_of,
)
from dirvae.cli.options import DEVICES, available, integer, one_of, words_of
from dirvae.cli.outputs import Force, Quiet, require_model_folder, require_page
from dirvae.cli.report import write_page
from dirvae.cli.texts import (
    Covariates,
    Guide,
    MaxDf,
    MinDf,
    Ngrams,
    StopWords,
    Strip,
    TimeColumn,
    Tokenizer,
    guide_of,
    parts_of,
    vectorizer_settings,
)
from dirvae.cli.trainer import Logger, logged
from dirvae.formats import COUNTS, TEXTS, is_corpus, kind_of, listed
from dirvae.words import DECODERS, named

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
        typer.Option(
            metavar="NAME",
            help="Column of classes that the topics learn to predict. To only compare groups, give "
            "the column to dirvae report instead.",
        ),
    ] = None,
    components: Annotated[int, integer(2, "--components", "-k", help="Number of topics.")] = 50,
    decoder: Annotated[
        str,
        typer.Option(
            metavar="NAME", parser=one_of(DECODERS), help=f"Decoder: {words_of(DECODERS)}."
        ),
    ] = "mixture",
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="For counts: file with the words, one per line, in the order of the columns.",
        ),
    ] = None,
    max_epochs: Annotated[int, integer(1, help="Number of passes over the documents.")] = 15,
    batch_size: Annotated[
        int,
        integer(
            1,
            help="Documents per step. With tens of thousands of words, 1000 takes about half the "
            "time.",
        ),
    ] = 200,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Also write a page (.html), as dirvae report does."),
    ] = None,
    guide: Guide = None,
    seed: Annotated[
        int, integer(0, help="Seed of the random numbers. The same seed gives the same topics.")
    ] = 0,
    seeds: Annotated[
        int,
        integer(
            1,
            help="Number of fits, each with a different seed. The model that agrees most with the "
            "others is saved.",
        ),
    ] = 1,
    device: Annotated[
        str,
        typer.Option(
            metavar="NAME", parser=one_of(DEVICES), help=f"Where to train: {words_of(DEVICES)}."
        ),
    ] = "cpu",
    stop_words: StopWords = None,
    min_df: MinDf = None,
    max_df: MaxDf = None,
    ngrams: Ngrams = 1,
    tokenizer: Tokenizer = "words",
    strip: Strip = "",
    covariates: Covariates = None,
    time_column: TimeColumn = None,
    logger: Logger = None,
    checkpoint_dir: CheckpointDir = None,
    resume: Resume = False,
    force: Force = False,
    encoding: Encoding = UTF8,
    array: Array = None,
    quiet: Quiet = False,
) -> None:
    """Find topics in documents and save the model.

    Checkpoints are saved during training, so that an interrupted run can be continued with
    --resume.
    """
    inputs = [documents, vocabulary, guide]
    require_model_folder(output, force or resume, inputs)
    if report is not None:
        require_page(report, force or resume, inputs)
        if output.resolve() in report.resolve().parents:
            raise ValueError(f"{report} is in the model's folder; choose another --report")
    folder = place(output, checkpoint_dir, inputs)
    trainer = logged(logger, output, inputs)
    if kind_of(documents) not in TEXTS and not is_corpus(documents):
        _refuse_columns(label_column, covariates, time_column)
    if seeds > 1:
        refuse(
            "--seeds", {"--resume": resume, "--checkpoint-dir": checkpoint_dir, "--logger": logger}
        )
    words = _vocabulary(vocabulary, documents)
    counting = vectorizer_settings(stop_words, min_df, max_df, ngrams, encoding, tokenizer)
    if kind_of(documents) in COUNTS or is_corpus(documents):
        refuse(
            f"{documents}, which has counts",
            {f"--{name.replace('_', '-')}": True for name in counting},
        )
    start = None if guide is None else guide_of(guide, encoding)
    X = read_documents(
        documents,
        array=array,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
        strip=parts_of(strip),
        kinds=dict.fromkeys([*(covariates or []), *([time_column] if time_column else [])], ""),
        named=report is not None,
    )
    words = words or (None if hasattr(X, "texts") else X.columns)
    labels = None if label_column is None else known_or_none(X.labels)
    told, smooth = covariates_of(X), [time_column] if time_column else []
    from dirvae.data.typed_cells import require_times

    for column in smooth:
        require_times("--time-column", told[column], documents)
    from dirvae.topics import TopicModel

    model = TopicModel(
        components,
        decoder=named(DECODERS, decoder),
        guide=start,
        vectorizer=_vectorizer(X, counting),
        random_state=seed,
        device=available(device),
        verbose=not quiet and sys.stdout.isatty(),
        max_epochs=max_epochs,
        batch_size=batch_size,
    )
    how_read = as_read(array, encoding, text_column=text_column, strip=strip)
    source = shlex.quote(documents) + how_read
    data = {"vocabulary": words, "covariates": told, "smooth": smooth}
    if seeds > 1:
        model = _of_seeds(model, X, labels, range(seed, seed + seeds), data)
        model._stripped = parts_of(strip)
        model.save(output)
        _end(model, X, output, source, report, label_column)
        return
    settings = {
        "n_components": components,
        "decoder": decoder,
        "random_state": seed,
        "max_epochs": max_epochs,
        "batch_size": batch_size,
        "data": fingerprint(rows_of(X), labels, words),
        # Also where not given: that must not go on from a run that had them, nor the other way.
        "options of words": fingerprint(counting),
        "guide": fingerprint(start),
        "covariates": fingerprint([*map(str, told.items())], smooth) if told else None,
    }
    keep = checkpoint_dir is not None
    with resumable(folder, settings, context.obj, resume=resume, keep=keep):
        how: dict[str, Any] = {"checkpoint_dir": folder, "resume": resume, "trainer": trainer()}
        model.fit(rows_of(X), labels, **data, **how)
        model._stripped = parts_of(strip)
        model.save(output)
    _end(model, X, output, source, report, label_column)


def _refuse_columns(label: str | None, covariates: Any, time: str | None) -> None:
    given = {"--label-column": label, "--covariates": covariates, "--time-column": time}
    for option, value in given.items():
        if value:
            raise ValueError(f"{option} needs a table ({', '.join(TEXTS)})")


def _end(
    model: Any,
    X: Any,
    output: Path,
    source: str,
    report: Path | None,
    label_column: str | None,
) -> None:
    """Say what was fitted, and write its page or say how to, from a source as a shell has it."""
    size = f"{model.n_components} topics, {model.n_features_in_:,} words"
    say(f"{output}: {size}, {model.n_iter_} epochs")
    if report is not None:
        write_page(model, X, report, label_column, None, None, {"covariates": covariates_of(X)})
        return
    folder = shlex.quote(str(output))
    say(f"Next: dirvae report {folder} {source} -o report.html")
    say(f"Or: dirvae topics {folder}")


def _vectorizer(X: Any, settings: dict[str, Any]) -> Any:
    """None for the default one, which has these settings where they are not given."""
    if not settings:
        return None
    from dirvae.topics.documents import default_vectorizer

    return default_vectorizer(len(X.texts), **settings)


def _of_seeds(model: Any, X: Any, labels: Any, seeds: range, data: dict[str, Any]) -> Any:
    """The model that those of other seeds agree with most, and how far they do."""
    from dirvae.evaluation.matching import STABLE
    from dirvae.topics import fit_seeds

    found = fit_seeds(model, rows_of(X), seeds, y=labels, **data)
    stability = found.stability[found.best]
    say(
        f"Of {len(seeds)} seeds, the model of seed {seeds[found.best]} is saved. The others find "
        f"{(stability >= STABLE).sum()} of its {len(stability)} topics"
    )
    for k in (stability < STABLE).nonzero()[0]:
        say(f"Topic {k} is not found by all seeds (stability {stability[k]:.2f})")
    return found.models[found.best]


def _vocabulary(path: Path | None, documents: str) -> list[str] | None:
    if path is None:
        return None
    if kind_of(documents) not in COUNTS:
        raise ValueError(
            f"--vocabulary needs counts ({listed(COUNTS)}); texts have their own words"
        )
    from dirvae.data.text_files import read_text

    text, _ = read_text(path)
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")
