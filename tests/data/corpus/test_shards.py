"""Shards hold counts in the smallest type that has them, and are whole or not there."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from scipy import sparse

from dirvae.data.corpus.shards import (
    FACTS,
    checksum,
    compact,
    digest_of,
    facts_of,
    is_whole,
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
