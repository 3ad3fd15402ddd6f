"""The summary of an estimator: of all rows, dense or sparse, with the estimator's own scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse, stats

from dirvae import DirichletVAE
from dirvae.assessment.summary import MOST_DIAGNOSED, summarize
from dirvae.distributions import Multinomial
from dirvae.models.zoo import dirichlet


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


def test_sparse_rows_and_no_likelihood(model: DirichletVAE, counts: Any) -> None:
    few = counts[:40]
    dense, thin = summarize(model, few, 0), summarize(model, sparse.csr_matrix(few), 0)
    assert dense.evidence is thin.evidence is None
    np.testing.assert_array_equal(dense.bound, thin.bound)
    np.testing.assert_array_equal(dense.diagnosis.decoding_cost, thin.diagnosis.decoding_cost)


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
