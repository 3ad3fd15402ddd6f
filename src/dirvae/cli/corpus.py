"""``dirvae corpus build`` and ``dirvae corpus check``."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.counts import Layer
from dirvae.cli.errors import refuse, say
from dirvae.cli.inputs import NEW_DOCUMENTS, UTF8, Array, Encoding, TextColumn, load_estimator
from dirvae.cli.options import integer
from dirvae.cli.outputs import Force, require_apart, require_new
from dirvae.cli.texts import MaxDf, MinDf, Ngrams, StopWords, vectorizer_settings
from dirvae.formats import COUNTS, kind_of, taking

__all__ = ["build", "check", "counted"]

VOCABULARY_SIZE = 10_000  # as in data.vectorizing, of which --help does not wait for the imports


def build(
    documents: Annotated[str, typer.Argument(help=NEW_DOCUMENTS)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="Folder for the corpus.")
    ],
    text_column: TextColumn = None,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column with the id of each document.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of classes.")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of years or dates.")
    ] = None,
    stop_words: StopWords = None,
    min_df: MinDf = None,
    max_df: MaxDf = None,
    ngrams: Ngrams = 1,
    vocabulary_size: Annotated[
        int, integer(2, help="Largest size of the vocabulary. The most frequent words are kept.")
    ] = VOCABULARY_SIZE,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Topic model. Only the words of its vocabulary are counted."
        ),
    ] = None,
    workers: Annotated[
        int | None, integer(1, help="Number of processes.", show_default="one for each core")
    ] = None,
    encoding: Encoding = UTF8,
    array: Array = None,
    layer: Layer = None,
    force: Force = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Store the word counts of documents in a folder, for corpora that do not fit in memory.

    To continue a build that was interrupted, run the same command again.
    """
    require_apart(output, [documents, model])
    require_new(output, force)
    counting = vectorizer_settings(stop_words, min_df, max_df, ngrams, encoding)
    columns = {"id": id_column, "label": label_column, "time": time_column}
    began = time.monotonic()
    with counted("documents", quiet) as progress:
        if kind_of(documents) in COUNTS:
            options = {f"--{name.replace('_', '-')}": True for name in counting}
            given: dict[str, Any] = {f"--{name}-column": it for name, it in columns.items()}
            given |= {"--text-column": text_column, "--model": model}
            given |= {"--encoding": encoding != UTF8}
            refuse(f"{documents}, which has counts", {**options, **given})
            corpus = _of_counts(documents, output, array, layer, force, progress)
        else:
            refuse(f"{documents}, which has texts", {"--array": array, "--layer": layer})
            settings = {**_settings(counting, vocabulary_size, model), "force": force}
            settings |= {"workers": workers or _cores(), "progress": progress}
            corpus = _of_texts(documents, output, text_column, columns, encoding, settings)
    rows, words = corpus.shape
    speed = rows / max(time.monotonic() - began, 1e-9)
    say(f"{output}: {rows:,} documents, {words:,} words, {speed:,.0f} documents a second")
    say(f"Next: dirvae fit topics {shlex.quote(str(output))} -o model")


def check(
    corpus: Annotated[Path, typer.Argument(help="Folder that dirvae corpus build wrote.")],
) -> None:
    """Compare every file of a corpus with its checksum."""
    from dirvae.data.corpus import Corpus

    found = Corpus(corpus)
    found.verify()
    rows, words = found.shape
    say(f"{corpus}: {rows:,} documents, {words:,} words, {found.nnz:,} counts; no file has changed")


@contextmanager
def counted(what: str, quiet: bool = False) -> Iterator[Callable[[int], Any]]:
    """Show how many documents are done, and how many a second, on a terminal.

    Args:
        what: Name of the things that are counted, such as "documents".
        quiet: Whether to show nothing.
    """
    from rich.console import Console

    console, began = Console(stderr=True), time.monotonic()
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    with console.status(what) as status:
        yield lambda done: status.update(
            f"{done:,} {what}, {done / max(time.monotonic() - began, 1e-9):,.0f} a second"
        )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _settings(
    counting: Mapping[str, Any], vocabulary_size: int, model: Path | None
) -> dict[str, Any]:
    """Arguments of `Corpus.build` that say which words are counted."""
    if model is None:
        first_to = counting.get("ngram_range", (1, 1))[1]
        words = {name: value for name, value in counting.items() if name != "ngram_range"}
        return {**words, "ngrams": first_to, "vocabulary_size": vocabulary_size}
    options = {f"--{name.replace('_', '-')}": True for name in counting}
    refuse(f"--model {model}", options)
    estimator = load_estimator(model, "top_words", ", which has no topics")
    vectorizer = getattr(estimator, "vectorizer_", None)
    from dirvae.data.words import words_of

    if vectorizer is None or vectorizer.tokenizer is not words_of or vectorizer.ngram_range[0] > 1:
        raise ValueError(f"--model {model} must have been fitted to texts by dirvae fit topics")
    return {
        "vocabulary": estimator.vocabulary_.tolist(),
        "stop_words": vectorizer.stop_words,
        "ngrams": vectorizer.ngram_range[1],
    }


def _of_texts(
    documents: str,
    output: Path,
    text_column: str | None,
    columns: Mapping[str, str | None],
    encoding: str,
    settings: Mapping[str, Any],
) -> Any:
    from dirvae.data.corpus import Corpus, documents_in

    named = {f"{part}_column": name for part, name in columns.items()}
    rows = documents_in(documents, text_column=text_column or "text", encoding=encoding, **named)
    called = {part: name for part, name in columns.items() if name}
    return Corpus.build(output, rows, columns=called, **settings)


def _of_counts(
    path: str,
    output: Path,
    array: str | None,
    layer: str | None,
    force: bool,
    progress: Callable[[int], Any],
) -> Any:
    from dirvae.data.annotated import streamed_h5ad
    from dirvae.data.corpus import Corpus
    from dirvae.data.files import read_rows
    from dirvae.data.rows import SAMPLE

    how: dict[str, Any] = {"force": force, "progress": progress}
    if kind_of(path) == ".h5ad":
        refuse(f"{path}", {"--array": array})
        with streamed_h5ad(Path(path), layer) as (genes, cells, blocks):
            named: dict[str, Any] = {"vocabulary": genes, "ids": cells, "columns": {"id": SAMPLE}}
            return Corpus.of_counts(output, blocks, **named, **how)
    if kind_of(path) not in taking("layer"):
        refuse(f"{path}, which is not a .h5ad file", {"--layer": layer})
    rows = read_rows(path, array=array, layer=layer)
    if rows.ids:
        [(called, ids), *_] = rows.ids.items()
        how |= {"ids": ids, "columns": {"id": called}}
    return Corpus.of_counts(output, [rows.x], vocabulary=rows.columns, **how)
