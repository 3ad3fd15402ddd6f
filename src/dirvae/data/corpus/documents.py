"""Documents one after another, from whatever holds them, never all in memory."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from pathlib import Path
from typing import IO, Any, NamedTuple

from dirvae import alignment
from dirvae.data.corpora import BREAKS, read_texts
from dirvae.data.delimited import NUMBER, cells_of_any_length, table_of
from dirvae.data.parquet import DAMAGE, opened_parquet
from dirvae.data.text_files import GZIP, MARKS, UTF8, damaged, name_of, read_text, require_encoding
from dirvae.data.text_tables import is_missing, json_object, places_of
from dirvae.formats import CORPORA, TEXTS, kind_of, listed
from dirvae.reading import open_regular

__all__ = ["Document", "document_of", "documents_in", "plain"]

HEAD = 2**20  # characters by which a table is recognised
LONGEST = 2**26  # characters of a line
ROWS = 1024  # at a time
LOOKED_AT = 1000  # texts of which not all may be numbers
Names = Sequence[str | None]  # of columns, in the order of the parts of a document


class Document(NamedTuple):
    """A document, with its id, label and time.

    Attributes:
        text: A text, or a list of words, which are counted as they are.
        id: The id of the document, or None.
        label: The class of the document, or None.
        time: The time of the document, a number or a date, or None.

    Example:
        >>> Document("some words", time=1999).time
        1999
    """

    text: Any
    id: Any = None
    label: Any = None
    time: Any = None


def document_of(given: Any) -> Document:
    """Return a text, a list of words or a document as a document.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> document_of(["some", "words"]).text
        ['some', 'words']
    """
    found = given if isinstance(given, Document) else Document(given)
    if isinstance(found.text, str):
        return found
    if isinstance(found.text, list | tuple) and all(isinstance(w, str) for w in found.text):
        return found._replace(text=list(found.text))
    raise ValueError(
        f"documents have a {type(found.text).__name__}, must be texts or lists of words; "
        "missing texts are the empty string"
    )


def plain(value: Any) -> Any:
    """Return what is known of a document as JSON has it; dates as ISO 8601 has them."""
    if alignment.is_missing(value):  # NaT has an isoformat, too
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float) else str(value)


def documents_in(
    source: str | Path,
    *,
    text_column: str = "text",
    id_column: str | None = None,
    label_column: str | None = None,
    time_column: str | None = None,
    encoding: str = UTF8,
) -> Iterator[Document]:
    r"""Yield the documents of a file or folder, which are never all in memory.

    Args:
        source: A folder of ``.txt`` files, in which the names of subfolders are the labels. Or a
            file of a kind in `dirvae.formats.TEXTS`. Or ``docstrings`` or ``20news``, as in
            `read_texts`. Text files may be compressed with gzip. The separator of a ``.csv`` file
            is detected from its first 2**20 characters.
        text_column: Column of texts. A missing text is an empty text.
        id_column: Column of ids.
        label_column: Column of classes.
        time_column: Column of times: numbers or dates.
        encoding: Encoding of text files. UTF-16 is recognised by its byte-order mark.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another kind, is damaged, or has no such column.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "x.jsonl").write_text('{"text": "some words", "year": 1999}\n')
        ...     list(documents_in(Path(folder, "x.jsonl"), time_column="year"))
        [Document(text='some words', id=None, label=None, time=1999)]
    """
    require_encoding(encoding)
    path = Path(source)
    columns = {"text": text_column, "id": id_column, "label": label_column, "time": time_column}
    wanted = {part: name for part, name in columns.items() if name}
    if str(source) in CORPORA:
        found = read_texts(source)
        [ids] = found.ids.values()
        labels: Any = found.labels or [None] * len(ids)
        return map(Document, found.texts, ids, labels)
    if not path.exists():
        raise FileNotFoundError(f"{source} does not exist")
    if path.is_dir():
        return _in_folder(path, encoding)
    if kind_of(path) not in TEXTS:
        raise ValueError(f"{path} holds no texts: give a folder of .txt, {listed(TEXTS)}")
    reader = {".jsonl": _in_jsonl, ".parquet": _in_parquet}.get(kind_of(path), _in_delimited)
    names = [wanted.get(part) for part in Document._fields]
    return _checked(path, text_column, reader(path, names, encoding), labelled="label" in wanted)


def _checked(
    path: Path, column: str, rows: Iterator[Sequence[Any]], *, labelled: bool
) -> Iterator[Document]:
    """Documents of cells; refused if a text is none, or all of many are numbers."""
    only_numbers = 0
    for row, (text, name, label, time) in enumerate(rows, 1):
        if not isinstance(text, str):
            if not is_missing(text):
                raise ValueError(f"{path} has {text!r} in row {row} of {column!r}, must be text")
            text = ""
        if row <= LOOKED_AT and text:
            only_numbers = row if only_numbers >= 0 and NUMBER.fullmatch(text) else -1
            if row == LOOKED_AT and only_numbers > 0:
                raise ValueError(f"{path} has numbers in {column!r}, must be text")
        yield Document(text, name, _class(label) if labelled else None, time)


def _class(cell: Any) -> str:
    if is_missing(cell):
        return ""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)


def _in_folder(path: Path, encoding: str) -> Iterator[Document]:
    files = sorted(file for file in path.rglob("*") if kind_of(file) == ".txt")
    files = [file for file in files if not file.is_dir()]
    if not files:
        raise ValueError(f"{path} holds no .txt file")
    labelled = len({file.parent for file in files}) > 1
    for file in files:
        text, _ = read_text(file, encoding)
        label = name_of(file.parent, path) if labelled else None
        yield Document(BREAKS.sub("\n", text), name_of(file, path), label)


# --- tables, each a stream of rows: a cell, or None, for each part of a document -----------------


@contextmanager
def _lines(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a file of text, packed or not, as `read_text` reads it whole."""
    with open_regular(path) as raw:
        packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) if packed else raw as file:
            buffered = io.BufferedReader(file)  # type: ignore[type-var]
            start = buffered.peek(4)
            marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
            yield io.TextIOWrapper(buffered, marked or encoding, newline="")


def _in_jsonl(path: Path, names: Names, encoding: str) -> Iterator[Sequence[Any]]:
    with _read(path), _lines(path, encoding) as file:
        number, lacking = 0, set(filter(None, names))
        while line := file.readline(LONGEST):
            number += 1
            if len(line) == LONGEST:
                raise ValueError(f"{path} has more than {LONGEST:,} characters in line {number}")
            if not line.isspace():
                row: dict[Any, Any] = json_object(path, number, line)
                if lacking:
                    lacking -= row.keys()
                    if number == LOOKED_AT and names[0] in lacking:
                        break
                yield tuple(map(row.get, names))  # no row has the name None
        if number and lacking:
            raise ValueError(f"{path} has no {sorted(lacking)[0]!r} in its lines")


def _in_parquet(path: Path, names: Names, encoding: str) -> Iterator[Sequence[Any]]:
    with opened_parquet(path) as (_, table):
        found = [str(name) for name in table.schema_arrow.names]
        wanted = list(filter(None, names))
        places_of(path, found, wanted)
        batches = table.iter_batches(batch_size=ROWS, columns=list(dict.fromkeys(wanted)))
        while True:
            try:
                batch = next(batches, None)
            except DAMAGE as error:
                raise damaged(path, error) from error
            if batch is None:
                return
            yield from zip(*(_cells(batch, name) for name in names), strict=False)


def _cells(batch: Any, name: str | None) -> Iterable[Any]:
    if name is None:
        return repeat(None)
    cells: list[Any] = batch.column(batch.schema.names.index(name)).to_pylist()
    return cells


def _in_delimited(path: Path, names: Names, encoding: str) -> Iterator[Sequence[Any]]:
    with _read(path), _lines(path, encoding) as file:
        head = file.read(HEAD)
    table = _recognised(path, head)
    wanted = list(filter(None, names))
    place = dict(zip(wanted, places_of(path, table.first, wanted), strict=True))
    places = [None if name is None else place[name] for name in names]
    width, number = len(table.first), 0
    with _read(path), _lines(path, encoding) as file:
        file.read(table.start)
        rows = csv.reader(
            file, delimiter=table.separator, strict=True, skipinitialspace=table.spaced
        )
        while some := _some(rows):
            for cells in filter(None, some):
                number += 1
                if len(cells) != width:
                    raise ValueError(
                        f"{path} has {len(cells)} cells in row {number}, but the first line "
                        f"has {width}"
                    )
                yield [None if place is None else cells[place] for place in places]


def _some(rows: Iterator[list[str]]) -> list[list[str]]:
    with cells_of_any_length(LONGEST):
        return list(islice(rows, ROWS))


def _recognised(path: Path, head: str) -> Any:
    """How a table is written, by its first lines: the last ones may have been cut."""
    if len(head) < HEAD:
        return table_of(path, head)
    ends = [found.end() for found in re.finditer("\r\n|\n|\r(?!$)", head)][-100:]
    for end in reversed(ends):
        try:
            return table_of(path, head[:end])
        except ValueError:
            continue
    return table_of(path, head)


@contextmanager
def _read(path: Path) -> Iterator[None]:
    """Say in one sentence that a file cannot be read."""
    try:
        yield
    except UnicodeError as error:
        raise ValueError(
            f"{path} cannot be read: it is in another encoding ({error.reason}); give its encoding"
            if isinstance(error, UnicodeDecodeError)
            else f"{path} cannot be read: {error}"
        ) from error
    except (EOFError, csv.Error, gzip.BadGzipFile) as error:
        raise damaged(path, error) from error
