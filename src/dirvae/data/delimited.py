"""Tables in text files, one reader for texts and numbers: what is not certain is refused."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from dirvae.data.text_files import UTF8, damaged, read_text
from dirvae.formats import kind_of
from dirvae.text import some_of

__all__ = [
    "DATES",
    "DECIMAL_COMMA",
    "MISSING",
    "NUMBER",
    "WHOLE",
    "Delimited",
    "cells_of_any_length",
    "comma_notes",
    "dates_in",
    "identifiers",
    "is_date",
    "is_number",
    "numbers_in",
    "perhaps_thousands",
    "read_delimited",
    "table_of",
    "word_notes",
]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
OWN = {".csv": ",", ".tsv": "\t"}
MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None")
NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+|inf(inity)?)(e[+-]?\d+)?\s*", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"\s*[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?\s*")
PERHAPS_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")
DATE = re.compile(r"(\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d(-?\d)?)([Tt ].+)?", re.ASCII)
WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")
EXCEL_HINT = re.compile("sep=([,;\t| ])[\r\n]+")  # a first line that is for Excel
BREAK = re.compile("\r\n|\n|\r")
LINE = re.compile(f"[^\r\n]*(?:{BREAK.pattern})|[^\r\n]+")
ROWS_LOOKED_AT = 100
LIMIT = threading.Lock()


def is_number(cell: str) -> bool:
    """Whether a cell is a number as English and programs write it.

    Example:
        >>> [is_number(cell) for cell in ("1e3", " -.5", "0,5", "1_000", "now")]
        [True, True, False, False, False]
    """
    return NUMBER.fullmatch(cell) is not None and "," not in cell


def perhaps_thousands(cells: Iterable[str]) -> bool:
    """Whether each comma in numbers may be one of thousands.

    Example:
        >>> perhaps_thousands(["1,250", "7"]), perhaps_thousands(["1,250", "0,5"])
        (True, False)
    """
    return all(PERHAPS_THOUSANDS.fullmatch(cell) for cell in cells if "," in cell)


def numbers_in(
    name: str, cells: Sequence[str], source: object, column: Iterable[str] = ()
) -> list[float] | None:
    """The numbers of a column, with points or all with a decimal comma; None if a cell is none.

    Args:
        name: Of the column.
        cells: Those that are not missing.
        source: What has the column, for messages.
        column: The cells of all rows, where these are some: they also tell what a comma means.

    Raises:
        ValueError: If all commas may be those of thousands.

    Example:
        >>> [numbers_in("a", cells, "x.csv") for cells in (["1.5", "2"], ["1,5", "2"], ["sea"])]
        [[1.5, 2.0], [1.5, 2.0], None]
    """
    if all(map(is_number, cells)):
        return [float(cell) for cell in cells]
    if not all(map(DECIMAL_COMMA.fullmatch, cells)):
        return None
    if perhaps_thousands([*cells, *filter(DECIMAL_COMMA.fullmatch, column)]):
        example = next(cell for cell in cells if "," in cell)
        raise ValueError(
            f"{source}: column {name!r} has {example!r}, which may mean two numbers: write numbers "
            "with a point and without separators of thousands, or leave the column out"
        )
    return [float(cell.replace(",", ".")) for cell in cells]


def comma_notes(told: Mapping[str, Iterable[Any]], numbers: Iterable[str]) -> tuple[str, ...]:
    """A note of the columns that had decimal commas, if there are some.

    Args:
        told: From names of columns to their cells.
        numbers: Names of those that are now numbers.

    Example:
        >>> comma_notes({"a": ["1,5"], "b": ["2"], "c": ["sea, air"]}, ["a", "b"])
        ('decimal commas read as points in a',)
    """
    names = [
        name
        for name in numbers
        if any(isinstance(cell, str) and "," in cell for cell in told[name])
    ]
    return (f"decimal commas read as points in {some_of(names)}",) if names else ()


def word_notes(told: Mapping[str, Iterable[Any]], words: Iterable[str]) -> tuple[str, ...]:
    """A note of each column of words in which most cells are numbers or dates, as after a typo.

    Args:
        told: From names of columns to their cells.
        words: Names of those that are now words, though nobody said so.

    Example:
        >>> word_notes({"age": ["31", "4o", "", "27"], "at": ["sea", "air", "7"]}, ["age", "at"])
        ("age is read as words, not as numbers, because of '4o'",)
    """
    notes = []
    for name in words:
        cells = [cell for cell in told[name] if isinstance(cell, str) and cell not in MISSING]
        for kind, is_one in KINDS:
            others = [cell for cell in cells if not is_one(cell)]
            if 0 < 2 * len(others) < len(cells):
                notes.append(f"{name} is read as words, not as {kind}, because of {others[0]!r}")
                break
    return tuple(notes)


def is_date(cell: str) -> bool:
    """Whether a cell is a date, or a date with a time, as ISO 8601 has them.

    Example:
        >>> [is_date(cell) for cell in ("2020-12-31", "2020-12-31 23:59", "2020-02-30", "2020")]
        [True, True, False, False]
    """
    return dates_in([cell]) is not None


def dates_in(cells: Sequence[str]) -> list[date] | None:
    """The dates of a column; dates with a time, if a cell has one; None if a cell is no date.

    Example:
        >>> dates_in(["2020-12-31", "2021-01-01"])
        [datetime.date(2020, 12, 31), datetime.date(2021, 1, 1)]
    """
    for parse in DATES:
        with suppress(ValueError):
            return [parse(cell) for cell in cells]
    return None


def _dated(cell: str) -> str:
    # Python also reads codes as dates, such as 20201231_1, and with a time, such as 20201231-12.
    if not DATE.fullmatch(cell):
        raise ValueError(f"{cell!r} is no date")
    return cell


def _date(cell: str) -> date:
    return date.fromisoformat(_dated(cell))


def _date_with_time(cell: str) -> date:
    return datetime.fromisoformat(_dated(cell))


DATES: tuple[Callable[[str], date], ...] = (_date, _date_with_time)
KINDS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("numbers", is_number),
    ("numbers", DECIMAL_COMMA.fullmatch),
    ("dates", is_date),
)


class Delimited(NamedTuple):
    """A table of cells in a text, as many in every row.

    Attributes:
        text: All of it.
        separator: What stands between cells.
        spaced: Whether a space follows each separator.
        first: Cells of the first line, names of columns as a rule. If the rows begin with names of
            rows, for which the line has no cell, then an empty one was put before the others.
        begin: Where in the text the first line begins.
        start: Where in the text the rows after it begin.
        notes: What was recognised.
    """

    text: str
    separator: str
    spaced: bool
    first: list[str]
    begin: int
    start: int
    notes: tuple[str, ...] = ()

    def rows(self, position: int) -> Iterator[list[str]]:
        """Yield the cells of each line from a position on; a blank line has none."""
        if self.spaced or '"' in self.text:
            yield from _quoted_rows(self.text, position, self.separator, self.spaced)
            return
        for line in _lines(self.text, position):  # several times faster
            cells = line.rstrip("\r\n")
            yield cells.split(self.separator) if cells else []

    def columns(self, places: Sequence[int], position: int) -> list[list[str]]:
        """Return cells, as written, of columns by their places, from a position on."""
        with cells_of_any_length(len(self.text)):
            found = [[row[place] for place in places] for row in self.rows(position) if row]
        return [list(column) for column in zip(*found, strict=True)] or [[] for _ in places]


class _MisfitError(ValueError):
    """A text is not written so."""


def read_delimited(path: Path, encoding: str = UTF8) -> Delimited:
    r"""Find out how a .csv or .tsv file is written, and make sure that all of it is written so.

    Cells are separated by commas, semicolons, tabs or bars. The separator is the one that parts
    every line into the same number of cells, two or more. Cells may stand between double quotes;
    these may hold separators, breaks of lines, and quotes, doubled. Blank lines are skipped.

    Each row has as many cells as the first line; or each has one more, names of rows as R writes
    them. These are 1, 2, ..., or no numbers and all different, before cells that are numbers.

    Args:
        path: The file, which may be packed by gzip.
        encoding: See `read_text`.

    Raises:
        ValueError: If the file is empty, cannot be decoded or can be read in two ways. Or if a row
            is longer or shorter, or a quote is not closed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "x.csv").write_text("a;b\n1,5;2\n")
        ...     table = read_delimited(Path(folder, "x.csv"))
        >>> table.first, table.columns([0, 1], table.start), table.notes
        (['a', 'b'], [['1,5'], ['2']], ('separated by semicolons',))
    """
    text, notes = read_text(path, encoding)
    found = table_of(path, text)
    return found._replace(notes=notes + found.notes)


def table_of(path: Path, text: str) -> Delimited:
    """Find out how a text is written, as `read_delimited` does of a file.

    Args:
        path: The file that it is of.
        text: All of it, or its first lines.

    Raises:
        ValueError: As `read_delimited` does.
    """
    if not text.strip():
        raise damaged(path, ValueError("it is empty"))
    own, hint = OWN.get(kind_of(path), ","), EXCEL_HINT.match(text)
    try:
        with cells_of_any_length(len(text)):
            found = _checked(_opened(text, hint[1], hint.end())) if hint else _chosen(text, own)
    except _MisfitError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if found.separator != own and len(found.first) > 1:
        notes = (f"separated by {SEPARATORS.get(found.separator, repr(found.separator))}",)
        return found._replace(notes=(*notes, *found.notes))
    return found


def identifiers(cells: Sequence[Any]) -> list[Any]:
    """Return cells as they are; integers if all are such as written.

    Example:
        >>> identifiers(["7", "12"]), identifiers(["007", "12"])
        ([7, 12], ['007', '12'])
    """
    are_whole = all(isinstance(cell, str) and WHOLE.fullmatch(cell) for cell in cells)
    return [int(cell) for cell in cells] if are_whole else list(cells)


def _chosen(text: str, own: str) -> Delimited:
    """By the separator that fits; of several, by that which makes numbers of the first line."""
    separators = sorted(SEPARATORS, key=lambda separator: separator != own)
    opened, misfits = _tried(lambda separator: _opened(text, separator), separators)
    parted = [table for table in opened if len(table.first) > 1]
    if parted:
        fitting, misfits = _tried(_checked, parted)
    elif opened and opened[0].separator == own:
        fitting, misfits = _one_column(opened)
    else:
        fitting = []
    if not fitting:
        raise misfits[0]
    if len(fitting) > 1:
        fitting = [table for table in fitting if all(map(NUMBER.fullmatch, table.first))]
    if len(fitting) != 1:
        ways = " or ".join(SEPARATORS[table.separator] for table in parted)
        raise _MisfitError(f"it may be separated by {ways}; put cells between double quotes")
    return fitting[0]


def _one_column(opened: Sequence[Delimited]) -> tuple[list[Delimited], list[_MisfitError]]:
    """Of one column, alone or after names of rows."""
    alone, misfits = _tried(_checked, opened[:1])
    if alone:
        return alone, misfits
    others, _ = _tried(_checked, opened[1:])
    return [table for table in others if len(table.first) > 1], misfits


def _tried(
    act: Callable[[Any], Delimited], choices: Sequence[Any]
) -> tuple[list[Delimited], list[_MisfitError]]:
    done, misfits = [], []
    for choice in choices:
        try:
            done.append(act(choice))
        except _MisfitError as error:
            misfits.append(error)
    return done, misfits


def _opened(text: str, separator: str, begin: int = 0) -> Delimited:
    """With its first line read, and nothing checked."""
    while text[begin : begin + 1] in ("\r", "\n"):
        begin += 1
    first, start = _first(text, begin, separator, False)
    spaced = len(first) > 1 and all(cell.startswith(" ") for cell in first[1:])
    if spaced:
        first, start = _first(text, begin, separator, True)
    return Delimited(text, separator, spaced, first, begin, start)


def _first(text: str, begin: int, separator: str, spaced: bool) -> tuple[list[str], int]:
    """Cells of the first line, and where it ends."""
    first = next(_quoted_rows(text, begin, separator, spaced), [])
    if not first:
        raise _MisfitError("there is nothing after its first line")
    breaks = sum(len(BREAK.findall(cell)) for cell in first)
    *_, last = islice(LINE.finditer(text, begin), 1 + breaks)
    return first, last.end()


def _checked(table: Delimited) -> Delimited:
    """The same, if all rows are of one width; an empty cell before the first line for names."""
    width, uneven, longer, row, blank, skipped = len(table.first), None, True, 0, 0, 0
    for cells in table.rows(table.start):
        if not cells:
            blank += 1
            continue
        row, skipped = row + 1, blank  # blank lines at the end do not count
        longer = longer and len(cells) == width + 1
        if uneven is None and len(cells) != width:
            uneven = row, cells
    notes: tuple[str, ...] = (f"blank lines skipped: {skipped}",) if skipped else ()
    if uneven is None:
        return table._replace(notes=notes)
    if not longer or not _has_row_names(table):
        raise _MisfitError(_misfit(table.first, table.separator, *uneven, longer))
    notes += ("its first line is one cell shorter than the rows, which begin with their names",)
    return table._replace(first=["", *table.first], notes=notes)


def _has_row_names(table: Delimited) -> bool:
    """Whether rows that are one cell longer than the first line begin with names of theirs."""
    names, ends = [], set()
    for cells in filter(None, table.rows(table.start)):
        names.append(cells[0])
        ends.add(cells[-1])
    if "" in names or ends == {""}:  # a separator begins or ends every row
        return False
    if names == [str(row) for row in range(1, len(names) + 1)]:
        # In one column this may be a number with a decimal comma; R puts names between quotes.
        return len(table.first) > 1 or table.text[table.start :].lstrip("\r\n")[:1] == '"'
    if len(set(names)) < len(names) or any(map(NUMBER.fullmatch, names)):
        return False
    rows = islice(filter(None, table.rows(table.start)), ROWS_LOOKED_AT)
    return all(cell in MISSING or NUMBER.fullmatch(cell) for cells in rows for cell in cells[1:])


def _misfit(first: list[str], separator: str, row: int, cells: list[str], longer: bool) -> str:
    width, number = len(first), row + all(map(NUMBER.fullmatch, first))
    counted = f"row {number} has {_number_of(cells)}, the first line has {_number_of(first)}"
    quote = f"put cells that hold {separator!r} between double quotes"
    if len(cells) > width and not any(cells[width:]):
        return f"{counted}; rows must not end in {separator!r} if the first line does not"
    if first[0].startswith("#"):
        return f"{counted}; remove lines of comments"
    if longer:
        return f"{counted}; {quote}, or name the first column if it names the rows"
    return f"{counted}; {quote if len(cells) > width else 'all must have as many'}"


def _number_of(cells: list[str]) -> str:
    return "1 cell" if len(cells) == 1 else f"{len(cells)} cells"


def _lines(text: str, position: int) -> Iterator[str]:
    """Lines as files have them, of which a string in memory would know more kinds."""
    return (found.group() for found in LINE.finditer(text, position))


def _quoted_rows(text: str, position: int, separator: str, spaced: bool) -> Iterator[list[str]]:
    lines = _lines(text, position)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=spaced)
    done = 0
    try:
        for cells in reader:
            done = reader.line_num
            yield cells
    except csv.Error as error:
        line = 1 + done + sum(1 for _ in LINE.finditer(text, 0, position))
        raise _MisfitError(
            f"line {line} has a double quote that is not closed, or not doubled between quotes"
        ) from error


@contextmanager
def cells_of_any_length(most: int) -> Iterator[None]:
    """Lift the limit of the module csv, which is one for all threads, and set it back."""
    with LIMIT:
        before = csv.field_size_limit(most + 1)
        try:
            yield
        finally:
            csv.field_size_limit(before)
