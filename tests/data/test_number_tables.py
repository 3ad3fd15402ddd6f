"""Tables of numbers as people have them: of each what must come out, or what must be said."""

from __future__ import annotations

import csv
import gzip
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from dirvae.data import number_tables, read_rows
from dirvae.data.delimited import cells_of_any_length, identifiers, table_of
from tests.data.content import parquet, utf

NAN_IN_1_B = "has missing values (NaN), the first in row 1, column 'b' (counted from 1)"
RAGGED = "cannot be read: row 2 has 3 cells, the first line has 2 cells"


class Numbers(NamedTuple):
    """What must come out of a file of numbers."""

    x: list[list[float]]
    columns: list[str] | None = ["a", "b"]
    ids: dict[str, list[Any]] = {}
    notes: tuple[str, ...] = ()


PLAIN = Numbers([[1, 2], [3, 4]])
SEMICOLONS = ("separated by semicolons",)
TABS = ("separated by tabs",)
COMMAS = ("decimal commas read as points",)
R_NAMES = "its first line is one cell shorter than the rows, which begin with their names"
ASIDE = "set aside the first column, which has no name, as 'row': it identifies the rows"

NUMBERS: dict[str, tuple[str, bytes, dict[str, Any], Numbers | str]] = {
    # --- separators
    "commas": ("x.csv", utf("a,b\n1,2\n3,4\n"), {}, PLAIN),
    "no break at the end": ("x.csv", utf("a,b\n1,2\n3,4"), {}, PLAIN),
    "breaks of Windows": ("x.csv", utf("a,b\r\n1,2\r\n3,4\r\n"), {}, PLAIN),
    "breaks of old Macs": ("x.csv", utf("a,b\r1,2\r3,4\r"), {}, PLAIN),
    "semicolons": ("x.csv", utf("a;b\n1;2\n3;4\n"), {}, PLAIN._replace(notes=SEMICOLONS)),
    "tabs": ("x.tsv", utf("a\tb\n1\t2\n3\t4\n"), {}, PLAIN),
    "tabs named csv": ("x.csv", utf("a\tb\n1\t2\n3\t4\n"), {}, PLAIN._replace(notes=TABS)),
    "commas named tsv": (
        "x.tsv",
        utf("a,b\n1,2\n3,4\n"),
        {},
        PLAIN._replace(notes=("separated by commas",)),
    ),
    "bars": ("x.csv", utf("a|b\n1|2\n3|4\n"), {}, PLAIN._replace(notes=("separated by bars",))),
    "a line for Excel": (
        "x.csv",
        utf("sep=;\r\na;b\r\n1;2\r\n3;4\r\n"),
        {},
        PLAIN._replace(notes=SEMICOLONS),
    ),
    "nothing after a line for Excel": (
        "x.csv",
        utf("sep=;\r\n"),
        {},
        " its first line",
    ),
    "spaces after commas": ("x.csv", utf("a, b\n1, 2\n3, 4\n"), {}, PLAIN),
    "spaces before quotes": ("x.csv", utf('a, b\n1, "2"\n3, "4"\n'), {}, PLAIN),
    "spaces alone": ("x.csv", utf("a b\n1 2\n"), {}, "columns that are not numbers: 'a b'"),
    "two ways": (
        "x.csv",
        utf("a;b,c\n1;2,3\n"),
        {},
        "cannot be read: it may be separated by commas or semicolons",
    ),
    "capital suffix": ("X.CSV", utf("a,b\n1,2\n3,4\n"), {}, PLAIN),
    # --- numbers
    "decimal commas": (
        "x.csv",
        utf("a;b\n1,5;2\n-0,25;4e3\n"),
        {},
        Numbers([[1.5, 2], [-0.25, 4000]], notes=SEMICOLONS + COMMAS),
    ),
    "decimal commas between quotes": (
        "x.csv",
        utf('a,b\n"1,5",2\n"3,25",4\n'),
        {},
        Numbers([[1.5, 2], [3.25, 4]], notes=COMMAS),
    ),
    "decimal commas without names": (
        "x.csv",
        utf("1,5;2,5\n3,5;4,5\n"),
        {},
        Numbers([[1.5, 2.5], [3.5, 4.5]], None, notes=SEMICOLONS + COMMAS),
    ),
    "decimal commas after tabs": (
        "x.tsv",
        utf("a\tb\n,5\t2,25\n"),
        {},
        Numbers([[0.5, 2.25]], notes=COMMAS),
    ),
    "three decimals that begin with 0": (
        "x.csv",
        utf("a;b\n0,125;1,250\n"),
        {},
        Numbers([[0.125, 1.25]], notes=SEMICOLONS + COMMAS),
    ),
    "thousands or decimals": (
        "x.csv",
        utf("a;b\n1,250;2,500\n"),
        {},
        "columns that are not numbers: 'a', 'b'; remove them, or name the column that identifies "
        "rows "
        "with --id-column ('1,250' in row 1; write numbers with a point and without separators of "
        "thousands)",
    ),
    "thousands between quotes": (
        "x.csv",
        utf('a,b\n5,6\n"1,234,567",7\n'),
        {},
        "('1,234,567' in row 2; write numbers with a point and without separators of thousands)",
    ),
    "thousands with points": (
        "x.csv",
        utf("a;b\n1.234,5;2\n"),
        {},
        "('1.234,5' in row 1; write numbers with a point and without",
    ),
    "points and commas": (
        "x.csv",
        utf("a;b\n1,5;2.5\n"),
        {},
        "columns that are not numbers: 'a'; remove them, or name the column that identifies rows "
        "with "
        "--id-column ('1,5' in row 1",
    ),
    "underscores": ("x.csv", utf("a,b\n1_000,2\n"), {}, "('1_000' in row 1; write numbers"),
    "percent": ("x.csv", utf("a,b\n5,45%\n"), {}, "not numbers: 'b'; remove"),
    "dates": ("x.csv", utf("a,b\n5,2020-01-31\n"), {}, "('2020-01-31' in row 1)"),
    "true and false": (
        "x.csv",
        utf("a,b\nTRUE,False\nFALSE,True\n"),
        {},
        Numbers([[1, 0], [0, 1]]),
    ),
    "exponents and signs": (
        "x.csv",
        utf("a,b\n+1e-3,-.5\n1E2,5.\n"),
        {},
        Numbers([[0.001, -0.5], [100, 5]]),
    ),
    "an empty cell": ("x.csv", utf("a,b\n1,\n3,4\n"), {}, NAN_IN_1_B),
    "NA": ("x.csv", utf("a,b\n1,NA\n3,4\n"), {}, NAN_IN_1_B),
    "null": ("x.csv", utf("a,b\n1,null\n3,4\n"), {}, NAN_IN_1_B),
    "infinite": (
        "x.csv",
        utf("a,b\n1,inf\n"),
        {},
        "has infinite values, the first in row 1, column 'b'",
    ),
    "NUL": ("x.csv", b"a,b\n1\x005,2\n", {}, "it has NUL characters"),
    # --- first lines
    "no names": ("x.csv", utf("1.5,2\n3,4\n"), {}, Numbers([[1.5, 2], [3, 4]], None)),
    "no names and a gap": (
        "x.csv",
        utf("1.5,NA\n3,4\n"),
        {},
        "has missing values (NaN), the first in row 1, column 2",
    ),
    "no names, first cell missing": (
        "x.csv",
        utf(",1.5,2\n3,4,5\n"),
        {},
        "has missing values (NaN), the first in row 1, column 1",
    ),
    "names 0 and 1": ("x.csv", utf("0,1\n1,2\n3,4\n"), {}, Numbers([[1, 2], [3, 4]], ["0", "1"])),
    "pandas with its index": (
        "x.csv",
        utf(",a,b\n0,1,2\n1,3,4\n"),
        {},
        Numbers([[1, 2], [3, 4]], ids={"row": [0, 1]}, notes=(ASIDE,)),
    ),
    "pandas with its index and numbers": (
        "x.csv",
        utf(",0,1\n0,1,2\n1,3,4\n"),
        {},
        Numbers([[1, 2], [3, 4]], ["0", "1"], {"row": [0, 1]}, (ASIDE,)),
    ),
    "pandas with its index, read and written": (
        "x.csv",
        utf("Unnamed: 0,a,b\n7,1,2\n8,3,4\n"),
        {},
        Numbers(
            [[1, 2], [3, 4]],
            ids={"Unnamed: 0": [7, 8]},
            notes=("set aside column 'Unnamed: 0': it identifies the rows",),
        ),
    ),
    "R's write.csv": (
        "x.csv",
        utf('"","a","b"\n"1",1,2\n"2",3,4\n'),
        {},
        Numbers([[1, 2], [3, 4]], ids={"row": [1, 2]}, notes=(ASIDE,)),
    ),
    "R's write.table": (
        "x.tsv",
        utf('"a"\t"b"\n"1"\t1\t2\n"2"\t3\t4\n'),
        {},
        Numbers([[1, 2], [3, 4]], ids={"row": [1, 2]}, notes=(ASIDE, R_NAMES)),
    ),
    "R with names of rows": (
        "x.tsv",
        utf("a\tb\ngene 1\t1\t2\nNA\t3\t4\n"),
        {},
        Numbers([[1, 2], [3, 4]], ids={"row": ["gene 1", "NA"]}, notes=(ASIDE, R_NAMES)),
    ),
    "R with one column": (
        "x.csv",
        utf('"a"\n"1",5\n"2",6\n'),
        {},
        Numbers([[5], [6]], ["a"], {"row": [1, 2]}, (ASIDE, R_NAMES)),
    ),
    "names of rows that are not certain": (
        "x.csv",
        utf("a,b\n5,1,2\n7,3,4\n"),
        {},
        "cannot be read: row 1 has 3 cells, the first line has 2 cells; put cells that hold ',' "
        "between double quotes, or name the first column if it names the rows",
    ),
    "names of rows that occur twice": (
        "x.csv",
        utf("a,b\nu,1,2\nu,3,4\n"),
        {},
        "cannot be read: row 1 has 3 cells, the first line has 2 cells",
    ),
    "two columns of one name": (
        "x.csv",
        utf("a,b,a\n1,2,3\n"),
        {},
        "has two columns named 'a'; each name must be unique",
    ),
    "a column without a name": (
        "x.csv",
        utf("a,,b\n1,2,3\n"),
        {},
        "has no name for column 2 in its first line",
    ),
    "a comment that is no row": (
        "x.csv",
        utf("# made in 2020\na,b\n1,2\n"),
        {},
        "cannot be read: row 1 has 2 cells, the first line has 1 cell; remove lines of comments",
    ),
    "a comment that holds the names": (
        "x.tsv",
        utf("#OTU ID\ta\tb\nx\t1\t2\ny\t3\t4\n"),
        {"id_columns": ["#OTU ID"]},
        Numbers([[1, 2], [3, 4]], ids={"#OTU ID": ["x", "y"]}),
    ),
    "a title above the names": (
        "x.csv",
        utf("Counts of 2020\na,b\n1,2\n"),
        {},
        "cannot be read: row 1 has 2 cells, the first line has 1 cell",
    ),
    "names only": ("x.csv", utf("a,b\n"), {}, "is empty: its size is 0 x 2, rows by columns"),
    "nothing": ("x.csv", b"", {}, "cannot be read: it is cut off"),
    "blank lines only": ("x.csv", b"\n\n \n", {}, "(it is empty)"),
    # --- widths
    "a longer row": ("x.csv", utf("a,b\n1,2\n3,4,5\n"), {}, RAGGED),
    "a shorter row": (
        "x.csv",
        utf("a,b\n1,2\n3\n"),
        {},
        "cannot be read: row 2 has 1 cell, the first line has 2 cells; all must have as many",
    ),
    "a longer row without names": ("x.csv", utf("1,2\n3,4,5\n"), {}, RAGGED),
    "a comma after every row": (
        "x.csv",
        utf("a,b\n1,2,\n3,4,\n"),
        {},
        "cannot be read: row 1 has 3 cells, the first line has 2 cells; rows must not end in ',' "
        "if the first line does not",
    ),
    "a comma after every line": (
        "x.csv",
        utf("a,b,\n1,2,\n3,4,\n"),
        {},
        PLAIN._replace(notes=("columns without a name that are empty left out: 1",)),
    ),
    "empty columns of Excel": (
        "x.csv",
        utf("a;b;;\n1;2;;\n3;4;;\n"),
        {},
        PLAIN._replace(notes=("columns without a name that are empty left out: 2", *SEMICOLONS)),
    ),
    "empty rows of Excel": (
        "x.csv",
        utf("a,b\n1,2\n,\n"),
        {},
        "has missing values (NaN), the first in row 2, column 'a'",
    ),
    "blank lines": (
        "x.csv",
        utf("\n\na,b\n\n1,2\n\n3,4\n\n"),
        {},
        PLAIN._replace(notes=("blank lines skipped: 2",)),
    ),
    # --- columns set aside
    "identifiers stay as written": (
        "x.csv",
        utf("id,a,b\n007,1,2\nNA,3,4\n"),
        {"id_columns": ["id"]},
        Numbers([[1, 2], [3, 4]], ids={"id": ["007", "NA"]}),
    ),
    "identifiers of 20 digits": (
        "x.csv",
        utf("a,id,b\n1,12345678901234567890,2\n3,9007199254740993,4\n"),
        {"id_columns": ["id"]},
        Numbers([[1, 2], [3, 4]], ids={"id": ["12345678901234567890", "9007199254740993"]}),
    ),
    "identifiers with decimal commas beside": (
        "x.csv",
        utf("id;a;b\n1,5;1,5;2\n"),
        {"id_columns": ["id"]},
        Numbers([[1.5, 2]], ids={"id": ["1,5"]}, notes=SEMICOLONS + COMMAS),
    ),
    "an identifier with a break": (
        "x.csv",
        utf('id,a,b\n"two\nlines, ""quoted""",1,2\nz,3,4\n'),
        {"id_columns": ["id"]},
        Numbers([[1, 2], [3, 4]], ids={"id": ['two\nlines, "quoted"', "z"]}),
    ),
    "an identifier that is not there": (
        "x.csv",
        utf("a,b\n1,2\n"),
        {"id_columns": ["z"]},
        "has no column 'z' to identify rows by",
    ),
    "an identifier of two columns": (
        "x.csv",
        utf("a,z,z\n1,2,3\n"),
        {"id_columns": ["z"]},
        "has two columns named 'z' to identify rows by",
    ),
    # --- quotes
    "everything between quotes": ("x.csv", utf('"a","b"\n"1","2"\n"3","4"\n'), {}, PLAIN),
    "a name with a comma": (
        "x.csv",
        utf('"a,1",b\n1,2\n'),
        {},
        Numbers([[1, 2]], ["a,1", "b"]),
    ),
    "a name with a break": ("x.csv", utf('"a\n1",b\n1,2\n'), {}, Numbers([[1, 2]], ["a\n1", "b"])),
    "a quote that is not closed": (
        "x.csv",
        utf('a,b\n1,2\n3,"4\n5,6\n'),
        {},
        "cannot be read: line 3 has a double quote that is not closed, or not doubled between",
    ),
    # --- encodings
    "UTF-8 with a mark": ("x.csv", utf("a,b\n1,2\n3,4\n", "utf-8-sig"), {}, PLAIN),
    "UTF-8 with two marks": ("x.csv", utf("\ufeffa,b\n1,2\n3,4\n", "utf-8-sig"), {}, PLAIN),
    "a mark before a quote": ("x.csv", utf('"a","b"\n1,2\n3,4\n', "utf-8-sig"), {}, PLAIN),
    "UTF-16 of Excel": (
        "x.csv",
        utf("a\tb\r\n1\t2\r\n3\t4\r\n", "utf-16"),
        {},
        PLAIN._replace(notes=("read as utf-16, because of its byte-order mark", *TABS)),
    ),
    "UTF-16, the greater byte first": (
        "x.csv",
        b"\xfe\xff" + utf("a,b\n1,2\n3,4\n", "utf-16-be"),
        {},
        PLAIN._replace(notes=("read as utf-16, because of its byte-order mark",)),
    ),
    "UTF-16 without a mark": (
        "x.csv",
        utf("a,b\n1,2\n3,4\n", "utf-16-le"),
        {},
        "it has NUL characters, so it is UTF-16 without a byte-order mark, or not text; save it "
        "as text, or "
        "give its encoding, such as utf-16-le",
    ),
    "UTF-16 that is said": (
        "x.csv",
        utf("a,b\n1,2\n3,4\n", "utf-16-le"),
        {"encoding": "utf-16-le"},
        PLAIN,
    ),
    "cp1252": (
        "x.csv",
        utf("größe,b\n1,2\n", "cp1252"),
        {},
        "cannot be read: it is not utf-8 (byte 2); give its encoding, such as cp1252",
    ),
    "cp1252 that is said": (
        "x.csv",
        utf("größe,preis €\n1,2\n", "cp1252"),
        {"encoding": "cp1252"},
        Numbers([[1, 2]], ["größe", "preis €"]),
    ),
    "a mark against what is said": (
        "x.csv",
        utf("a,b\n1,2\n", "utf-16"),
        {"encoding": "cp1252"},
        "begins with the byte-order mark of utf-16: it is not cp1252",
    ),
    "an encoding of what is no text": (
        "x.npy",
        b"\x93NUMPY",
        {"encoding": "cp1252"},
        "is not a .csv or .tsv file, so it has no encoding 'cp1252'",
    ),
    # --- packed, or of other kinds
    "gzip": ("x.csv.gz", gzip.compress(utf("a,b\n1,2\n3,4\n")), {}, PLAIN),
    "tabs in gzip": ("x.TSV.GZ", gzip.compress(utf("a\tb\n1\t2\n3\t4\n")), {}, PLAIN),
    "gzip that its name hides": ("x.csv", gzip.compress(utf("a,b\n1,2\n3,4\n")), {}, PLAIN),
    "gzip in name only": ("x.csv.gz", utf("a,b\n1,2\n3,4\n"), {}, PLAIN),
    "gzip cut off": (
        "x.csv.gz",
        gzip.compress(utf("a,b\n1,2\n3,4\n"))[:-9],
        {},
        "cannot be read: it is cut off",
    ),
    "an Excel workbook as csv": (
        "x.csv",
        b"PK\x03\x04\xff\xfe\0\0",
        {},
        "cannot be read: it is a zip archive or an Excel workbook, whatever its name says",
    ),
    "an Excel workbook": ("x.xlsx", b"PK\x03\x04", {}, "is of a type that cannot be read"),
    "parquet": ("x.parquet", parquet(a=[1, 3], b=[2.0, 4.0]), {}, PLAIN),
    "parquet of decimals": (
        "x.parquet",
        parquet(a=[Decimal("1.00"), Decimal("3.00")], b=[Decimal(2), Decimal(4)]),
        {},
        PLAIN,
    ),
    "parquet of decimals with a gap": (
        "x.parquet",
        parquet(a=[1, 3], b=[None, Decimal("4.0")]),
        {},
        NAN_IN_1_B,
    ),
    "parquet with identifiers": (
        "x.parquet",
        parquet(id=["007", None], a=[1, 3], b=[2, 4]),
        {"id_columns": ["id"]},
        Numbers([[1, 2], [3, 4]], ids={"id": ["007", None]}),
    ),
    "parquet with a gap": ("x.parquet", parquet(a=[1, 3], b=[None, 4]), {}, NAN_IN_1_B),
}


@pytest.mark.parametrize(("name", "content", "options", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_tables_of_numbers(name, content, options, expected, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=re.escape(expected)) as refusal:
            read_rows(path, **options)
        assert name in str(refusal.value)
        return
    rows = read_rows(path, **options)
    np.testing.assert_array_equal(rows.x, expected.x)
    assert rows.columns == expected.columns
    assert repr(rows.ids) == repr(expected.ids)  # 7 is not 7.0
    assert rows.notes == expected.notes


def test_missing_ids_of_a_parquet_file_are_those_of_other_files(tmp_path):
    frame = pd.DataFrame(
        {"day": pd.array([2**53 + 1, None], "Int64"), "who": [None, "i"], "x": [1, 2]}
    )
    frame.to_parquet(tmp_path / "x.parquet")
    rows = read_rows(tmp_path / "x.parquet", id_columns=["day", "who"])
    assert rows.ids == {"day": [2**53 + 1, None], "who": [None, "i"]}
    assert all(cell is not pd.NA for cells in rows.ids.values() for cell in cells)


def test_folders_of_parquet_make_no_columns(tmp_path):
    (tmp_path / "run=3").mkdir()
    (tmp_path / "run=3" / "x.parquet").write_bytes(parquet(a=[1, 3], b=[2, 4]))
    assert read_rows(tmp_path / "run=3" / "x.parquet").columns == ["a", "b"]


def test_a_large_table_comes_back_exactly(tmp_path):
    x = np.random.default_rng(0).standard_normal((500, 40)) * 10.0 ** np.arange(-20, 20)
    frame = pd.DataFrame(x, index=[f"sample {row}" for row in range(500)])
    for separator, decimal in ((",", "."), (";", ","), ("\t", ",")):
        frame.to_csv(tmp_path / "x.csv", sep=separator, decimal=decimal)
        rows = read_rows(tmp_path / "x.csv")
        np.testing.assert_allclose(rows.x, x, rtol=1e-14)
        assert rows.ids["row"] == frame.index.tolist()


# --- the reader of cells --------------------------------------------------------------------------


DELIMITED: dict[str, tuple[str, list[str], list[list[str]], tuple[str, ...]]] = {
    "a blank line above": ("\na,b\n1,2\n", ["a", "b"], [["1", "2"]], ()),
    "a blank line above, of Windows": ("\r\na,b\r\n1,2\r\n", ["a", "b"], [["1", "2"]], ()),
    "blank lines below names alone": ("a,b\n\n\n", ["a", "b"], [], ()),
    "blank lines at the end": ("a,b\n1,2\n\n\n", ["a", "b"], [["1", "2"]], ()),
    "a blank line between": (
        "a,b\n\n1,2\n",
        ["a", "b"],
        [["1", "2"]],
        ("blank lines skipped: 1",),
    ),
    "a space after every separator": ("a, b\n1, x y\n", ["a", "b"], [["1", "x y"]], ()),
    "a space after one separator": ("a,b, c\n1,2, 3\n", ["a", "b", " c"], [["1", "2", " 3"]], ()),
    "a space before one column": ("a\n x\n", ["a"], [[" x"]], ()),
    "a quote in the middle": ('a,b\n1,"x, ""y"""\n', ["a", "b"], [["1", 'x, "y"']], ()),
    "a first line of three lines": (
        '"a\r\n1\n",b\n1,2\n3,4\n',
        ["a\r\n1\n", "b"],
        [["1", "2"], ["3", "4"]],
        (),
    ),
    "other kinds of breaks": ("a,b\n1\x0b,2\x85\n", ["a", "b"], [["1\x0b", "2\x85"]], ()),
    "one column for Excel": ("sep=;\na\nx,y\n", ["a"], [["x,y"]], ()),
    "a space for Excel": (
        "sep= \na b\n1 2\n",
        ["a", "b"],
        [["1", "2"]],
        ("separated by ' '",),
    ),
    "numbers by one separator": (
        "1,5;2,5\n3,5;4,5\n",
        ["1,5", "2,5"],
        [["3,5", "4,5"]],
        ("separated by semicolons",),
    ),
    "one column with a semicolon before each value": (
        '"a"\n"1";5\n"2";6\n',
        ["", "a"],
        [["1", "5"], ["2", "6"]],
        ("separated by semicolons", R_NAMES),
    ),
    "names of rows before what is missing": (
        "a,b\nu,1,NA\nv,,2.5\n",
        ["", "a", "b"],
        [["u", "1", "NA"], ["v", "", "2.5"]],
        (R_NAMES,),
    ),
    "names of rows, the last cell of one empty": (
        "a,b\nu,1,\nv,3,4\n",
        ["", "a", "b"],
        [["u", "1", ""], ["v", "3", "4"]],
        (R_NAMES,),
    ),
    "names of rows that count them": (
        "a,b\n1,x,y\n2,z,w\n",
        ["", "a", "b"],
        [["1", "x", "y"], ["2", "z", "w"]],
        (R_NAMES,),
    ),
}


@pytest.mark.parametrize("case", DELIMITED)
def test_cells_are_those_between_separators(case):
    text, first, rows, notes = DELIMITED[case]
    found = table_of(Path("x.csv"), text)
    assert (found.first, found.notes) == (first, notes)
    assert [row for row in found.rows(found.start) if row] == rows
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in first]
    assert found.columns(range(len(first)), found.start) == columns
    assert found.columns([len(first) - 1], found.start) == columns[-1:]


TWO_CELLS = "the first line has 2 cells"
BETWEEN = "put cells that hold ',' between double quotes"
NAMED = f"{BETWEEN}, or name the first column if it names the rows"
CELLS = "put cells between double quotes"
QUOTE = "has a double quote that is not closed, or not doubled between quotes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,4,5\n", f"row 2 has 3 cells, {TWO_CELLS}; {BETWEEN}"),
        ("a,b\n1,2,3\n4,5\n", f"row 1 has 3 cells, {TWO_CELLS}; {BETWEEN}"),
        ("a,b\n\n1,2\n3\n", f"row 2 has 1 cell, {TWO_CELLS}; all must have as many"),
        ("1,2\n3,4,5\n", f"row 2 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("1,2\n3,4\n5,6,7\n", f"row 3 has 3 cells, {TWO_CELLS}; {BETWEEN}"),
        ("a,b\n1,2,3,4\n", f"row 1 has 4 cells, {TWO_CELLS}; {BETWEEN}"),
        (
            "a,b\n1,2,,\n",
            f"row 1 has 4 cells, {TWO_CELLS}; rows must not end in ',' if the first line does not",
        ),
        ("a,b\n1,2,,3\n", f"row 1 has 4 cells, {TWO_CELLS}; {BETWEEN}"),
        ("a,b\n,1,2\n,3,4\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a,b\nu,1,2\n,3,4\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a,b\nu,1,2\nu,3,4\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a,b\nu,1,2\n7,3,4\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a,b\n0,1,2\n1,3,4\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a,b\nu,x,2\nv,3,4\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a,b\nu,1,2\nv,3,y\n", f"row 1 has 3 cells, {TWO_CELLS}; {NAMED}"),
        ("a\n1,5\n2,5\n", f"row 1 has 2 cells, the first line has 1 cell; {NAMED}"),
        ("#a,b\n5,2,3\n", f"row 1 has 3 cells, {TWO_CELLS}; remove lines of comments"),
        ("a;b,c\n1;2,3\n", f"it may be separated by commas or semicolons; {CELLS}"),
        ("1;2|3\n4;5|6\n", f"it may be separated by semicolons or bars; {CELLS}"),
        ('"a\n', f"line 1 {QUOTE}"),
        ('\n\n"a,b\n', f"line 3 {QUOTE}"),
        ('a,b\n1,2\n"3,4\n5,6\n', f"line 3 {QUOTE}"),
        ('\na,b\n"1\n\n",2\n3,"4"5\n', f"line 6 {QUOTE}"),
        ('"a\n1",b\n"3,4\n', f"line 3 {QUOTE}"),
    ],
)
def test_what_is_no_table_is_told_with_its_place(text, said):
    with pytest.raises(ValueError, match=f"^x.csv cannot be read: {re.escape(said)}$"):
        table_of(Path("x.csv"), text)


@pytest.mark.parametrize("refused", [False, True])
def test_cells_may_be_longer_than_the_module_csv_takes_and_its_limit_is_set_back(refused):
    before, long = csv.field_size_limit(), "x" * (csv.field_size_limit() + 1)
    text = f'a,b\n"{long}",2\n' + "3\n" * refused
    if refused:
        with pytest.raises(ValueError, match="row 2 has 1 cell"):
            table_of(Path("x.csv"), text)
    else:
        found = table_of(Path("x.csv"), text)
        assert found.columns([0], found.start) == [[long]]
    assert csv.field_size_limit() == before


def test_a_cell_is_no_longer_than_its_text():
    with cells_of_any_length(2):
        assert next(csv.reader(["xy"])) == ["xy"]


def test_whole_numbers_are_identifiers_if_all_are_written_so():
    assert identifiers(["0", "-7", "12"]) == [0, -7, 12]
    for cells in (["1", "01"], ["1", "-0"], ["1", ""], ["1", 2], ["1", " 2"]):
        assert identifiers(cells) == cells


@pytest.mark.parametrize(
    ("cells", "is_row"),
    [
        (["1", "2"], True),
        (["0", "1"], False),  # numbers of columns
        (["0", "2"], True),
        (["0"], False),
        (["1"], True),
        (["a", "1"], False),
        (["", "1.5"], True),
        (["", "1", "2000"], False),  # years, behind a column that numbers rows
        (["NA", "1", "2"], True),
        (["NA", ""], False),
        (["1,5", "2"], True),
        (["0.0", "1e0"], False),
    ],
)
def test_a_first_line_is_a_row_if_it_has_numbers_that_are_no_names(cells, is_row):
    assert number_tables._is_row(cells) == is_row


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,x\n", "'b'; remove them, or name .* --id-column ('x' in row 2)"),
        ("a,b\nNA,2\nx,5\n", "'a'; remove them, or name .* --id-column ('x' in row 2)"),
        ("a,b\n1 000,2\n", "('1 000' in row 1; write numbers with a point and without separators"),
        ("a,b\n" + "y" * 50 + ",2\n", "('" + "y" * 40 + "' in row 1)"),
        (",b,row\n7,2,3\n8,4,5\n", None),
        ("Unnamed: 0,b\n7,2\n", None),
        ("a,,b,\n1,,2,\n", None),
        ("a, ,b\n1, ,2\n", None),
        ("a,,b\n1,,2\n3,4,5\n", "has no name for column 2 in its first line"),
        ("a,b,b\n1,2,3\n", "has two columns named 'b'; each name must be unique"),
    ],
)
def test_columns_that_are_no_data_are_set_aside_or_told(text, said, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    if said is None:
        rows = read_rows(tmp_path / "x.csv")
        right = {
            ",b,row": (["b", "row"], [[2, 3], [4, 5]], {"": [7, 8]}),
            "Unnamed: 0,b": (["b"], [[2]], {"Unnamed: 0": [7]}),
            "a,,b,": (["a", "b"], [[1, 2]], {}),
            "a, ,b": (["a", "b"], [[1, 2]], {}),
        }[text.partition("\n")[0]]
        assert (rows.columns, rows.x.tolist(), rows.ids) == right
    else:
        pattern = re.escape(said).replace(re.escape(".*"), ".*")
        with pytest.raises(ValueError, match=pattern):
            read_rows(tmp_path / "x.csv")
