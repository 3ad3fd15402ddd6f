"""In which precision parameters are held and sums are taken, and when values are checked."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

__all__ = ["full_precision", "to_float64", "validate_if_eager", "validates"]


def full_precision(value: Tensor) -> Tensor:
    """Half precision becomes float32, and integers the default type."""
    if not value.is_floating_point():
        return value.to(torch.get_default_dtype())
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def to_float64(value: Tensor) -> Tensor:
    """float64 where the device has it: at a = 1e6 log Gamma cancels seven digits in a density."""
    return value if value.device.type == "mps" else value.double()


def validate_if_eager(validate_args: bool | None) -> bool | None:
    """No validation inside a compiled graph, where no value can be looked at."""
    return False if torch.compiler.is_compiling() else validate_args


def validates(validate_args: bool | None) -> bool:
    """Whether a constructor looks at its arguments: as it is asked to, or by torch's default."""
    asked = validate_if_eager(validate_args)
    return Distribution._validate_args if asked is None else asked
