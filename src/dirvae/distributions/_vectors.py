"""Vectors: constraints that hold for batches without a member too, and rows that meet many laws."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, biject_to, constraints, transform_to
from torch.distributions.transforms import IndependentTransform

from dirvae.distributions.precision import to_float64

__all__ = [
    "centred",
    "is_true",
    "positive_vector",
    "real_vector",
    "rows_for_all",
    "squares",
]

LARGEST = 1e8  # of squares, whose differences are then right to 1e-7


class _Vectors(constraints.independent):
    """Torch's own constraint of vectors, whose check raises where there is none of them."""

    def __init__(self, base_constraint: constraints.Constraint) -> None:
        super().__init__(base_constraint, 1)  # type: ignore[no-untyped-call]

    def check(self, value: Tensor) -> Tensor:
        return self.base_constraint.check(value).all(-1)


for _registry in (biject_to, transform_to):

    @_registry.register(_Vectors)
    def _(constraint: Any, registry: Any = _registry) -> IndependentTransform:
        return IndependentTransform(registry(constraint.base_constraint), 1)


positive_vector = _Vectors(constraints.positive)
real_vector = _Vectors(constraints.real)


def rows_for_all(value: Tensor, law: Distribution) -> Tensor | None:
    """Return the rows, shape (..., K), if ``value`` holds them for each of J laws, else None.

    Mixtures ask so, and what compares each row with each posterior: ``value`` is (..., 1, K), and
    ``law`` a batch of J laws of K numbers. Sums over k are then products of matrices, and no
    (..., J, K) numbers are written. None in a compiled graph, which fuses those anyway, and off a
    CPU, where to find out whether a product is exact would wait for all that is queued.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> rows_for_all(torch.ones(5, 1, 3), Dirichlet(torch.ones(2, 3))).shape
        torch.Size([5, 3])
    """
    if value.device.type != "cpu" or torch.compiler.is_compiling():
        return None
    many = len(law.batch_shape) == 1 and value.shape[-2:] == (1, *law.event_shape)
    return value.squeeze(-2) if many else None


def centred(rows: Tensor, places: Tensor, weights: Tensor) -> tuple[Tensor, Tensor] | None:
    """Rows and places about a common centre, in float64; None if `squares` would lose digits.

    Args:
        rows: y, shape (..., K).
        places: c, shape (J, K).
        weights: w, positive, shape (J, K).

    Example:
        >>> centred(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2))[0].tolist()
        [[0.0, 0.0]]
    """
    y, c, w = to_float64(rows), to_float64(places), to_float64(weights)
    centre = c.detach().mean(0)
    y, c = y - centre, c - centre
    # The largest weights in place of each law's own: a number a row and not one a row and law.
    of_rows = y.detach().square() @ w.detach().amax(0)
    return (y, c) if is_true((of_rows < LARGEST).all()) else None


def squares(
    y: Tensor, c: Tensor, w: Tensor, factor: float = 1.0, plus: Tensor | float = 0.0
) -> Tensor:
    """``factor`` times the sum over k of w_jk (y_k - c_jk)^2, plus ``plus`` of shape (J,).

    It is one product of matrices: (..., J) numbers are written once.

    Example:
        >>> squares(torch.ones(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
        tensor([[2.]])
    """
    w = factor * w
    pull = w * c
    of_law, of_row = torch.cat((w, -2 * pull), -1), torch.cat((y.square(), y), -1)
    return F.linear(of_row, of_law, (pull * c).sum(-1) + plus)


def is_true(condition: Tensor) -> bool:
    """Whether a condition is true; not if it has no value yet, as under `torch.func.vmap`.

    Example:
        >>> is_true(torch.tensor(True))
        True
    """
    try:
        return bool(condition)
    except RuntimeError:
        return False
