"""What the commands read: rows of numbers or texts, by which options, and what was recognised."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from dirvae.cli.errors import refuse, say
from dirvae.formats import CORPORA, COUNTS, NUMBERS, TEXTS, is_corpus, kind_of, listed, taking

if TYPE_CHECKING:
    from dirvae.data.files import Rows

__all__ = [
    "DOCUMENTS",
    "NEW_DOCUMENTS",
    "NO_KINDS",
    "ROWS",
    "UTF8",
    "Array",
    "Encoding",
    "IdColumn",
    "LabelColumn",
    "TextColumn",
    "as_read",
    "columns_in_order",
    "covariates_of",
    "known_or_none",
    "load_estimator",
    "read_data",
    "read_documents",
    "refuse_texts",
    "rows_of",
    "tell",
]

NO_KINDS: Mapping[str, str] = {}
UTF8 = "utf-8"  # as in data, of which --help does not wait for the imports
ROWS = f"{', '.join(NUMBERS)}, a folder of .png or .jpg files, or the word mnist"
_DOCUMENTS = (
    f"A folder of .txt files; {listed(TEXTS)} with a column of texts; {listed(COUNTS)} with counts"
)
_WORDS = f"the word {' or '.join(CORPORA)}"
NEW_DOCUMENTS = f"{_DOCUMENTS}; or {_WORDS}."
DOCUMENTS = f"{_DOCUMENTS}; {_WORDS}; or a folder that dirvae corpus build wrote."
TextColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of texts.", show_default="text")
]
LabelColumn = Annotated[str | None, typer.Option(metavar="NAME", help="Column of classes.")]
Encoding = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Encoding of text files. UTF-16 with a byte-order mark is recognised."
    ),
]
IdColumn = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Column that identifies the rows and is not used as data. Repeat the option for more.",
    ),
]
Array = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Name of the array to read from an {listed(taking('array'))} file, or from the data "
        "set mnist.",
    ),
]


def as_read(
    array: str | None,
    encoding: str,
    *,
    id_column: Sequence[str] | None = None,
    text_column: str | None = None,
    strip: str = "",
) -> str:
    """The options with which another command reads a file as this one did, for a shell.

    Example:
        >>> as_read(None, "latin-1", text_column="my text")
        " --text-column 'my text' --encoding latin-1"
    """
    given: list[tuple[str, str | None]] = [
        *(("--id-column", name) for name in id_column or ()),
        ("--text-column", text_column),
        ("--strip", strip.replace(" ", "")),
        ("--array", array),
        ("--encoding", None if encoding == UTF8 else encoding),
    ]
    return "".join(f" {option} {shlex.quote(value)}" for option, value in given if value)


def read_data(
    source: str,
    array: str | None,
    id_columns: Sequence[str] | None,
    encoding: str = UTF8,
    **options: str | None,
) -> Rows:
    """Read rows of numbers, and say what was done to them."""
    of_text = taking("encoding", NUMBERS)
    if kind_of(source) not in of_text:
        refuse(f"{source}, which is not a {listed(of_text)} file", {"--encoding": encoding != UTF8})
    from dirvae.data.files import read_rows

    rows = read_rows(source, array=array, id_columns=id_columns or (), encoding=encoding, **options)
    tell(source, rows.notes)
    return rows


def load_estimator(path: Path, method: str, otherwise: str) -> Any:
    """Load an estimator, whose output is an array, whatever kind of frame it was saved with.

    Args:
        path: Folder of the model.
        method: That the estimator must have.
        otherwise: What is said of a model that has it not.
    """
    from dirvae.persistence import load

    loaded = load(path)
    if not hasattr(loaded, method):
        raise ValueError(f"{path} holds a {type(loaded).__name__}{otherwise}")
    return loaded.set_output(transform="default")


def columns_in_order(estimator: Any, rows: Rows, data: str) -> Any:
    """Columns in the order of the model's, by their names where both have names."""
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # checked here
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or rows.columns is None:
        return rows.x
    place = {name: index for index, name in enumerate(rows.columns)}
    for name in names:
        if name not in place:
            raise ValueError(f"{data} has no column {name!r}, which the model was fitted on")
    for name in sorted(place.keys() - set(names)):
        raise ValueError(f"{data} has a column {name!r}, which the model was not fitted on")
    return rows.x[:, [place[name] for name in names]]


def tell(source: str, notes: Sequence[str]) -> None:
    """Say what was recognised in a file."""
    for note in notes:
        say(f"{source}: {note}")


def read_documents(
    source: str,
    *,
    array: str | None = None,
    id_column: list[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str = UTF8,
    strip: Sequence[str] = (),
    kinds: Mapping[str, str] = NO_KINDS,
    named: bool = True,
    model: Any = None,
) -> Any:
    """Texts, or the rows of a file or corpus of counts; an option of the other kind is refused.

    Args:
        source: Of the documents.
        array: As in the option, as are those that follow.
        id_column: Columns that identify rows.
        text_column: Column of texts.
        label_column: Column of classes.
        encoding: Of text files.
        strip: Parts of messages that are left out.
        kinds: From columns of covariates that a table must have to what they have; "" if that is
            not known yet.
        named: Whether the ids of a corpus are wanted, of which there may be many.
        model: Fitted topics that the documents are for, if any. If it is known which parts the
            texts of the model were without, other parts to strip are warned of.
    """
    if is_corpus(source):
        refuse_texts(f"{source}, which is a corpus", text_column, None, encoding)
        refuse(f"{source}, which is a corpus", {"--strip": strip, "--array": array})
        return _on_disk(source, id_column, label_column, kinds, named)
    if kind_of(source) in COUNTS:
        refuse_texts(f"{source}, which has counts", text_column, label_column, encoding)
        refuse(f"{source}, which has counts", {"--strip": strip})
        return read_data(source, array, id_column)
    refuse(f"{source}, which has texts", {"--array": array})
    fitted_without = getattr(model, "_stripped", None)
    if fitted_without is not None and set(strip) != set(fitted_without):
        own, these = _told_to_strip(fitted_without), _told_to_strip(strip)
        warnings.warn(
            f"the model was fitted to texts read with {own}, but these texts are read with "
            f"{these}, so the words may differ",
            stacklevel=2,
        )
    columns = {
        "--id-column": id_column,
        "--text-column": text_column,
        "--label-column": label_column,
    }
    if source in CORPORA or Path(source).is_dir():
        refuse(f"{source}, which is not a table", columns)
    from dirvae.data.corpora import read_texts

    texts = read_texts(
        source,
        text_column=text_column,
        label_column=label_column,
        id_columns=id_column or (),
        columns=list(kinds) if kind_of(source) in TEXTS else (),
        encoding=encoding,
    )
    tell(source, texts.notes)
    found = _of_kinds(texts.columns, kinds, source)
    return texts._replace(columns=found, texts=_without(texts.texts, strip))


class OnDisk(NamedTuple):
    """A corpus on disk, as other documents are read.

    Attributes:
        x: The corpus.
        columns: Its words, or None.
        ids: What identifies documents, by column name.
        labels: Class of each document, or None; a missing one is the empty string.
        told: Columns that a model asked for.
    """

    x: Any
    columns: list[str] | None
    ids: Mapping[str, Sequence[Any]]
    labels: list[str] | None
    told: Mapping[str, Sequence[Any]]


def _on_disk(
    source: str,
    id_column: Sequence[str] | None,
    label_column: str | None,
    kinds: Mapping[str, str],
    named: bool,
) -> OnDisk:
    from dirvae.data.corpus import Corpus
    from dirvae.data.text_tables import as_classes

    corpus = Corpus(source)
    ids = id_column or id_columns_of(corpus)
    labels = None if label_column is None else corpus.column(label_column)
    told = {name: corpus.column(name) for name in kinds}
    return OnDisk(
        corpus,
        None if corpus.vocabulary is None else corpus.vocabulary.tolist(),
        {name: corpus.column(name) for name in ids} if named else {},
        None if labels is None else as_classes(labels),
        _of_kinds(told, kinds, source),
    )


def _of_kinds(
    told: Mapping[str, Sequence[Any]], kinds: Mapping[str, str], source: str
) -> dict[str, Sequence[Any]]:
    """Columns as numbers, dates or words; says what of this may be another than was meant."""
    from dirvae.data.delimited import comma_notes, word_notes
    from dirvae.data.typed_cells import typed

    found: dict[str, Sequence[Any]] = {
        name: cells if kinds[name] == "words" else typed(name, cells, source)
        for name, cells in told.items()
    }
    numbers = [name for name, cells in found.items() if cells and isinstance(cells[0], float)]
    words = [n for n in found if kinds[n] != "words" and {*map(type, found[n])} == {str}]
    tell(source, (*comma_notes(told, numbers), *word_notes(told, words)))
    return found


def id_columns_of(corpus: Any) -> list[str]:
    """Name of the column of a corpus that says what documents are called, if it has one."""
    return [corpus.columns["id"]] if "id" in corpus.columns else []


def covariates_of(X: Any) -> Any:
    """Columns that a model asked for, as it takes them; None where there are none."""
    if isinstance(X, OnDisk):
        return X.told or None
    return getattr(X, "columns", None) or None if hasattr(X, "texts") else None


def _told_to_strip(parts: Collection[str]) -> str:
    return f"--strip {','.join(sorted(parts))}" if parts else "no --strip"


def _without(texts: list[str], strip: Sequence[str]) -> list[str]:
    if not strip:
        return texts
    from dirvae.data.stop_words import stripped

    return stripped(texts, strip)


def refuse_texts(
    what: str, text_column: str | None, label_column: str | None = None, encoding: str = UTF8
) -> None:
    """Refuse the options of texts, given for what has none."""
    given = {"--text-column": text_column, "--label-column": label_column}
    refuse(what, {**given, "--encoding": encoding != UTF8})


def rows_of(X: Any) -> Any:
    """Texts, or counts, as a topic model takes them."""
    return X.texts if hasattr(X, "texts") else X.x


def known_or_none(labels: Sequence[str]) -> list[str | None]:
    """Cells of a column of classes; those without any are empty or, of whole numbers, -1."""
    return [None if label in ("", "-1") else label for label in labels]
