"""Conditionals: modules that return a distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Uniform, constraints
from torch.distributions import transform_to as torch_transform_to
from torch.distributions.constraints import Constraint

__all__ = ["Conditional", "Fixed", "Head", "inverse_softplus"]

POSITIVE_FLOOR = 1e-4
# Of the alternatives by which torch lets one parameterise a law, the one that any real numbers
# reach
# with the least work and the least rounding; the others are left out.
_REDUNDANT = {"logits": {"probs"}, "scale_tril": {"covariance_matrix", "precision_matrix"}}


class Conditional(nn.Module):
    """A module whose ``forward(*context)`` returns a distribution p(. | context).

    Any module that returns one may stand in its place; this class only gives the type.
    """

    def __call__(self, *context: Tensor) -> Distribution:
        """Return the law given ``context``, each of shape (..., B, features)."""
        law: Distribution = super().__call__(*context)
        return law


class Fixed(Conditional):
    """A law that ignores its context: a prior.

    The parameters are buffers, so that they move with the module, are saved with it and may be
    changed in place.

    Args:
        Law: A subclass of `torch.distributions.Distribution`.
        parameters: Its parameters; a univariate law with parameters of shape (K,) becomes a law of
            events of shape (K,), its components independent.

    Example:
        >>> prior = Fixed(torch.distributions.Normal, loc=torch.zeros(3), scale=torch.ones(3))
        >>> prior().event_shape
        torch.Size([3])
    """

    def __init__(self, Law: Callable[..., Distribution], **parameters: Tensor) -> None:
        super().__init__()
        self.Law = Law
        self.names = tuple(parameters)
        for name, value in parameters.items():
            self.register_buffer(name, torch.as_tensor(value))
        self.Law(**parameters)  # torch's own validation names the parameter that is off

    def forward(self, *context: Tensor) -> Distribution:
        """Return the law; ``context`` is not read."""
        law = self.Law(**{name: getattr(self, name) for name in self.names}, validate_args=False)
        return _as_event(law, len(law.batch_shape))


class Head(Conditional):
    r"""A network followed by a projection to valid parameters of ``Law``.

    The raw outputs are cut into one piece a parameter, and each piece is mapped into the set that
    ``Law.arg_constraints`` gives: softplus plus a floor for positive numbers, softmax for
    probabilities, and so on. At least float32 is used, also under autocast. A univariate law
    becomes
    a law of events of shape ``event_shape`` with independent components.

    Args:
        net: Module that maps the context (one or several tensors) to features (..., H). Where it
        has
            no attribute ``out_features``, H is found at the first call.
        event_shape: K, or a shape such as (channels, height, width).
        Law: A subclass of `torch.distributions.Distribution`, or a function with
        ``arg_constraints``
            that returns one.
        project: Whether to append the linear map from features to raw parameters; if not, ``net``
            itself must end with ``num_raw`` outputs.
        exponential: Names of positive parameters that are the exponential of the raw output rather
            than its softplus, so that they range over orders of magnitude; above e^5 they go on
            in a straight line, so that no step overflows.
        shared: Names of parameters that are learned but do not depend on the context, such as the
            scale of a Gaussian likelihood.
        initial: Values of parameters where the raw output is zero, such as ``{"scale": 0.1}``.
        parameters: Parameters that are given and not learned, such as a temperature.

    Raises:
        ValueError: If the parameters of ``Law`` cannot be laid out for events of this shape.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> head = Head(nn.Linear(8, 16), 5, torch.distributions.Dirichlet)
        >>> head(torch.ones(2, 8)).concentration.shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        net: nn.Module,
        event_shape: int | Sequence[int],
        Law: Callable[..., Distribution],
        *,
        project: bool = True,
        exponential: Sequence[str] = (),
        shared: Sequence[str] = (),
        initial: Mapping[str, float | Tensor] | None = None,
        **parameters: Tensor | float,
    ) -> None:
        super().__init__()
        self.net, self.Law, self.project, self.initial = net, Law, project, initial
        self.event_shape = torch.Size(
            [event_shape] if isinstance(event_shape, int) else event_shape
        )
        self.given = tuple(parameters)
        for name, value in parameters.items():
            self.register_buffer(f"given_{name}", torch.as_tensor(value, dtype=torch.float32))
        self.layout = _layout(
            Law, self.event_shape, {n: torch.as_tensor(v) for n, v in parameters.items()}
        )
        initial = initial or {}
        _refuse_unknown("initial", initial, self.layout)
        _refuse_unknown("shared", shared, self.layout)
        _refuse_unknown("exponential", exponential, self.layout)
        self.exponential, self.shared = tuple(exponential), tuple(shared)
        for name, (constraint, shape) in self.layout.items():
            start = _from_parameter(constraint, initial.get(name), name in self.exponential)
            offset = torch.broadcast_to(start, shape)
            self.register_buffer(f"offset_{name}", offset.clone())
            if name in shared:
                self.register_parameter(f"shared_{name}", nn.Parameter(torch.zeros(shape)))
        self.projection = _projection(net, self.num_raw) if project else nn.Identity()

    @property
    def num_raw(self) -> int:
        """How many raw outputs the law takes for each example."""
        return sum(
            math.prod(shape) for name, (_, shape) in self.layout.items() if name not in self.shared
        )

    def forward(self, *context: Tensor) -> Distribution:
        """Return the law given ``context``, tensors of shape (..., B, features)."""
        return self.law(self.raw(*context))

    def raw(self, *context: Tensor) -> Tensor:
        """Return the raw outputs, shape (..., B, num_raw), in float32 at least."""
        raw: Tensor = self.projection(self.net(*context))
        return raw.to(torch.promote_types(raw.dtype, torch.float32))

    def law(self, raw: Tensor) -> Distribution:
        """Return the law of raw outputs of shape (..., B, num_raw)."""
        given = {name: getattr(self, f"given_{name}") for name in self.given}
        law = _constructor(self.Law)(**self.parameters_of(raw), **given, validate_args=False)
        return _as_event(law, len(self.event_shape) - len(law.event_shape))

    def parameters_of(self, raw: Tensor) -> dict[str, Tensor]:
        """Return the valid parameters of raw outputs of shape (..., B, num_raw)."""
        sizes = [math.prod(s) for n, (_, s) in self.layout.items() if n not in self.shared]
        pieces = iter(raw.split(sizes, -1) if sizes else ())
        found = {}
        for name, (constraint, shape) in self.layout.items():
            if name in self.shared:
                free = getattr(self, f"shared_{name}").expand(*raw.shape[:-1], *shape)
            else:
                free = next(pieces).reshape(*raw.shape[:-1], *shape)
            free = free + getattr(self, f"offset_{name}")
            found[name] = _to_parameter(constraint, free, name in self.exponential)
        return found


def inverse_softplus(value: Tensor) -> Tensor:
    """Return x with log(1 + exp(x)) = ``value`` > 0, elementwise.

    Example:
        >>> float(F.softplus(inverse_softplus(torch.tensor(0.5))))
        0.5
    """
    return value + torch.log(-torch.expm1(-value))


def _as_event(law: Distribution, num_dims: int) -> Distribution:
    return Independent(law, num_dims, validate_args=False) if num_dims > 0 else law


def _projection(net: nn.Module, num_raw: int) -> nn.Module:
    modules = [net, *(reversed(net) if isinstance(net, nn.Sequential) else ())]
    for module in modules:
        if isinstance(getattr(module, "out_features", None), int):
            return nn.Linear(module.out_features, num_raw)
    return nn.LazyLinear(num_raw)


def _refuse_unknown(argument: str, names: Any, layout: Mapping[str, object]) -> None:
    unknown = set(names) - set(layout)
    if unknown:
        raise ValueError(
            f"{argument} names {sorted(unknown)}, but the parameters are {sorted(layout)}"
        )


# --- which parameters, and of which shape ---------------------------------------------------------


def _interval(low: Tensor, width: Tensor, **options: Any) -> Uniform:
    return Uniform(low, low + width, **options)


def _constructor(Law: Any) -> Callable[..., Distribution]:
    return _interval if Law is Uniform else Law


def _constraints_of(Law: Any) -> dict[str, Constraint]:
    if Law is Uniform:  # its own constraints refer to each other
        return {"low": constraints.real, "width": constraints.positive}
    declared = Law.arg_constraints
    if not isinstance(declared, Mapping):
        declared = {"df": constraints.positive, "scale_tril": constraints.lower_cholesky}  # Wishart
    redundant = {left for kept, others in _REDUNDANT.items() if kept in declared for left in others}
    return {name: c for name, c in declared.items() if name not in redundant}


def _layout(
    Law: Any, event_shape: torch.Size, given: Mapping[str, Tensor]
) -> dict[str, tuple[Constraint, torch.Size]]:
    wanted = {n: c for n, c in _constraints_of(Law).items() if n not in given}
    build = partial(_constructor(Law), validate_args=False)
    # A simplex of K parts may have K or K - 1 parameters: the law itself says which.
    for less in (0, 1):
        size = torch.Size([*event_shape[:-1], event_shape[-1] - less])
        layout = {n: (c, _parameter_shape(c, size)) for n, c in wanted.items()}
        values = {n: _to_parameter(c, torch.zeros(s)) for n, (c, s) in layout.items()}
        try:
            law = build(**values, **given)
        except (TypeError, ValueError, RuntimeError, IndexError):
            continue
        if law.batch_shape + law.event_shape in (event_shape, event_shape + event_shape):
            return layout
    name = getattr(Law, "__name__", repr(Law))
    raise ValueError(
        f"Law={name} has no parameters that give events of shape {tuple(event_shape)}; "
        "give those that are not learned by name, such as temperature=torch.tensor(0.5)"
    )


def _parameter_shape(constraint: Constraint, event_shape: torch.Size) -> torch.Size:
    if constraint.event_dim < 2:
        return event_shape
    if isinstance(constraint, constraints.independent):  # the factor of a low-rank covariance
        return torch.Size([*event_shape, max(1, event_shape[-1] // 8)])
    return event_shape + event_shape[-1:]


# --- raw numbers -> parameters --------------------------------------------------------------------


_KNEE = 5.0


def _to_parameter(constraint: Constraint, raw: Tensor, exponential: bool = False) -> Tensor:
    """Map real numbers into the set of valid parameters."""
    match constraint:
        case constraints.independent():
            return _to_parameter(constraint.base_constraint, raw, exponential)
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


def _from_parameter(
    constraint: Constraint, value: float | Tensor | None, exponential: bool = False
) -> Tensor:
    """Return the raw number that maps to ``value``; zero where none is asked for."""
    if value is None:
        return torch.zeros(())
    value = torch.as_tensor(value, dtype=torch.float32)
    if isinstance(constraint, constraints.independent):
        return _from_parameter(constraint.base_constraint, value, exponential)
    if isinstance(constraint, constraints.greater_than | constraints.greater_than_eq):
        positive = value - constraint.lower_bound - POSITIVE_FLOOR
        return _inverse_tamed_exp(positive) if exponential else inverse_softplus(positive)
    free: Tensor = torch_transform_to(constraint).inv(value)
    return free


def _tamed_exp(raw: Tensor) -> Tensor:
    """Return exp(raw) up to the knee, and from there its tangent."""
    return raw.clamp(max=_KNEE).exp() * (1 + (raw - _KNEE).clamp(min=0))


def _inverse_tamed_exp(value: Tensor) -> Tensor:
    knee = math.exp(_KNEE)
    return torch.where(value < knee, value.log(), value / knee - 1 + _KNEE)
