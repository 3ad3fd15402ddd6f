from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, StudentT

from dirvae.assessment.annealing import annealed_log_evidence
from dirvae.assessment.certificate import certify
from dirvae.assessment.diagnosis import diagnose
from dirvae.assessment.embedding import posterior_draws, posterior_means
from dirvae.assessment.likelihood import bound_of, log_evidence, log_weights, lower_bound
from dirvae.assessment.marginals import marginal_divergence
from dirvae.assessment.use import decoding_use, encoding_use
from dirvae.distributions import Dirichlet, StickBreakingBeta
from dirvae.evaluation import Use
from dirvae.models import zoo
from dirvae.models.vae import VAE
from dirvae.nn import Fixed


class Encoder(nn.Module):
    """A law whose parameters are the covariates, or x itself where there are none."""

    def __init__(self, law: Callable[[Tensor], Distribution]) -> None:
        super().__init__()
        self.law = law

    def forward(self, x: Tensor, covariates: Tensor | None = None) -> Distribution:
        return self.law(x if covariates is None else covariates)


class Linear(nn.Module):
    """x is a linear map of z with noise of variance 1."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.layer.weight.data = weight

    def forward(self, z: Tensor, covariates: Tensor | None = None) -> Independent:
        return Independent(Normal(self.layer(z), 1.0), 1)


def half_wide(mean: Tensor) -> Distribution:
    return Independent(Normal(mean, 0.5), 1)


def normal_prior(size: int) -> Fixed:
    return Fixed(Normal, loc=torch.zeros(size), scale=torch.ones(size))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_dead_columns_and_dead_means_are_found() -> None:
    # The decoder reads the first and, a hundredfold, the third; only two means vary much.
    weight = torch.tensor([1.0, 0.0, 100.0, 0.0]).expand(4, -1).clone()
    means = torch.randn(300, 4, generator=seeded()) * torch.tensor([1.0, 1.0, 0.02, 0.02])
    vae = VAE(Encoder(half_wide), Linear(weight), normal_prior(4))
    found = diagnose(vae, means @ weight.T, means, generator=seeded())
    assert found.uses == (Use.BOTH, Use.ENCODING, Use.DECODING, Use.NEITHER)
    assert found.counts == dict.fromkeys(Use, 1)
    assert found.weight_norms is not None
    np.testing.assert_allclose(found.weight_norms, [2, 0, 200, 0])
    np.testing.assert_allclose(found.encoding_variance, means.numpy().var(0), rtol=1e-5)
    np.testing.assert_allclose(found.means.mean, means.numpy().mean(0), atol=1e-6)
    # One draw a row adds the posterior's variance; 300 rows know a spread to 4 %.
    spread = np.sqrt(means.numpy().var(0) + 0.25)
    np.testing.assert_allclose(found.draws.std, spread, rtol=0.17)


def test_a_gaussian_diagnosis_adds_up() -> None:
    means = 1.5 * torch.randn(400, 3, generator=seeded())
    vae = VAE(Encoder(half_wide), Linear(torch.ones(3, 3)), normal_prior(3))
    found = diagnose(vae, means, generator=seeded())
    by_hand = 0.5 * (0.25 + means.numpy() ** 2 - 1 - np.log(0.25))
    np.testing.assert_allclose(found.marginal_kl.value, by_hand.mean(0), rtol=1e-5)
    assert found.marginal_kl.exact
    assert found.marginal_kl.additive
    assert found.marginal_kl.value.sum() == pytest.approx(found.kl, rel=1e-5)
    assert (found.marginal_kl.prior == 0).all()
    # Information is at most log N, the channel's capacity, and the KL (Hoffman & Johnson).
    assert 0 < found.information.value < min(found.kl, found.information.bound)
    channel = 1.5 * np.log(1 + 2.25 / 0.25)
    assert found.information.value == pytest.approx(channel, abs=0.25)
    assert found.weight_norms is not None
    # Moments of the prior's 50,000 draws, five standard errors wide.
    np.testing.assert_allclose(found.prior.std, 1, atol=5 / np.sqrt(100_000))
    np.testing.assert_allclose(found.prior.kurtosis, 0, atol=5 * np.sqrt(24 / 50_000))


def test_separated_posteriors_hold_log_n_and_the_prior_nothing() -> None:
    apart = 100 * torch.arange(120.0)[:, None].expand(-1, 2)
    vae = VAE(Encoder(half_wide), Linear(torch.ones(2, 2)), normal_prior(2))
    information = diagnose(vae, apart, generator=seeded()).information
    assert information.value == pytest.approx(np.log(120), abs=1e-6)
    assert information.num_rows == 120
    blind = VAE(
        Encoder(lambda x: Independent(Normal(0 * x, 1.0), 1)), Linear(torch.ones(2, 2)), vae.prior
    )
    found = diagnose(blind, apart, generator=seeded())
    assert found.information.value == pytest.approx(0, abs=1e-6)
    assert found.kl == pytest.approx(0, abs=1e-6)
    assert set(found.uses) == {Use.NEITHER}


def beta_kl(a: float, b: float, c: float, d: float) -> float:
    q, p = stats.beta(a, b), stats.beta(c, d)
    low, high = q.ppf([1e-13, 1 - 1e-13])
    return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high, limit=200)[0]


def test_dirichlet_marginals_against_integration() -> None:
    concentration = torch.tensor([[2.0, 3.0, 0.7], [9.0, 0.5, 1.0], [1.1, 1.2, 30.0]])
    prior = torch.tensor([0.9, 1.0, 2.0])
    vae = VAE(Encoder(Dirichlet), Linear(torch.ones(3, 3)), Fixed(Dirichlet, concentration=prior))
    found = marginal_divergence(vae, concentration)
    expected = [
        [
            beta_kl(a, float(row.sum()) - a, c, float(prior.sum()) - c)
            for a, c in zip(row.tolist(), prior.tolist(), strict=True)
        ]
        for row in concentration
    ]
    np.testing.assert_allclose(found.value, np.mean(expected, 0), rtol=1e-5)
    assert found.exact
    assert not found.additive
    whole = diagnose(vae, concentration, generator=seeded())
    assert (found.value <= whole.kl).all()
    assert found.value.sum() != pytest.approx(whole.kl, rel=0.01)
    law = stats.beta(prior.numpy(), prior.sum().numpy() - prior.numpy())
    mean, var, skewness, kurtosis = law.stats("mvsk")
    np.testing.assert_allclose(whole.prior.mean, mean, rtol=0.02)
    np.testing.assert_allclose(whole.prior.std, np.sqrt(var), rtol=0.02)
    np.testing.assert_allclose(whole.prior.skewness, skewness, atol=0.05)
    np.testing.assert_allclose(whole.prior.kurtosis, kurtosis, atol=0.15)


def test_marginals_from_draws_against_the_same_law_in_closed_form() -> None:
    # Sticks Beta(a_k, a_{k+1} + ...) make a Dirichlet(a), whose marginals are known.
    def sticks(a: Tensor) -> StickBreakingBeta:
        rest = a.flip(-1).cumsum(-1).flip(-1)
        return StickBreakingBeta(a[..., :-1], rest[..., 1:])

    concentration = torch.rand(700, 4, generator=seeded()) * 5 + 0.3
    prior = torch.ones(4)
    law = sticks(prior)
    fixed = Fixed(
        StickBreakingBeta,
        concentration1=law.concentration1,
        concentration0=law.concentration0,
    )
    drawn = marginal_divergence(
        VAE(Encoder(sticks), Linear(torch.ones(3, 4)), fixed), concentration, generator=seeded()
    )
    assert not drawn.exact
    assert not drawn.additive
    exact = marginal_divergence(
        VAE(Encoder(Dirichlet), Linear(torch.ones(3, 4)), Fixed(Dirichlet, concentration=prior)),
        concentration[::2],  # the rows that draws are made for
    )
    np.testing.assert_allclose(drawn.value, exact.value, atol=0.04)
    np.testing.assert_allclose(drawn.prior, 0, atol=0.04)


def test_a_law_without_registered_kl_is_estimated() -> None:
    vae = VAE(
        Encoder(half_wide),
        Linear(torch.ones(2, 2)),
        Fixed(StudentT, df=torch.full((2,), 3.0)),
    )
    means = torch.tensor([[0.0, 1.0]]).expand(300, -1)
    found = marginal_divergence(vae, means, generator=seeded())
    assert (found.exact, found.additive) == (False, True)
    q, p = [stats.norm(m, 0.5) for m in (0, 1)], stats.t(3)
    expected = [law.expect(lambda z, law=law: law.logpdf(z) - p.logpdf(z)) for law in q]
    np.testing.assert_allclose(found.value, expected, atol=0.04)


def test_draws_and_means_of_rows() -> None:
    vae = zoo.dirichlet(6, torch.ones(3), hidden_sizes=(8,), num_covariates=2).train()
    x, told = torch.bernoulli(torch.full((700, 6), 0.5)), torch.ones(700, 2)
    draws = [posterior_draws(vae, x, told, generator=seeded()) for _ in range(2)]
    assert torch.equal(*draws)
    torch.testing.assert_close(draws[0].sum(1), torch.ones(700))
    means = posterior_means(vae, x, told)
    assert not means.requires_grad
    assert vae.training
    residual = draws[0] - means
    assert float(residual.std(0).min()) > 0.05
    # A spread of at most .3 and 700 rows: five standard errors.
    assert float(residual.mean(0).abs().max()) < 5 * 0.3 / np.sqrt(700)
    assert diagnose(vae, x[:20], told[:20]).weight_norms is None  # the layer takes covariates too


def test_what_cannot_be_diagnosed() -> None:
    vae = zoo.gaussian(4, 2, hidden_sizes=(8,))
    matrix = Fixed(Normal, loc=torch.zeros(2, 3), scale=torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"latent has shape \(2, 3\)"):
        diagnose(VAE(vae.encoder, vae.decoder, matrix), torch.zeros(1, 4))


def test_counts_by_an_absolute_threshold_and_measures_by_component() -> None:
    spread = torch.tensor([0.1, 1.0, 3.0])
    prior = Fixed(Normal, loc=torch.tensor([0.0, 1.0, 2.0]), scale=spread)
    vae = VAE(Encoder(half_wide), Linear(torch.eye(3)), prior)
    found = diagnose(vae, torch.randn(40, 3), generator=seeded())
    assert found.prior_location.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.prior_spread, spread)
    assert [found.active_prior(limit) for limit in (0.0, 0.02, 2.0, 10.0)] == [3, 2, 1, 0]
    variance = np.sort(found.means.std) ** 2
    assert [found.active(limit) for limit in (0.0, float(variance[1]), 1e3)] == [3, 1, 0]
    by_name = found.by_component
    assert by_name["prior_marginal_kl"] is found.marginal_kl.prior
    assert (by_name["std"] is found.draws.std, by_name["prior_std"] is found.prior.std) == (1, 1)
    assert ("weight_norm" in by_name) == (found.weight_norms is not None)
    assert {values.shape for values in by_name.values()} == {(3,)}


ASKED: dict[str, Callable[[VAE, Tensor], object]] = {
    "annealed_log_evidence": annealed_log_evidence,
    "bound_of": bound_of,
    "certify": partial(certify, num_drawn=2),
    "decoding_use": decoding_use,
    "diagnose": diagnose,
    "encoding_use": encoding_use,
    "log_evidence": partial(log_evidence, num_samples=2),
    "log_weights": partial(log_weights, num_samples=2),
    "lower_bound": lower_bound,
    "marginal_divergence": marginal_divergence,
    "posterior_draws": posterior_draws,
    "posterior_means": posterior_means,
}


@pytest.mark.parametrize("name", ASKED)
def test_no_rows_are_told_by_name(name: str) -> None:
    vae = zoo.gaussian(4, 2, hidden_sizes=(8,))
    with pytest.raises(ValueError, match=r"^x has no rows; at least one is needed$"):
        ASKED[name](vae, torch.zeros(0, 4))
