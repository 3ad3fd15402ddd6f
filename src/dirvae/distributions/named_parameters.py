"""Univariate distributions whose parameters are named when the class is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions.constraints import Constraint
from torch.distributions.utils import broadcast_all

from dirvae.distributions.base import Reparameterized
from dirvae.distributions.precision import validate_if_eager

__all__ = ["NamedParameters", "Recipe"]


class NamedParameters(Reparameterized):
    """Base of distributions that take parameters by position or by name (``arg_constraints``).

    Args:
        parameters: The parameters, in the order of ``arg_constraints``.
        validate_args: Whether to check parameters and values.
        named: The parameters by name.

    Raises:
        TypeError: If the names or the number of parameters differ from ``arg_constraints``.
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
        super().__init__(tensors[0].shape, torch.Size(), validate_if_eager(validate_args))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """Return the distribution with batch shape ``batch_shape``."""
        new = super().expand(batch_shape, _instance)
        new.parameters = {key: new.__dict__[key] for key in self.parameters}
        return new

    @property
    def _exact(self) -> dict[str, Tensor]:
        """The parameters in double precision."""
        return {key: value.double() for key, value in self.parameters.items()}

    def __reduce_ex__(self, protocol: Any) -> Any:
        recipe = vars(type(self)).get("_recipe")
        if recipe is None:  # a class that someone wrote, which is found by its name
            return super().__reduce_ex__(protocol)
        return _blank, (recipe,), self.__dict__


class Recipe:
    """How a class was made at run time, so that its distributions can be pickled.

    Args:
        factory: The function that makes the class. It must call `make`.
        arguments: Arguments of ``factory`` by position. A function among them can only be pickled
            if it is defined in a module.
        keywords: Arguments of ``factory`` by name.

    Example:
        >>> import pickle
        >>> from torch.distributions import constraints
        >>> from dirvae.distributions import from_icdf
        >>> positive = constraints.positive
        >>> UpTo = from_icdf(torch.mul, support=positive, name="UpTo", other=positive)
        >>> pickle.loads(pickle.dumps(UpTo(2.0))).icdf(0.25)
        tensor(0.5000)
    """

    def __init__(
        self, factory: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self._call = factory, arguments, keywords
        self.law: type[NamedParameters] = NamedParameters

    def make(self, name: str, law: type[NamedParameters], members: dict[str, Any]) -> Any:
        """Return a subclass of ``law`` that carries this recipe."""
        self.law = type(name, (law,), members | {"_recipe": self})
        return self.law

    def __deepcopy__(self, memo: dict[int, Any]) -> Recipe:
        return self  # a copy of a distribution is of the same class

    def __reduce__(self) -> Any:
        return _recipe, self._call


def _recipe(
    factory: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Recipe:
    recipe: Recipe = factory(*arguments, **keywords)._recipe
    return recipe


def _blank(recipe: Recipe) -> NamedParameters:
    return object.__new__(recipe.law)
