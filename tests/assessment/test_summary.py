"""The summary of an estimator: of all rows, dense or sparse, with the estimator's own scores."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse, stats

from dirvae import DirichletVAE
from dirvae.assessment import certify
from dirvae.assessment.summary import MOST_DIAGNOSED, Summary, summarize
from dirvae.distributions import Multinomial
from dirvae.models.zoo import dirichlet

NAMED = ("frame", "nullable", "polars")
FORMATS = ("coo", "csc", "bsr", "dia", "lil", "dok")


@pytest.fixture(scope="module")
def counts() -> Any:
    return np.random.default_rng(0).poisson(1.0, (1100, 6)).astype(float) + np.eye(6)[0]


@pytest.fixture(scope="module")
def model(counts: Any) -> DirichletVAE:
    settings: dict[str, Any] = {"likelihood": Multinomial, "prior_concentration": 0.5}
    return DirichletVAE(3, max_epochs=1, random_state=0, **settings).fit(counts[:200])


def test_figures_are_of_all_rows(model: DirichletVAE, counts: Any) -> None:
    found = summarize(model, counts, 30)
    np.testing.assert_array_equal(found.bound.elbo, model.score_samples(counts))
    theta, prior = model.transform(counts), stats.beta(0.5, 1.0)
    assert found.posterior_mean_variance == pytest.approx(theta.var(0).sum())
    assert found.prior_variance == pytest.approx(3 * prior.var())
    assert found.active.tolist() == (theta.var(0) > 0.01 * prior.var()).tolist()
    posterior = model.vae_.double().infer(torch.from_numpy(counts))
    exact = torch.distributions.kl_divergence(
        torch.distributions.Dirichlet(posterior.concentration),
        torch.distributions.Dirichlet(torch.full((3,), 0.5).double()),
    )
    model.vae_.float()
    np.testing.assert_allclose(found.bound.kl, exact.detach(), rtol=1e-5)
    assert found.evidence is not None
    assert found.evidence.value.shape == (1100,)
    # On average the estimate of the likelihood is above the bound.
    assert found.evidence.mean > found.bound.mean - 0.02
    assert found.diagnosis.information.num_rows == 550 <= MOST_DIAGNOSED


def test_a_certificate_is_of_rows_that_are_evenly_spaced(
    model: DirichletVAE, counts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert summarize(model, counts, 0).certificate is None
    quick = partial(certify, num_temperatures=5, num_drawn=10, num_chains=2)
    monkeypatch.setattr("dirvae.assessment.summary.certify", quick)
    found = model.evaluate(sparse.csr_matrix(counts), 0, certified=True)
    seeded = torch.Generator().manual_seed(0)
    alone = quick(
        copy.deepcopy(model.vae_).double(), torch.from_numpy(counts[::11]), generator=seeded
    )
    assert found.certificate is not None
    np.testing.assert_array_equal(found.certificate.rows.value, alone.rows.value)
    shown = dict(zip(found.table()["measure"], found.table()["value"], strict=True))
    assert shown["certified_rows"] == 100
    assert shown["certified_nll"] == -alone.rows.mean
    assert shown["certified_gap"] == alone.gap
    both = model.evaluate(counts, 5, certified=True)
    assert "nll_of_certified_rows" not in shown
    shown = dict(zip(both.table()["measure"], both.table()["value"], strict=True))
    assert shown["nll_of_certified_rows"] == pytest.approx(-both.evidence.value[::11].mean())


def test_sparse_rows_and_no_likelihood(model: DirichletVAE, counts: Any) -> None:
    few = counts[:40]
    dense, thin = summarize(model, few, 0), summarize(model, sparse.csr_matrix(few), 0)
    assert dense.evidence is thin.evidence is None
    np.testing.assert_array_equal(dense.bound, thin.bound)
    np.testing.assert_array_equal(dense.diagnosis.decoding_cost, thin.diagnosis.decoding_cost)


FORMS: dict[str, Any] = {
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X, columns=list("abcdef")),
    "nullable": lambda X: pd.DataFrame(X.astype(int), columns=list("abcdef"), dtype="Int64"),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcdef")),
    **{name: partial(sparse.csr_matrix.asformat, format=name) for name in FORMATS},
}


def same(found: Summary, wanted: Summary) -> None:
    np.testing.assert_array_equal(found.bound, wanted.bound)
    np.testing.assert_array_equal(found.evidence.value, wanted.evidence.value)
    np.testing.assert_array_equal(found.active, wanted.active)
    np.testing.assert_array_equal(found.diagnosis.decoding_cost, wanted.diagnosis.decoding_cost)
    assert found.posterior_mean_variance == wanted.posterior_mean_variance


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("form", FORMS)
def test_rows_are_taken_in_all_forms_that_transform_takes(
    model: DirichletVAE, counts: Any, form: str
) -> None:
    few = counts[:40]
    X = FORMS[form](sparse.csr_matrix(few) if form in FORMATS else few)
    named = copy.copy(model)
    if form in NAMED:
        named.feature_names_in_ = np.array(list("abcdef"), dtype=object)
    same(named.evaluate(X, 5), model.evaluate(few, 5))


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("form", [form for form in FORMS if form != "nullable"])
def test_probabilities_are_drawn_alike_in_all_forms(form: str) -> None:
    X = np.random.default_rng(0).random((600, 6)).round(1) * (np.arange(6) < 4)
    settings: dict[str, Any] = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,)}
    grey = DirichletVAE(3, max_epochs=1, random_state=0, **settings)
    grey.fit(FORMS["frame"](X) if form in NAMED else X)
    found = grey.evaluate(FORMS[form](sparse.csr_matrix(X) if form in FORMATS else X), 5)
    same(found, DirichletVAE(3, max_epochs=1, random_state=0, **settings).fit(X).evaluate(X, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: np.where(X[0, 0] == X, np.nan, X), "contains NaN"),
        (lambda X: X + 1, "X has values from 1 to 2, but a Bernoulli"),
        (lambda X: X[:, :4], "X has 4 features"),
    ],
)
def test_impossible_rows_are_refused_and_not_drawn(change: Any, message: str) -> None:
    X = np.eye(6)
    with pytest.raises(ValueError, match=message):
        DirichletVAE(3, max_epochs=1, random_state=0).fit(X).evaluate(change(X), 0)


def test_a_summary_is_shown_as_its_whole_table(model: DirichletVAE, counts: Any) -> None:
    found = summarize(model, counts[:40], 30)
    shown = dict(line.split() for line in repr(found).splitlines())
    assert list(shown) == ["measure", *found.table()["measure"]]
    assert (shown["rows"], shown["components"]) == ("40", "3")
    assert float(shown["elbo"]) == pytest.approx(found.bound.elbo.mean(), rel=1e-3)
    assert float(shown["prior_variance"]) == pytest.approx(found.prior_variance, rel=1e-3)


def test_a_vae_is_told_where_to_go():
    vae = dirichlet(4, torch.ones(3))
    with pytest.raises(TypeError, match="for a VAE, call log_evidence and diagnose"):
        summarize(vae, np.eye(4))
