from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Dirichlet,
    Independent,
    Multinomial,
    MultivariateNormal,
    Normal,
)

from dirvae.assessment.annealing import annealed_log_evidence
from dirvae.assessment.likelihood import (
    Bound,
    bound_of,
    log_evidence,
    log_weights,
    lower_bound,
)
from dirvae.assessment.use import decoding_use, encoding_use
from dirvae.models import zoo
from dirvae.models.vae import VAE
from dirvae.nn import Fixed

NOISE_STD = 0.5
LOADING = torch.tensor([[1.0, 0.2], [-0.4, 0.9], [0.3, 0.0], [0.8, -0.7]])


class LinearDecoder(nn.Module):
    def forward(self, z: Tensor) -> Independent:
        return Independent(Normal(z @ LOADING.to(z).T, NOISE_STD), 1)


class WideEncoder(nn.Module):
    """The exact posterior's mean, with a spread that is too wide: weights that vary."""

    def forward(self, x: Tensor) -> Independent:
        loading = LOADING.to(x)
        precision = torch.eye(2).to(x) + loading.T @ loading / NOISE_STD**2
        mean = x @ loading @ precision.inverse() / NOISE_STD**2
        return Independent(Normal(mean, 1.3 * precision.inverse().diagonal().sqrt()), 1)


@pytest.fixture
def linear_gaussian() -> VAE:
    prior = Fixed(Normal, loc=torch.zeros(2), scale=torch.ones(2))
    return VAE(WideEncoder(), LinearDecoder(), prior)


def exact_evidence(x: Tensor) -> Tensor:
    cov = LOADING @ LOADING.T + NOISE_STD**2 * torch.eye(4)
    return MultivariateNormal(torch.zeros(4), cov).log_prob(x)


def test_importance_sampling_finds_the_evidence_of_a_linear_gaussian_model(
    linear_gaussian: VAE,
) -> None:
    x = torch.randn(400, 2) @ LOADING.T + NOISE_STD * torch.randn(400, 4)
    generator = torch.Generator().manual_seed(1)
    evidence = log_evidence(linear_gaussian, x, 1000, generator=generator)
    assert evidence.std_error.max() < 0.05
    z_scores = (evidence.value - exact_evidence(x).numpy()) / evidence.std_error
    assert abs(z_scores.mean()) < 4 / np.sqrt(400)
    assert 0.85 < z_scores.std() < 1.15
    assert abs(evidence.mean - float(exact_evidence(x).mean())) < 3 * evidence.mean_std_error


def test_the_bound_is_below_the_evidence_by_the_divergence_from_the_posterior(
    linear_gaussian: VAE,
) -> None:
    x = torch.randn(50, 4)
    generator = torch.Generator().manual_seed(0)
    bound = lower_bound(linear_gaussian, x, num_samples=4000, generator=generator)
    precision = torch.eye(2) + LOADING.T @ LOADING / NOISE_STD**2
    q = WideEncoder()(x)
    posterior = MultivariateNormal(q.mean, precision_matrix=precision)
    wide = MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    gap = torch.distributions.kl_divergence(wide, posterior)
    # The log-likelihood of a draw has a standard deviation near 2; 4000 draws, 50 rows.
    torch.testing.assert_close(bound, exact_evidence(x) - gap, atol=0.2, rtol=0)
    assert float((bound - exact_evidence(x) + gap).mean()) == pytest.approx(0, abs=0.02)


def test_the_bound_comes_with_the_divergence_that_is_in_it(linear_gaussian: VAE) -> None:
    x = torch.randn(1300, 4)  # more than are decoded at a time
    generators = (torch.Generator().manual_seed(0) for _ in range(2))
    found = bound_of(linear_gaussian, x, generator=next(generators))
    bound = lower_bound(linear_gaussian, x, generator=next(generators))
    np.testing.assert_array_equal(found.elbo, bound.double().numpy())
    q = WideEncoder()(x).base_dist
    kl = torch.distributions.kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    np.testing.assert_allclose(found.kl, kl, rtol=1e-5)
    assert found.mean_kl == pytest.approx(float(kl.double().mean()))
    assert found.mean_log_likelihood == pytest.approx(float((bound + kl).double().mean()))
    assert found.mean_std_error == pytest.approx(scipy.stats.sem(bound.double()))
    assert np.isnan(Bound(found.elbo[:1], found.kl[:1]).mean_std_error)


def test_importance_sampling_finds_the_evidence_of_a_dirichlet_multinomial_model() -> None:
    prior = torch.tensor([0.1, 0.5, 1.0, 2.0, 4.0])
    total = 12

    class NearPosterior(nn.Module):
        def forward(self, x: Tensor) -> Dirichlet:
            return Dirichlet(prior + 0.9 * x)

    class Counts(nn.Module):
        def forward(self, z: Tensor) -> Multinomial:
            return Multinomial(total, probs=z, validate_args=False)

    vae = VAE(NearPosterior(), Counts(), Fixed(Dirichlet, concentration=prior)).double()
    random = np.random.default_rng(0)
    x = torch.from_numpy(
        scipy.stats.multinomial(total, random.dirichlet(prior)).rvs(200, random_state=random)
    ).double()
    exact = scipy.stats.dirichlet_multinomial(prior.double().numpy(), total).logpmf(x.numpy())
    evidence = log_evidence(vae, x, 1000, generator=torch.Generator().manual_seed(1))
    assert evidence.mean_std_error < 0.05 / 3
    assert abs(evidence.mean - exact.mean()) < 3 * evidence.mean_std_error
    z_scores = (evidence.value - exact) / evidence.std_error
    assert 0.8 < z_scores.std() < 1.2
    assert evidence.unreliable_share < 0.05


def test_evidence_of_a_dirichlet_that_never_saw_data() -> None:
    # The encoder's law is the prior, so p(x) is plain Monte Carlo, and by symmetry known:
    # with the decoder Bernoulli(z), one coordinate of a uniform simplex of 3 parts has mean 1/3.
    class Prior(nn.Module):
        def forward(self, x: Tensor) -> Dirichlet:
            return Dirichlet(torch.ones(len(x), 3))

    class Coordinate(nn.Module):
        def forward(self, z: Tensor) -> Independent:
            return Independent(Bernoulli(probs=z[..., :1]), 1)

    vae = VAE(Prior(), Coordinate(), Fixed(Dirichlet, concentration=torch.ones(3)))
    x = torch.tensor([[1.0], [0.0]])
    evidence = log_evidence(vae, x, 20_000, generator=torch.Generator().manual_seed(0))
    exact = np.log([1 / 3, 2 / 3])
    assert (np.abs(evidence.value - exact) < 4 * evidence.std_error).all()
    assert evidence.std_error.max() < 0.01


def test_pieces_do_not_change_what_is_estimated() -> None:
    vae = zoo.dirichlet(6, torch.ones(3), hidden_sizes=(8,), decoder_hidden_sizes=(8,))
    x = torch.bernoulli(torch.full((7, 6), 0.5))

    def evidence(draws_at_once: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        weights = log_weights(vae, x, 20_000, draws_at_once=draws_at_once, generator=generator)
        assert weights.shape == (20_000, 7)
        return weights.logsumexp(0).numpy()

    # The standard deviation of a difference is .02 at most.
    np.testing.assert_allclose(evidence(200_000), evidence(10_000), atol=0.1)
    np.testing.assert_allclose(evidence(500), evidence(10_000), atol=0.1)


def test_model_is_left_in_its_mode_and_without_gradients() -> None:
    vae = zoo.gaussian(6, 2, hidden_sizes=(8,)).train()
    assert not log_weights(vae, torch.zeros(3, 6), 2).requires_grad
    assert vae.training


def test_covariates_and_masks_reach_the_model() -> None:
    vae = zoo.gaussian(6, 2, hidden_sizes=(8,), num_covariates=3)
    x, told = torch.bernoulli(torch.full((5, 6), 0.5)), torch.eye(5)[:, :3]
    mask = torch.ones(5, 6, dtype=torch.bool)
    mask[:, 4:] = False

    def value(x: Tensor) -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        return log_evidence(vae, x, 10, told, mask=mask, generator=generator).value

    changed = x.clone()
    changed[:, 4:] = 1 - changed[:, 4:]
    np.testing.assert_array_equal(value(x), value(changed))
    assert lower_bound(vae, x, told).shape == (5,)
    assert encoding_use(vae, x, told).shape == decoding_use(vae, x, told).shape == (2,)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
def test_masks_may_be_numbers(dtype: torch.dtype) -> None:
    vae = zoo.gaussian(6, 2, hidden_sizes=(8,)).eval()
    x = torch.bernoulli(torch.full((5, 6), 0.5), generator=torch.Generator().manual_seed(0))
    x[:, 4:] = 0.5  # which is not looked at
    mask = torch.ones(5, 6, dtype=torch.bool)
    mask[:, 4:] = False

    def values(mask: Tensor) -> list[Any]:
        generator = torch.Generator().manual_seed(0)
        return [
            log_evidence(vae, x, 10, mask=mask, generator=generator).value,
            bound_of(vae, x, mask=mask, generator=generator),
            vae.reconstruct(x, mask=mask).detach(),
        ]

    for found, wanted in zip(values(mask.to(dtype)), values(mask), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("name", "value"), [("num_samples", 0), ("draws_at_once", -1)])
def test_counts_must_be_positive(name: str, value: int) -> None:
    arguments = {"num_samples": 2, name: value}
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        log_weights(zoo.gaussian(4, 2), torch.zeros(1, 4), **arguments)


@pytest.mark.parametrize("estimate", [partial(log_evidence, num_samples=2), annealed_log_evidence])
def test_grey_values_have_no_likelihood_under_a_bernoulli(estimate: Any) -> None:
    few: dict[str, Any] = {} if isinstance(estimate, partial) else {"num_chains": 1}
    vae, x = zoo.gaussian(4, 2).eval(), torch.eye(4)
    estimate(vae, x, **few)
    with pytest.warns(UserWarning, match="x has values between 0 and 1, but a Bernoulli"):
        estimate(vae, 0.5 * x, **few)


def test_values_that_are_masked_may_be_grey() -> None:
    log_evidence(zoo.gaussian(4, 2).eval(), torch.full((1, 4), 0.5), 2, mask=torch.zeros(1, 4) > 0)
