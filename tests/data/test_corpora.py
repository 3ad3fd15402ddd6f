"""Texts from files: what is read, and one clear sentence for what cannot be."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae.data import CountDataset, docstrings, read_texts, sparse_rows


def test_a_folder_of_texts_and_its_subfolders(tmp_path):
    for name, text in {"a/1.txt": "one", "b/2.txt": "two"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    found = read_texts(tmp_path)
    assert found.texts == ["one", "two"]
    assert found.labels == ["a", "b"]
    assert found.ids == {"file": ["a/1.txt", "b/2.txt"]}


def test_a_folder_of_texts_of_other_machines(tmp_path):
    (tmp_path / "1.txt").write_bytes("größe\r\neins\rzwei".encode("utf-16"))
    (tmp_path / "2.TXT").write_bytes("größe".encode("utf-8-sig"))
    (tmp_path / "3.txt.gz").write_bytes(gzip.compress("größe".encode()))
    found = read_texts(tmp_path)
    assert found.texts == ["größe\neins\nzwei", "größe", "größe"]
    assert found.ids == {"file": ["1.txt", "2.TXT", "3.txt.gz"]}
    assert found.notes == ("files read as utf-16 or utf-32, by their marks: 1",)
    (tmp_path / "4.txt").write_bytes("größe".encode("utf-16-le"))
    with pytest.raises(ValueError, match=r"4\.txt cannot be read: it is not utf-8 \(byte 4\)"):
        read_texts(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_column_of_texts(tmp_path, kind):
    frame = pd.DataFrame({"body": ["one", None, "three"], "class": ["x", "y", "x"]})
    path = tmp_path / f"texts.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        rows = [{"body": b, "class": c} for b, c in zip(["one", None, "three"], "xyx", strict=True)]
        path.write_text("\n".join(json.dumps(row) for row in rows))
    found = read_texts(path, text_column="body", label_column="class")
    assert found.texts == ["one", "", "three"]
    assert found.labels == ["x", "y", "x"]
    with pytest.raises(ValueError, match="has no column 'text'; its columns are body, class"):
        read_texts(path)


def test_what_is_no_table_has_no_columns(tmp_path):
    for source in (tmp_path, "docstrings"):
        with pytest.raises(ValueError, match=f"{source} is .* table, so it has no column 'body'"):
            read_texts(source, text_column="body")


def test_packages_without_docstrings_are_named():
    with pytest.raises(ValueError, match=r"packages has \['not_here'\], of which none has docstri"):
        docstrings(["not_here"])


def test_what_cannot_be_read(tmp_path):
    table = tmp_path / "numbers.csv"
    pd.DataFrame({"text": [1, 2]}).to_csv(table, index=False)
    with pytest.raises(ValueError, match="has 1 in row 1 of 'text', must be text"):
        read_texts(table)
    with pytest.raises(FileNotFoundError, match="absent does not exist"):
        read_texts(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"holds no \.txt file"):
        read_texts(tmp_path)
    with pytest.raises(ValueError, match="encoding is 'utf-99', which is not known"):
        read_texts(table, encoding="utf-99")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match="is not utf-8"):
        read_texts(tmp_path)
    (tmp_path / "data.xyz").write_text("")
    with pytest.raises(ValueError, match="is of a type that cannot be read"):
        read_texts(tmp_path / "data.xyz")


def test_minibatches_are_the_rows_and_stay_sparse():
    x = sparse.random(20, 7, 0.3, format="csr", random_state=np.random.default_rng(0))
    batch = CountDataset(x, np.arange(20))[[3, 3, 0]]
    np.testing.assert_allclose(batch.x.to_dense(), x[[3, 3, 0]].toarray(), rtol=1e-6)
    assert batch.covariates.tolist() == [3, 3, 0]
    assert sparse_rows(x).values().shape == (x.nnz,)
    with pytest.raises(ValueError, match="covariates has 2 rows, x has 20"):
        CountDataset(x, np.arange(2))


def test_lines_of_json_may_hold_other_breaks(tmp_path):
    texts = ["one\u2028two", "three\u2029four", "five\u0085six"]
    rows = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    path = tmp_path / "texts.jsonl"
    path.write_bytes("\r\n".join([*rows, ""]).encode())
    assert read_texts(path).texts == texts


def test_missing_classes_are_empty_and_whole_numbers_stay_whole(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b", "c"], "class": ["x", None, "y"], "year": [1, None, 2]})
    for suffix, write in ((".csv", frame.to_csv), (".parquet", frame.to_parquet)):
        path = tmp_path / f"texts{suffix}"
        write(path, index=False)
        assert read_texts(path, label_column="class").labels == ["x", "", "y"]
        assert read_texts(path, label_column="year").labels == ["1", "", "2"]


def test_docstrings_are_those_of_what_is_public_and_says_something(tmp_path, monkeypatch):
    """Of 20 words or more, each once, by name and subpackage; of files of tests none."""
    words = [" ".join(f"w{n}x{word}" for word in range(20)) for n in range(9)]
    few = words[0].rpartition(" ")[0]
    of_class = (
        f'class A:\n    "{words[1]}"\n    def f(self):\n        "{words[2]}"\n'
        f'    def _g(self):\n        "{words[8]}"\n    x = 1\n'
    )
    files = {
        "__init__": f'"""{words[0]}"""\ndef short():\n    """{few}"""\n',
        "inner/__init__": f'"""{words[3]}"""\n',
        "inner/a": of_class,
        "inner/b": f'"""{words[1]}"""\nasync def h():\n    """{words[4]}"""\n',
        "plain": f'"""{words[5]}"""\n',
        "_private/c": f'"""{words[6]}"""\n',
        "tests/d": f'"""{words[7]}"""\n',
        "broken": "def",
    }
    for name, text in files.items():
        path = tmp_path / "made_up" / f"{name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = docstrings(["made_up", "not_here"])
    told = dict(zip(found.ids["name"], zip(found.texts, found.labels, strict=True), strict=True))
    assert told == {
        "made_up": (words[0], "made_up"),
        "made_up.inner": (words[3], "made_up.inner"),
        "made_up.inner.a.A": (words[1], "made_up.inner"),
        "made_up.inner.a.A.f": (words[2], "made_up.inner"),
        "made_up.inner.b.h": (words[4], "made_up.inner"),
        "made_up.plain": (words[5], "made_up"),
        "made_up._private.c": (words[6], "made_up"),
    }


def test_newsgroups_are_named_and_numbered(monkeypatch):
    def fetch(subset, remove):
        assert (subset, sorted(remove)) == ("train", ["footers", "headers", "quotes"])
        return SimpleNamespace(data=["a", "b", "c"], target_names=["x", "y"], target=[1, 0, 1])

    monkeypatch.setattr("sklearn.datasets.fetch_20newsgroups", fetch)
    found = read_texts("20news")
    assert (found.texts, found.labels) == (["a", "b", "c"], ["y", "x", "y"])
    assert found.ids == {"row": [1, 2, 3]}


def test_rows_are_numbered_where_nothing_identifies_them(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("text,id,year\na b,007,1\nc d,8,2\n")
    assert read_texts(path) == (["a b", "c d"], {"row": [1, 2]}, None, (), {})
    found = read_texts(path, id_columns=["id", "year", "id"], columns=["year"])
    assert found.ids == {"id": ["007", "8"], "year": [1, 2]}
    assert found.columns == {"year": ["1", "2"]}
    with pytest.raises(ValueError, match="is not a text file, so it has no encoding 'cp1252'"):
        read_texts("docstrings", encoding="cp1252")


def test_files_of_one_folder_have_no_labels(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "folder.txt").mkdir()
    for name in ("a/1.txt", "a/2.txt"):
        (tmp_path / name).write_text(name, encoding="utf-16")
    found = read_texts(tmp_path)
    assert (found.texts, found.labels) == (["a/1.txt", "a/2.txt"], None)
    assert found.notes == ("files read as utf-16 or utf-32, by their marks: 2",)
