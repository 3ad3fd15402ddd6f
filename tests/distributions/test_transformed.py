"""Laws that only have a sampler."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import (
    Cauchy,
    Dirichlet,
    Exponential,
    Gamma,
    Independent,
    Normal,
    Poisson,
    Uniform,
    constraints,
)

from dirvae import distributions as dd

REAL, POSITIVE = constraints.real, constraints.positive
Logistic = dd.from_transform(
    Uniform(0.0, 1.0),
    lambda u, loc, scale: loc + scale * torch.logit(u),
    name="Logistic",
    loc=REAL,
    scale=POSITIVE,
)


def t(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_class_is_a_distribution_like_any_other() -> None:
    q = Logistic(torch.zeros(3), scale=torch.ones(2, 1))
    assert Logistic.__name__ == "Logistic"
    assert set(Logistic.arg_constraints) == {"loc", "scale"}
    assert q.batch_shape == (2, 3)
    assert q.rsample(torch.Size([4])).shape == (4, 2, 3)
    assert q.expand(torch.Size([5, 2, 3])).log_prob(torch.tensor(0.0)).shape == (5, 2, 3)
    assert torch.equal(q.scale[:, 0], torch.ones(2))


def test_density_has_exact_gradients() -> None:
    loc, scale = t(0.0, 1.0).requires_grad_(), t(1.0, 2.0).requires_grad_()
    value = t(-3.0, 0.0, 7.0).unsqueeze(-1).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, s, x: Logistic(m, s).log_prob(x), (loc, scale, value))
    x = value.detach()
    actual = torch.autograd.grad(Logistic(loc, scale).log_prob(x).sum(), loc)[0]
    torch.testing.assert_close(actual, (((x - loc) / scale / 2).tanh() / scale).sum(0).detach())


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_density_in_the_tails(scale: float) -> None:
    x = scale * t(-600.0, -30.0, -1e-8, 0.0, 5.0, 20.0)
    oracle = stats.logistic(0.0, scale).logpdf(x.numpy())
    actual = Logistic(t(0.0), t(scale)).log_prob(x)
    assert float((actual - torch.from_numpy(oracle)).abs().max()) < 1e-5


def test_what_the_map_does_not_reach_has_density_zero() -> None:
    squared = dd.from_transform(
        Exponential(1.0), lambda u, scale: scale * u**2, support=POSITIVE, scale=POSITIVE
    )
    inside, outside = squared(1.0, validate_args=False).log_prob(torch.tensor([4.0, -4.0]))
    assert math.isclose(float(inside), -2 - math.log(4), rel_tol=1e-6)
    assert float(outside) == -math.inf


def test_decreasing_maps_and_distribution_functions() -> None:
    falling = dd.from_transform(Normal(0.0, 1.0), lambda u, scale: -scale * u**3, scale=POSITIVE)
    x = t(-2.0, 0.5, 8.0)
    root = torch.sign(x) * (x.abs() / 2) ** (1 / 3)
    cdf = falling(t(2.0)).cdf(x)
    torch.testing.assert_close(cdf, Normal(0.0, 1.0).cdf(root).double(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("noise", [Gamma(2.0, 1.0), Cauchy(0.0, 1.0), Uniform(-2.0, 3.0)], ids=str)
def test_noise_of_any_support(noise: torch.distributions.Distribution) -> None:
    shifted = dd.from_transform(noise, lambda u, loc: loc + 2 * u, loc=REAL)
    u = noise.sample(torch.Size([200])).double()
    actual = shifted(t(1.0)).log_prob(1 + 2 * u)
    torch.testing.assert_close(
        actual, noise.log_prob(u).double() - math.log(2), rtol=1e-6, atol=1e-6
    )


def test_draws_in_float32_have_no_atoms() -> None:
    z = Logistic(torch.tensor(0.0), 1.0).sample(
        torch.Size([100_000]), torch.Generator().manual_seed(0)
    )
    assert z.dtype == torch.float32
    exact = stats.logistic.rvs(size=100_000, random_state=0).astype("float32")
    assert z.unique().numel() >= 0.98 * len(set(exact.tolist()))


def test_it_trains_as_a_posterior_by_monte_carlo_kl() -> None:
    loc, log_scale = torch.full((3,), 2.0), torch.full((3,), -1.0)
    parameters = [loc.requires_grad_(), log_scale.requires_grad_()]
    optimiser = torch.optim.Adam(parameters, lr=0.05)
    prior = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        q = Independent(Logistic(loc, log_scale.exp()), 1)
        result = dd.kl(q, prior, num_samples=32, generator=generator)
        optimiser.zero_grad()
        result.value.backward()
        optimiser.step()
    # The logistic nearest to N(0, 1) has a KL of .0074 nats at scale .58.
    final = dd.kl(Independent(Logistic(loc, log_scale.exp()), 1), prior, num_samples=20_000)
    assert not final.exact
    assert float(final.value.detach()) < 0.15


def test_bad_recipes_are_refused() -> None:
    with pytest.raises(ValueError, match="noise has shape"):
        dd.from_transform(Dirichlet(torch.ones(2)), lambda u, loc: loc + u, loc=REAL)
    with pytest.raises(ValueError, match="no parameters"):
        dd.from_transform(Normal(0.0, 1.0), lambda u: u)
    with pytest.raises(ValueError, match="noise has support"):
        dd.from_transform(Poisson(1.0), lambda u, loc: loc + u, loc=REAL)
    angles = Normal(0.0, 1.0)
    angles.support = constraints.independent(constraints.real, 0)  # neither real nor an interval
    with pytest.raises(ValueError, match="must be the real line or an interval of it"):
        dd.from_transform(angles, lambda u, loc: loc + u, loc=REAL)
    with pytest.raises(TypeError, match="takes loc, scale"):
        Logistic(0.0)
    with pytest.raises(ValueError, match="scale"):
        Logistic(0.0, -1.0, validate_args=True)
