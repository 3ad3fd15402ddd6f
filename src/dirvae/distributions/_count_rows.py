"""What likelihoods of rows of counts share: their support, totals, and rows that are sparse."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from dirvae.distributions.precision import full_precision, validates

__all__ = ["counts_support", "require_rows", "rows_of", "with_totals"]


class _Counts(constraints.Constraint):
    """Vectors of counts; fractions (tf-idf, averages) too, since the factorials become Gammas."""

    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1)


counts_support = _Counts()


def rows_of(parameter: Tensor, x: Tensor) -> Tensor:
    """The parameter for each row of sparse ``x``, leading dimensions as one: (S, B, ...)."""
    *lead, size = parameter.shape
    lead = lead[:-1]
    return parameter.expand(*lead, len(x), size).reshape(math.prod(lead), len(x), size)


def require_rows(x: Tensor, law: Distribution) -> None:
    """Raise ValueError unless sparse ``x`` holds counts, with a row for each distribution."""
    (words,), rows = law.event_shape, law.batch_shape[-1:]
    if x.dim() != 2 or x.shape[1] != words or rows not in ((), (1,), x.shape[:1]):
        wanted = f"({rows[0]}, {words})" if rows else f"(B, {words})"
        raise ValueError(f"value has shape {tuple(x.shape)}, must be {wanted} where it is sparse")
    if law._validate_args and not bool((x.values() >= 0).all()):
        raise ValueError("value has counts that are negative or NaN, must be 0 or more")


def with_totals(
    name: str, parameter: Tensor, total_count: int | Tensor, validate_args: bool | None
) -> tuple[Tensor, Tensor]:
    """Parameter and totals, both expanded to the batch shape that they have together.

    Raises:
        ValueError: If they have none, or the totals are no numbers of things.
    """
    if parameter.dim() < 1:
        raise ValueError(f"{name} is a scalar, must have shape (..., V)")
    parameter, batch = full_precision(parameter), parameter.shape[:-1]
    total = torch.as_tensor(total_count, dtype=parameter.dtype, device=parameter.device)
    if validates(validate_args) and not bool(((total >= 0) & (total == total.floor())).all()):
        raise ValueError("total_count has numbers that are not whole or below 0")
    try:
        shape = torch.broadcast_shapes(total.shape, batch)
    except RuntimeError:
        raise ValueError(
            f"total_count has shape {tuple(total.shape)}, which does not broadcast against the "
            f"batch shape {tuple(batch)} of {name}"
        ) from None
    return parameter.expand(shape + parameter.shape[-1:]), total.expand(shape)
