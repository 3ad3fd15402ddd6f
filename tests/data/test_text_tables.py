"""Tables of texts as people have them: of each what must come out, or what must be said."""

from __future__ import annotations

import csv
import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from dirvae.data import read_texts
from dirvae.data.text_files import damaged, read_text
from dirvae.data.text_tables import as_classes, as_texts
from tests.data.content import parquet, utf

RAGGED = "cannot be read: row 2 has 3 cells, the first line has 2 cells"
SEMICOLONS = ("separated by semicolons",)
TABS = ("separated by tabs",)
R_NAMES = "its first line is one cell shorter than the rows, which begin with their names"


class Words(NamedTuple):
    """What must come out of a file of texts."""

    texts: list[str]
    labels: list[str] | None = None
    ids: dict[str, list[Any]] | None = None  # numbers of rows
    notes: tuple[str, ...] = ()


TWO = Words(["stars shine", "dogs bark"], ["astro", "pets"])
LABELS = {"label_column": "label"}

TEXTS: dict[str, tuple[str, bytes, dict[str, Any], Words | str]] = {
    "commas": ("x.csv", utf("text,label\nstars shine,astro\ndogs bark,pets\n"), LABELS, TWO),
    "semicolons of Excel": (
        "x.csv",
        utf("text;label\r\nstars shine;astro\r\ndogs bark;pets\r\n", "utf-8-sig"),
        LABELS,
        TWO._replace(notes=SEMICOLONS),
    ),
    "tabs": ("x.tsv", utf("text\tlabel\nstars shine\tastro\ndogs bark\tpets\n"), LABELS, TWO),
    "tabs with commas in the texts": (
        "x.tsv",
        utf("text\tlabel\nstars, shine\tastro\ndogs; bark\tpets\n"),
        LABELS,
        TWO._replace(texts=["stars, shine", "dogs; bark"]),
    ),
    "semicolons with commas in the texts": (
        "x.csv",
        utf("label;text\nastro;stars, shine\npets;dogs, bark\n"),
        LABELS,
        TWO._replace(texts=["stars, shine", "dogs, bark"], notes=SEMICOLONS),
    ),
    "a comma after every row": (
        "x.csv",
        utf("text,label\nstars shine,astro,\ndogs bark,pets,\n"),
        LABELS,
        "cannot be read: row 1 has 3 cells, the first line has 2 cells; rows must not end in ','",
    ),
    "a comma after every line": (
        "x.csv",
        utf("text,label,\nstars shine,astro,\ndogs bark,pets,\n"),
        LABELS,
        TWO,
    ),
    "a comma after every numbered row": (
        "x.csv",
        utf("text,label\n1,stars,\n2,dogs,\n"),
        LABELS,
        "cannot be read: row 1 has 3 cells, the first line has 2 cells; rows must not end in ','",
    ),
    "a tab before every row": (
        "x.tsv",
        utf("text\n\tstars\n"),
        {},
        "cannot be read: row 1 has 2 cells, the first line has 1 cell",
    ),
    "a comma in the text of one column": (
        "x.csv",
        utf("text\nstars shine, and dogs bark\n"),
        {},
        "cannot be read: row 1 has 2 cells, the first line has 1 cell; put cells that hold ',' "
        "between double quotes, or name the first column if it names the rows",
    ),
    "a comma in the last text of one column": (
        "x.csv",
        utf("text\nstars shine\ndogs, bark\n"),
        {},
        "cannot be read: row 2 has 2 cells, the first line has 1 cell; put cells that hold ','",
    ),
    "numbered texts of one column": (
        "x.csv",
        utf("text\n1,stars\n2,dogs\n"),
        {},
        "cannot be read: row 1 has 2 cells, the first line has 1 cell",
    ),
    "a comma in one text": (
        "x.csv",
        utf("text,label\nstars shine,astro\ndogs, bark,pets\n"),
        LABELS,
        RAGGED,
    ),
    "commas and breaks between quotes": (
        "x.csv",
        utf('text,label\n"stars,\nshine",astro\n"say ""woof""",pets\n'),
        LABELS,
        TWO._replace(texts=["stars,\nshine", 'say "woof"']),
    ),
    "breaks of Windows between quotes": (
        "x.csv",
        utf('text,label\r\n"stars\r\nshine",astro\r\ndogs bark,pets\r\n'),
        LABELS,
        TWO._replace(texts=["stars\r\nshine", "dogs bark"]),
    ),
    "quotes inside a cell": (
        "x.csv",
        utf('text,label\nstars 5" wide,astro\n"dogs bark",pets\n'),
        LABELS,
        TWO._replace(texts=['stars 5" wide', "dogs bark"]),
    ),
    "quotes behind backslashes": (
        "x.csv",
        utf('text,label\n"stars \\"shine\\"",astro\n'),
        LABELS,
        "cannot be read: line 2 has a double quote that is not closed, or not doubled between",
    ),
    "one column": (
        "x.csv",
        utf("text\nstars shine\ndogs; bark\n"),
        {},
        Words(["stars shine", "dogs; bark"]),
    ),
    "one column with blank lines": (
        "x.csv",
        utf("text\nstars shine\n\ndogs bark\n\n"),
        {},
        Words(["stars shine", "dogs bark"], notes=("blank lines skipped: 1",)),
    ),
    "one column with an empty text": (
        "x.csv",
        utf('text\nstars shine\n""\ndogs bark\n""\n'),
        {},
        Words(["stars shine", "", "dogs bark", ""], notes=("rows without a text: 2",)),
    ),
    "a first text of spaces": (
        "x.csv",
        utf("text,label\n  ,1\nstars,2\n"),
        LABELS,
        Words(["  ", "stars"], ["1", "2"], notes=("rows without a text: 1",)),
    ),
    "NA, null and 007": (
        "x.csv",
        utf("text,label\nNA,NA\nnull,null\n007,007\nnan,None\nstars,\n"),
        LABELS,
        Words(["NA", "null", "007", "nan", "stars"], ["NA", "null", "007", "None", ""]),
    ),
    "labels with zeros before": (
        "x.csv",
        utf("text,label\nstars,01\ndogs,1\ncats,1.0\n"),
        LABELS,
        Words(["stars", "dogs", "cats"], ["01", "1", "1.0"]),
    ),
    "labels that pandas made fractions": (
        "x.csv",
        utf("text,label\nstars,1.0\ndogs,\ncats,-1.0\n"),
        LABELS,
        Words(["stars", "dogs", "cats"], ["1", "", "-1"]),
    ),
    "true and false as labels": (
        "x.csv",
        utf("text,label\nstars,TRUE\ndogs,false\n"),
        LABELS,
        Words(["stars", "dogs"], ["TRUE", "false"]),
    ),
    "numbers as texts": (
        "x.csv",
        utf("text\n1\n2.5\n"),
        {},
        "has 1 in row 1 of 'text', must be text",
    ),
    "no such column": (
        "x.csv",
        utf("body,class\na,b\n"),
        {},
        "has no column 'text'; its columns are body, class; text_column (--text-column on",
    ),
    "no such column beside names of several lines": (
        "x.csv",
        utf('"bo\ndy",class\na,b\n'),
        {},
        r"has no column 'text'; its columns are bo\ndy, class; text_column",
    ),
    "two columns of one name": (
        "x.csv",
        utf("text,label,label\nstars,a,b\n"),
        LABELS,
        "has two columns named 'label'; each name must be unique",
    ),
    "two columns of a name that nobody asks for": (
        "x.csv",
        utf("text,z,z\nstars,a,b\n"),
        {},
        Words(["stars"]),
    ),
    "names only": ("x.csv", utf("text,label\n"), {}, "has no rows"),
    "nothing": ("x.csv", b"", {}, "(it is empty)"),
    "R's write.csv": (
        "x.csv",
        utf('"","text","label"\n"1","stars shine","astro"\n"2","dogs bark","pets"\n'),
        LABELS,
        TWO,
    ),
    "R's write.table": (
        "x.tsv",
        utf('"text"\t"label"\n"1"\t"stars shine"\t"astro"\n"2"\t"dogs bark"\t"pets"\n'),
        LABELS,
        TWO._replace(notes=(R_NAMES,)),
    ),
    "identifiers": (
        "x.csv",
        utf("id,text,url\n007,stars,http://a\n12,dogs,http://b\n"),
        {"id_columns": ["url", "id"]},
        Words(["stars", "dogs"], ids={"url": ["http://a", "http://b"], "id": ["007", "12"]}),
    ),
    "identifiers that are numbers": (
        "x.tsv",
        utf("id\ttext\n7\tstars\n12\tdogs\n"),
        {"id_columns": ["id"]},
        Words(["stars", "dogs"], ids={"id": [7, 12]}),
    ),
    "an identifier that is not there": (
        "x.csv",
        utf("text,id\nstars,1\n"),
        {"id_columns": ["key"]},
        "has no column 'key'; its columns are text, id",
    ),
    "a text of 200,000 letters": (
        "x.csv",
        utf('text,label\n"' + "stars, " * 30_000 + '",astro\n'),
        LABELS,
        Words(["stars, " * 30_000], ["astro"]),
    ),
    "breaks that files do not have": (
        "x.csv",
        utf("text,label\nstars\u2028shine\x0b\x1c,astro\ndogs\x85bark,pets\n"),
        LABELS,
        TWO._replace(texts=["stars\u2028shine\x0b\x1c", "dogs\x85bark"]),
    ),
    "scripts": (
        "x.csv",
        utf("text,label\nहिन्दी में पाठ,भाषा\n星が光る、犬が吠える,日本\nภาษาไทย,язык\n"),
        LABELS,
        Words(["हिन्दी में पाठ", "星が光る、犬が吠える", "ภาษาไทย"], ["भाषा", "日本", "язык"]),
    ),
    "UTF-16 of Excel": (
        "x.csv",
        utf("text\tlabel\r\ngrößer\tastro\r\n", "utf-16"),
        LABELS,
        Words(
            ["größer"],
            ["astro"],
            notes=("read as utf-16, because of its byte-order mark", *TABS),
        ),
    ),
    "UTF-16 of Cyrillic without its mark": (
        "x.csv",
        utf("text\nжизнь идёт\n", "utf-16-le"),
        {},
        "it has NUL characters, so it is UTF-16 without a byte-order mark",
    ),
    "UTF-32": (
        "x.csv",
        utf("text\nstars\n", "utf-32"),
        {},
        Words(["stars"], notes=("read as utf-32, because of its byte-order mark",)),
    ),
    "cp1252": (
        "x.csv",
        utf("text\n“größer” 5 €\n", "cp1252"),
        {},
        "it is not utf-8 (byte 5); give its encoding, such as cp1252",
    ),
    "cp1252 that is said": (
        "x.csv",
        utf("text\n“größer” 5 €\n", "cp1252"),
        {"encoding": "cp1252"},
        Words(["“größer” 5 €"]),
    ),
    "latin-1 that is said": (
        "x.csv",
        utf("text\ngrößer\n", "latin-1"),
        {"encoding": "latin-1"},
        Words(["größer"]),
    ),
    "Shift-JIS that is said": (
        "x.csv",
        utf("text,label\n表示,日本\n", "shift-jis"),
        {"encoding": "shift-jis", **LABELS},
        Words(["表示"], ["日本"]),
    ),
    "gzip": ("x.csv.gz", gzip.compress(utf("text\nstars\n")), {}, Words(["stars"])),
    "lines of JSON": (
        "x.jsonl",
        utf('{"text": "stars", "label": "007"}\n\n{"text": null, "label": 1}\n{"label": null}\n'),
        LABELS,
        Words(["stars", "", ""], ["007", "1", ""], notes=("rows without a text: 2",)),
    ),
    "lines of JSON in gzip": ("x.jsonl.gz", gzip.compress(b'{"text": "NA"}\n'), {}, Words(["NA"])),
    "lines of JSON with a mark": (
        "x.jsonl",
        utf('{"text": "a b"}', "utf-8-sig"),
        {},
        Words(["a b"]),
    ),
    "lines of JSON with identifiers": (
        "x.jsonl",
        utf('{"text": "stars", "id": 9007199254740993}\n{"text": "dogs", "id": null}\n'),
        {"id_columns": ["id"]},
        Words(["stars", "dogs"], ids={"id": [9007199254740993, None]}),
    ),
    "a line that is not valid JSON": (
        "x.jsonl",
        b'{"text": "a"}\n{"text": \n',
        {},
        "line 2 is not valid JSON (",
    ),
    "a list of JSON": (
        "x.jsonl",
        b'["stars", "dogs"]\n',
        {},
        "line 1 is not a JSON object, such as",
    ),
    "parquet": (
        "x.parquet",
        parquet(text=["stars", None, "NA"], label=pd.array([1, None, 7], dtype="Int64")),
        LABELS,
        Words(["stars", "", "NA"], ["1", "", "7"], notes=("rows without a text: 1",)),
    ),
    "parquet with identifiers": (
        "x.parquet",
        parquet(text=["a", "b"], id=pd.array([9007199254740993, None], dtype="Int64")),
        {"id_columns": ["id"]},
        Words(["a", "b"], ids={"id": [9007199254740993, None]}),
    ),
    "parquet with other than texts": (
        "x.parquet",
        parquet(text=[1, 2]),
        {},
        "has 1 in row 1 of 'text', must be text",
    ),
    "an encoding of parquet": (
        "x.parquet",
        parquet(text=["a"]),
        {"encoding": "cp1252"},
        "is not a text file, so it has no encoding 'cp1252'",
    ),
    "a list of JSON in one file": ("x.json", b"[]", {}, "is of a type that cannot be read"),
    "a Word document as csv": (
        "x.csv",
        b"PK\x03\x04\x14\x00",
        {},
        "so it is a zip archive or an Excel",
    ),
}


@pytest.mark.parametrize(("name", "content", "options", "expected"), TEXTS.values(), ids=TEXTS)
def test_tables_of_texts(name, content, options, expected, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=re.escape(expected)) as refusal:
            read_texts(path, **options)
        assert name in str(refusal.value)
        return
    found = read_texts(path, **options)
    assert found.texts == expected.texts
    assert found.labels == expected.labels
    assert found.ids == (expected.ids or {"row": list(range(1, len(found.texts) + 1))})
    assert found.notes == expected.notes


def test_the_limit_of_the_module_csv_is_set_back(tmp_path):
    before = csv.field_size_limit()
    (tmp_path / "x.csv").write_text('text\n"' + "stars, " * before + '"\n')
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_texts, [tmp_path / "x.csv"] * 4))
    assert {len(texts.texts[0]) for texts in found} == {7 * before}
    assert csv.field_size_limit() == before


def test_folders_of_parquet_make_no_columns(tmp_path):
    (tmp_path / "label=x").mkdir()
    (tmp_path / "label=x" / "x.parquet").write_bytes(parquet(text=["stars"]))
    with pytest.raises(ValueError, match="has no column 'label'; its columns are text"):
        read_texts(tmp_path / "label=x" / "x.parquet", label_column="label")


# --- texts and their cells ------------------------------------------------------------------------


def test_what_a_library_says_is_cut_after_160_characters():
    said = "x.csv cannot be read: it is cut off, or not what its name says"
    for long, told in ((160, "x" * 160), (161, "x" * 160 + "...")):
        assert str(damaged(Path("x.csv"), ValueError("x" * long))) == f"{said} ({told})"
    assert str(damaged(Path("x.csv"), ValueError("one\n  two."))) == f"{said} (one two)"
    missing = FileNotFoundError(2, "No such file", "x.csv")
    assert damaged(Path("x.csv"), missing) is missing
    assert isinstance(damaged(Path("x.csv"), OSError("no name")), ValueError)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_text_takes_four_times_its_bytes_of_memory(tmp_path, monkeypatch, pack):
    text = "word " * 200
    (tmp_path / "x.txt").write_bytes(pack(text.encode()))
    monkeypatch.setenv("DIRVAE_MEMORY", str(4 * len(text) / 2**30))
    assert read_text(tmp_path / "x.txt") == (text, ())
    monkeypatch.setenv("DIRVAE_MEMORY", str((4 * len(text) - 1) / 2**30))
    with pytest.raises(ValueError, match=r"x\.txt cannot be read: it takes"):
        read_text(tmp_path / "x.txt")


def test_cells_are_texts_unless_all_that_are_there_are_numbers():
    path, nan = Path("x"), float("nan")
    assert as_texts(path, "text", ["1", "word", None, nan, ""]) == ["1", "word", "", "", ""]
    assert as_texts(path, "text", ["", None]) == ["", ""]
    for cells, said in (
        (["", "1", "2,5"], "x has 1 in row 2 of 'text', must be text, but all cells are numbers"),
        (["a", None, 5], "x has 5 in row 3 of 'text', must be text$"),
        (["1", 5], "x has 5 in row 2 of 'text', must be text$"),
    ):
        with pytest.raises(ValueError, match=said):
            as_texts(path, "text", cells)


def test_classes_are_words_and_whole_numbers_whole():
    nan = float("nan")
    assert as_classes([1.0, nan, 2.5, -3.0]) == ["1", "", "2.5", "-3"]
    assert as_classes(["1.0", "", "-20.0"]) == ["1", "", "-20"]
    assert as_classes(["1.0", "1.5"]) == ["1.0", "1.5"]
    assert as_classes(["1.0", 1.0]) == ["1.0", "1"]
    assert as_classes([True, None, "x"]) == ["True", "", "x"]
    assert as_classes([1, pd.NA, 2]) == ["1", "", "2"]
    assert as_classes([pd.NA, True]) == ["", "True"]
    assert as_texts(Path("x.csv"), "text", ["one", pd.NA, ""]) == ["one", "", ""]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"text": "a"}\n\n{"text": }\n', "line 3 is not valid JSON"),
        ('\n{"text": "a"}\n[1]\n', "line 3 is not a JSON object, such as"),
        ('{"body": "a"}\n', "has no column 'text'; its columns are body; text_column"),
        ("\n \n", "has no rows"),
    ],
)
def test_lines_of_json_are_counted_with_blank_ones(tmp_path, lines, said):
    (tmp_path / "x.jsonl").write_text(lines)
    with pytest.raises(ValueError, match=said):
        read_texts(tmp_path / "x.jsonl")
