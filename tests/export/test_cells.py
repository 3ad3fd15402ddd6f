"""AnnData of a topic model: read back by the library, with the model's numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dirvae import TopicModel
from dirvae.anndata import to_frame
from dirvae.export import as_anndata, to_h5ad
from tests.export.conftest import COUNTS, KNOWN, SMALL, WORDS

anndata = pytest.importorskip("anndata")
IDS = {"id": [f"d{i}" for i in range(40)], "site": [f"s{i % 3}" for i in range(40)]}


def test_the_file_has_counts_theta_and_topics(topics, tmp_path):
    model, counts = topics
    to_h5ad(model, tmp_path / "topics.h5ad", counts, ids=IDS)
    found = anndata.read_h5ad(tmp_path / "topics.h5ad")
    assert sparse.issparse(found.X)
    np.testing.assert_array_equal(found.X.toarray(), counts)
    assert found.obs_names.tolist() == IDS["id"]
    assert found.obs["site"].tolist() == IDS["site"]
    assert list(found.obs.columns) == ["site"]
    assert found.var_names.tolist() == WORDS
    np.testing.assert_allclose(found.obsm["X_dirvae"], model.transform(counts), rtol=1e-12)
    std = to_frame(found)["std"]
    np.testing.assert_allclose(std, model.posterior(counts).std, rtol=1e-6)
    np.testing.assert_array_equal(found.varm["dirvae"].to_numpy(), model.topic_word_.T)
    told = found.uns["dirvae"]
    assert list(told["names"]) == model.topic_names_
    np.testing.assert_array_equal(told["prevalence"], model.topic_prevalence_)
    assert told["model"] == "TopicModel"


def test_missing_ids_are_empty_texts(topics):
    names, sites = IDS["id"].copy(), IDS["site"].copy()
    names[2], sites[3], sites[4] = None, float("nan"), pd.NA
    found = as_anndata(topics.model, topics.X, ids={"id": names, "site": sites})
    assert found.obs_names.tolist() == ["d0", "d1", "", *IDS["id"][3:]]
    assert found.obs["site"].tolist() == [*IDS["site"][:3], "", "", *IDS["site"][5:]]


def test_counts_that_single_precision_does_not_hold_stay_as_they_are(topics, tmp_path):
    model, counts = topics
    large = counts + 2.0**24 * (counts > 0) + 1
    to_h5ad(model, tmp_path / "large.h5ad", large)
    np.testing.assert_array_equal(anndata.read_h5ad(tmp_path / "large.h5ad").X.toarray(), large)


def test_covariates_are_kept_in_the_order_of_the_rows(of_known, tmp_path):
    """By index where both have one; h5ad knows no dates, so that these are texts."""
    index = [f"r{row}" for row in range(40)]
    sizes = pd.Categorical(["mid", "big"] * 20, ["mid", "big", "none"])
    days = pd.date_range("2020-12-31", periods=40)
    given = {"size": sizes, "day": days, "hour": days + pd.Timedelta("90min"), "dose": KNOWN}
    model = TopicModel(2, **SMALL).fit(COUNTS, covariates=pd.DataFrame(given))
    X, frame = pd.DataFrame(COUNTS, index), pd.DataFrame(given, index)
    ids = {"dose": index, "site": IDS["site"]}
    to_h5ad(model, tmp_path / "a.h5ad", X, covariates=frame.iloc[::-1], ids=ids)
    obs = anndata.read_h5ad(tmp_path / "a.h5ad").obs
    assert obs.index.tolist() == index
    assert sorted(obs.columns) == ["day", "dose", "hour", "site", "size"]
    assert obs["size"].tolist() == ["mid", "big"] * 20
    assert obs["size"].cat.categories.tolist() == ["mid", "big"]
    assert obs["day"].tolist()[:2] == ["2020-12-31", "2021-01-01"]
    assert obs["hour"].tolist()[:2] == ["2020-12-31T01:30:00", "2021-01-01T01:30:00"]
    assert obs["dose"].tolist() == KNOWN.tolist()
    assert obs["site"].tolist() == IDS["site"]
    unnamed = as_anndata(of_known.model, COUNTS, covariates=KNOWN).obs
    assert {name: values.tolist() for name, values in unnamed.items()} == {
        "covariate0": KNOWN.tolist()
    }


def test_without_ids_rows_are_numbered(components):
    found = as_anndata(components.model, components.X)
    assert found.obs_names.tolist() == [str(row) for row in range(len(components.X))]
    assert found.uns["dirvae"]["model"] == "CompositionModel"


def test_covariates_tell(of_known):
    found = as_anndata(of_known.model, COUNTS, covariates=KNOWN)
    expected = of_known.model.transform(COUNTS, covariates=KNOWN)
    np.testing.assert_allclose(found.obsm["X_dirvae"], expected, rtol=1e-12)


def test_of_another_latent_there_are_means_alone():
    model = TopicModel(2, decoder="product", latent="gaussian", **SMALL).fit(COUNTS)
    found = as_anndata(model, COUNTS)
    assert list(found.obsm) == ["X_dirvae"]
    np.testing.assert_array_equal(found.obsm["X_dirvae"], model.transform(COUNTS))


def test_what_is_no_topic_model_is_refused(rows):
    with pytest.raises(TypeError, match="model is a DirichletVAE, must be a TopicModel"):
        as_anndata(rows.model, rows.X)


def test_results_and_ids_are_those_of_the_rows(of_known):
    """Covariates and ids in another order go by index, in all parts of the object."""
    index = [f"r{row}" for row in range(40)]
    X, known = pd.DataFrame(COUNTS, index), pd.Series(KNOWN, index)[::-1]
    ids = {"id": pd.Series(index, index)[::-1]}
    found = as_anndata(of_known.model, X, covariates=known, ids=ids)
    right = of_known.model.transform(COUNTS, covariates=KNOWN)
    np.testing.assert_allclose(found.obsm["X_dirvae"], right, rtol=1e-12)
    assert found.obs_names.tolist() == index
    assert found.obs["covariate0"].tolist() == KNOWN.tolist()
