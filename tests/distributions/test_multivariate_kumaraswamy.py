"""The multivariate Kumaraswamy law: its density by hand, its mixture over orders, its KL."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import kl_divergence

from dirvae.distributions.dirichlet import Dirichlet
from dirvae.distributions.multivariate_kumaraswamy import MVKumaraswamy, OrderedKumaraswamy

A = torch.tensor([0.4, 1.7, 2.5], dtype=torch.float64)


def density_given(z: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """The density in the order of the sticks, whose map to z is triangular."""
    a, left, density = A.numpy(), np.ones(len(z)), np.ones(len(z))
    for i, part in enumerate(order[:-1]):
        b = a[list(order[i + 1 :])].sum()
        v = z[:, part] / left
        density *= a[part] * b * v ** (a[part] - 1) * (1 - v ** a[part]) ** (b - 1) / left
        left = left - z[:, part]
    return density


def draws(count: int = 40) -> Tensor:
    return MVKumaraswamy(A).sample(torch.Size([count]), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_density_given_the_order(order: tuple[int, ...]) -> None:
    z, q = draws(), OrderedKumaraswamy(A, torch.tensor(order))
    np.testing.assert_allclose(q.log_prob(z).exp().numpy(), density_given(z.numpy(), order), 1e-8)
    logs = q.log().log_prob(z.log())
    torch.testing.assert_close(logs, q.log_prob(z) + z[:, :-1].log().sum(-1))


def test_density_of_the_mixture_is_the_mean_over_orders() -> None:
    z, q = draws(), MVKumaraswamy(A)
    expected = np.mean([density_given(z.numpy(), o) for o in permutations(range(3))], 0)
    np.testing.assert_allclose(q.log_prob(z).exp().numpy(), expected, 1e-8)
    batched = MVKumaraswamy(torch.stack((A, A.flip(-1))))
    both = batched.log_prob(z[:, None])
    torch.testing.assert_close(both[:, 0], q.log_prob(z))
    torch.testing.assert_close(both[:, 1], q.log_prob(z.flip(-1)))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_kl_to_a_dirichlet(order: tuple[int, ...]) -> None:
    q, p = OrderedKumaraswamy(A, torch.tensor(order)), Dirichlet(A.flip(-1) + 0.3)
    y = q.log().sample(torch.Size([20_000]), torch.Generator().manual_seed(0))
    terms = q.log().log_prob(y) - p.log().log_prob(y)
    exact = kl_divergence(q, p)
    assert abs(float(exact - terms.mean())) < 5 * float(terms.std()) / 20_000**0.5
    torchs = kl_divergence(q, torch.distributions.Dirichlet(p.concentration))
    torch.testing.assert_close(torchs, exact)


def test_a_kl_given_the_order_bounds_that_of_the_mixture() -> None:
    p, mixture = Dirichlet(A), MVKumaraswamy(A)
    y = mixture.log().sample(torch.Size([20_000]), torch.Generator().manual_seed(0))
    terms = mixture.log().log_prob(y) - p.log().log_prob(y)
    orders = torch.tensor(list(permutations(range(3))))
    given = float(kl_divergence(OrderedKumaraswamy(A, orders), p).mean())
    assert float(terms.mean() + 5 * terms.std() / 20_000**0.5) < given < 0.1


@pytest.mark.parametrize("batch", [(1,), (6,), (2, 6), (2, 3)])
@pytest.mark.parametrize("log", [False, True])
def test_one_value_under_many_laws(batch: tuple[int, ...], log: bool) -> None:
    """Six laws are as many as there are orders of three."""
    scale = torch.linspace(0.5, 2.0, math.prod(batch), dtype=torch.float64).view(*batch, 1)
    q = MVKumaraswamy(A * scale)
    z = draws(1)[0]
    value, laws = (z.log(), q.log()) if log else (z, q)
    found = laws.log_prob(value)
    one = [MVKumaraswamy(A * s) for s in scale.flatten()]
    wanted = torch.stack([(p.log() if log else p).log_prob(value) for p in one]).view(batch)
    torch.testing.assert_close(found, wanted)


def test_kl_broadcasts_both_ways() -> None:
    one = OrderedKumaraswamy(A, torch.tensor([2, 0, 1]))
    many = Dirichlet(torch.stack((A, A.flip(-1), A + 1)).unsqueeze(1))
    found = kl_divergence(one, many)
    wanted = [[kl_divergence(one, Dirichlet(row))] for row in many.concentration[:, 0]]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))


def test_orders_are_uniform() -> None:
    q = MVKumaraswamy(A.expand(6000, 3))
    order = q.given_ordering(torch.Generator().manual_seed(0)).ordering
    counts = torch.unique(order, dim=0, return_counts=True)[1]
    assert len(counts) == 6
    assert float((counts - 1000).abs().max()) < 5 * (6000 * 5 / 36) ** 0.5


def test_many_parts_need_an_order() -> None:
    q = MVKumaraswamy(torch.full((2, 50), 0.02))
    with pytest.raises(NotImplementedError, match="given_ordering"):
        q.log_prob(q.sample())
    given = q.given_ordering()
    assert bool(given.log().log_prob(given.log().rsample()).isfinite().all())
    assert given.expand(torch.Size([3, 2])).sample().shape == (3, 2, 50)
    with pytest.raises(ValueError, match="at least 2"):
        MVKumaraswamy(torch.ones(1))
