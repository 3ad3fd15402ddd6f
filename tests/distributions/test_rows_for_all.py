"""Rows of shape (..., 1, K) under each of J laws, where densities are products of matrices.

What they must equal is the density of each law alone, to which the same rows of shape (..., J, K)
lead: then the numbers of each row and law are written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from dirvae.distributions import (
    Dirichlet,
    LogDirichlet,
    LogScaledDirichlet,
    LogSoftmaxNormal,
    SoftmaxNormal,
    log_law,
)
from dirvae.distributions._vectors import centred, squares
from dirvae.models import MixturePrior
from dirvae.models.latents import standard_prior
from dirvae.models.mixture_prior import _Gaussians

J, K, N = 4, 5, 7


def _gaussians(loc: Tensor, scale: Tensor) -> Distribution:
    return _Gaussians(Normal(loc, scale, validate_args=False), 1)


LAWS: dict[str, Callable[[Tensor, Tensor], Distribution]] = {
    "Gaussians": _gaussians,
    "LogSoftmaxNormal": LogSoftmaxNormal,
    "LogDirichlet": lambda loc, scale: LogDirichlet(scale + 0 * loc),
    "LogScaledDirichlet": lambda loc, scale: LogScaledDirichlet(scale, loc),
}
EACH = pytest.mark.parametrize("build", LAWS.values(), ids=list(LAWS))


def parts(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Locations and positive numbers of J laws, and rows of log proportions."""
    source = torch.Generator().manual_seed(0)
    loc, scale, y = (torch.randn(n, K, generator=source, dtype=dtype) for n in (J, J, N))
    return loc, scale.exp(), y.log_softmax(-1)


def each(law: Distribution, rows: Tensor) -> Tensor:
    found: Tensor = law.log_prob(rows.unsqueeze(-2).expand(*rows.shape[:-1], J, K))
    return found


@EACH
def test_values_and_gradients(build: Callable[..., Distribution]) -> None:
    leaves = [v.requires_grad_() for v in parts()]
    loc, scale, y = leaves
    found, expected = build(loc, scale).log_prob(y.unsqueeze(-2)), each(build(loc, scale), y)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    weights = torch.randn(N, J, generator=torch.Generator().manual_seed(1)).double()
    slopes = (torch.autograd.grad((weights * v).sum(), leaves) for v in (found, expected))
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-9)
    loc = torch.zeros(J, K).double()
    assert torch.autograd.gradgradcheck(
        lambda scale, y: build(loc, scale).log_prob(y.log_softmax(-1).unsqueeze(-2)), (scale, y)
    )


@EACH
@pytest.mark.parametrize("of_law", [torch.float32, torch.float64])
@pytest.mark.parametrize("of_rows", [torch.float32, torch.float64, torch.bfloat16])
def test_dtypes(build: Any, of_law: torch.dtype, of_rows: torch.dtype) -> None:
    loc, scale, _ = parts(of_law)
    y = parts()[2].to(of_rows)
    law, exact = build(loc, scale), build(loc.double(), scale.double())
    law._validate_args = exact._validate_args = False  # bfloat16 proportions do not add up to 1
    found, expected = law.log_prob(y.unsqueeze(-2)), each(exact, y.double())
    assert found.dtype == torch.promote_types(of_law, of_rows)
    digits = 1e-6 if torch.float32 in (of_law, found.dtype) else 1e-11
    torch.testing.assert_close(found.double(), expected, rtol=digits, atol=digits)


def test_concentrations_may_have_another_dtype_than_shifts() -> None:
    loc, scale, y = parts()
    law = LogScaledDirichlet(scale, loc.float())
    assert law.log_prob(y.float().unsqueeze(-2)).dtype == torch.float64


def test_whole_numbers_under_gaussians() -> None:
    loc, scale, _ = parts(torch.float32)
    found = _gaussians(loc, scale).log_prob(torch.zeros(N, 1, K, dtype=torch.long))
    torch.testing.assert_close(found, each(_gaussians(loc, scale), torch.zeros(N, K)))


@pytest.mark.parametrize("Law", [Normal, SoftmaxNormal, Dirichlet])
@pytest.mark.parametrize("log_certainty", [0.0, -6.5])
def test_no_numbers_of_each_row_and_law_are_kept(Law: type, log_certainty: float) -> None:
    prior = MixturePrior(standard_prior(Law, 50), 100)
    with torch.no_grad():
        prior.log_certainty[0, 0] = log_certainty
    z = standard_prior(Law, 50)().sample(torch.Size([200]))
    law: Any = log_law(prior())
    law, z = (prior(), z) if law is None else (law, z.log().log_softmax(-1))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda v: kept.append(v.numel()) or v, id):
        law.log_prob(z)
    assert 0 < max(kept) < 200 * 100 * 50


@pytest.mark.parametrize("Law", [Normal, SoftmaxNormal, Dirichlet])
def test_many_priors_at_once(Law: type) -> None:
    priors = [MixturePrior(standard_prior(Law, K), J) for _ in range(3)]
    z = standard_prior(Law, K)().sample(torch.Size([N]))
    state = torch.func.stack_module_state(priors)

    def log_prob(*of_one: dict[str, Tensor]) -> Tensor:
        law: Any = torch.func.functional_call(priors[0], of_one, ())
        return law.log_prob(z)

    found = torch.func.vmap(log_prob)(*state)
    torch.testing.assert_close(found, torch.stack([prior().log_prob(z) for prior in priors]))


@EACH
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e4])
@pytest.mark.parametrize("away", [0.0, 30.0])
def test_no_digits_are_lost(build: Any, scale: float, away: float) -> None:
    """Where squares of a product of matrices would cancel, all numbers are written instead."""
    loc, positive, y = parts(torch.float32)
    positive[:, 0] *= scale
    loc[:2] += away
    law, exact = build(loc, positive), build(loc.double(), positive.double())
    found, expected = law.log_prob(y.unsqueeze(-2)), each(exact, y.double())
    torch.testing.assert_close(found.double(), expected, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize(
    ("rows", "places", "weights", "exact"),
    [
        ([1.0, -2.0], [0.5, -1.0], [1.0, 2.0], True),
        ([1e6 + 1, 1e6 - 2], [1e6 + 0.5, 1e6 - 1], [1.0, 2.0], True),  # far from 0 together
        ([1e6, 0.0], [0.5, -1.0], [1.0, 2.0], False),
        ([1.0, -2.0], [0.5, -1.0], [1.0, 1e9], False),  # one law is narrow
        ([1.0, torch.nan], [0.5, -1.0], [1.0, 2.0], False),
    ],
)
def test_where_products_are_exact(
    rows: list[float], places: list[float], weights: list[float], exact: bool
) -> None:
    y, c, w = (torch.tensor(v).double().unsqueeze(-1) for v in (rows, places, weights))
    found = centred(y, c, w)
    assert (found is not None) == exact
    if found is not None:
        expected = 3 - 2 * (w.T * (y - c.T).square())
        products = squares(*found, w, -2.0, torch.full((2,), 3.0).double())
        torch.testing.assert_close(products, expected, rtol=1e-9, atol=1e-9)


def test_rows_far_from_0_under_gaussians() -> None:
    loc, scale, y = parts(torch.float32)
    loc, scale, y = 1e4 + 1e-2 * loc, 1e-3 * scale, 1e4 + 1e-2 * y
    found = _gaussians(loc, scale).log_prob(y.unsqueeze(-2))
    exact = each(_gaussians(loc.double(), scale.double()), y.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=1e-6)


def test_infinite_rows_under_gaussians() -> None:
    loc, scale, _ = parts()
    y = torch.tensor([[torch.inf, *[0.0] * (K - 1)]]).double()
    assert bool((_gaussians(loc, scale).log_prob(y.unsqueeze(-2)) == -torch.inf).all())


def test_one_number_for_all_components_is_spread_over_them() -> None:
    loc, scale, _ = parts()
    found = _gaussians(loc, scale).log_prob(torch.ones(N, 1, 1).double())
    torch.testing.assert_close(found, each(_gaussians(loc, scale), torch.ones(N, K).double()))


@pytest.mark.parametrize("far", [400.0, 590.0, 2000.0])
def test_second_derivatives_of_far_shifts(far: float) -> None:
    concentration = torch.tensor([[0.5, 0.2, 1.0], [2.0, 0.1, 0.3]]).double()
    y = torch.tensor([[-900.0, 0.0, -900.0], [-1.0, -800.0, -0.5]]).double().log_softmax(-1)

    def total(loc: Tensor, wide: bool) -> Tensor:
        rows = y.unsqueeze(-2).expand(2, 2, 3) if wide else y.unsqueeze(-2)
        return LogScaledDirichlet(concentration, loc).log_prob(rows).sum()

    loc = torch.tensor([[0.0, far, 0.0], [-far / 2, 0.0, far / 2]]).double()
    found, expected = (
        torch.func.jacrev(torch.func.jacrev(total))(loc, wide) for wide in (False, True)
    )
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
