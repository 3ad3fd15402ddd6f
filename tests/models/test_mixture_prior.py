"""Mixture priors: densities that are known, what is learned, and how they are used."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from torch.distributions import Normal

from dirvae.distributions import (
    GEM,
    Dirichlet,
    SoftmaxNormal,
    StandardizedDirichlet,
)
from dirvae.models import MixturePrior, zoo
from dirvae.models.latents import standard_prior
from dirvae.nn import Fixed
from dirvae.objectives import elbo
from dirvae.persistence import ModelFormatError, constructors, load, save

Z = torch.tensor([0.2, 0.3, 0.5])


def of_two(unit: Fixed) -> MixturePrior:
    """Two laws with probabilities 1/4 and 3/4, the second moved and four times as certain."""
    prior = MixturePrior(unit, 2)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([1.0, 3.0]).log())
        prior.place.copy_(torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.5, 0.0]]))
        prior.log_certainty.copy_(torch.tensor([[0.0] * 3, [float(np.log(4))] * 3]))
    return prior


def test_density_of_a_mixture_of_gaussians() -> None:
    unit = Fixed(Normal, loc=torch.tensor([1.0, 0.0, 0.0]), scale=torch.tensor([2.0, 1.0, 1.0]))
    first = scipy.stats.norm([1, 0, 0], [2, 1, 1]).pdf(Z).prod()
    second = scipy.stats.norm([3, -0.5, 0], [1, 0.5, 0.5]).pdf(Z).prod()
    assert float(of_two(unit)().log_prob(Z).exp().detach()) == pytest.approx(
        first / 4 + 3 * second / 4
    )


def test_density_of_a_mixture_on_the_simplex() -> None:
    b = torch.tensor([0.5, 1.0, 2.0])
    found = of_two(Fixed(Dirichlet, concentration=b))()
    first = scipy.stats.dirichlet([0.5, 1.0, 2.0]).pdf(Z.double() / Z.double().sum())
    second = StandardizedDirichlet(torch.tensor([1.0, -0.5, 0.0]), torch.full((3,), 4.0), b)
    expected = first / 4 + 3 * float(second.log_prob(Z).exp()) / 4
    assert float(found.log_prob(Z).exp().detach()) == pytest.approx(expected, rel=1e-5)


def test_a_mixture_of_gaussians_at_many_rows_and_its_gradients() -> None:
    """Far from 0 and narrow, where the squares of a product of matrices cancel."""
    middle, width = torch.tensor([1e3, 0.0, -5.0]), torch.tensor([0.01, 1.0, 7.0])
    prior, source = of_two(Fixed(Normal, loc=middle, scale=width)), torch.Generator().manual_seed(0)
    z = middle + width * torch.randn(2, 4, 3, generator=source)
    leaves = [z.requires_grad_(), *prior.parameters()]
    loc, scale = middle + width * prior.place, width * (-prior.log_certainty / 2).exp()
    laws = Normal(loc, scale)
    each = laws.log_prob(z.unsqueeze(-2)).sum(-1)
    expected = (each + prior.logits.log_softmax(-1)).logsumexp(-1)
    found = prior().log_prob(z)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    slopes = (torch.autograd.grad(value.sum(), leaves) for value in (found, expected))
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("Law", [Normal, SoftmaxNormal, Dirichlet])
def test_laws_at_the_fixed_prior_are_the_fixed_prior(Law: type) -> None:
    unit = standard_prior(Law, 3)
    prior = MixturePrior(unit, 4)
    torch.nn.init.zeros_(prior.place)
    torch.testing.assert_close(prior().log_prob(Z), unit().log_prob(Z))


@pytest.mark.parametrize("Law", [Normal, Dirichlet])
def test_it_learns_the_law_of_draws(Law: type) -> None:
    torch.manual_seed(0)
    truth = of_two(standard_prior(Law, 3))()
    z = truth.sample(torch.Size([1000]))
    prior = MixturePrior(standard_prior(Law, 3), 2)
    optimizer = torch.optim.Adam(prior.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss = -prior().log_prob(z).mean()
        loss.backward()
        optimizer.step()
    gap = truth.log_prob(z).detach() - prior().log_prob(z).detach()
    assert abs(float(gap.mean())) < 0.05
    weights = prior.logits.detach().softmax(-1)
    assert float(weights.max()) == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize("Law", [Normal, Dirichlet])
def test_laws_may_stay_less_certain_than_the_fixed_prior(Law: type) -> None:
    unit = standard_prior(Law, 3)
    prior = MixturePrior(unit, 2, less_certain=True)
    torch.nn.init.zeros_(prior.place)
    torch.nn.init.constant_(prior.certainty_logit, 100.0)  # as certain as they can be
    torch.testing.assert_close(prior().log_prob(Z), unit().log_prob(Z))
    torch.nn.init.constant_(prior.certainty_logit, float(np.log(0.25 / 0.75)))
    free = MixturePrior(unit, 2)
    torch.nn.init.zeros_(free.place)
    torch.nn.init.constant_(free.log_certainty, float(np.log(0.25)))
    torch.testing.assert_close(prior.certainty, free.certainty)
    torch.testing.assert_close(prior().log_prob(Z), free().log_prob(Z))


@pytest.mark.parametrize(("commitment", "less"), [(0.0, False), (1.0, False), (1.5, True)])
def test_with_a_commitment_no_posterior_equals_the_prior(commitment: float, less: bool) -> None:
    vae = zoo.standardized_dirichlet(12, torch.ones(3), commitment=commitment, prior_components=4)
    assert vae.prior.less_certain == less
    if less:
        for parameter in (*vae.encoder.parameters(), vae.prior.certainty_logit):
            torch.nn.init.constant_(parameter, 30.0)
        torch.nn.init.constant_(list(vae.encoder.parameters())[-1], -30.0)
        of_posteriors, of_laws = vae.encoder(torch.eye(12)).certainty, vae.prior.certainty
        assert bool((of_posteriors >= commitment).all() and (of_laws <= 1).all())


def test_a_file_from_before_that_choice_has_laws_of_any_certainty() -> None:
    prior = MixturePrior(standard_prior(Dirichlet, 3), 4)
    described = constructors.describe(prior)
    assert described.pop("less_certain") is False
    again = constructors.build(described, prior.state_dict())
    again.load_state_dict(prior.state_dict())
    torch.testing.assert_close(again().log_prob(Z), prior().log_prob(Z), rtol=0, atol=0)
    del described["num_components"]  # which has no default
    with pytest.raises(ModelFormatError, match="the arguments of MixturePrior must be"):
        constructors.build(described, prior.state_dict())
    del prior.less_certain  # as in a pickle
    torch.testing.assert_close(prior().log_prob(Z), again().log_prob(Z), rtol=0, atol=0)


@pytest.mark.parametrize(
    "build", [zoo.gaussian, zoo.softmax_gaussian, zoo.standardized_dirichlet, zoo.dirichlet]
)
def test_a_vae_has_it_for_its_prior_and_is_saved(build, tmp_path) -> None:
    size = torch.ones(3) if "dirichlet" in build.__name__ else 3
    small = {"hidden_sizes": (16,), "decoder_hidden_sizes": (16,)}
    vae = build(12, size, prior_components=4, **small)
    terms = vae.terms(torch.eye(12))
    assert not terms.kl_is_exact
    elbo(terms).sum().backward()
    assert all(bool(p.grad.ne(0).any()) for p in vae.prior.parameters())
    save(vae, tmp_path / "model")
    loaded = load(tmp_path / "model").prior().log_prob(Z)
    torch.testing.assert_close(loaded, vae.prior().log_prob(Z), rtol=0, atol=0)


def test_sticks_have_none() -> None:
    unit = Fixed(GEM, concentration=torch.tensor(5.0), size=torch.tensor(3))
    with pytest.raises(ValueError, match="must be a Dirichlet, a Gaussian or its softmax"):
        MixturePrior(unit, 2)


def test_there_must_be_a_component() -> None:
    with pytest.raises(ValueError, match="num_components is 0, must be 1 or more"):
        MixturePrior(standard_prior(Normal, 3), 0)
