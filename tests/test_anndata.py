"""AnnData in and out: what is written, by name, into files and back to a frame."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.base import clone

import dirvae
from dirvae import CompositionModel

anndata = pytest.importorskip("anndata")

GENES = [f"g{place}" for place in range(8)]
CELLS = [f"c{row}" for row in range(50)]
MODEL = CompositionModel(2, max_epochs=6, hidden_sizes=(8,), random_state=0)
BETA = np.kron(np.eye(2), np.full(4, 0.25))


def cells(rows=50, genes=GENES, seed=0):
    """Cells of two components, the counts in a layer, with a donor each."""
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet([0.5, 0.5], rows)
    counts = rng.multinomial(200, theta @ BETA)[:, [GENES.index(g) for g in genes if g in GENES]]
    obs = pd.DataFrame(
        {
            "donor": pd.Series(
                np.array(["a", "b"])[rng.integers(0, 2, rows)], dtype=object
            ).to_numpy()
        },
        index=pd.Index(CELLS[:rows], dtype=object),
    )
    obs["donor"] = obs["donor"].astype(object)
    var = pd.DataFrame(index=pd.Index([g for g in genes if g in GENES], dtype=object))
    made = anndata.AnnData(X=np.log1p(counts), obs=obs, var=var)
    made.layers["counts"] = sparse.csr_matrix(counts.astype(np.float32))
    return made


@pytest.fixture(scope="module")
def fitted():
    adata = cells()
    model = dirvae.anndata.fit(adata, MODEL, "counts", covariates=["donor"])
    return adata, model


def test_what_is_written_is_the_posterior_by_cell_and_gene(fitted):
    adata, model = fitted
    counts, told = adata.layers["counts"].toarray(), adata.obs[["donor"]].reset_index(drop=True)
    same = CompositionModel(**MODEL.get_params()).fit(counts, covariates=told)
    found = same.posterior(counts, covariates=told)
    np.testing.assert_allclose(adata.obsm["X_dirvae"], found.mean, atol=1e-12)
    np.testing.assert_allclose(adata.obsm["X_dirvae_std"], found.std, rtol=1e-9)
    law = stats.beta(found.concentration, found.concentration * (1 / found.mean - 1))
    np.testing.assert_allclose(adata.obsm["X_dirvae_q05"], law.ppf(0.05), atol=1e-9)
    np.testing.assert_allclose(adata.obsm["X_dirvae_q95"], law.ppf(0.95), atol=1e-9)
    np.testing.assert_array_equal(adata.varm["dirvae"].T, same.components_)
    for frame, names in ((adata.obsm["X_dirvae_std"], CELLS), (adata.varm["dirvae"], GENES)):
        assert frame.index.tolist() == names
        assert frame.columns.tolist() == ["compositionmodel0", "compositionmodel1"]
    said = adata.uns["dirvae"]
    assert (said["model"], said["layer"], said["version"]) == (
        "CompositionModel",
        "counts",
        dirvae.__version__,
    )
    assert said["parameters"]["n_components"] == 2
    assert said["covariates"].tolist() == ["donor"]
    assert said["precision"] == same.precision_
    quality = same.completion_log_prob(counts, covariates=told).mean()
    assert said["quality"]["completion_log_prob"] == pytest.approx(quality, rel=1e-9)
    assert said["quality"]["mean_composition_log_prob"] < quality
    assert model.features_.tolist() == GENES
    assert not hasattr(MODEL, "vae_")


def test_it_is_written_to_a_file_and_read_again(fitted, tmp_path):
    adata, _ = fitted
    adata.write_h5ad(tmp_path / "x.h5ad")
    again = anndata.read_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(again.obsm["X_dirvae"], adata.obsm["X_dirvae"])
    ours, theirs = (dirvae.anndata.to_frame(made) for made in (adata, again))
    np.testing.assert_array_equal(ours, theirs)
    assert list(ours.columns) == list(theirs.columns)
    assert again.uns["dirvae"]["quality"] == adata.uns["dirvae"]["quality"]
    assert again.uns["dirvae"]["parameters"]["prior_concentration"] == "learn"


def test_the_frame_has_means_deviations_and_quantiles_of_each_component(fitted):
    adata, _ = fitted
    frame = dirvae.anndata.to_frame(adata)
    assert frame.shape == (50, 8)
    np.testing.assert_array_equal(frame["mean"], adata.obsm["X_dirvae"])
    np.testing.assert_array_equal(frame["q95"], adata.obsm["X_dirvae_q95"])
    assert frame.index.tolist() == CELLS
    with pytest.raises(ValueError, match="adata has no 'X_other' in obsm"):
        dirvae.anndata.to_frame(adata, key="other")


def test_new_cells_go_by_the_names_of_their_genes(fitted):
    _, model = fitted
    new = cells(12, GENES[::-1], seed=1)
    lacking = new[:, [g for g in new.var_names if g != "g5"]].copy()
    told = new.obs[["donor"]].reset_index(drop=True)
    counts = new[:, GENES].layers["counts"].toarray()
    options = {"covariates": ["donor"], "key": "new"}
    dirvae.anndata.transform(new, model, "counts", **options)
    expected = model.transform(counts, covariates=told)
    np.testing.assert_allclose(new.obsm["X_new"], expected, atol=1e-12)
    counts[:, 5] = 0
    dirvae.anndata.transform(lacking, model, "counts", **options)
    expected = model.transform(counts, covariates=told)
    np.testing.assert_allclose(lacking.obsm["X_new"], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layer": "raw"}, r"layer is 'raw', must be one of adata's layers \('counts'\) or None"),
        ({"covariates": ["age"]}, "covariates has 'age', must be columns of adata.obs"),
        ({"covariates": "donor"}, "covariates is one string, must be a list"),
    ],
)
def test_what_is_not_there_is_named(options, said):
    with pytest.raises(ValueError, match=said):
        dirvae.anndata.fit(cells(), MODEL, **options)


def test_other_genes_and_names_that_repeat_are_refused(fitted):
    _, model = fitted
    new = cells(5)
    new.var_names = pd.Index([f"ENSG{place}" for place in range(8)], dtype=object)
    with pytest.raises(ValueError, match="adata has none of the model's 8 features, such as 'g0'"):
        dirvae.anndata.transform(new, model, "counts", covariates=["donor"])
    new.var_names = pd.Index(["g0", "g0", *GENES[2:]], dtype=object)
    with pytest.raises(ValueError, match="adata has 'g0' more than once in var_names"):
        dirvae.anndata.fit(new, MODEL, "counts")


def test_without_x_the_layer_must_be_named():
    adata = cells(5)
    adata.X = None
    with pytest.raises(ValueError, match="adata has no X: name the layer of counts"):
        dirvae.anndata.fit(adata, MODEL)


def test_what_is_no_anndata_and_no_composition_model_is_named(fitted):
    _, model = fitted
    counts = np.ones((5, 8))
    for act, given in ((dirvae.anndata.fit, MODEL), (dirvae.anndata.transform, model)):
        with pytest.raises(ValueError, match="adata is a ndarray, must be an AnnData object"):
            act(counts, given)
        with pytest.raises(ValueError, match="model is a TopicModel, must be a CompositionModel"):
            act(cells(5), dirvae.TopicModel(2), "counts")


def test_a_sparse_matrix_is_never_dense(monkeypatch):
    """Neither the counts nor what is made of them on the way; parts of a few rows may be."""
    adata = cells()
    dense = sparse.csr_matrix.toarray

    def watched(self, *args, **options):
        assert self.shape != (50, 8), "the whole matrix was made dense"
        return dense(self, *args, **options)

    monkeypatch.setattr("dirvae.topics.hidden_features.ROWS_AT_ONCE", 10)
    monkeypatch.setattr(sparse.csr_matrix, "toarray", watched)
    monkeypatch.setattr(sparse.csr_matrix, "todense", watched)
    dirvae.anndata.fit(adata, clone(MODEL).set_params(max_epochs=1), "counts")


def test_a_frame_of_covariates_is_matched_to_the_cells(fitted):
    adata, model = fitted
    right = adata.obsm["X_dirvae"].copy()
    told = adata.obs[["donor"]]
    for given in (told.iloc[::-1], told.reset_index(drop=True)):
        again = cells()
        dirvae.anndata.transform(again, model, "counts", covariates=given)
        np.testing.assert_allclose(again.obsm["X_dirvae"], right, rtol=1e-12)
    other = told.rename(index={"c0": "x"})
    with pytest.raises(ValueError, match="has 'c0' in its index and covariates has not"):
        dirvae.anndata.transform(cells(), model, "counts", covariates=other)


def test_half_precision_and_open_files_are_read(fitted, tmp_path):
    adata, _ = fitted
    model = dirvae.anndata.fit(cells(), MODEL, "counts")
    dense = adata.layers["counts"].toarray()
    right = model.transform(dense)
    for matrix in (dense.astype(np.float16), dense, adata.layers["counts"]):
        made = anndata.AnnData(X=matrix, obs=adata.obs.copy(), var=adata.var.copy())
        dirvae.anndata.transform(made, model)
        np.testing.assert_allclose(made.obsm["X_dirvae"], right, rtol=1e-6)
        made.obsm.clear()
        made.write_h5ad(tmp_path / "x.h5ad")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the libraries' own
            whole = anndata.read_h5ad(tmp_path / "x.h5ad", backed="r")
            some = whole[5:20]
        dirvae.anndata.transform(whole, model)
        np.testing.assert_allclose(whole.obsm["X_dirvae"], right, rtol=1e-6)
        with pytest.raises(ValueError, match="adata is a part of a file that is open, to which"):
            dirvae.anndata.transform(some, model)
        whole.file.close()
