"""Check that each derivative (first, second, forward mode) is right or raises an error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints, kl_divergence

from dirvae.distributions.draws import draw, log_law
from dirvae.testing.case import Case, event_dims, implemented, require, worst_z
from dirvae.testing.gradient import scalar_functions

__all__ = ["Derivative", "check_derivatives", "derivatives"]

_STEP = 1e-4
_TOLERANCE = 1e-4

_Curve = Callable[[Tensor], Tensor]
_Kind = Callable[[Distribution], Any]
_KINDS: tuple[tuple[str, _Kind], ...] = (("", lambda q: q), ("log: ", log_law))


class Derivative(NamedTuple):
    """Result for one derivative.

    Attributes:
        function: The function that was differentiated, such as "log_prob" or "draws".
        order: "first", "second", "forward" or "forward over reverse".
        status: "right", "raises" or "wrong".
        detail: What was wrong, or which error was raised.

    Example:
        >>> Derivative("log_prob", "second", "raises", "not twice").status
        'raises'
    """

    function: str
    order: str
    status: str
    detail: str


def check_derivatives(case: Case) -> str:
    """Check that each derivative agrees with finite differences or raises an error."""
    found = derivatives(case)
    wrong = [f"{d.function}, {d.order}: {d.detail}" for d in found if d.status == "wrong"]
    require(not wrong, "; ".join(wrong))
    raises = sum(derivative.status == "raises" for derivative in found)
    return f"{len(found) - raises} right" + (f", {raises} raise" if raises else "")


def derivatives(case: Case) -> list[Derivative]:
    """Differentiate all functions of a distribution along a curve through parameters and a value.

    The derivatives of densities (also in the value), moments, entropies, cdfs and KL divergences
    are compared with finite differences. For draws, the derivative in forward mode is compared with
    the one in reverse mode. The second derivative of draws is compared with that of an expectation,
    by moments or the score function.
    """
    found = []
    for label, kind in _KINDS:
        if kind(case.law()) is None:
            continue
        for name, curve in _curves(case, kind):
            found += _along(label + name, curve)
        if kind(case.law()).has_rsample:
            found += _of_draws(label + "draws", case, kind)
    return found


def _moved(case: Case, t: Tensor, kind: _Kind) -> Any:
    """The distribution at ``t`` on the curve; a batch of them where ``t`` has a dimension."""
    law, moved = case.law(), {}
    for name, value in case.parameters.items():
        value = value.double()
        angles = torch.arange(value.numel(), dtype=torch.float64) + 0.5
        declared: Any = law.arg_constraints
        real = declared.get(name, constraints.real)
        real = getattr(real, "base_constraint", real) is constraints.real
        step = angles.cos().view(value.shape) * (1.0 if real else value)
        dims = len(law.batch_shape) + event_dims(law, name, value)
        moved[name] = value + t.reshape(t.shape + (1,) * dims * t.dim()) * step
    return kind(case.factory(**moved, validate_args=False))


def _curves(case: Case, kind: _Kind) -> Iterator[tuple[str, _Curve]]:
    law = kind(case.law())
    with torch.no_grad():
        z = draw(law, torch.Size([3]), case.generator())
    across = 0.0 if law.support.is_discrete else 0.1 * z * (z + 1).cos()
    yield "log_prob", lambda t: _moved(case, t, kind).log_prob(z + t * across)
    if not law.event_shape and _has_cdf(law, z):
        yield "cdf", lambda t: _moved(case, t, kind).cdf(z + t * across)
    for name in ("mean", "variance", "entropy"):
        if implemented(law, name) is not None:
            yield name, _moment(case, kind, name)
    for p in (law, *map(kind, case.others)):
        if p is not None and _has_kl(law, p):
            yield f"KL to {type(p).__name__}", _divergence(case, kind, p)


def _moment(case: Case, kind: _Kind, name: str) -> _Curve:
    def moment(t: Tensor) -> Tensor:
        member = getattr(_moved(case, t, kind), name)
        value: Tensor = member() if callable(member) else member
        return value

    return moment


def _divergence(case: Case, kind: _Kind, p: Distribution) -> _Curve:
    return lambda t: kl_divergence(_moved(case, t, kind), p)


def _has_cdf(law: Distribution, z: Tensor) -> bool:
    try:
        law.cdf(z)
    except NotImplementedError:
        return False
    return True


def _has_kl(q: Distribution, p: Distribution) -> bool:
    try:
        kl_divergence(q, p)
    except NotImplementedError:
        return False
    return True


# --- what can be held against finite differences ---


def _along(name: str, curve: _Curve) -> list[Derivative]:
    def total(t: Tensor) -> Tensor:
        value = curve(t)
        return (value * _weights(value)).sum()

    def slope(t: Tensor) -> Tensor:
        return _reverse(total, t)

    zero = torch.zeros((), dtype=torch.float64)
    first = _difference(total)
    found = [_outcome(name, "first", lambda: slope(zero), first)]
    found.append(_outcome(name, "forward", lambda: _forward(total, zero), first))
    if found[0].status == "right":
        second = _difference(slope)
        found.append(_outcome(name, "second", lambda: _reverse(slope, zero), second))
        forward = lambda: _forward(torch.func.grad(total), zero)  # noqa: E731
        found.append(_outcome(name, "forward over reverse", forward, second))
    return found


def _weights(value: Tensor) -> Tensor:
    """Weights that no symmetry cancels."""
    return torch.cos(torch.arange(value.numel(), dtype=torch.float64) + 0.5).view(value.shape)


def _difference(function: _Curve) -> Tensor:
    """Derivative at 0 by central differences of fourth order."""
    steps = [torch.tensor(k * _STEP, dtype=torch.float64) for k in (-2, -1, 1, 2)]
    values = [function(step).detach() for step in steps]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * _STEP)


def _reverse(function: _Curve, t: Tensor) -> Tensor:
    t = t if t.requires_grad else t.clone().requires_grad_()
    return _gradient(function(t), t)


def _gradient(value: Tensor, t: Tensor) -> Tensor:
    """Derivative by a backward pass that can be differentiated; 0 where there is no graph."""
    if not value.requires_grad:
        return torch.zeros_like(t)
    return torch.autograd.grad(
        value, t, create_graph=True, allow_unused=True, materialize_grads=True
    )[0]


def _forward(function: _Curve, t: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.script")  # torch's own, at its first use
        tangent: Tensor = torch.func.jvp(function, (t,), (torch.ones_like(t),))[1]
    return tangent


def _outcome(
    name: str, order: str, derivative: Callable[[], Tensor], expected: Tensor
) -> Derivative:
    try:
        found, expected = derivative().detach(), expected.detach()
    except (NotImplementedError, RuntimeError) as error:
        return Derivative(name, order, "raises", str(error).splitlines()[0])
    if float((found - expected).abs() / (1 + expected.abs())) < _TOLERANCE:
        return Derivative(name, order, "right", "")
    return Derivative(name, order, "wrong", f"{float(found):.6g}, must be {float(expected):.6g}")


# --- draws ---


def _of_draws(name: str, case: Case, kind: _Kind) -> list[Derivative]:
    def total(t: Tensor) -> Tensor:
        z = draw(_moved(case, t, kind), torch.Size([]), case.generator())
        return (z * _weights(z)).sum()

    zero = torch.zeros((), dtype=torch.float64)
    forward = _outcome(name, "forward", lambda: _forward(total, zero), _reverse(total, zero))
    try:  # of one draw, whose value says nothing: few have it, and many draws take time
        _reverse(lambda t: _reverse(total, t), zero)
    except (NotImplementedError, RuntimeError) as error:
        return [forward, Derivative(name, "second", "raises", str(error).splitlines()[0])]
    return [forward, _second_of_draws(name, case, kind)]


def _second_of_draws(name: str, case: Case, kind: _Kind) -> Derivative:
    """The mean second derivative of f(z) along the path must be that of E[f(z)]."""
    t = torch.zeros(case.num_samples, dtype=torch.float64, requires_grad=True)
    z = draw(_moved(case, t, kind), torch.Size([]), case.generator())
    other, ratio = _second_of_density(case, kind)
    details = []
    for what, function in scalar_functions(kind(case.law())):
        path = _gradient(_gradient(function(z).sum(), t).sum(), t).detach()
        value = function(other)
        score = ((value - value.mean(0)) * ratio).reshape(len(t), -1).sum(-1)
        try:
            details.append(worst_z(path - score, torch.zeros(()), f"the one of {what}"))
        except AssertionError as error:
            return Derivative(name, "second", "wrong", str(error))
    return Derivative(name, "second", "right", ", ".join(details))


@torch.no_grad()
def _second_of_density(case: Case, kind: _Kind) -> tuple[Tensor, Tensor]:
    """Draws z of the density p, and p''/p at each: E[f(z) p''/p] is the derivative of E[f(z)]."""
    other = case.generator().manual_seed(~case.seed)
    z = draw(kind(case.law()), torch.Size([case.num_samples]), other)
    steps = (torch.tensor(k * _STEP, dtype=torch.float64) for k in (-1, 0, 1))
    low, middle, high = (_moved(case, step, kind).log_prob(z) for step in steps)
    slope, curvature = (high - low) / (2 * _STEP), (high - 2 * middle + low) / _STEP**2
    return z, curvature + slope**2
