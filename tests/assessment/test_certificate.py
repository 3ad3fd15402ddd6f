"""Bounds from both sides against models whose evidence is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn
from torch.distributions import (
    Distribution,
    Gamma,
    Independent,
    LogNormal,
    MultivariateNormal,
    Normal,
    Poisson,
)

from dirvae.assessment import Certificate, certify
from dirvae.assessment.annealing import AnnealedPath
from dirvae.distributions import Dirichlet
from dirvae.models import MixturePrior, zoo
from dirvae.models.vae import VAE
from dirvae.nn import Conditional, Fixed
from tests.assessment.test_annealing import LOADING, Counts, Encoder, Linear, roughly

CONCENTRATION = torch.tensor([0.3, 0.5, 1.0, 2.0, 4.0])


class Rates(nn.Module):
    def forward(self, z: Tensor) -> Distribution:
        return Independent(Poisson(z, validate_args=False), 1)


def gaussian(x: Tensor) -> Tensor:
    covariance = LOADING @ LOADING.T + 0.25 * torch.eye(4).double()
    return MultivariateNormal(torch.zeros(4).double(), covariance).log_prob(x)


def dirichlet_multinomial(x: Tensor) -> Tensor:
    law = scipy.stats.dirichlet_multinomial(CONCENTRATION.double().numpy(), 12)
    return torch.from_numpy(law.logpmf(x.numpy().astype(int)))


def negative_binomial(x: Tensor) -> Tensor:
    return torch.from_numpy(scipy.stats.nbinom(1.5, 1 / 3).logpmf(x.numpy())).sum(-1)


Posterior = Callable[[Tensor], Distribution]


def exact_gaussian(x: Tensor) -> Distribution:
    precision = torch.eye(2).double() + 4 * LOADING.T @ LOADING
    mean = 4 * torch.linalg.solve(precision, (x @ LOADING).T).T
    return MultivariateNormal(mean, precision_matrix=precision, validate_args=False)


class Known(NamedTuple):
    """A model, a row of its data, and its log p(x); its posterior, roughly and exactly."""

    rough: Posterior
    posterior: Posterior
    decoder: nn.Module
    prior: Conditional
    row: Tensor
    exact: Callable[[Tensor], Tensor]


KNOWN = {
    "linear Gaussian": Known(
        roughly,
        exact_gaussian,
        Linear(),
        Fixed(Normal, loc=torch.zeros(2), scale=torch.ones(2)),
        torch.tensor([1.0, -2.0, 0.5, 1.5]),
        gaussian,
    ),
    "Dirichlet multinomial": Known(
        lambda x: Dirichlet(1 + x / 2),
        lambda x: Dirichlet(CONCENTRATION + x),
        Counts(),
        Fixed(Dirichlet, concentration=CONCENTRATION),
        torch.tensor([0.0, 2.0, 1.0, 9.0, 0.0]),
        dirichlet_multinomial,
    ),
    "gamma Poisson": Known(
        lambda x: Independent(Gamma(1 + x / 2, 0 * x + 0.5), 1),
        lambda x: Independent(Gamma(1.5 + x, 0 * x + 1.5), 1),
        Rates(),
        Fixed(Gamma, concentration=torch.full((3,), 1.5), rate=torch.full((3,), 0.5)),
        torch.tensor([0.0, 3.0, 11.0]),
        negative_binomial,
    ),
}


def certified(
    model: Known, seed: int, num_temperatures: int = 30, posterior: Posterior | None = None
) -> Certificate:
    return certify(
        VAE(Encoder(posterior or model.rough), model.decoder, model.prior),
        model.row.expand(20, -1),
        num_drawn=100,
        num_chains=4,
        num_temperatures=num_temperatures,
        num_leapfrog_steps=3,
        generator=torch.Generator().manual_seed(seed),
    )


def require_held(model: Known, found: Certificate) -> None:
    exact = float(model.exact(found.drawn).mean())
    assert found.lower <= exact <= found.upper
    row = float(model.exact(model.row.double().unsqueeze(0)))
    assert found.rows.mean - 3 * found.rows.mean_std_error <= row


@pytest.mark.parametrize("name", KNOWN)
def test_bounds_hold_the_evidence(name: str) -> None:
    found = certified(KNOWN[name], 0)
    require_held(KNOWN[name], found)
    assert 0 < found.gap < 1.1


@pytest.mark.parametrize("name", KNOWN)
def test_from_the_exact_posterior_the_bounds_are_the_evidence(name: str) -> None:
    model = KNOWN[name]
    found = certified(model, 0, 3, model.posterior)
    exact = model.exact(found.drawn).numpy()
    np.testing.assert_allclose(found.below.value, exact, rtol=1e-9)
    np.testing.assert_allclose(found.above, exact, rtol=1e-9)
    of_rows = model.exact(model.row.double().expand(20, -1)).numpy()
    np.testing.assert_allclose(found.rows.value, of_rows, rtol=1e-9)


def test_bounds_hold_the_evidence_where_the_encoder_is_far_off() -> None:
    model = KNOWN["linear Gaussian"]
    found = certified(model, 0, 30, lambda x: Independent(Normal(5 - x[:, :2], 0.1), 1))
    require_held(model, found)
    assert found.gap > 5


def test_bounds_hold_the_evidence_where_chains_leave_the_support_of_the_encoders_law() -> None:
    """Far out numbers of a LogNormal underflow to 0, of which torch refuses the density."""
    model = KNOWN["gamma Poisson"]
    found = certified(model, 0, 30, lambda x: Independent(LogNormal((x + 0.1).log(), 1 + x), 1))
    require_held(model, found)


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_bounds_hold_the_evidence_in_all_of_20_runs(name: str) -> None:
    for seed in range(20):
        require_held(KNOWN[name], certified(KNOWN[name], seed))


def test_few_temperatures_widen_the_gap_and_the_bounds_still_hold() -> None:
    # With one temperature chains do not move on the way: the weights are those of the encoder.
    model = KNOWN["Dirichlet multinomial"]
    wide = certified(model, 1, 1)
    require_held(model, wide)
    narrow = certified(model, 1)
    assert wide.above.mean() - wide.below.mean > 5 * (narrow.above.mean() - narrow.below.mean)


def test_a_mixture_of_equal_laws_is_one_of_them() -> None:
    known = KNOWN["Dirichlet multinomial"]
    mixture = MixturePrior(known.prior, 2)
    torch.nn.init.zeros_(mixture.place)
    require_held(known, certified(known._replace(prior=mixture), 0, 8))


def test_rows_are_taken_some_at_a_time_and_stay_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    model = KNOWN["Dirichlet multinomial"]
    vae = VAE(Encoder(model.posterior), model.decoder, model.prior)
    rows = torch.cat([12 * torch.eye(5), torch.tensor([[0.0, 2.0, 1.0, 9.0, 0.0]])])
    monkeypatch.setattr("dirvae.assessment.certificate.ROWS_AT_ONCE", 4)
    quick = {"num_drawn": 9, "num_chains": 2, "num_temperatures": 2}
    found = certify(vae, rows, **quick, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(found.rows.value, model.exact(rows), rtol=1e-9)
    exact = model.exact(found.drawn).numpy()
    assert len(set(exact)) > 5
    np.testing.assert_allclose(found.below.value, exact, rtol=1e-9)
    np.testing.assert_allclose(found.above, exact, rtol=1e-9)


def test_rows_are_drawn_from_the_model() -> None:
    model = KNOWN["gamma Poisson"]
    drawn = certified(model, 2, 1).drawn
    mean, variance = scipy.stats.nbinom(1.5, 1 / 3).stats()
    error = np.sqrt(variance / drawn.numel())
    assert abs(float(drawn.mean()) - mean) < 4 * error


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("num_drawn", 1, 2), ("num_chains", 1, 2), ("num_temperatures", 0, 1)],
)
def test_numbers_are_checked(name: str, value: int, least: int) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}, must be {least} or more"):
        certify(zoo.gaussian(4, 2), torch.eye(4), **{name: value})


def test_there_must_be_covariates_for_the_rows_to_draw() -> None:
    vae = zoo.gaussian(4, 2, num_covariates=1)
    with pytest.raises(ValueError, match="num_drawn is 9, must be at most the 4 rows"):
        certify(vae, torch.eye(4), torch.ones(4, 1), num_drawn=9)


def test_covariates_of_another_number_of_rows_are_refused_before_any_chain_walks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dirvae.assessment.certificate.ROWS_AT_ONCE", 3)
    monkeypatch.setattr(AnnealedPath, "adapt", None)
    vae = zoo.gaussian(4, 2, num_covariates=1)
    with pytest.raises(ValueError, match=r"x has 4 rows and .* covariates, has 5; must be as many"):
        certify(vae, torch.eye(4), torch.ones(5, 1), num_drawn=2)
