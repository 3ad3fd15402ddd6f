"""Counts from .h5ad and .h5mu, as the libraries write them."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae.data import read_rows
from dirvae.data.annotated import read_obs, streamed_h5ad
from dirvae.data.metadata import read_metadata

anndata = pytest.importorskip("anndata")
h5py = pytest.importorskip("h5py")

X = np.array([[0, 3, 0], [1, 0, 5], [0, 0, 0], [2, 2, 0]])
CELLS, GENES = ["c1", "c2", "c3", "c4"], ["g1", "g2", "g3"]


def plain(words):
    """An index that every version of the library can write."""
    return pd.Index(words, dtype=object)


def written(path: Path, matrix, **layers):
    obs = pd.DataFrame({"age": [3.0, 1.0, 4.0, 1.5]}, index=plain(CELLS))
    made = anndata.AnnData(X=matrix, obs=obs, var=pd.DataFrame(index=plain(GENES)), layers=layers)
    made.write_h5ad(path)
    return path


KINDS = {
    "dense": X.astype(np.float32),
    "whole": X,
    "CSR": sparse.csr_matrix(X),
    "CSC": sparse.csc_matrix(X),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_matrix_is_read_sparse_whatever_it_was(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("dirvae.data.annotated.VALUES_AT_ONCE", 7)  # two rows a part
    rows = read_rows(written(tmp_path / "x.h5ad", KINDS[kind]))
    assert sparse.issparse(rows.x)
    assert rows.x.format == "csr"
    np.testing.assert_array_equal(rows.x.toarray(), X)
    assert (rows.columns, rows.ids, rows.notes) == (GENES, {"sample": CELLS}, ())


def test_a_layer_is_chosen_and_others_are_told(tmp_path):
    path = written(tmp_path / "x.h5ad", np.log1p(X), counts=sparse.csr_matrix(X))
    np.testing.assert_array_equal(read_rows(path, layer="counts").x.toarray(), X)
    assert read_rows(path, layer="counts").notes == ()
    rows = read_rows(path)
    np.testing.assert_allclose(rows.x.toarray(), np.log1p(X))
    assert rows.notes == ("X is read; --layer can be one of counts",)
    with pytest.raises(ValueError, match=r"has no layer 'raw'; its layers are counts$"):
        read_rows(path, layer="raw")
    with pytest.raises(ValueError, match=r"has no layer 'raw'; it has none$"):
        read_rows(written(tmp_path / "y.h5ad", X), layer="raw")


def test_what_is_known_of_cells_is_read_with_their_names(tmp_path):
    frame, _ = read_obs(written(tmp_path / "x.h5ad", X))
    assert frame.iloc[:, 0].tolist() == CELLS
    assert frame["age"].tolist() == [3.0, 1.0, 4.0, 1.5]


def test_a_modality_is_the_only_one_or_chosen(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        with pd.option_context("future.infer_string", False):  # words that they can write
            mudata = pytest.importorskip("mudata")
            obs, other = pd.DataFrame(index=plain(CELLS)), pd.DataFrame(index=plain(["p1"]))
            genes = anndata.AnnData(X=X, obs=obs, var=pd.DataFrame(index=plain(GENES)))
            genes.layers["twice"] = 2 * X
            proteins = anndata.AnnData(X=X[:, :1], obs=obs, var=other)
            mudata.MuData({"rna": genes, "prot": proteins}).write(tmp_path / "x.h5mu")
            mudata.MuData({"rna": genes}).write(tmp_path / "one.h5mu")
    path = tmp_path / "x.h5mu"
    np.testing.assert_array_equal(read_rows(path, modality="prot").x.toarray(), X[:, :1])
    rows = read_rows(path, modality="rna", layer="twice")
    np.testing.assert_array_equal(rows.x.toarray(), 2 * X)
    assert rows.columns == GENES
    np.testing.assert_array_equal(read_rows(tmp_path / "one.h5mu").x.toarray(), X)
    with pytest.raises(ValueError, match=r"has modalities .*: choose one with --modality"):
        read_rows(path)
    with pytest.raises(ValueError, match="has no modality 'atac'"):
        read_rows(path, modality="atac")


def test_hostile_sizes_and_indices_are_refused_before_anything_is_made_of_them(tmp_path):
    path = written(tmp_path / "x.h5ad", sparse.csr_matrix(X))
    with h5py.File(path, "r+") as file:
        file["X"]["indices"][0] = 99
    with pytest.raises(ValueError, match="is a broken sparse matrix: it has an index 99"):
        read_rows(path)
    with h5py.File(path, "r+") as file:
        file["X"].attrs["shape"] = (4, 10**12)
    with pytest.raises(ValueError, match="1,000,000,000,000 columns, must have 10,000,000 at most"):
        read_rows(path)
    with h5py.File(path, "r+") as file:
        del file["X"]
        file.create_dataset("X", shape=(4, 10**9), dtype="f4", chunks=(1, 1000))
    with pytest.raises(ValueError, match="1,000,000,000 columns, must have 10,000,000 at most"):
        read_rows(path)


def test_what_is_damaged_or_lacks_parts_is_one_sentence(tmp_path):
    path = written(tmp_path / "x.h5ad", X)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be read: it is cut off, or not what its name"):
        read_rows(path)
    path.write_bytes(b"sample,a\n1,2\n")
    with pytest.raises(ValueError, match="cannot be read"):
        read_rows(path)
    written(path, X)
    with h5py.File(path, "r+") as file:
        del file["X"]
    with pytest.raises(ValueError, match=r"x.h5ad has no X; it has .*obs"):
        read_rows(path)
    for obs in (np.arange(3), "cells"):
        with h5py.File(path, "r+") as file:
            del file["obs"]
            anndata.io.write_elem(file, "obs", obs)
        with pytest.raises(ValueError, match=r"x.h5ad has an obs that is not a table of cells"):
            read_obs(path)


def test_a_matrix_that_does_not_fit_its_names_is_one_sentence(tmp_path):
    path = written(tmp_path / "x.h5ad", X)
    for matrix, said in (
        (X[:3], r"x\.h5ad cannot be read: its matrix is 3 x 3, but it names 4 cells and 3 genes"),
        (X[None], r"x\.h5ad has a matrix of shape \(1, 4, 3\), must have rows and columns"),
    ):
        with h5py.File(path, "r+") as file:
            del file["X"]
            file["X"] = matrix
        with pytest.raises(ValueError, match=said):
            read_rows(path)


def test_other_files_have_no_layers(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ValueError, match=r"is not a .h5ad or .h5mu file, so it has no layer"):
        read_rows(tmp_path / "x.npy", layer="counts")


def test_a_library_that_is_missing_is_asked_for(tmp_path, monkeypatch):
    path = written(tmp_path / "x.h5ad", X)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"x.h5ad needs h5py: pip install 'dirvae\[anndata\]'"):
        read_rows(path)


@pytest.mark.parametrize("kind", ["whole", "CSR"])
@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 5, 6, 7, 12, 13])
def test_as_many_rows_come_at_a_time_as_have_so_many_values(tmp_path, monkeypatch, kind, at_once):
    monkeypatch.setattr("dirvae.data.annotated.VALUES_AT_ONCE", at_once)
    with streamed_h5ad(written(tmp_path / "x.h5ad", KINDS[kind])) as (genes, cells, blocks):
        parts = [part.toarray() for part in blocks]
    assert (genes, cells) == (GENES, CELLS)
    np.testing.assert_array_equal(np.concatenate(parts), X)
    taken = [row.size if kind == "whole" else np.count_nonzero(row) for row in X]
    before = 0
    for part in parts:
        after = before + len(part)
        assert sum(taken[before:after]) <= at_once or len(part) == 1
        assert after == len(X) or sum(taken[before : after + 1]) > at_once
        before = after


def test_cells_are_called_by_the_name_of_their_index(tmp_path):
    obs = pd.DataFrame({"age": [3.0, 1.0, 4.0, 1.5]}, index=plain(CELLS))
    for name, column in (("barcode", "barcode"), (None, "sample")):
        obs.index.name = name
        made = anndata.AnnData(X=X, obs=obs, var=pd.DataFrame(index=plain(GENES)))
        made.write_h5ad(tmp_path / "x.h5ad")
        frame, notes = read_obs(tmp_path / "x.h5ad")
        assert (frame.columns.tolist(), notes) == ([column, "age"], ())


@pytest.mark.parametrize(
    ("sample", "name", "key"),
    [
        (CELLS[::-1], "cell", "cell"),  # names of other cells
        (["d1", "d2", "d1", "d2"], "cell", "cell"),
        (["d1", "d2", "d1", "d2"], None, "sample_name"),
    ],
)
def test_cells_are_matched_by_their_names_whatever_columns_are_called(sample, name, key, tmp_path):
    obs = pd.DataFrame({"age": [3.0, 1.0, 4.0, 1.5]}, index=pd.Index(CELLS, dtype=object))
    obs["sample"] = pd.Series(sample, obs.index, dtype=object)
    obs.index.name = name
    made = anndata.AnnData(X=X, obs=obs, var=pd.DataFrame(index=plain(GENES)))
    made.write_h5ad(tmp_path / "x.h5ad")
    frame, _ = read_obs(tmp_path / "x.h5ad")
    assert frame.columns[0] == key
    found, _ = read_metadata(tmp_path / "x.h5ad", CELLS[:2], id_column="sample")
    assert found["age"].tolist() == [3.0, 1.0]
    assert found["sample"].tolist() == list(sample[:2])


def test_half_precision_is_read_in_single(tmp_path):
    rows = read_rows(written(tmp_path / "x.h5ad", X.astype(np.float16)))
    np.testing.assert_array_equal(rows.x.toarray(), X)
