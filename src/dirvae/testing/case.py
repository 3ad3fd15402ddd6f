"""The input of every check, and how a check reports."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from dirvae.distributions.draws import draw

__all__ = [
    "Case",
    "Factory",
    "NotApplicable",
    "Parameters",
    "event_dims",
    "implemented",
    "require",
    "said",
    "worst_z",
]

Parameters = Mapping[str, Tensor]
Factory = Callable[..., Distribution]

_MAX_Z = 5.0


@dataclass(frozen=True)
class Case:
    """The input of every check."""

    factory: Factory
    parameters: Parameters
    others: Sequence[Distribution]
    extremes: Sequence[Parameters]
    num_samples: int
    seed: int
    skip: Mapping[str, str] = field(default_factory=dict)

    def law(self, dtype: torch.dtype = torch.float64) -> Distribution:
        return self.factory(**{k: v.to(dtype) for k, v in self.parameters.items()})

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    @cached_property
    def draws(self) -> Tensor:
        with torch.no_grad():
            return draw(self.law(), torch.Size([self.num_samples]), self.generator())


class NotApplicable(Exception):  # noqa: N818
    """Raised by a check that does not apply."""


def require(condition: Any, message: str) -> None:
    """Fail the check with ``message`` unless ``condition`` holds; also under ``python -O``."""
    if not bool(condition):
        raise AssertionError(message)


def said(error: BaseException) -> str:
    """The message of an error; if it has none, the name of the function that raised it."""
    message = " ".join(str(error).split())
    raised = traceback.extract_tb(error.__traceback__)
    return message or f"raised by {raised[-1].name if raised else 'nothing'}"


def worst_z(estimates: Tensor, exact: Tensor, what: str) -> str:
    """Worst z-score of means over the first dimension of ``estimates``, against ``exact``."""
    estimates, exact = estimates.double(), exact.double()
    error = estimates.std(0) / len(estimates) ** 0.5
    rounding = 1e-9 * (1 + exact.abs())
    z = ((estimates.mean(0) - exact).abs() / (error + rounding)).max()
    require(z <= _MAX_Z, f"{what} is off by {float(z):.1f} standard errors")
    return f"{what} within {float(z):.1f} standard errors"


def event_dims(law: Distribution, name: str, value: Tensor) -> int:
    """Number of dimensions of a parameter that are not batch dimensions."""
    declared: Any = law.arg_constraints
    constraint: constraints.Constraint = declared.get(name, constraints.real)
    return max(constraint.event_dim, value.dim() - len(law.batch_shape))


def implemented(q: Distribution, name: str) -> Tensor | None:
    """The value of the property or method ``name``; None if it is not implemented."""
    try:
        member = getattr(q, name)
        value: Tensor = member() if callable(member) else member
    except (NotImplementedError, AttributeError):
        return None
    return value if bool(value.isfinite().all()) else None
