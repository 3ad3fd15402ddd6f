"""Constraints of vectors, which hold for batches without a member too."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributions import biject_to, constraints, transform_to
from torch.distributions.transforms import IndependentTransform

__all__ = ["positive_vector", "real_vector"]


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
