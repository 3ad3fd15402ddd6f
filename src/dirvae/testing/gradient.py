"""Check that a sampler's pathwise gradients are the derivatives of its expectations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from dirvae.distributions.draws import draw
from dirvae.testing.case import Case, NotApplicable, implemented, worst_z

__all__ = ["check_gradient", "scalar_functions"]


def check_gradient(case: Case) -> str:
    """Compare the pathwise gradients of E[z] and E[z^2] with exact gradients.

    The exact gradients are finite differences of the distribution's own moments. If it has no
    moments, score-function estimates with their standard errors are used instead.
    """
    q = case.law()
    if not q.has_rsample:
        raise NotApplicable("no path")
    leaves, scores, details = _leaves(case), _Scores(case), []
    z = draw(case.factory(**leaves), torch.Size([]), case.generator())
    for power, (what, function) in enumerate(scalar_functions(q), 1):
        paths = torch.autograd.grad(
            function(z).sum(), tuple(leaves.values()), retain_graph=True, allow_unused=True
        )
        for (name, leaf), path in zip(leaves.items(), paths, strict=True):
            path = torch.zeros_like(leaf) if path is None else path
            exact = _exact_slope(case, name, power, function)
            label = f"d {what} / d {name}"
            if exact is None:
                score = scores.gradient(name, function)
                details.append(worst_z(path - score, torch.zeros_like(leaf[0]), label))
            else:
                details.append(worst_z(path, exact.reshape(path.shape[1:]), label))
    return ", ".join(details)


def _leaves(case: Case) -> dict[str, Tensor]:
    """Parameters repeated once a draw, so that each draw has a gradient of its own."""
    law = case.law()
    leaves = {}
    for name, value in case.parameters.items():
        dims = len(law.batch_shape) + _constraint(law, name).event_dim
        aligned = value.double().reshape([1] * (dims - value.dim()) + list(value.shape))
        leaves[name] = aligned.expand(case.num_samples, *aligned.shape).clone().requires_grad_()
    return leaves


def _constraint(law: Distribution, name: str) -> Constraint:
    declared: Any = law.arg_constraints
    constraint: Constraint = declared.get(name, constraints.real)
    return constraint


def scalar_functions(q: Distribution) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """A linear and a square function of the event; their weights differ, so no term cancels."""
    count = max(1, q.event_shape.numel())
    weights = torch.cos(torch.arange(count, dtype=torch.float64) + 0.5).reshape(q.event_shape)
    dims = tuple(range(-len(q.event_shape), 0))

    def total(z: Tensor) -> Tensor:
        return (z * weights).sum(dims) if dims else z * weights

    yield "E[z]", total
    yield "E[z^2]", lambda z: total(z**2)


def _exact_slope(
    case: Case, name: str, power: int, function: Callable[[Tensor], Tensor]
) -> Tensor | None:
    """Central finite difference of the distribution's own moments in each entry of a parameter."""

    def moment(value: Tensor) -> Tensor | None:
        q = case.factory(**{k: v.double() for k, v in case.parameters.items()} | {name: value})
        mean, variance = implemented(q, "mean"), implemented(q, "variance")
        if mean is None or (power == 2 and variance is None):
            return None
        # The test function is linear in the moments: it squares its argument at power 2.
        raw = mean if variance is None or power == 1 else (mean**2 + variance).clamp_min(0).sqrt()
        return function(raw).sum()

    value = case.parameters[name].double()
    if moment(value) is None:
        return None
    slope = torch.zeros_like(value).flatten()
    for index in range(value.numel()):
        step = torch.zeros_like(slope)
        step[index] = 1e-5 * (1 + value.flatten()[index].abs())
        sides = [moment(value + s * step.view_as(value)) for s in (1, -1)]
        slope[index] = (sides[0] - sides[1]) / (2 * step[index])  # type: ignore[operator]
    return slope.view_as(value)


class _Scores:
    """Unbiased for the same gradients, of the density alone: f(z) d log q(z) / d parameter."""

    def __init__(self, case: Case) -> None:
        self.case = case

    @cached_property
    def _density(self) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Parameters, draws and their log densities, which are the same for every function."""
        case, leaves = self.case, _leaves(self.case)
        generator = case.generator().manual_seed(~case.seed)
        with torch.no_grad():
            z = draw(case.law(), torch.Size([case.num_samples]), generator)
        return leaves, z, case.factory(**leaves).log_prob(z)

    def gradient(self, name: str, function: Callable[[Tensor], Tensor]) -> Tensor:
        leaves, z, log_prob = self._density
        value = function(z)
        advantage = (value - value.mean(0)).detach() * len(value) / (len(value) - 1)
        total = (advantage * log_prob).sum()
        return torch.autograd.grad(total, leaves[name], retain_graph=True)[0]
