"""The encoder's posterior of rows, against the marginals that its law has in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits
from torch.distributions import Normal

from dirvae import DirichletVAE
from dirvae.distributions import Dirichlet, StandardizedDirichlet, draw
from dirvae.estimators import RowPosterior
from dirvae.estimators.posterior import DRAWS

SMALL = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,), "max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.full(3, 0.3), 60) @ rng.random((3, 12))


def law_of(model: DirichletVAE, X: np.ndarray) -> torch.distributions.Distribution:
    with torch.no_grad():
        return model.vae_.double().infer(torch.from_numpy(X))


def require_marginals(found: RowPosterior, law: stats.rv_frozen, level: float) -> None:
    """Ends of intervals hold the tail's share of the law but for the error of the draws."""
    np.testing.assert_allclose(found.mean, law.mean(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.std, law.std(), rtol=0.2)
    tail = (1 - level) / 2
    error = 5 * np.sqrt(tail * (1 - tail) / DRAWS)
    np.testing.assert_allclose(law.cdf(found.lower), tail, atol=error)
    np.testing.assert_allclose(law.sf(found.upper), tail, atol=error)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_marginals_of_a_dirichlet_are_betas(rows: np.ndarray, level: float) -> None:
    model = DirichletVAE(3, latent=Dirichlet, **SMALL).fit(rows)
    found = model.posterior(rows, level=level)
    concentration = law_of(model, rows).concentration.numpy()
    rest = concentration.sum(1, keepdims=True) - concentration
    require_marginals(found, stats.beta(concentration, rest), level)
    np.testing.assert_array_equal(found.mean, model.transform(rows))


def test_marginals_of_a_gaussian_are_its_own(rows: np.ndarray) -> None:
    model = DirichletVAE(2, latent=Normal, **SMALL).fit(rows)
    found = model.posterior(rows)
    law = law_of(model, rows)
    require_marginals(found, stats.norm(law.mean.numpy(), law.stddev.numpy()), 0.9)
    difference = law.mean[:, 0] - law.mean[:, 1]
    chance = stats.norm.cdf(difference / law.variance.sum(-1).sqrt())
    np.testing.assert_allclose(found.dominates[:, 0], chance, atol=5 * 0.5 / DRAWS**0.5)


def test_a_row_does_not_depend_on_the_others(rows: np.ndarray) -> None:
    model = DirichletVAE(3, latent=StandardizedDirichlet, **SMALL).fit(rows)
    whole, one = model.posterior(rows), model.posterior(rows[7:8])
    for part, alone in zip(whole, one, strict=True):
        np.testing.assert_allclose(part[7:8], alone, rtol=1e-10, atol=1e-12)
        assert part.shape == (60, 3)
    np.testing.assert_allclose(whole.dominates.sum(1), 1)


def test_a_level_that_is_no_probability_is_refused(rows: np.ndarray) -> None:
    model = DirichletVAE(3, **SMALL).fit(rows)
    with pytest.raises(ValueError, match="level is 90, must be"):
        model.posterior(rows, level=90)
    with pytest.raises(ValueError, match="12 features"):
        model.posterior(rows[:, :3])


@pytest.mark.learning
def test_intervals_hold_the_shares_of_rows_that_the_model_draws() -> None:
    X = load_digits().data / 16
    model = DirichletVAE(10, prior_concentration=0.5, random_state=0).fit(X)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        z = draw(model.vae_.prior(), torch.Size([2000]), generator)
        drawn = draw(model.vae_.decoder(z), torch.Size(), generator).double().numpy()
    found = model.posterior(drawn)
    held = (found.lower <= z.numpy()) & (z.numpy() <= found.upper)
    assert 0.8 < held.mean() < 0.9
    assert held[found.mean > 0.05].mean() > 0.75
