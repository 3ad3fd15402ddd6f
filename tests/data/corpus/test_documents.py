"""Documents in a stream are those that are read whole."""

from __future__ import annotations

import datetime
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from dirvae.data import Document, corpora, documents_in, read_texts
from dirvae.data.corpus import documents as module
from dirvae.data.corpus.documents import plain

ROWS = [
    {"text": 'one, "two"\nthree', "id": "007", "kind": "NA", "year": 1999},
    {"text": "größer", "id": "8", "kind": "", "year": 2001},
    {"text": "", "id": "9", "kind": "b", "year": 2000},
] * 40
NAMES = {"text_column": "text", "id_column": "id", "label_column": "kind", "time_column": "year"}


def written(folder, name, **options):
    """The rows as a file, as other libraries write it."""
    path, frame = folder / name, pd.DataFrame(ROWS)
    if ".jsonl" in name:
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif ".parquet" in name:
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, **options)
    return path


def test_a_table_in_a_stream_is_that_which_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 7)
    paths = [
        written(tmp_path, "a.csv"),
        written(tmp_path, "b.tsv.gz", sep="\t"),
        written(tmp_path, "c.csv", sep=";", encoding="utf-16", lineterminator="\r\n"),
        written(tmp_path, "d.jsonl.gz"),
        written(tmp_path, "e.jsonl"),
        written(tmp_path, "f.parquet"),
    ]
    for path in paths:
        whole = read_texts(path, label_column="kind", id_columns=["id"], columns=["year"])
        for head in (50, 2**20):  # shorter than the file, in the middle of a cell, and longer
            monkeypatch.setattr(module, "HEAD", head)
            found = list(documents_in(path, **NAMES))
            assert [row.text for row in found] == whole.texts, path
            assert [row.label for row in found] == whole.labels
            assert [row.id for row in found] == [str(row["id"]) for row in ROWS]
            assert [str(row.time) for row in found] == [str(row["year"]) for row in ROWS]


@pytest.mark.parametrize("name", ["a.csv", "b.jsonl", "c.parquet"])
def test_what_was_not_asked_for_is_not_known(tmp_path, name):
    path = written(tmp_path, name)
    if name == "b.jsonl":
        path.write_text(path.read_text().replace("\n", "\n \n\n", 1))  # blank lines are none
    found = list(documents_in(path, time_column="year"))
    assert [row.text for row in found] == [row["text"] for row in ROWS]
    assert {row.id for row in found} | {row.label for row in found} == {None}
    assert [str(row.time) for row in found] == [str(row["year"]) for row in ROWS]


def test_texts_of_a_folder_and_of_a_corpus_are_those_that_are_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora.docstrings, "__defaults__", (("joblib",),))
    for number, kind in enumerate("abba"):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{number}.txt").write_bytes(b"one\r\ntwo %d" % number)
    for source in (tmp_path, "docstrings"):
        whole, found = read_texts(source), list(documents_in(source))
        assert [row.text for row in found] == whole.texts
        assert [row.label for row in found] == whole.labels
        assert [row.id for row in found] == next(iter(whole.ids.values()))


def test_rows_are_not_all_read_at_once(tmp_path):
    """What comes after the first rows may be anything, until it is asked for."""
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"text": "words " * 3000}) + "\n" + "no json\n" * 100_000)
    found = documents_in(path)
    assert next(found).text.startswith("words")
    with pytest.raises(ValueError, match="line 2 is not valid JSON"):
        next(found)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", b'{"body": "a"}\n', "no 'text' in its lines"),
        ("x.jsonl", b'{"text": 5}\n', "has 5 in row 1 of 'text', must be text"),
        ("x.jsonl", b'{"text": "\xff"}\n', "in another encoding"),
        ("x.csv", b"id,body\n1,a\n2,b\n", "has no column 'text'"),
        ("x.csv", b"id,text\n1,a\n2,b,c\n", "row 2 has 3 cells"),
        ("x.csv.gz", gzip.compress(b"id,text\n1,a\n" * 99, mtime=0)[:-9], "cut off"),
        ("x.parquet", b"PAR1", "cut off, or not what its name says"),
        ("x.docx", b"", "holds no texts"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(documents_in(tmp_path / name))


def test_a_longer_row_far_below_the_head_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEAD", 100)
    (tmp_path / "x.csv").write_text("id,text\n" + "1,a word\n" * 30 + "2,b,c\n")
    with pytest.raises(ValueError, match="3 cells in row 31, but the first line has 2"):
        list(documents_in(tmp_path / "x.csv"))


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 1000)
    (tmp_path / "x.jsonl").write_text('{"text": "' + "a" * 2000)
    with pytest.raises(ValueError, match="more than 1,000 characters in line 1"):
        list(documents_in(tmp_path / "x.jsonl"))


def test_a_place_without_texts_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.csv does not exist"):
        documents_in(tmp_path / "x.csv")
    with pytest.raises(ValueError, match=r"holds no \.txt file"):
        list(documents_in(tmp_path))


def test_numbers_are_no_texts(tmp_path):
    (tmp_path / "x.csv").write_text("id,text\n" + "1,3.5\n" * 1000)
    with pytest.raises(ValueError, match="numbers in 'text', must be text"):
        list(documents_in(tmp_path / "x.csv"))


def test_what_is_known_is_kept_as_json_has_it():
    day = datetime.date(2001, 2, 3)
    values = [np.int64(3), np.float32(0.5), float("nan"), None, day, "a", True, b"b"]
    assert [plain(value) for value in values] == [
        *(3, 0.5, None, None, "2001-02-03", "a", True, "b'b'")
    ]
    assert Document("a").label is None
