"""A derivative that was found outside autograd is right once; asked for again, it raises."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Normal, Uniform, constraints, kl_divergence

from dirvae import distributions as dd
from dirvae.distributions._sparse import (
    as_sparse_rows,
    assigned_counts,
    mixture_evidence,
    softmax_evidence,
)

ONE = torch.ones((), dtype=torch.float64)
HALVES = torch.full((2, 2), 0.5, dtype=torch.float64)
X = as_sparse_rows(torch.eye(2, dtype=torch.float64))
BY_CDF = dd.from_cdf(lambda z, loc: torch.sigmoid(z - loc), loc=constraints.real)
BY_MAP = dd.from_transform(Uniform(0.0, 1.0), lambda u, s: s * u.logit(), s=constraints.positive)
BY_ICDF = dd.from_icdf(lambda u, s: s * u.logit(), s=constraints.positive)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def von_mises_fisher(t: Tensor) -> Tensor:
    return dd.VonMisesFisher(torch.tensor([1.0, 0, 0]).double(), t).rsample((), seeded())[0]


def mixture(t: Tensor) -> Tensor:
    parts = Normal(torch.stack((-t, t)), ONE)
    return dd.ImplicitMixture(Categorical(logits=torch.zeros(2).double()), parts).rsample(
        (), seeded()
    )


ONCE = {
    "VonMisesFisher.rsample": von_mises_fisher,
    "from_cdf.rsample": lambda t: BY_CDF(t).rsample((), seeded()).exp(),
    "ImplicitMixture.rsample": mixture,
    "from_transform.log_prob": lambda t: BY_MAP(t).log_prob(0.3 * ONE),
    "from_icdf.log_prob": lambda t: BY_ICDF(t).log_prob(0.3 * ONE),
    "from_transform.cdf": lambda t: BY_MAP(t).cdf(0.3 * ONE),
    "KL(Kumaraswamy, Beta)": lambda t: kl_divergence(dd.Kumaraswamy(t, 2 * t), dd.Beta(ONE, ONE)),
    "KL(ScaledDirichlet, Dirichlet)": lambda t: kl_divergence(
        dd.ScaledDirichlet(torch.stack((t, 2 * t)), torch.stack((t, -t))), dd.Dirichlet(HALVES[0])
    ),
    "mixture_evidence": lambda t: mixture_evidence(X, t * HALVES, HALVES).sum(),
    "softmax_evidence": lambda t: softmax_evidence(X, t * X.to_dense()).sum(),
    "assigned_counts": lambda t: assigned_counts(X, t**HALVES * X.to_dense(), HALVES)[0, 0],
}


@pytest.mark.parametrize("name", ONCE)
def test_a_second_derivative_raises(name: str) -> None:
    t = (1.5 * ONE).requires_grad_()
    (slope,) = torch.autograd.grad(ONCE[name](t), t, create_graph=True)
    assert bool(slope.isfinite())
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        torch.autograd.grad(slope, t)


@pytest.mark.filterwarnings("ignore:.torch.jit.script")  # torch's own, at its first use
@pytest.mark.parametrize("name", ONCE)
def test_forward_mode_raises(name: str) -> None:
    with pytest.raises(RuntimeError, match=r"forward.* AD|jvp|Sparse CSR"):
        torch.func.jvp(ONCE[name], (1.5 * ONE,), (ONE,))


def test_a_gradient_that_is_not_kept_for_a_second_one_is_the_same() -> None:
    t = (1.5 * ONE).requires_grad_()
    for function in ONCE.values():
        slopes = [torch.autograd.grad(function(t), t, create_graph=c)[0] for c in (False, True)]
        assert not slopes[0].requires_grad
        assert torch.equal(slopes[0], slopes[1].detach())


def test_second_derivatives_at_ties_are_those_of_one_side() -> None:
    """At 1/a = b the moment of a Kumaraswamy has two arguments of one size."""

    def mean(a: Tensor) -> Tensor:
        return dd.Kumaraswamy(a, 2 * ONE).mean

    def slope(a: Tensor) -> Tensor:
        return torch.func.grad(mean)(a)

    at, step = 0.5 * ONE, 1e-4 * ONE
    exact = (slope(at + step) - slope(at - step)) / (2 * step)
    torch.testing.assert_close(torch.func.grad(slope)(at), exact, rtol=1e-6, atol=0)
