"""A corpus of counts is the matrix that was given, whatever its blocks were."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae.data import Corpus
from dirvae.data.annotated import streamed_h5ad
from tests.data.corpus.killed import contents, run_until

RNG = np.random.default_rng(0)
COUNTS = sparse.random(105, 9, 0.3, "csr", random_state=0, data_rvs=lambda n: RNG.poisson(200, n))
COUNTS.eliminate_zeros()
IDS = [f"cell {row}" for row in range(105)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("dirvae.data.corpus.matrices.ROWS", 20)


@pytest.mark.parametrize("cuts", [[], [1, 2, 50], list(range(105)), [100]])
def test_blocks_of_any_size_are_one_matrix(tmp_path, cuts):
    ends = [0, *cuts, 105]
    blocks = (COUNTS[a:b] for a, b in pairwise(ends))
    corpus = Corpus.of_counts(tmp_path / "corpus", blocks, ids=IDS)
    assert (corpus[:] != COUNTS).nnz == 0
    assert np.diff(corpus.ends).tolist() == [20] * 5 + [5]
    assert corpus.ids == IDS
    assert corpus.vocabulary is None
    assert corpus.vectorizer is None


def test_shards_end_after_many_entries_and_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("dirvae.data.corpus.matrices.ENTRIES", COUNTS[:8].nnz)
    blocks, done = [COUNTS[:3], COUNTS[3:8], COUNTS[8:12]], []
    stored = COUNTS[12:].copy()
    stored.data[:2] = 0
    corpus = Corpus.of_counts(tmp_path / "corpus", [*blocks, stored], progress=done.append)
    assert done == corpus.ends[1:].tolist()
    assert corpus.ends[1] == 8
    assert (corpus[12:] != stored).nnz == 0
    assert corpus.nnz == COUNTS.nnz - 2


def test_dense_blocks_and_weights_are_taken_as_they_are(tmp_path):
    weights = np.array([[0.5, 0, 2], [0, 1e-9, 0]])
    corpus = Corpus.of_counts(tmp_path / "corpus", [weights], vocabulary=["a", "b", "c"])
    assert corpus[:].toarray().tolist() == weights.tolist()
    assert corpus.nnz == 3
    assert corpus.vocabulary.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("block", "options", "message"),
    [
        ([np.eye(2), np.eye(3)], {}, "block 1 has 3 columns, must have 2"),
        ([-np.eye(2)], {}, "block 0 has negative counts"),
        ([np.full((2, 2), np.nan)], {}, "missing values"),
        ([np.eye(2)], {"vocabulary": ["a"]}, "block 0 has 2 columns, must have 1"),
        ([np.eye(2)], {"ids": ["a"]}, "ids are fewer than the documents"),
        ([np.eye(2)], {"labels": "abc"}, "labels are more than the 2 documents"),
        ([], {}, "blocks is empty"),
    ],
)
def test_what_is_no_matrix_of_counts_is_refused(tmp_path, block, options, message):
    with pytest.raises(ValueError, match=message):
        Corpus.of_counts(tmp_path / "corpus", block, **options)
    assert not (tmp_path / "corpus").exists()


def test_a_run_that_is_killed_goes_on_with_the_same_counts_alone(tmp_path):
    def build(folder, counts=COUNTS):
        return Corpus.of_counts(tmp_path / folder, [counts], ids=IDS)

    build("whole")
    assert not run_until(12, lambda: build("corpus"))
    with pytest.raises(ValueError, match="unfinished build of other documents"):
        build("corpus", 2 * COUNTS)
    build("corpus")
    assert contents(tmp_path / "corpus") == contents(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["CSR", "CSC", "dense", "float CSR"])
def test_cells_by_genes_are_read_some_at_a_time(tmp_path, monkeypatch, kind):
    anndata = pytest.importorskip("anndata")
    monkeypatch.setattr("dirvae.data.annotated.VALUES_AT_ONCE", 30)
    made = {
        "CSR": COUNTS,
        "CSC": sparse.csc_matrix(COUNTS),
        "dense": COUNTS.toarray(),
        "float CSR": COUNTS.astype(np.float32),
    }[kind]
    genes = pd.DataFrame(index=pd.Index([f"g{n}" for n in range(9)], dtype=object))
    cells = pd.DataFrame(index=pd.Index(IDS, dtype=object))
    anndata.AnnData(made, obs=cells, var=genes, layers={"raw": 2 * made}).write_h5ad(
        tmp_path / "x.h5ad"
    )
    for layer, factor in ((None, 1), ("raw", 2)):
        with streamed_h5ad(tmp_path / "x.h5ad", layer) as (names, ids, blocks):
            parts = list(blocks)
        assert names == list(genes.index)
        assert ids == IDS
        assert (sparse.vstack(parts) != factor * COUNTS).nnz == 0
        assert kind == "CSC" or max(part.nnz for part in parts) <= 30
    monkeypatch.setattr("dirvae.data.annotated.VALUES_AT_ONCE", 2)  # fewer than a row has
    with streamed_h5ad(tmp_path / "x.h5ad") as (_, _, blocks):
        parts = list(blocks)
    assert kind == "CSC" or len(parts) >= 50
    assert kind != "dense" or [part.shape[0] for part in parts] == [1] * COUNTS.shape[0]
    assert (sparse.vstack(parts) != COUNTS).nnz == 0
    with pytest.raises(ValueError, match="no layer 'x'; its layers are raw"):
        streamed_h5ad(tmp_path / "x.h5ad", "x").__enter__()
