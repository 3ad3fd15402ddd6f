"""Documents in a stream are those that are read whole."""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path

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
    missing = [pd.NA, pd.NaT, np.datetime64("NaT"), np.float32("nan")]
    assert [plain(value) for value in missing] == [None] * 4
    assert Document("a").label is None


# --- thresholds, one row at a time ----------------------------------------------------------------


def checked(texts, **options):
    rows = ((text, None, None, None) for text in texts)
    return list(module._checked(Path("x.csv"), "text", rows, labelled=False, **options))


def test_texts_may_be_numbers_but_not_all_of_the_first(monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT", 4)
    for texts in (["1", "2", "3"], ["1", "2", "3", "word"], ["word", "1", "2", "3"], [""] * 5):
        assert [row.text for row in checked(texts)] == texts
    assert len(checked(["1", "word", "3", "4", "5"])) == 5
    for texts in (["1", "2", "3", "4"], ["", "2,5", "", "-4e3", "word"]):
        with pytest.raises(ValueError, match=r"x\.csv has numbers in 'text', must be text"):
            checked(texts)


def test_what_is_no_text_is_told_with_its_row():
    assert [row.text for row in checked([None, float("nan"), "a"])] == ["", "", "a"]
    with pytest.raises(ValueError, match=r"x\.csv has 5 in row 2 of 'text', must be text"):
        checked(["a", 5])
    cells = [("a", "i", None, 1), ("b", "j", 2.0, 2), ("c", "k", 2.5, 3), ("d", "l", "", None)]
    found = list(module._checked(Path("x"), "text", iter(cells), labelled=True))
    assert [row.label for row in found] == ["", "2", "2.5", ""]
    assert [(row.id, row.time) for row in found] == [("i", 1), ("j", 2), ("k", 3), ("l", None)]


def test_a_line_of_as_many_characters_as_are_taken(tmp_path, monkeypatch):
    line = '{"text": "a"}\n'
    (tmp_path / "x.jsonl").write_text(f"\n{line}")
    monkeypatch.setattr(module, "LONGEST", len(line) + 1)
    assert [row.text for row in documents_in(tmp_path / "x.jsonl")] == ["a"]
    monkeypatch.setattr(module, "LONGEST", len(line))
    with pytest.raises(ValueError, match=f"more than {len(line)} characters in line 2"):
        list(documents_in(tmp_path / "x.jsonl"))


def test_a_column_that_many_lines_lack_is_missed_early_or_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT", 3)
    path, lines = tmp_path / "x.jsonl", ['{"body": 1}'] * 2
    path.write_text("\n".join([*lines, '{"text": "a", "year": 5}', '{"text": "b"}']))
    assert [row.text for row in documents_in(path)] == ["", "", "a", "b"]
    assert [row.time for row in documents_in(path, time_column="year")] == [None, None, 5, None]
    with pytest.raises(ValueError, match="has no 'age' in its lines"):
        list(documents_in(path, time_column="age"))
    path.write_text("\n".join([*lines, '{"body": 1}', "no json"]))
    with pytest.raises(ValueError, match="has no 'text' in its lines"):  # nothing further is read
        list(documents_in(path))
    path.write_text("")
    assert list(documents_in(path)) == []


def test_rows_are_counted_without_blank_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 2)
    path = tmp_path / "x.csv"
    path.write_text("\nid,text\n\n1,a word\n2,b word\n\n\n3,c word\n")
    assert [row.text for row in documents_in(path)] == ["a word", "b word", "c word"]
    monkeypatch.setattr(module, "HEAD", 30)
    path.write_text("\nid,text\n\n1,a word\n2,b word\n\n\n3\n")
    with pytest.raises(ValueError, match="has 1 cells in row 3, but the first line has 2"):
        list(documents_in(path))


def test_a_table_is_recognised_by_whole_lines(tmp_path, monkeypatch):
    """Whose last ones may be cut: in a quote, between its two breaks, or in a number of cells."""
    text = 'id,text\r\n1,a word\r\n2,"b\r\nword"\r\n3,c word\r\n'
    (tmp_path / "x.csv").write_text(text, newline="")
    for head in range(len("id,text\r\n1,a"), len(text) + 2):
        monkeypatch.setattr(module, "HEAD", head)
        found = [row.text for row in documents_in(tmp_path / "x.csv")]
        assert found == ["a word", "b\r\nword", "c word"], head


@pytest.mark.parametrize("name", ["x.txt", "a/x.txt"])
def test_files_of_one_folder_have_no_labels(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("one")
    (tmp_path / name).with_name("y.txt").write_text("two")
    (tmp_path / "folder.txt").mkdir()
    found = list(documents_in(tmp_path))
    assert [(row.text, row.label) for row in found] == [("one", None), ("two", None)]
