"""The precision of parameters and of sums, and when values are checked."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

__all__ = ["full_precision", "to_float64", "validate_if_eager", "validates"]


def full_precision(value: Tensor) -> Tensor:
    """Convert half precision to float32, and integers to the default dtype."""
    if not value.is_floating_point():
        return value.to(torch.get_default_dtype())
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def to_float64(value: Tensor) -> Tensor:
    """Convert to float64 if the device has it.

    At a = 1e6, differences of log Gamma lose seven digits in a density.
    """
    return value if value.device.type == "mps" else value.double()


def validate_if_eager(validate_args: bool | None) -> bool | None:
    """Switch validation off inside a compiled graph, where values cannot be checked."""
    return False if torch.compiler.is_compiling() else validate_args


def validates(validate_args: bool | None) -> bool:
    """Whether a constructor checks its arguments: as ``validate_args`` or torch's default says."""
    asked = validate_if_eager(validate_args)
    return Distribution._validate_args if asked is None else asked
