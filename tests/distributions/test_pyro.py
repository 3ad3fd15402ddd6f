"""Our laws inside Pyro, each by one line."""

from __future__ import annotations

from typing import Any

import pyro
import pytest
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.mcmc.util import initialize_model
from pyro.poutine import trace
from torch import Tensor
from torch.distributions import Distribution, biject_to, kl_divergence

from dirvae import distributions as dd
from tests.distributions.contract import LAWS, Law, t

A, COUNTS = t(0.7, 1.5, 2.0), t(3.0, 1.0, 4.0)


class PyroGamma(dd.Gamma, TorchDistributionMixin):
    """A Gamma that Pyro takes."""


class PyroDirichlet(dd.Dirichlet, TorchDistributionMixin):
    """A Dirichlet that Pyro takes."""


class PyroMultinomial(dd.Multinomial, TorchDistributionMixin):
    """A multinomial that Pyro takes."""


@pytest.fixture(autouse=True)
def fresh() -> None:
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


def in_pyro(law: Distribution) -> Any:
    """The same law, of a class with Pyro's mixin."""
    mixed = type(type(law).__name__, (type(law), TorchDistributionMixin), {})
    new = object.__new__(mixed)
    new.__dict__.update(vars(law))
    return new


@pytest.mark.parametrize("row", LAWS.values(), ids=LAWS)
def test_each_law_is_a_site(row: Law) -> None:
    law = in_pyro(row.law().expand([1]))
    site = trace(lambda: pyro.sample("z", law)).get_trace()
    site.compute_log_prob()
    z = site.nodes["z"]["value"]
    assert z.shape == (1, *law.event_shape)
    torch.testing.assert_close(site.nodes["z"]["log_prob"], row.law().expand([1]).log_prob(z))


def test_plates_and_events() -> None:
    def model() -> Tensor:
        with pyro.plate("rows", 5):
            return pyro.sample("z", PyroGamma(t([2.0] * 3), 1.0).to_event(1))

    site = trace(model).get_trace()
    assert site.nodes["z"]["value"].shape == (5, 3)
    exact = dd.Gamma(t(2.0), 1.0).log_prob(site.nodes["z"]["value"]).sum()
    torch.testing.assert_close(site.log_prob_sum(), exact)


def test_the_bound_of_the_exact_posterior_is_the_evidence() -> None:
    def model() -> None:
        z = pyro.sample("z", PyroDirichlet(A))
        pyro.sample("x", PyroMultinomial(z.log(), int(COUNTS.sum())), obs=COUNTS)

    def guide() -> None:
        pyro.sample("z", PyroDirichlet(A + COUNTS))

    evidence = dd.DirichletMultinomial(A).log_prob(COUNTS)
    assert Trace_ELBO().loss(model, guide) == pytest.approx(-float(evidence))


def test_registered_divergences_and_their_gradients_are_used() -> None:
    def guide() -> None:
        a = pyro.param(
            "a", COUNTS.clone(), constraint=dd.Dirichlet.arg_constraints["concentration"]
        )
        pyro.sample("z", PyroDirichlet(a))

    loss = TraceMeanField_ELBO().differentiable_loss(
        lambda: pyro.sample("z", PyroDirichlet(A)), guide
    )
    (free,) = pyro.get_param_store().named_parameters()
    found = torch.autograd.grad(loss, free[1])[0]
    a = COUNTS.clone().requires_grad_()
    exact = kl_divergence(dd.Dirichlet(a), dd.Dirichlet(A))
    torch.testing.assert_close(loss, exact.detach())
    torch.testing.assert_close(found, torch.autograd.grad(exact, a)[0] * COUNTS)  # a = exp(free)


@pytest.mark.parametrize("name", ["Gamma", "LogDirichlet", "PowerSpherical", "from_cdf"])
def test_samplers_walk_in_free_coordinates(name: str) -> None:
    law = in_pyro(LAWS[name].law())
    _, potential, transforms, _ = initialize_model(lambda: pyro.sample("z", law))
    x = 0.3 * torch.ones(2 if law.event_shape else (), dtype=torch.float64)
    forward = biject_to(law.support)
    z = forward(x)
    torch.testing.assert_close(transforms["z"].inv(x), z)
    exact = -(law.log_prob(z) + forward.log_abs_det_jacobian(x, z))
    torch.testing.assert_close(potential({"z": x}), exact)
