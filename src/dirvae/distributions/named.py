"""Univariate laws whose parameters are named when the class is made."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions.constraints import Constraint
from torch.distributions.utils import broadcast_all

from dirvae.distributions._expand import expand_law
from dirvae.distributions.log_gamma import validation
from dirvae.distributions.reparameterized import Reparameterized

__all__ = ["NamedParameters"]


class NamedParameters(Reparameterized):
    """Parameters by position or by the names in ``arg_constraints``; a subclass draws and scores.

    Args:
        parameters: The parameters, in the order of ``arg_constraints``.
        validate_args: Whether to check parameters and values.
        named: The parameters by name.

    Raises:
        TypeError: If they are not those of ``arg_constraints``.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        *parameters: Tensor | float,
        validate_args: bool | None = None,
        **named: Tensor | float,
    ) -> None:
        values = dict(zip(self.arg_constraints, parameters, strict=False)) | named
        if len(parameters) + len(named) != len(values) or set(values) != set(self.arg_constraints):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.arg_constraints)}")
        tensors = broadcast_all(*(values[key] for key in self.arg_constraints))
        self.parameters: dict[str, Tensor] = dict(zip(self.arg_constraints, tensors, strict=True))
        self.__dict__.update(self.parameters)
        super().__init__(tensors[0].shape, torch.Size(), validation(validate_args))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """Return the law with batch shape ``batch_shape``."""
        new = expand_law(self, batch_shape, _instance, *self.parameters)
        new.parameters = {key: new.__dict__[key] for key in self.parameters}
        return new
