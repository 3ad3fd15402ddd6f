"""Maps from raw numbers to valid parameters of a distribution, by its declared constraints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, Uniform, constraints
from torch.distributions import transform_to as torch_transform_to
from torch.distributions.constraints import Constraint

__all__ = [
    "Layout",
    "constructor",
    "from_parameter",
    "inverse_softplus",
    "is_positive",
    "layout_of",
    "to_parameter",
]

Layout = dict[str, tuple[Constraint, torch.Size]]
"""For each parameter that is learned: its constraint, and its shape for one event."""

POSITIVE_FLOOR = 1e-4
KNEE = 5.0  # where the exponential gives way to its tangent
# Of torch's alternative parameters, the ones that any real numbers reach with the least work and
# the least rounding; the others are left out.
_REDUNDANT = {"logits": {"probs"}, "scale_tril": {"covariance_matrix", "precision_matrix"}}


def inverse_softplus(value: Tensor) -> Tensor:
    """Return x with log(1 + exp(x)) = ``value`` > 0, elementwise.

    Example:
        >>> float(F.softplus(inverse_softplus(torch.tensor(0.5))))
        0.5
    """
    return value + torch.log(-torch.expm1(-value))


# --- which parameters, and of which shape ---------------------------------------------------------


def _interval(low: Tensor, width: Tensor, **options: Any) -> Uniform:
    return Uniform(low, low + width, **options)


def constructor(Law: Any) -> Callable[..., Distribution]:
    """Return the function that makes the distribution from the parameters in `layout_of`."""
    return _interval if Law is Uniform else Law


def _constraints_of(Law: Any) -> dict[str, Constraint]:
    if Law is Uniform:  # its own constraints refer to each other
        return {"low": constraints.real, "width": constraints.positive}
    declared = getattr(Law, "arg_constraints", None)
    if declared is None:
        raise ValueError(
            f"Law is {Law!r}, must be a subclass of torch.distributions.Distribution, or a "
            "function with an attribute arg_constraints that returns one"
        )
    if not isinstance(declared, Mapping):
        declared = {"df": constraints.positive, "scale_tril": constraints.lower_cholesky}  # Wishart
    redundant = {left for kept, others in _REDUNDANT.items() if kept in declared for left in others}
    return {name: c for name, c in declared.items() if name not in redundant}


def layout_of(Law: Any, event_shape: torch.Size, given: Mapping[str, Tensor]) -> Layout:
    """Return constraint and shape, for one event, of each parameter that is not given.

    Raises:
        ValueError: If there is no such layout.
    """
    wanted = {n: c for n, c in _constraints_of(Law).items() if n not in given}
    build = partial(constructor(Law), validate_args=False)
    # A simplex of K parts may have K or K - 1 parameters, and a vector one number for all of its
    # components, such as how concentrated it is: the distribution itself says which.
    for less, is_one_for_all in ((0, False), (1, False), (0, True)):
        size = torch.Size([*event_shape[:-1], event_shape[-1] - less])
        layout = {n: (c, _parameter_shape(c, size, is_one_for_all)) for n, c in wanted.items()}
        values = {n: to_parameter(c, torch.zeros(s)) for n, (c, s) in layout.items()}
        try:
            law = build(**values, **given)
        except (TypeError, ValueError, RuntimeError, IndexError):
            continue
        is_matrix = not law.batch_shape and law.event_shape == event_shape + event_shape
        if law.batch_shape + law.event_shape == event_shape or is_matrix:
            return layout
    name = getattr(Law, "__name__", repr(Law))
    raise ValueError(
        f"Law={name} has no parameters that give events of shape {tuple(event_shape)}; "
        "give those that are not learned by name, such as temperature=torch.tensor(0.5)"
    )


def _parameter_shape(
    constraint: Constraint, event_shape: torch.Size, is_one_for_all: bool
) -> torch.Size:
    if constraint.event_dim == 0 and is_one_for_all:
        return torch.Size()
    if constraint.event_dim < 2:
        return event_shape
    if isinstance(constraint, constraints.independent):  # the factor of a low-rank covariance
        return torch.Size([*event_shape, max(1, event_shape[-1] // 8)])
    return event_shape + event_shape[-1:]


# --- raw numbers -> parameters --------------------------------------------------------------------


def is_positive(constraint: Constraint) -> bool:
    """Whether a constraint is that numbers lie above a bound.

    Example:
        >>> is_positive(constraints.positive), is_positive(constraints.simplex)
        (True, False)
    """
    if isinstance(constraint, constraints.independent):
        return is_positive(constraint.base_constraint)
    return isinstance(constraint, constraints.greater_than | constraints.greater_than_eq)


def to_parameter(constraint: Constraint, raw: Tensor, exponential: bool = False) -> Tensor:
    """Map real numbers into the set of valid parameters."""
    match constraint:
        case constraints.independent():
            return to_parameter(constraint.base_constraint, raw, exponential)
        case constraints.greater_than() | constraints.greater_than_eq():
            positive = _tamed_exp(raw) if exponential else F.softplus(raw)
            return constraint.lower_bound + positive + POSITIVE_FLOOR
        case constraints.interval() | constraints.half_open_interval():
            span = constraint.upper_bound - constraint.lower_bound
            return constraint.lower_bound + span * raw.sigmoid().clamp(1e-6, 1 - 1e-6)
        case _ if constraint is constraints.simplex:
            return raw.softmax(-1)
        case _ if constraint is constraints.lower_cholesky:
            diagonal = F.softplus(raw.diagonal(dim1=-2, dim2=-1)) + POSITIVE_FLOOR
            return raw.tril(-1) + torch.diag_embed(diagonal)
    free: Tensor = torch_transform_to(constraint)(raw)
    return free


def from_parameter(
    constraint: Constraint, value: float | Tensor | None, exponential: bool = False
) -> Tensor:
    """Return the raw number that is mapped to ``value``; zero if ``value`` is None."""
    if value is None:
        return torch.zeros(())
    value = torch.as_tensor(value, dtype=torch.float32)
    if isinstance(constraint, constraints.independent):
        return from_parameter(constraint.base_constraint, value, exponential)
    if isinstance(constraint, constraints.greater_than | constraints.greater_than_eq):
        positive = (value - constraint.lower_bound - POSITIVE_FLOOR).clamp(min=1e-8)
        return _inverse_tamed_exp(positive) if exponential else inverse_softplus(positive)
    free: Tensor = torch_transform_to(constraint).inv(value)
    return free


def _tamed_exp(raw: Tensor) -> Tensor:
    """Return exp(raw) up to the knee, and from there its tangent."""
    return raw.clamp(max=KNEE).exp() * (1 + (raw - KNEE).clamp(min=0))


def _inverse_tamed_exp(value: Tensor) -> Tensor:
    knee = math.exp(KNEE)
    return torch.where(value < knee, value.log(), value / knee - 1 + KNEE)
