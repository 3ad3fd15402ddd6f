"""Annotations of arrays by their names: Sphinx would write out the unions behind them.

Imported before dirvae, so that its annotations have these in place of NumPy's.
"""

from __future__ import annotations

from typing import Generic, NewType, TypeVar

import numpy.typing

Scalar = TypeVar("Scalar")


class NDArray(Generic[Scalar]):
    """What a signature shows as ``NDArray[float64]``."""


ArrayLike = NewType("ArrayLike", object)

for name, shown in (("ArrayLike", ArrayLike), ("NDArray", NDArray)):
    shown.__module__ = "numpy.typing"
    setattr(numpy.typing, name, shown)
