from __future__ import annotations

import copy
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Distribution,
    Independent,
    LogNormal,
    Multinomial,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    constraints,
)

from dirvae.assessment.annealing import AnnealedPath, annealed_log_evidence
from dirvae.assessment.certificate import certify
from dirvae.distributions import GEM, Dirichlet, HyperSphericalUniform, PowerSpherical
from dirvae.models import zoo
from dirvae.models.vae import VAE
from dirvae.nn import Fixed, Head

LOADING = torch.tensor([[1.0, 0.2], [-0.4, 0.9], [0.3, 0.0], [0.8, -0.7]]).double()


class Misled(nn.Module):
    """An encoder far from the posterior: annealing must not ask it."""

    def forward(self, x: Tensor) -> Normal:
        raise AssertionError("the encoder was used")


class Encoder(nn.Module):
    def __init__(self, law: Callable[[Tensor], Distribution]) -> None:
        super().__init__()
        self.law = law

    def forward(self, x: Tensor) -> Distribution:
        return self.law(x)


def roughly(x: Tensor) -> Distribution:
    """The posterior of the linear model, more or less."""
    return Independent(Normal(0.3 * x[:, :2], 0.7), 1)


class Linear(nn.Module):
    def forward(self, z: Tensor) -> Independent:
        return Independent(Normal(z @ LOADING.T.to(z), 0.5), 1)


class Counts(nn.Module):
    def forward(self, z: Tensor) -> Multinomial:
        return Multinomial(12, probs=z, validate_args=False)


def test_the_evidence_of_a_linear_gaussian_model() -> None:
    prior = Fixed(Normal, loc=torch.zeros(2), scale=torch.ones(2))
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).double()
    exact = MultivariateNormal(
        torch.zeros(4).double(), LOADING @ LOADING.T + 0.25 * torch.eye(4).double()
    ).log_prob(x)
    found = annealed_log_evidence(
        VAE(Misled(), Linear(), prior),
        x,
        num_chains=64,
        num_temperatures=100,
        generator=torch.Generator().manual_seed(1),
    )
    assert found.mean_std_error < 0.05 / 3
    assert abs(found.mean - float(exact.mean())) < 3 * found.mean_std_error
    assert (np.abs(found.value - exact.numpy()) < 5 * found.std_error).all()


class Misguided(nn.Module):
    calls = 0

    def forward(self, z: Tensor) -> Independent:
        assert z.dtype is torch.float32
        self.calls += 1
        return Independent(Normal(z @ LOADING.T.to(z).flip(1), 1.0), 1)


def test_the_evidence_is_right_whatever_trajectories_follow() -> None:
    prior = Fixed(Normal, loc=torch.zeros(2), scale=torch.ones(2))
    x = torch.tensor([[0.4, -1.0, 0.3, 1.2]]).double()
    exact = MultivariateNormal(
        torch.zeros(4).double(), LOADING @ LOADING.T + 0.25 * torch.eye(4).double()
    ).log_prob(x)
    generator = torch.Generator().manual_seed(0)
    path = AnnealedPath(VAE(Misled(), Linear(), prior), x, None, 3, generator)
    path.guide = Misguided()
    steps = [torch.full((1, 1), 0.4).double()] * 30
    weight = (path.forward(path.start(20_000), steps) - exact).exp()
    assert path.guide.calls == 1 + 30 * 3
    assert abs(float(weight.mean()) - 1) < 4 * float(weight.std()) / 20_000**0.5
    assert float(weight.std()) < 2


def test_coordinates_are_in_units_of_the_spread_at_the_start() -> None:
    spread = torch.tensor([[0.1, 10.0], [3.0, 1.0]]).double()
    prior = Fixed(Normal, loc=torch.zeros(2), scale=torch.tensor([1.0, 5.0]))
    vae = VAE(Encoder(lambda x: Independent(Normal(x[:, :2], spread), 1)), Linear(), prior)
    for from_encoder, expected in ((True, spread), (False, torch.tensor([1.0, 5.0]).double())):
        path = AnnealedPath(vae, torch.ones(2, 4), None, 1, None, from_encoder=from_encoder)
        assert bool((path.scale / expected).log().abs().max() < 0.7)
        spread_of_u = path.start(20_000).std(0) * path.scale / expected
        torch.testing.assert_close(spread_of_u, torch.ones(2, 2).double(), rtol=0, atol=0.03)


class OfLogs(nn.Module):
    """Sees log z, which is -inf in single precision for one draw in six of a sparse prior."""

    def forward(self, z: Tensor) -> Independent:
        logits = z.log() @ torch.linspace(-0.05, 0.05, 20).to(z).unsqueeze(-1)
        return Independent(Bernoulli(logits=logits.expand(-1, -1, 4), validate_args=False), 1)


def test_chains_move_where_single_precision_has_no_gradient() -> None:
    prior = Fixed(Dirichlet, concentration=torch.full((20,), 0.05))
    generator = torch.Generator().manual_seed(0)
    path = AnnealedPath(VAE(Misled(), OfLogs(), prior), torch.ones(1, 4), None, 3, generator)
    u = path.start(300)
    assert bool((path.latent(u).float() == 0).any())
    moved = torch.zeros(300, 1, dtype=torch.bool)
    state = path._state(path._place(u))
    for _ in range(20):
        after, _ = path._trajectory(state, 1.0, torch.full((1, 1), 0.05).double())
        moved |= (after.place.u != state.place.u).any(-1)
        state = after
    assert bool(moved.all())


class OnlyDouble(nn.Module):
    def forward(self, z: Tensor) -> Independent:
        return Independent(Normal(z @ LOADING.T, 0.5), 1)


class OnlyLargeNumbers(nn.Module):
    def forward(self, z: Tensor) -> Independent:
        return Independent(LogNormal(z @ LOADING.T.to(z) - 115, 0.5), 1)


@pytest.mark.parametrize(
    ("decoder", "x"), [(OnlyDouble(), 0.5), (OnlyLargeNumbers(), 1e-50)], ids=["constants", "data"]
)
def test_a_model_for_double_precision_only(decoder: nn.Module, x: float) -> None:
    prior = Fixed(Normal, loc=torch.zeros(2), scale=torch.ones(2))
    rows = torch.full((1, 4), x, dtype=torch.float64)
    mean, change = (0.0, 0.0) if x == 0.5 else (-115.0, -float(rows.log().sum()))
    at = rows if x == 0.5 else rows.log()
    covariance = LOADING @ LOADING.T + 0.25 * torch.eye(4).double()
    exact = MultivariateNormal(torch.full((4,), mean).double(), covariance).log_prob(at) + change
    found = annealed_log_evidence(
        VAE(Misled(), decoder, prior),
        rows,
        num_chains=64,
        num_temperatures=100,
        generator=torch.Generator().manual_seed(1),
    )
    assert abs(found.mean - float(exact)) < 4 * found.mean_std_error < 0.4


def test_weights_are_in_double_precision() -> None:
    torch.manual_seed(0)
    vae = zoo.dirichlet(4, torch.full((3,), 0.5))
    path = AnnealedPath(vae, torch.eye(4), None, 1, torch.Generator().manual_seed(0))
    assert {weight.dtype for weight in path.guide.parameters()} == {torch.float32}
    u = path.start(2)
    # At one temperature they are the likelihoods of the prior's draws.
    weight = path.forward(u, [torch.full((4, 1), 0.1).double()])
    decoder = copy.deepcopy(vae.decoder).double()
    exact = decoder(path.latent(u)).log_prob(torch.eye(4).double())
    torch.testing.assert_close(weight, exact, rtol=1e-13, atol=0)


class Flow(Distribution):
    """A Gaussian of covariance C C' that names no support, as flows do not."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True
    spread = torch.tensor([[1.0, 0.0], [-0.6, 0.5]])

    def __init__(self) -> None:
        super().__init__(event_shape=torch.Size([2]), validate_args=False)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:
        return torch.randn(*sample_shape, 2) @ self.spread.T

    def log_prob(self, value: Tensor) -> Tensor:
        at = torch.linalg.solve(self.spread.to(value), value.unsqueeze(-1)).squeeze(-1)
        return Normal(0.0, 1.0).log_prob(at).sum(-1) - self.spread.logdet()


class Made(nn.Module):
    """Makes its distribution in forward, of constants that do not turn to double with it."""

    def __init__(self, make: Callable[[], Distribution]) -> None:
        super().__init__()
        self.make = make

    def forward(self) -> Distribution:
        return self.make()


def test_the_evidence_under_a_prior_that_names_no_support() -> None:
    with pytest.raises(NotImplementedError):
        _ = Flow().support
    of_z = LOADING @ Flow.spread.double()
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).double()
    marginal = MultivariateNormal(
        torch.zeros(4).double(), of_z @ of_z.T + 0.25 * torch.eye(4).double()
    )
    exact, vae = marginal.log_prob(x), VAE(Misled(), Linear(), Made(Flow))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = annealed_log_evidence(vae, x, num_chains=64, num_temperatures=100)
        rough = VAE(Encoder(roughly), Linear(), Made(Flow))
        sure = certify(rough, x, num_drawn=20, num_chains=4, num_temperatures=50)
    assert found.mean_std_error < 0.05 / 3
    assert abs(found.mean - float(exact.mean())) < 3 * found.mean_std_error
    assert sure.lower <= float(marginal.log_prob(sure.drawn).mean()) <= sure.upper


@pytest.mark.parametrize(
    ("make", "concentration"),
    [
        (lambda: Dirichlet(torch.tensor([0.5, 1.0, 2.0, 3.0, 1.0])), [0.5, 1.0, 2.0, 3.0, 1.0]),
        (lambda: GEM(torch.tensor(1.0), 2), None),
    ],
    ids=["Dirichlet", "GEM"],
)
def test_the_evidence_under_a_prior_made_of_single_constants(
    make: Callable[[], Distribution], concentration: list[float] | None
) -> None:
    """Of two parts, the GEM with concentration 1 has the shares of a flat Dirichlet."""
    concentration = concentration or [1.0, 1.0]
    x = np.random.default_rng(0).multinomial(12, np.ones(size := len(concentration)) / size, 10)
    exact = scipy.stats.dirichlet_multinomial(concentration, 12).logpmf(x)
    found = annealed_log_evidence(
        VAE(Misled(), Counts(), Made(make)),
        torch.from_numpy(x).double(),
        num_chains=64,
        num_temperatures=100,
        generator=torch.Generator().manual_seed(1),
    )
    assert found.mean_std_error < 0.05
    assert abs(found.mean - exact.mean()) < 4 * found.mean_std_error


@pytest.mark.learning
@pytest.mark.parametrize("smallest", [0.1, 1.0])
def test_the_evidence_of_a_dirichlet_multinomial_model(smallest: float) -> None:
    concentration = torch.tensor([smallest, 0.5, 1.0, 2.0, 4.0])
    prior = Fixed(Dirichlet, concentration=concentration)
    random = np.random.default_rng(0)
    x = scipy.stats.multinomial(12, random.dirichlet(concentration)).rvs(20, random_state=random)
    exact = scipy.stats.dirichlet_multinomial(concentration.double().numpy(), 12).logpmf(x)
    found = annealed_log_evidence(
        VAE(Misled(), Counts(), prior),
        torch.from_numpy(x).double(),
        num_chains=64,
        num_temperatures=100,
        generator=torch.Generator().manual_seed(1),
    )
    assert found.mean_std_error < 0.05 / 3
    assert abs(found.mean - exact.mean()) < 3 * found.mean_std_error


def test_the_model_and_the_global_generator_stay_as_they_were() -> None:
    vae = zoo.dirichlet(4, torch.ones(3))
    state = torch.get_rng_state()
    found = [
        annealed_log_evidence(
            vae,
            torch.eye(4),
            num_chains=2,
            num_temperatures=3,
            generator=torch.Generator().manual_seed(0),
        ).value
        for _ in range(2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert torch.equal(torch.get_rng_state(), state)
    assert vae.training
    assert all(p.dtype == torch.float32 and p.requires_grad for p in vae.parameters())


@pytest.mark.parametrize("name", ["num_chains", "num_temperatures", "num_leapfrog_steps"])
def test_numbers_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, must be 1 or more"):
        annealed_log_evidence(zoo.gaussian(4, 2), torch.eye(4), **{name: 0})


def test_a_prior_whose_draws_are_of_the_default_type_and_a_plain_decoder() -> None:
    """A uniform sphere has no parameter that is made double with the model."""
    torch.manual_seed(0)
    prior = Fixed(HyperSphericalUniform, dim=torch.tensor(3))
    encoder = Head(nn.Linear(4, 8), 3, PowerSpherical)
    vae = VAE(encoder, Head(nn.Linear(3, 4), 4, Bernoulli), prior)
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]])
    seeded = torch.Generator().manual_seed(0)
    with torch.no_grad():
        z = prior().sample(torch.Size([200_000]))
        likelihood = vae.decoder(z.unsqueeze(1)).log_prob(x)
    exact = likelihood.logsumexp(0) - np.log(len(z))
    found = annealed_log_evidence(vae, x, num_chains=50, num_temperatures=50, generator=seeded)
    np.testing.assert_allclose(found.value, exact, atol=0.03)


@pytest.mark.parametrize("assess", [annealed_log_evidence, certify])
def test_priors_that_chains_cannot_walk_are_refused(assess: Callable[..., object]) -> None:
    probs, loc = torch.full((3,), 1 / 3), torch.zeros(1, 3)
    of_classes = Fixed(OneHotCategorical, probs=probs)
    with pytest.raises(ValueError, match=r"support is OneHot\(\), onto .* must be continuous"):
        assess(zoo.mlp_vae(4, OneHotCategorical, of_classes, hidden_sizes=8), torch.eye(4))

    class OfOneRow(nn.Module):
        def forward(self) -> Independent:
            return Independent(Normal(loc, 1.0), 1)

    gaussian = zoo.gaussian(4, 3, hidden_sizes=8)
    with pytest.raises(ValueError, match=r"batch shape \(1,\), must be \(\) or \(4,\)"):
        assess(VAE(gaussian.encoder, gaussian.decoder, OfOneRow()), torch.eye(4))


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_events_that_are_no_vectors_are_refused(shape: tuple[int, ...]) -> None:
    prior = Fixed(torch.distributions.Normal, loc=torch.zeros(shape), scale=torch.ones(shape))
    vae = zoo.gaussian(5, 3, hidden_sizes=4)
    with pytest.raises(ValueError, match=r"the prior's events have shape .*, must have \(K,\)"):
        annealed_log_evidence(VAE(vae.encoder, vae.decoder, prior), torch.zeros(3, 5))
