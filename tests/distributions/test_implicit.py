"""Laws from a cdf or a quantile function alone and mixtures, each as a latent too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributions as td
from scipy import stats
from torch import Tensor
from torch.distributions import constraints
from torch.special import ndtr, ndtri

from dirvae.distributions.implicit import from_cdf, from_icdf
from dirvae.distributions.mixture import ImplicitMixture
from dirvae.models.vae import VAE
from dirvae.nn import MLP, Fixed, Head

REAL, POSITIVE = constraints.real, constraints.positive
NODES, WEIGHTS = (torch.from_numpy(v / 2) for v in np.polynomial.legendre.leggauss(40))


# --- von Mises: its density, integrated ---
def von_mises_cdf(z: Tensor, loc: Tensor, concentration: Tensor) -> Tensor:
    z, loc, k = (v.unsqueeze(-1) for v in (z, loc, concentration))
    angle = -math.pi + (z + math.pi) * (NODES + 0.5)
    height = torch.exp(k * torch.cos(angle - loc)) / (2 * math.pi * torch.special.i0(k))
    return (WEIGHTS * height * (z + math.pi)).sum(-1)


VonMises = from_cdf(
    von_mises_cdf,
    support=constraints.interval(-math.pi, math.pi),
    loc=REAL,
    concentration=POSITIVE,
)


# --- Student-t: z = sqrt(df) tan(angle), where cos(angle)^(df - 1) is the density ---
def student_cdf(z: Tensor, df: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    angle = torch.atan((z - loc) / scale / df.sqrt())
    area = (torch.cos(2 * angle.unsqueeze(-1) * NODES) ** (df.unsqueeze(-1) - 1)) * WEIGHTS
    log_half = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - math.log(math.pi) / 2
    return 0.5 + log_half.exp() * angle * area.sum(-1)


Student = from_cdf(student_cdf, df=POSITIVE, loc=REAL, scale=POSITIVE)


# --- a Normal truncated to (-1, 2) ---
def truncated_icdf(u: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    low, high = ndtr((-1 - loc) / scale), ndtr((2 - loc) / scale)
    return loc + scale * ndtri(low + u * (high - low))


Truncated = from_icdf(
    truncated_icdf, support=constraints.interval(-1.0, 2.0), loc=REAL, scale=POSITIVE
)


# --- Gompertz ---
def gompertz_icdf(u: Tensor, shape: Tensor, rate: Tensor) -> Tensor:
    return torch.log1p(-torch.log1p(-u) / shape) / rate


Gompertz = from_icdf(gompertz_icdf, support=POSITIVE, shape=POSITIVE, rate=POSITIVE)


# --- a mixture of two Gaussians ---
def mixture(logits: Tensor, loc: Tensor, scale: Tensor, validate_args: Any = None) -> Any:
    return ImplicitMixture(td.Categorical(logits=logits), td.Normal(loc, scale), validate_args)


def gaussians(odds: Tensor, left: Tensor, right: Tensor, validate_args: Any = None) -> Any:
    logits, loc = torch.stack((odds, -odds), -1), torch.stack((left, right), -1)
    return mixture(logits, loc, torch.full_like(loc, 0.5), validate_args)


gaussians.arg_constraints = {"odds": REAL, "left": REAL, "right": REAL}  # type: ignore[attr-defined]


def t(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


CASES = {
    "von Mises": (VonMises(t(0.4), t(2.5)), stats.vonmises(2.5, loc=0.4)),
    "Student-t": (Student(t(3.5), t(1.0), t(2.0)), stats.t(3.5, 1.0, 2.0)),
    "truncated Normal": (Truncated(t(1.0), t(0.8)), stats.truncnorm(-2.5, 1.25, 1.0, 0.8)),
    "Gompertz": (Gompertz(t(0.7), t(1.5)), stats.gompertz(0.7, scale=1 / 1.5)),
}


@pytest.mark.parametrize("name", CASES)
def test_law_is_scipys(name: str) -> None:
    law, oracle = CASES[name]
    z = law.sample(torch.Size([5000]), torch.Generator().manual_seed(0))[:, 0]
    if name == "von Mises":  # scipy's is not cut at pi
        cdf = oracle.cdf(z.numpy()) - oracle.cdf(-math.pi)
        assert stats.kstest(cdf, "uniform").pvalue > 1e-4
    else:
        assert stats.kstest(z.numpy(), oracle.cdf).pvalue > 1e-4
    z = z[:100].unsqueeze(-1)
    np.testing.assert_allclose(law.log_prob(z).numpy(), oracle.logpdf(z.numpy()), atol=1e-8)


def test_path_of_a_cdf_is_that_of_the_quantile() -> None:
    """For a logistic law, dz = dloc + (z - loc) / scale dscale."""
    Logistic = from_cdf(
        lambda z, loc, scale: torch.sigmoid((z - loc) / scale), loc=REAL, scale=POSITIVE
    )
    loc, scale = (torch.full((50,), v, dtype=torch.float64).requires_grad_() for v in (0.3, 2.0))
    z = Logistic(loc, scale).rsample(generator=torch.Generator().manual_seed(0))
    slopes = torch.autograd.grad(z.sum(), (loc, scale))
    torch.testing.assert_close(slopes[0], torch.ones_like(loc))
    torch.testing.assert_close(slopes[1], ((z - loc) / scale).detach())


def test_gradients_of_the_density_of_a_cdf() -> None:
    def log_prob(z: Tensor, df: Tensor, scale: Tensor) -> Tensor:
        return Student(df, torch.zeros_like(df), scale).log_prob(z)

    leaves = (t(-3.0, 0.5, 9.0), t(0.8, 3.0, 20.0), t(1.0, 2.0, 3.0))
    assert torch.autograd.gradcheck(log_prob, tuple(leaf.requires_grad_() for leaf in leaves))


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameters"):
        from_cdf(torch.sigmoid)
    with pytest.raises(ValueError, match="support"):
        from_cdf(torch.sigmoid, support=constraints.simplex, loc=REAL)
    with pytest.raises(TypeError, match="takes loc, concentration"):
        VonMises(t(0.0))
    parts = td.MultivariateNormal(torch.zeros(3, 2), torch.eye(2))
    with pytest.raises(ValueError, match="component_distribution"):
        ImplicitMixture(td.Categorical(torch.ones(3)), parts)


def test_path_of_a_mixture_of_vectors_is_unbiased() -> None:
    """Exact: E[f] is linear in the weights, and each component's moments are known."""
    size, generator = 40_000, torch.Generator().manual_seed(0)
    logits = t(0.4, -0.3).expand(size, 2).clone().requires_grad_()
    loc = torch.stack((t(-1.0, 0.5), t(1.0, 2.0))).expand(size, 2, 2).clone().requires_grad_()
    scale = torch.stack((t(0.6, 1.0), t(1.2, 0.5)))
    parts = td.Independent(td.Normal(loc, scale.expand(size, 2, 2)), 1)
    law = ImplicitMixture(td.Categorical(logits=logits), parts)
    z = law.rsample(generator=generator)
    paths = torch.autograd.grad((z[:, 0] * z[:, 1] ** 2).sum(), (logits, loc))

    def moment(logits: Tensor, loc: Tensor) -> Tensor:
        first, second = loc.unbind(-1)
        return (torch.softmax(logits, -1) * first * (second**2 + scale[:, 1] ** 2)).sum()

    leaves = tuple(v[0].detach().requires_grad_() for v in (logits, loc))
    for path, exact in zip(paths, torch.autograd.grad(moment(*leaves), leaves), strict=True):
        z_score = (path.mean(0) - exact) / (path.std(0) / size**0.5)
        assert float(z_score.abs().max()) < 5


def test_mixture_density_and_draws_are_torchs() -> None:
    law = mixture(t(0.0, 1.0), t(-1.0, 2.0), t(0.5, 1.0))
    torchs = td.MixtureSameFamily(law.mixture_distribution, law.component_distribution)
    z = law.sample(torch.Size([5000]), torch.Generator().manual_seed(0))
    torch.testing.assert_close(law.log_prob(z), torchs.log_prob(z))
    assert stats.kstest(torchs.cdf(z).numpy(), "uniform").pvalue > 1e-4
    assert law.expand(torch.Size([3])).rsample(torch.Size([2])).shape == (2, 3)


K = 4
LATENTS = {
    "von Mises": (VonMises, {"loc": 0.0, "concentration": 0.5}),
    "Student-t": (Student, {"df": 5.0, "loc": 0.0, "scale": 1.0}),
    "truncated Normal": (Truncated, {"loc": 0.0, "scale": 1.0}),
    "Gompertz": (Gompertz, {"shape": 1.0, "rate": 1.0}),
    "Gaussian mixture": (gaussians, {"odds": 0.0, "left": -1.0, "right": 1.0}),
}


STEPS = dict.fromkeys(LATENTS, 60) | {"Gompertz": 150, "von Mises": 120}


@pytest.mark.learning
@pytest.mark.parametrize("name", LATENTS)
def test_law_is_a_latent(name: str) -> None:
    """Eight bits made of two: a VAE finds them, so the latent carries what there is to know."""
    Law, parameters = LATENTS[name]
    prior = Fixed(Law, **{key: torch.full((K,), value) for key, value in parameters.items()})
    encoder = Head(MLP(8, (32,)), K, Law, initial=parameters)
    vae = VAE(encoder, Head(MLP(K, (32,)), 8, td.Bernoulli), prior)
    x = torch.randint(0, 2, (100, 2)).float().repeat_interleave(4, 1)
    optimizer = torch.optim.Adam(vae.parameters(), 0.02)
    for _ in range(STEPS[name]):
        terms = vae.terms(x)
        loss = (terms.kl - terms.log_likelihood).mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in vae.parameters())
        optimizer.step()
    assert (
        float(loss.detach()) < 8 * math.log(2) - 1.5
    )  # a decoder that is told nothing needs 8 bits
