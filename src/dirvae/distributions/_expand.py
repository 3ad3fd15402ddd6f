"""What is common to the expansion of all laws."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch.distributions import Distribution

__all__ = ["expand_law"]

Law = TypeVar("Law", bound=Distribution)


def expand_law(law: Law, batch_shape: Any, instance: Any, *names: str) -> Law:
    """Return a copy of ``law`` with a wider batch, of its own class and with all that it holds.

    A subclass that has attributes of its own, and a constructor that needs them, keeps both.

    Args:
        law: Any law whose parts named below begin with its batch shape.
        batch_shape: What its batch shape is expanded to.
        instance: Written to in place of a copy, as torch's ``_instance``; None for a copy.
        names: Attributes of the batch's shape: tensors, or laws.

    Raises:
        ValueError: If the batch cannot be expanded to that shape.

    Example:
        >>> law = torch.distributions.Exponential(torch.ones(3))
        >>> expand_law(law, (2, 3), None, "rate").sample().shape
        torch.Size([2, 3])
    """
    old, shape = law.batch_shape, torch.Size(batch_shape)
    padded = (1,) * (len(shape) - len(old)) + tuple(old)
    if len(padded) > len(shape) or any(a not in (1, b) for a, b in zip(padded, shape, strict=True)):
        raise ValueError(
            f"batch_shape is {tuple(shape)}, which the batch shape {tuple(old)} of this "
            f"{type(law).__name__} cannot be expanded to"
        )
    new = law.__new__(type(law)) if instance is None else instance
    new.__dict__.update({**law.__dict__, **new.__dict__})
    for name in names:
        part = law.__dict__[name]
        size = part.batch_shape if isinstance(part, Distribution) else part.shape
        new.__dict__[name] = part.expand(shape + size[len(old) :])
    new._batch_shape = shape
    return new
