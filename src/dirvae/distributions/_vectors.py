"""Vectors: constraints that hold for batches without a member too, and rows that meet many laws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, biject_to, constraints, transform_to
from torch.distributions.transforms import IndependentTransform

__all__ = ["positive_vector", "real_vector", "rows_for_all"]


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

    A mixture asks so: ``value`` is (..., 1, K), and ``law`` a batch of J laws of K numbers. Sums
    over k are then products of matrices, and no (..., J, K) numbers are written. None in a compiled
    graph, which fuses those anyway, and on a GPU, where to look at a value takes long.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> rows_for_all(torch.ones(5, 1, 3), Dirichlet(torch.ones(2, 3))).shape
        torch.Size([5, 3])
    """
    plain = value.device.type == "cpu" and not torch.compiler.is_compiling()
    each = len(law.batch_shape) == 1 and value.dim() > 1 and value.shape[-2] == 1
    return value.squeeze(-2) if plain and each else None
