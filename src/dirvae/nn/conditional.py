"""Conditionals: modules that return a distribution."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from dirvae.nn.parameters import (
    POSITIVE_FLOOR,
    constructor,
    from_parameter,
    is_positive,
    layout_of,
    to_parameter,
)

__all__ = ["Conditional", "Fixed", "Head", "Learned"]


class Conditional(nn.Module, ABC):
    """A module whose ``forward(*context)`` returns a distribution p(. | context).

    Any module that returns a distribution can be used instead. This class only gives the type.

    Example:
        >>> class Noisy(Conditional):
        ...     def forward(self, *context):
        ...         return torch.distributions.Normal(context[0], 1.0)
        >>> Noisy()(torch.zeros(2, 3)).batch_shape
        torch.Size([2, 3])
    """

    @abstractmethod
    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution given ``context``, each of shape (..., B, features)."""

    def __call__(self, *context: Tensor) -> Distribution:
        """Return the distribution given ``context``, each of shape (..., B, features)."""
        law: Distribution = super().__call__(*context)
        return law


class Fixed(Conditional):
    """A distribution that ignores its context, such as a prior.

    The parameters are buffers. So they move with the module, are saved with it and can be changed
    in place.

    Args:
        Law: A subclass of `torch.distributions.Distribution`.
        parameters: The parameters of the distribution. A univariate distribution with parameters of
            shape (K,) becomes a distribution of vectors of K independent components.

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
            self.register_buffer(name, torch.as_tensor(value).clone())
        Law(**parameters, validate_args=True)  # torch names the parameter that is off

    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution; ``context`` is ignored."""
        law = self.Law(**{name: self.parameter(name) for name in self.names}, validate_args=False)
        return _as_event(law, len(law.batch_shape))

    @classmethod
    def tensor_arguments(cls, tensors: Mapping[str, Tensor], **others: Any) -> dict[str, Tensor]:
        """Arguments of the constructor for a module that has these tensors."""
        return dict(tensors)

    def parameter(self, name: str) -> Tensor:
        """Return a parameter of the distribution by its name."""
        value: Tensor = getattr(self, name)
        return value

    def extra_repr(self) -> str:
        return repr(self.forward())


class Learned(Fixed):
    """A distribution that ignores its context and whose parameters are learned, such as a prior.

    The optimiser trains real numbers, ``raw_NAME``. They are mapped to valid parameters as in
    `Head`; positive parameters are exponentials.

    Args:
        Law: A subclass of `torch.distributions.Distribution`.
        parameters: The parameters of the distribution at the start.

    Example:
        >>> prior = Learned(torch.distributions.Dirichlet, concentration=torch.ones(3))
        >>> [name for name, _ in prior.named_parameters()], prior().event_shape
        (['raw_concentration'], torch.Size([3]))
    """

    def __init__(self, Law: Callable[..., Distribution], **parameters: Tensor) -> None:
        super().__init__(Law, **parameters)
        known: Any = Law
        for name, value in parameters.items():
            delattr(self, name)
            constraint = known.arg_constraints[name]
            raw = from_parameter(constraint, value, exponential=True)
            start = to_parameter(constraint, raw, exponential=True)
            if is_positive(constraint) and bool(((value > 0) & (value < 0.99 * start)).any()):
                told = float(value.min())
                raise ValueError(f"{name} is {told:g}, must be above {POSITIVE_FLOOR}")
            self.register_parameter(f"raw_{name}", nn.Parameter(raw.clone()))

    @classmethod
    def tensor_arguments(cls, tensors: Mapping[str, Tensor], **others: Any) -> dict[str, Tensor]:
        raw = {name.removeprefix("raw_"): value for name, value in tensors.items()}
        known = others["Law"].arg_constraints
        return {name: to_parameter(known[name], value, True) for name, value in raw.items()}

    def parameter(self, name: str) -> Tensor:
        return to_parameter(self.Law.arg_constraints[name], getattr(self, f"raw_{name}"), True)  # type: ignore[attr-defined]


class Head(Conditional):
    r"""A network followed by a projection to valid parameters of ``Law``.

    The raw outputs of the projection are split into one part for each parameter. Each part is
    mapped into the set that ``Law.arg_constraints`` gives: by softplus plus a floor for positive
    numbers, by softmax for probabilities, and so on. The precision is at least float32, also under
    autocast. A univariate distribution becomes one with events of shape ``event_shape``, whose
    components are independent.

    Args:
        net: Module that maps the context (one or several tensors) to features (..., H). If it has
            no attribute ``out_features``, H is found at the first call.
        event_shape: K, or a shape such as (channels, height, width).
        Law: A subclass of `torch.distributions.Distribution`, or a function with
            ``arg_constraints`` that returns one.
        project: Whether to append a linear map from features to raw outputs. If not, ``net`` itself
            must return ``num_raw`` outputs.
        exponential: Names of positive parameters that are the exponential of the raw output, not
            its softplus, so that they can range over orders of magnitude. Above e^5 the exponential
            is continued by its tangent, so that no step overflows.
        shared: Names of parameters that are learned but do not depend on the context, such as the
            scale of a Gaussian likelihood.
        initial: Values that parameters have if the raw output is zero, such as ``{"scale": 0.1}``.
        least: Lower bounds of positive parameters, such as ``{"concentration": 1.0}``.
        parameters: Parameters that are given and not learned, such as a temperature.

    Raises:
        ValueError: If the parameters of ``Law`` do not fit events of this shape, or an option names
            a parameter that ``Law`` does not have. Or if ``least`` names a parameter that is not
            positive, or a bound that is not below the initial value.

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
        least: Mapping[str, float | Tensor] | None = None,
        **parameters: Tensor | float,
    ) -> None:
        super().__init__()
        self.net, self.Law, self.project, self.initial = net, Law, project, initial
        self.event_shape = torch.Size(
            [event_shape] if isinstance(event_shape, int) else event_shape
        )
        self._keep_given(parameters)
        self.layout = layout_of(
            Law, self.event_shape, {n: torch.as_tensor(v) for n, v in parameters.items()}
        )
        initial, least = initial or {}, least or {}
        named = {"initial": initial, "least": least, "shared": shared, "exponential": exponential}
        for argument, names in named.items():
            _refuse_unknown(argument, names, self.layout)
        self.exponential, self.shared, self.least = tuple(exponential), tuple(shared), tuple(least)
        self._keep_bounds(least)
        self._start_at(initial)
        self.projection = _projection(net, self.num_raw) if project else nn.Identity()

    def _keep_given(self, parameters: Mapping[str, Tensor | float]) -> None:
        self.given = tuple(parameters)
        for name, value in parameters.items():
            double = isinstance(value, Tensor) and value.dtype is torch.float64
            given = torch.as_tensor(value, dtype=torch.float64 if double else torch.float32)
            self.register_buffer(f"given_{name}", given.clone())

    def _keep_bounds(self, least: Mapping[str, float | Tensor]) -> None:
        for name, bound in least.items():
            constraint, shape = self.layout[name]
            if not is_positive(constraint):
                raise ValueError(f"least names {name!r}, must name positive parameters")
            value = torch.as_tensor(bound, dtype=torch.float32)
            self.register_buffer(f"least_{name}", value.expand(shape).clone())

    def _start_at(self, initial: Mapping[str, float | Tensor]) -> None:
        for name, (constraint, shape) in self.layout.items():
            wanted = initial.get(name)
            if wanted is not None and name in self.least:
                wanted = wanted - self.bounds[name]
                if bool((wanted <= 0).any()):
                    raise ValueError(f"initial {name} must be above its least value")
            start = from_parameter(constraint, wanted, name in self.exponential)
            offset = torch.broadcast_to(start, shape)
            self.register_buffer(f"offset_{name}", offset.clone())
            if name in self.shared:
                self.register_parameter(f"shared_{name}", nn.Parameter(torch.zeros(shape)))

    @classmethod
    def tensor_arguments(cls, tensors: Mapping[str, Tensor], **others: Any) -> dict[str, Any]:
        """Bounds and given parameters, for the constructor of a module that has these tensors."""
        given, least = (_with_prefix(tensors, prefix) for prefix in ("given_", "least_"))
        return {**given, "least": least}

    def extra_repr(self) -> str:
        return f"{self.Law.__name__}, event_shape={tuple(self.event_shape)}"

    @property
    def bounds(self) -> dict[str, Tensor]:
        """The lower bounds that ``least`` names. A training may change them in place."""
        return {name: getattr(self, f"least_{name}") for name in self.least}

    @property
    def num_raw(self) -> int:
        """Number of raw outputs that the distribution needs for each example."""
        return sum(
            math.prod(shape) for name, (_, shape) in self.layout.items() if name not in self.shared
        )

    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution given ``context``, tensors of shape (..., B, features)."""
        return self.law(self.raw(*context))

    def raw(self, *context: Tensor) -> Tensor:
        """Return the raw outputs, shape (..., B, num_raw), in float32 at least."""
        raw: Tensor = self.projection(self.net(*context))
        # Not by promote_types: torch 2.6 keeps that call in an exported program.
        return raw if raw.dtype == torch.float64 else raw.float()

    def law(self, raw: Tensor) -> Distribution:
        """Return the distribution for raw outputs of shape (..., B, num_raw)."""
        given = {name: getattr(self, f"given_{name}") for name in self.given}
        law = constructor(self.Law)(**self.parameters_of(raw), **given, validate_args=False)
        return _as_event(law, len(self.event_shape) - len(law.event_shape))

    def parameters_of(self, raw: Tensor) -> dict[str, Tensor]:
        """Return the valid parameters for raw outputs of shape (..., B, num_raw)."""
        sizes = [math.prod(s) for n, (_, s) in self.layout.items() if n not in self.shared]
        parts = iter(raw.split(sizes, -1) if sizes else ())
        found = {}
        for name, (constraint, shape) in self.layout.items():
            if name in self.shared:
                free = getattr(self, f"shared_{name}").expand(*raw.shape[:-1], *shape)
            else:
                free = next(parts).reshape(*raw.shape[:-1], *shape)
            free = free + getattr(self, f"offset_{name}")
            found[name] = to_parameter(constraint, free, name in self.exponential)
            if name in self.least:
                found[name] = found[name] + self.bounds[name]
        return found


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


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
