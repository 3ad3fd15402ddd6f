"""What torch's registries give for log proportions and for the sphere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Normal,
    StickBreakingTransform,
    TransformedDistribution,
    biject_to,
    transform_to,
)
from torch.distributions.constraint_registry import ConstraintRegistry
from torch.distributions.constraints import Constraint

from dirvae.distributions import Dirichlet, HyperSphericalUniform
from dirvae.distributions.log_space import log_simplex
from dirvae.distributions.spherical import unit_sphere

X = 2 * torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("registry", [biject_to, transform_to])
@pytest.mark.parametrize("constraint", [log_simplex, unit_sphere], ids=["log simplex", "sphere"])
def test_images_lie_in_the_support(registry: ConstraintRegistry, constraint: Constraint) -> None:
    transform = registry(constraint)
    y = transform(X)
    assert bool(constraint.check(y).all())
    assert transform.forward_shape(X.shape) == y.shape
    assert transform.inverse_shape(y.shape) == X.shape
    assert transform == registry(constraint)
    assert transform.codomain is constraint
    assert transform.domain.event_dim == constraint.event_dim == 1
    torch.testing.assert_close(transform(transform.inv(y)), y)
    if registry is biject_to:
        torch.testing.assert_close(transform.inv(y), X)


def test_log_proportions_are_the_logs_of_torchs() -> None:
    transform, torchs = biject_to(log_simplex), StickBreakingTransform()
    torch.testing.assert_close(transform(X).exp(), torchs(X))
    torch.testing.assert_close(transform_to(log_simplex)(X).exp(), torch.softmax(X, -1))
    far = transform(torch.tensor([-2000.0, 2000.0]))
    torch.testing.assert_close(far, torch.tensor([-2000.6931, 0.0, -2000.0]))


def test_normalize_is_the_direction() -> None:
    torch.testing.assert_close(
        transform_to(unit_sphere)(torch.tensor([3.0, -4.0])), torch.tensor([0.6, -0.8])
    )


@pytest.mark.parametrize("constraint", [log_simplex, unit_sphere], ids=["log simplex", "sphere"])
def test_jacobian(constraint: Constraint) -> None:
    """To log z_1 .. log z_{K-1}, and to the surface: where the densities of our laws are."""
    transform = biject_to(constraint)

    def chart(x: Tensor) -> Tensor:
        return transform(x)[:-1] if constraint is log_simplex else transform(x)

    for x in X:
        slopes = torch.autograd.functional.jacobian(chart, x)
        exact = (slopes.T @ slopes).logdet() / 2
        torch.testing.assert_close(transform.log_abs_det_jacobian(x, transform(x)), exact)


def test_the_far_half_of_the_sphere_keeps_its_digits() -> None:
    transform, x = biject_to(unit_sphere), torch.tensor([3e5, -4e5], dtype=torch.float64)
    torch.testing.assert_close(transform.inv(transform(x)), x)


@pytest.mark.parametrize(
    ("law", "constraint", "dims"),
    [
        (Dirichlet(torch.tensor([1.3, 2.0, 0.7]).double()).log(), log_simplex, 2),
        (HyperSphericalUniform(3), unit_sphere, 2),
    ],
    ids=["log Dirichlet", "uniform"],
)
def test_densities_are_normalised_where_samplers_walk(
    law: torch.distributions.Distribution, constraint: Constraint, dims: int
) -> None:
    """What Hamiltonian Monte Carlo sees: importance sampling finds that its integral is 1."""
    base = TransformedDistribution(Normal(torch.zeros(dims).double(), 2.0).expand([dims]), [])
    x = base.sample(torch.Size([200_000]))
    transform = biject_to(constraint)
    y = transform(x)
    log_density = law.log_prob(y) + transform.log_abs_det_jacobian(x, y)
    weights = (log_density - base.log_prob(x).sum(-1)).exp()
    assert abs(float(weights.mean()) - 1) < 5 * float(weights.std()) / len(weights) ** 0.5
