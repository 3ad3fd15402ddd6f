"""A corpus is what the default vectorizer counts, row by row, and refuses what is damaged."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil

import numpy as np
import pytest
from scipy import sparse

from dirvae.data import Corpus, Document
from dirvae.data.corpus import corpus as module
from dirvae.data.corpus import shards
from dirvae.topics.documents import default_vectorizer

RNG = np.random.default_rng(0)
NAMES = [f"{a}{b}" for a in ("sea", "moon", "tree", "cat") for b in "abcdefghijklm"]
TEXTS = [" ".join(RNG.choice(NAMES, RNG.integers(0, 12))) for _ in range(250)]
VECTORIZER = default_vectorizer(len(TEXTS))
COUNTS = VECTORIZER.fit_transform(TEXTS)
LABELS = [None if row % 5 == 0 else "ab"[row % 2] for row in range(250)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A corpus of 250 documents in 9 shards."""
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dirvae.data.corpus.building.ROWS", 30)
        told = zip(TEXTS, range(250), LABELS, range(1900, 2150), strict=True)
        columns = {"id": "number", "label": "letter"}
        return Corpus.build(folder, (Document(*row) for row in told), columns=columns)


@pytest.fixture
def copied(built, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(built.folder, tmp_path / "copy")


def test_it_has_what_the_default_vectorizer_counts(built):
    assert built.vocabulary.tolist() == VECTORIZER.get_feature_names_out().tolist()
    assert built.shape == COUNTS.shape
    assert built.nnz == COUNTS.nnz
    assert len(built.ends) == 10
    assert (built[:] != COUNTS).nnz == 0
    assert (built.indptr == COUNTS.indptr).all()
    assert (built.sum(0) == np.asarray(COUNTS.sum(0)).ravel()).all()
    assert (built.sum(1) == np.asarray(COUNTS.sum(1)).ravel()).all()
    assert (sparse.vstack(list(built.blocks(64))) != COUNTS).nnz == 0


@pytest.mark.parametrize(
    "rows", [[249, 0, 31, 31, 29, -1], slice(28, 95), slice(200, 10, -7), [], slice(5, 5)]
)
def test_rows_are_those_of_the_matrix_in_the_order_asked_for(built, rows):
    found = built[rows]
    assert (found != COUNTS[np.arange(250)[rows] if len(np.arange(250)[rows]) else []]).nnz == 0
    assert found.dtype == np.float64
    assert found.has_canonical_format


@pytest.mark.parametrize("rows", [[250], [-251], [0.5], np.zeros((1, 1), int)])
def test_rows_that_are_not_there_are_refused(built, rows):
    with pytest.raises((IndexError, TypeError), match="rows are"):
        built[rows]


def test_few_shards_are_open_at_a_time(built, monkeypatch):
    monkeypatch.setattr(module, "OPEN", 3)
    again = Corpus(built.folder)
    assert (again[::-1] != COUNTS[::-1]).nnz == 0
    assert len(again._opened) == 3


def test_what_is_known_of_documents_stands_by_their_rows(built):
    assert built.ids == list(range(250))
    assert built.labels == LABELS
    assert built.times == list(range(1900, 2150))
    assert built.columns == {"id": "number", "label": "letter", "time": "time"}
    assert built.column("letter") == LABELS
    with pytest.raises(ValueError, match="no column 'age'; it has number, letter, time"):
        built.column("age")


def test_its_vectorizer_counts_other_texts_by_the_same_words(built):
    new = ["seaa and moonb, the seaa", "nothing"]
    assert (built.vectorizer.transform(new) != VECTORIZER.transform(new)).nnz == 0


def test_it_can_be_pickled_for_other_processes(built):
    assert (pickle.loads(pickle.dumps(built))[7:9] != COUNTS[7:9]).nnz == 0


@pytest.mark.parametrize("rows", [[250], [-251], [0, 250], [249, -251], [0, -300, 300]])
def test_a_row_that_is_not_there_is_told_the_rows_that_are(built, rows):
    with pytest.raises(IndexError, match=r"rows are out of range, must be from 0 to 249$"):
        built[rows]
    assert (built[[-250, 249, 0, -1]] != COUNTS[[0, 249, 0, 249]]).nnz == 0


def test_columns_come_in_lists_of_one_length(built):
    for num_rows in (1, 7, 125, 250, 251):
        parts = list(built.column_blocks("number", num_rows))
        assert [cell for part in parts for cell in part] == list(range(250))
        assert {len(part) for part in parts[:-1]} <= {num_rows}
        assert 1 <= len(parts[-1]) <= num_rows
    assert list(built.column_blocks("letter", 40))[2] == LABELS[80:120]


def test_it_says_how_large_it_is(built):
    assert repr(built) == f"Corpus({str(built.folder)!r}: 250 documents, {COUNTS.shape[1]} words)"
    assert (
        built.fingerprint
        == hashlib.sha256((built.folder / "manifest.json").read_bytes()).hexdigest()
    )


def test_an_empty_label_is_none_and_other_empty_cells_are_as_they_were(tmp_path):
    told = {"ids": ["", "b"], "labels": ["", "x"], "times": ["", "1900"]}
    corpus = Corpus.of_counts(tmp_path / "corpus", [np.eye(2)], **told, vocabulary=["u", "v"])
    assert (corpus.ids, corpus.labels) == (["", "b"], [None, "x"])
    assert corpus.times == ["", "1900"]
    assert corpus.columns == {"id": "id", "label": "label", "time": "time"}
    assert corpus.vectorizer is None  # though words are known
    with pytest.raises(ValueError, match="exists; choose another folder"):
        Corpus.of_counts(tmp_path / "corpus", [np.eye(2)])
    other = Corpus.of_counts(tmp_path / "corpus", [np.eye(3)], force=True)
    assert (other.ids, other.labels, other.times, other.vocabulary) == (None, None, None, None)
    assert other.shape == (3, 3)
    with pytest.raises(ValueError, match="has no column 'id'; it has none"):
        other.column("id")
    named = Corpus.of_counts(
        tmp_path / "named", [np.eye(2)], times=[1, 2], columns={"time": "year", "id": "name"}
    )
    assert named.columns == {"time": "year"}
    assert named.column("year") == [1, 2]


# --- what strangers may send ----------------------------------------------------------------------


def test_every_file_is_compared_with_its_checksum(copied):
    Corpus(copied).verify()
    for file in sorted(path for path in copied.rglob("*") if path.is_file()):
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        if file.name not in ("manifest.json", "settings.json", "limits.json"):
            with pytest.raises(ValueError, match=f"{file.name}|broken corpus|cannot be read"):
                Corpus(copied).verify()
        file.write_bytes(content)


def changed(name, place, value):
    """A change of one number of an array."""

    def change(shard):
        array = np.load(shard / f"{name}.npy")
        array[place] = value
        np.save(shard / f"{name}.npy", array)

    return change


def replaced(name, array):
    return lambda shard: np.save(shard / f"{name}.npy", array, allow_pickle=True)


def cut(shard):
    file = shard / "indices.npy"
    file.write_bytes(file.read_bytes()[:-5])


def as_floats(shard):
    data = np.load(shard / "data.npy").astype(np.float64)
    data[3] = np.nan
    np.save(shard / "data.npy", data)


def swapped(shard):
    indices, ends = (np.load(shard / f"{name}.npy") for name in ("indices", "indptr"))
    row = int(np.flatnonzero(np.diff(ends) > 1)[0])
    indices[[ends[row], ends[row] + 1]] = indices[[ends[row] + 1, ends[row]]]
    np.save(shard / "indices.npy", indices)


DAMAGED = {
    "column too large": (changed("indices", 0, 10**6), "column out of range"),
    "column past the last": (changed("indices", 0, 52), "column out of range"),
    "column below 0": (changed("indices", 0, -1), "column out of range"),
    "columns fall": (swapped, "columns of a document are not in rising order"),
    "no count": (changed("data", 0, 0), "not a finite number above 0"),
    "not a number": (as_floats, "not a finite number above 0"),
    "pointer beyond the end": (changed("indptr", 5, 10**9), "pointers do not rise"),
    "last pointer": (changed("indptr", -1, 5), "pointers do not rise"),
    "fewer counts": (replaced("data", np.ones(5, np.uint8)), "data has shape"),
    "counts of another type": (lambda shard: retyped(shard, "data", "c16"), "data has type"),
    "indices of another type": (lambda shard: retyped(shard, "indices", "f8"), "indices has type"),
    "objects": (replaced("indptr", np.array([{}])), "cut off or is not an array"),
    "cut off": (cut, "cut off or is not an array"),
}


def retyped(shard, name, dtype):
    np.save(shard / f"{name}.npy", np.load(shard / f"{name}.npy").astype(dtype))


@pytest.mark.parametrize("change", DAMAGED)
def test_a_damaged_shard_is_refused_when_it_is_opened(copied, change):
    act, message = DAMAGED[change]
    act(copied / "shards" / "000001")
    corpus = Corpus(copied)
    assert corpus[:30].shape == (30, corpus.shape[1])
    with pytest.raises(ValueError, match=f"000001 is a broken shard: .*{message}"):
        corpus[[31]]


class Opened:
    """Says so where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


@pytest.mark.parametrize("length", [0, 1])
def test_objects_in_a_shard_are_not_unpickled(tmp_path, monkeypatch, length):
    monkeypatch.chdir(tmp_path)
    np.save("data.npy", np.array([Opened()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"data\.npy is cut off"):
        shards._mapped(tmp_path, "data", length)
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(
    "told",
    [
        {"shape": [249, 52]},
        {"shape": [250, 10**9]},
        {"entries": 3},
        {"shards": [[250, "many", "0"]]},
        {"shards": 7},
        {"columns": {"password": "x"}},
        {"counting": {"stop_words": 5}},
        {"counting": {"stop_words": None, "ngrams": 10**6}},
        {"vocabulary": None, "kind": "model"},
        {"format": 2},
    ],
)
def test_a_manifest_that_says_something_else_is_refused(copied, told):
    path = copied / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    with pytest.raises(ValueError, match=r"copy (is|holds|has)"):
        Corpus(copied)


@pytest.mark.parametrize(
    ("told", "is_sound"),
    [
        ({}, True),
        ({"undercount": 5}, True),
        ({"undercount": -1}, False),
        ({"undercount": 1.0}, False),
        ({"columns": {"id": "x"}}, True),
        ({"columns": {"id": 5}}, False),
        ({"columns": {"id": "x", "key": "y"}}, False),
        ({"vocabulary": 5}, False),
        ({"counting": None}, True),
        ({"counting": {"stop_words": None, "ngrams": 1}}, True),
        ({"counting": {"stop_words": ["a"], "ngrams": 10}}, True),
        ({"counting": {"stop_words": ["a", 5]}}, False),
        ({"counting": {"stop_words": "german"}}, False),
        ({"counting": {"ngrams": 0}}, False),
        ({"counting": {"ngrams": 11}}, False),
        ({"counting": {"ngrams": 1.0}}, False),
        ({"counting": {"ngrams": True}}, False),
        ({"counting": {"are_texts": 1}}, False),
        ({"counting": {"are_texts": False}}, True),
        ({"shards": [[250, 5]]}, False),
        ({"shards": [[250, 5, "0", "0"]]}, False),
        ({"shards": [[250, 5, 0]]}, False),
        ({"shards": [5]}, False),
        ({"shape": [250]}, False),
        ({"shape": [250, 52, 1]}, False),
        ({"shape": 250}, False),
        ({"columns": []}, False),
        ({"columns": "id"}, False),
        ({"shards": [[250, -5, "0"]]}, False),
    ],
)
def test_a_manifest_is_read_if_it_is_well_formed(copied, told, is_sound):
    path = copied / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    if is_sound:
        assert Corpus(copied).shape == COUNTS.shape
    else:
        with pytest.raises(ValueError, match=r"copy is a broken corpus: its .* is malformed"):
            Corpus(copied)


@pytest.mark.parametrize(("kind", "number"), [("rows", 0), ("entries", 1)])
def test_shards_must_add_up(copied, kind, number):
    path = copied / "manifest.json"
    found = json.loads(path.read_text())
    found["shards"][3][number] += 1
    path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match="its shards do not add up to its shape"):
        Corpus(copied)


def test_words_must_be_different_words(copied):
    path = copied / "vocabulary.json"
    words = json.loads(path.read_text())
    for wrong in (
        [*words[:-1], words[0]],
        words[:-1],
        [*words, "more"],
        [*words[:-1], 5],
        "x" * 52,
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=r"vocabulary\.json must have 52 different words"):
            Corpus(copied)
    path.write_text(json.dumps([*words[:-1], "other"]))
    assert Corpus(copied).vocabulary[-1] == "other"
    with pytest.raises(
        ValueError, match=r"vocabulary\.json is not what was written: build .*copy again"
    ):
        Corpus(copied).verify()


def test_words_must_be_as_many_as_columns(copied):
    (copied / "vocabulary.json").write_text('["one", "one"]')
    with pytest.raises(ValueError, match="must have 52 different words"):
        Corpus(copied)


@pytest.mark.parametrize("told", [{"id": [1]}, {"id": [[]] * 30}, {"id": 7}, {"key": [1] * 30}])
def test_what_is_known_must_be_of_all_documents(copied, told):
    (copied / "shards" / "000002" / "documents.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match="must have ids, labels or times of 30 documents"):
        _ = Corpus(copied).ids


def test_a_shard_must_know_what_the_others_do(copied):
    (copied / "shards" / "000002" / "documents.json").write_text("{}")
    with pytest.raises(ValueError, match="copy is a broken corpus: documents without their id"):
        _ = Corpus(copied).ids


def test_a_folder_of_something_else_is_no_corpus(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no corpus"):
        Corpus(tmp_path)
