"""What a model folder may name: public names of this library and of torch, and nothing else.

The packages are imported when a model is saved or loaded, by the names below. So this package is
below all of them, and a new module, distribution or estimator changes nothing here.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.distributions import Distribution

from dirvae.persistence.folder import ModelFormatError

__all__ = [
    "activations",
    "estimators",
    "law_from_name",
    "law_name",
    "models",
    "module_from_name",
    "modules",
]

_MODULES = ("dirvae.nn", "dirvae.models", "dirvae.topics")
_MODELS = ("dirvae.models",)
_LAWS = ("torch.distributions", "dirvae.distributions", "dirvae.models.likelihoods")
_ESTIMATORS = ("dirvae.estimators", "dirvae.topics")
_ACTIVATIONS = (
    *("CELU", "ELU", "GELU", "Hardswish", "Hardtanh", "LeakyReLU", "Mish", "PReLU", "ReLU"),
    *("ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Tanh"),
)


@functools.cache
def modules() -> dict[str, type[nn.Module]]:
    """Modules that a model may have, by name.

    Example:
        >>> modules()["MLP"].__module__
        'dirvae.nn.networks'
    """
    public = (thing for _, _, thing in _public(_MODULES))
    ours = [thing for thing in public if isinstance(thing, type) and issubclass(thing, nn.Module)]
    return {cls.__name__: cls for cls in (*ours, nn.Identity)}


@functools.cache
def models() -> tuple[type[nn.Module], ...]:
    """Classes of modules that may be saved by themselves, without an estimator.

    Example:
        >>> [cls.__name__ for cls in models()]
        ['VAE', 'LabelledVAE']
    """
    return tuple(cls for _, _, cls in _public(_MODELS) if hasattr(cls, "terms"))


def module_from_name(name: Any) -> type[nn.Module]:
    """Return the module of that name.

    Raises:
        ModelFormatError: If there is none.
    """
    if not isinstance(name, str) or name not in modules():
        raise ModelFormatError(f"the model names a module that is not known here: {name!r}")
    return modules()[name]


@functools.cache
def estimators() -> dict[str, type[Any]]:
    """Estimators that may be saved, by name: what has a ``model_type``.

    Example:
        >>> sorted(estimators())
        ['CompositionModel', 'DirichletVAE', 'SemiSupervisedVAE', 'TopicModel']
    """
    return {name: cls for _, name, cls in _public(_ESTIMATORS) if hasattr(cls, "model_type")}


def activations() -> dict[str, type[nn.Module]]:
    """Torch's activations that take no arguments, by name.

    Example:
        >>> activations()["Tanh"]
        <class 'torch.nn.modules.activation.Tanh'>
    """
    return {name: getattr(nn, name) for name in _ACTIVATIONS}


def law_name(law: object) -> str | None:
    """Return the name under which a distribution is saved; None for one that is the user's own.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> law_name(Dirichlet)
        'dirvae.distributions.Dirichlet'
    """
    return next((name for name, known in _laws().items() if known is law), None)


def law_from_name(name: Any) -> Callable[..., Distribution]:
    """Return the distribution of that name.

    Raises:
        ModelFormatError: If there is none.
    """
    if not isinstance(name, str) or name not in _laws():
        raise ModelFormatError(f"the model names a distribution that is not known here: {name!r}")
    return _laws()[name]


@functools.cache
def _laws() -> dict[str, Callable[..., Distribution]]:
    return {f"{home}.{name}": law for home, name, law in _public(_LAWS) if _is_law(law)}


def _is_law(thing: Any) -> bool:
    """Whether it is a class of distributions, or a function that stands for one."""
    is_class = isinstance(thing, type) and issubclass(thing, Distribution)
    return is_class or (callable(thing) and hasattr(thing, "arg_constraints"))


def _public(packages: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    """Package, name and what it is, of all that packages export."""
    found = [(package, importlib.import_module(package)) for package in packages]
    return [(home, name, getattr(room, name)) for home, room in found for name in room.__all__]
