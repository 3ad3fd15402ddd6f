"""Shards hold counts in the smallest type that has them, and are whole or not there."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from dirvae.data.corpus import shards
from dirvae.data.corpus.shards import (
    FACTS,
    checksum,
    compact,
    digest_of,
    facts_of,
    is_whole,
    known_of,
    opened_shard,
    read_json,
    write_shard,
)


@pytest.mark.parametrize(
    ("largest", "dtype"),
    [(255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4"), (2**32, "f8")],
)
def test_counts_have_the_smallest_type_that_holds_them(largest, dtype):
    found = compact(np.array([1, largest]))
    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == [1, largest]


def test_weights_keep_their_precision():
    values = np.array([0.1, 2.0])
    assert compact(values).tolist() == values.tolist()
    assert compact(values.astype(np.float32)).dtype == np.float32


def test_checksums_are_those_of_other_tools(tmp_path):
    (tmp_path / "a").write_bytes(b"content" * 10**6)
    assert checksum(tmp_path / "a") == hashlib.sha256(b"content" * 10**6).hexdigest()


def test_hashes_tell_documents_apart():
    told = [["a", "b"]], [["a"], ["b"]], ["ab"], [{"id": ["a"]}], [np.ones(2)], [np.ones(3)]
    assert len({digest_of(*parts) for parts in told}) == len(told)


def test_a_shard_that_is_there_stays(tmp_path):
    shard = tmp_path / "shard"
    write_shard(shard, sparse.csr_matrix([[1, 2]]), {}, "one")
    write_shard(shard, sparse.csr_matrix([[3, 4]]), {}, "two")
    assert np.load(shard / "data.npy").tolist() == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]
    assert is_whole(shard)
    (shard / "data.npy").unlink()
    assert not is_whole(shard)


@pytest.mark.parametrize("change", [{"rows": -1}, {"rows": "1"}, {"source": 1}, {"sha256": {}}])
def test_a_shard_says_what_it_holds(tmp_path, change):
    shard = tmp_path / "shard"
    write_shard(shard, sparse.csr_matrix([[1, 2]]), {}, "one")
    facts = facts_of(shard)
    assert (facts.rows, facts.entries, facts.source) == (1, 2, "one")
    (shard / FACTS).write_text(json.dumps(facts._asdict() | change))
    with pytest.raises(ValueError, match=rf"shard is a broken shard: {FACTS} "):
        facts_of(shard)


def opened(folder, data, indices, indptr, *, num_words=3, entries=None):
    """A shard of any arrays, read."""
    folder.mkdir(exist_ok=True)
    arrays = {"data": data, "indices": indices, "indptr": indptr}
    for (name, values), dtype in zip(arrays.items(), ("u1", "i4", "i8"), strict=True):
        np.save(folder / f"{name}.npy", np.asarray(values, dtype))
    facts = len(indptr) - 1, len(indices) if entries is None else entries
    return opened_shard(folder, facts, num_words)


def is_canonical(data, indices, indptr, num_words):
    """Whether arrays are what a shard holds, row by row."""
    if indptr[0] != 0 or indptr[-1] != len(indices):
        return False
    if any(a > b for a, b in pairwise(indptr)):
        return False
    rows = [indices[a:b] for a, b in pairwise(indptr)]
    rises = all(a < b for row in rows for a, b in pairwise(row))
    return rises and all(0 <= c < num_words for c in indices) and all(v > 0 for v in data)


def test_a_shard_is_opened_if_each_of_its_rows_is_sound(tmp_path):
    rng, sound = np.random.default_rng(0), 0
    for _ in range(80):
        entries = int(rng.integers(0, 5))
        indptr = [0, *sorted(rng.integers(0, entries + 1, 2).tolist()), entries]
        indices, data = rng.integers(0, 3, entries).tolist(), rng.integers(1, 9, entries).tolist()
        if rng.random() < 0.3:
            indptr[rng.integers(4)] += int(rng.choice([-1, 1]))
        if entries and rng.random() < 0.3:
            indices[rng.integers(entries)] += int(rng.choice([-1, 1]))
        if entries and rng.random() < 0.1:
            data[rng.integers(entries)] = 0
        if is_canonical(data, indices, indptr, 3):
            found = opened(tmp_path / "shard", data, indices, indptr)
            dense = np.zeros((3, 3))
            for row, (a, b) in enumerate(pairwise(indptr)):
                dense[row, indices[a:b]] = data[a:b]
            assert found.toarray().tolist() == dense.tolist()
            sound += 1
        else:
            with pytest.raises(ValueError, match="shard is a broken shard: "):
                opened(tmp_path / "shard", data, indices, indptr)
    assert 20 < sound < 60


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (([1, 1], [0, 3], [0, 1, 2]), "it has a column out of range, must be from 0 to 2;"),
        (([1, 1], [-1, 0], [0, 1, 2]), "it has a column out of range, must be from 0 to 2;"),
        (([1, 1], [0, 1], [0, 2, 1, 2]), "its pointers do not rise from 0 to 2, its entries;"),
        (([1, 1], [1, 1], [0, 2]), "columns of a document are not in rising order;"),
        (([1, 1], [1, 0], [0, 0, 2]), "columns of a document are not in rising order;"),
        (([1, 0], [0, 1], [0, 2]), "it has a count that is not a finite number above 0;"),
        (([1], [0, 1], [0, 2]), r"data has shape \(1,\), must have \(2,\);"),
        (([[1, 1]], [0, 1], [0, 2]), r"data has shape \(1, 2\), must have \(2,\);"),
    ],
)
def test_a_broken_shard_says_what_is_wrong(tmp_path, arrays, said):
    with pytest.raises(ValueError, match=f"shard is a broken shard: {said} build the corpus again"):
        opened(tmp_path / "shard", *arrays)


@pytest.mark.parametrize("wrong", [np.inf, np.nan, -1.0, 0.0])
def test_weights_are_finite_and_above_0(tmp_path, wrong):
    write_shard(tmp_path / "shard", sparse.csr_matrix([[0.5, 1.5]]), {}, "one")
    assert opened_shard(tmp_path / "shard", (1, 2), 2).toarray().tolist() == [[0.5, 1.5]]
    np.save(tmp_path / "shard/data.npy", [0.5, wrong])
    with pytest.raises(ValueError, match="a count that is not a finite number above 0"):
        opened_shard(tmp_path / "shard", (1, 2), 2)


def test_an_empty_shard_has_rows_alone(tmp_path):
    write_shard(tmp_path / "shard", sparse.csr_matrix((4, 2)), {"id": [1, 2, 3, 4]}, "one")
    assert opened_shard(tmp_path / "shard", (4, 0), 2).shape == (4, 2)
    assert known_of(tmp_path / "shard", 4) == {"id": [1, 2, 3, 4]}
    assert facts_of(tmp_path / "shard")[:2] == (4, 0)
    with pytest.raises(ValueError, match="must have ids, labels or times of 3 documents"):
        known_of(tmp_path / "shard", 3)


def test_weights_are_whole_if_none_has_a_fraction():
    assert compact(np.array([3.0, 256.0])).dtype == np.uint16
    assert compact(np.array([], np.int64)).dtype == np.uint8
    assert compact(np.array([0.5, 300], np.float16)).dtype == np.float32
    assert compact(np.array([2.0**32 - 1])).dtype == np.uint32
    for values in ([0.1, 0.2], [2.0**32], [2.0**32 + 1.5]):
        assert compact(np.array(values)).tolist() == values


def test_a_file_that_says_too_much_is_not_read(tmp_path, monkeypatch):
    write_shard(tmp_path / "shard", sparse.csr_matrix([[1, 2]]), {}, "one")
    size = (tmp_path / "shard" / FACTS).stat().st_size
    monkeypatch.setattr(shards, "MOST_FACTS", size)
    assert is_whole(tmp_path / "shard")
    monkeypatch.setattr(shards, "MOST_FACTS", size - 1)
    assert not is_whole(tmp_path / "shard")
    with pytest.raises(ValueError, match=f"{FACTS} cannot be read"):
        facts_of(tmp_path / "shard")


def test_json_takes_four_times_its_size_of_memory(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(["x" * 998]))  # 1002 bytes
    monkeypatch.setenv("DIRVAE_MEMORY", str(4 * 1002 / 2**30))
    assert read_json(path) == ["x" * 998]
    monkeypatch.setenv("DIRVAE_MEMORY", str((4 * 1002 - 1) / 2**30))
    with pytest.raises(ValueError, match="of memory, of which"):
        read_json(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data", "data has type complex128, must have float64"),
        ("indices", "indices has type complex128, must have int32"),
        ("indptr", "indptr has type complex128, must have int64"),
    ],
)
def test_the_type_of_an_array_is_told_with_the_right_one(tmp_path, name, said):
    write_shard(tmp_path / "shard", sparse.csr_matrix([[1, 2]]), {}, "one")
    path = tmp_path / "shard" / f"{name}.npy"
    np.save(path, np.load(path).astype(complex))
    with pytest.raises(ValueError, match=said):
        opened_shard(tmp_path / "shard", (1, 2), 2)
