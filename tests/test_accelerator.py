"""Models on a GPU: what they learn there, and that they leave it when they are saved.

Each test runs on the CPU too, so that nothing but the device is new when there is a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

from dirvae import CompositionModel, DirichletVAE, SemiSupervisedVAE, TopicModel, load
from dirvae.distributions import Dirichlet, Gamma, LogDirichlet, ScaledDirichlet, Weibull
from dirvae.distributions._log_gamma_gradient import log_gamma_gradient
from dirvae.models import zoo
from dirvae.objectives import elbo

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
pytestmark = pytest.mark.parametrize("device", DEVICES)
TWO = np.repeat(np.eye(2), 3, axis=1).repeat(40, axis=0)  # two kinds of rows, 3 columns each


@pytest.mark.parametrize("a", [0.2, 0.7, 40.0])
def test_draws_are_those_of_the_distribution(device: str, a: float) -> None:
    z = Dirichlet(torch.tensor([a, 2.0], device=device)).sample((4000,))
    assert z.device.type == device
    assert stats.kstest(z[:, 0].double().cpu().numpy(), stats.beta(a, 2).cdf).pvalue > 1e-4


def test_gradients_are_those_of_float64(device: str) -> None:
    a = torch.logspace(-3, 4, 200)
    log_x = Gamma(a, torch.ones(200)).log().sample()
    found = log_gamma_gradient(a.to(device), log_x.to(device))
    truth = log_gamma_gradient(a.double(), log_x.double())
    torch.testing.assert_close(found.double().cpu(), truth, rtol=1e-5, atol=0)


MADE: dict[str, Callable[[torch.Tensor], Any]] = {
    "dirichlet": Dirichlet,
    "log dirichlet": LogDirichlet,
    "scaled dirichlet": lambda a: ScaledDirichlet(a, torch.zeros_like(a)),
    "weibull": lambda a: Weibull(a, torch.ones_like(a)),
    "gamma": lambda a: Gamma(a, torch.ones_like(a)),
}


@pytest.mark.parametrize("name", MADE)
def test_densities_are_those_of_the_cpu(device: str, name: str) -> None:
    a = torch.tensor([0.3, 2.0, 5.0])
    here, there = MADE[name](a), MADE[name](a.to(device))
    value = here.sample((5,))
    found = there.log_prob(value.to(device)).cpu()
    torch.testing.assert_close(found, here.log_prob(value), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_step_has_finite_gradients(device: str, precision: torch.dtype) -> None:
    vae = zoo.dirichlet(6, torch.ones(3), hidden_sizes=(8,), decoder_hidden_sizes=(8,)).to(device)
    x = torch.from_numpy(TWO).float().to(device)
    with torch.autocast(device, precision, enabled=precision != torch.float32):
        loss = -elbo(vae.terms(x)).mean()
    loss.backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in vae.parameters())


def test_kl_is_that_of_the_cpu(device: str) -> None:
    p, q = torch.tensor([0.3, 2.0, 5.0]), torch.tensor([1.0, 0.1, 2.0])
    found = kl_divergence(Dirichlet(p.to(device)), Dirichlet(q.to(device))).cpu()
    torch.testing.assert_close(found, kl_divergence(Dirichlet(p), Dirichlet(q)))


OPTIONS: dict[str, Any] = {
    "max_epochs": 30,
    "batch_size": 20,
    "hidden_sizes": (16,),
    "random_state": 0,
}
FITTED: dict[str, Callable[[str], Any]] = {
    "topics": lambda device: TopicModel(2, device=device, **OPTIONS).fit(5 * TWO),
    "compositions": lambda device: CompositionModel(2, device=device, **OPTIONS).fit(5 * TWO),
    "rows": lambda device: DirichletVAE(2, device=device, **OPTIONS).fit(TWO),
    "gaussian": lambda device: DirichletVAE(2, latent=Normal, device=device, **OPTIONS).fit(TWO),
}


@pytest.mark.parametrize("name", FITTED)
def test_what_is_fitted_there_is_used_here(device: str, name: str, tmp_path: Path) -> None:
    data = TWO if name in ("rows", "gaussian") else 5 * TWO
    model = FITTED[name](device)
    z = model.transform(data)
    model.save(tmp_path / "model")
    assert all(p.device.type == "cpu" for p in model.vae_.parameters())
    np.testing.assert_array_equal(load(tmp_path / "model").transform(data), z)
    if name in ("topics", "compositions"):  # the two kinds of rows are told apart
        assert abs(z[0] - z[-1]).max() > 0.5


@pytest.mark.filterwarnings("ignore::dirvae.training.CollapseWarning")  # the class says it all
def test_classes_are_learned_there(device: str) -> None:
    y = [0] * 40 + [1] * 40
    model = SemiSupervisedVAE(2, device=device, **OPTIONS).fit(TWO, y)
    assert model.score(TWO, y) == 1.0
