"""Annotations of arrays by their names: Sphinx would write out the unions behind them.

Imported before dirvae, so that its annotations have these in place of NumPy's.
"""

from __future__ import annotations

from typing import Generic, NewType, TypeVar

import numpy
import numpy.typing

Scalar = TypeVar("Scalar")


class _IsArray(type):
    """Arrays are of the class here too: models that examples load have them checked."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, numpy.ndarray)


class NDArray(Generic[Scalar], metaclass=_IsArray):
    """What a signature shows as ``NDArray[float64]``."""


ArrayLike = NewType("ArrayLike", object)

for name, shown in (("ArrayLike", ArrayLike), ("NDArray", NDArray)):
    shown.__module__ = "numpy.typing"
    setattr(numpy.typing, name, shown)
