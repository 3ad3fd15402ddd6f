"""Models as JSON: which of our constructors to call, and with what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from dirvae import distributions
from dirvae.distributions.global_random import DrawingFrom
from dirvae.models.likelihoods import affine_normal, unit_normal
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.topic_decoders import (
    EmbeddedDecoder,
    MixtureDecoder,
    OverdispersedDecoder,
    ProductDecoder,
)
from dirvae.models.topics import MixtureVAE, PrevalencePrior, TopicWeights
from dirvae.models.vae import VAE
from dirvae.nn import (
    MLP,
    ConvDecoder,
    ConvEncoder,
    Fixed,
    Head,
    Learned,
    Log1p,
    LogRatios,
    Standardize,
    WordFeatures,
)
from dirvae.nn.parameters import to_parameter
from dirvae.persistence.folder import ModelFormatError

__all__ = ["build", "describe", "law_from_name", "law_name", "mismatch", "own_parts"]

_MANY = 10_000  # more elements than any list of arguments has
_SIDE = 4096  # of an image, which no tensor's shape may show


def describe(module: nn.Module) -> dict[str, Any]:
    """Return what `build` builds ``module`` from: JSON, without any of its tensors.

    Args:
        module: A `VAE`, or a part of one.

    Example:
        >>> describe(Fixed(torch.distributions.Normal, loc=torch.zeros(3), scale=torch.ones(3)))
        {'module': 'Fixed', 'Law': 'torch.distributions.Normal', 'names': ['loc', 'scale']}
    """
    arguments = _ARGUMENTS.get(type(module))
    if arguments is None:
        return _own(type(module))
    found = {name: kind.to_json(getattr(module, name)) for name, kind in arguments.items()}
    return {"module": type(module).__name__, **found}


def own_parts(described: Any, path: str = "") -> list[str]:
    """Names, each with its place, of what `describe` found that is the user's own."""
    if not isinstance(described, dict):
        return []
    if "own" in described:
        return [f"{described['own']} at {path}" if path else str(described["own"])]
    children = ((f"{path}.{name}" if path else name, part) for name, part in described.items())
    return [found for name, part in children for found in own_parts(part, name)]


def build(described: Any, state: Mapping[str, Tensor]) -> nn.Module:
    """Build the module that `describe` described, with the tensors of ``state`` in it.

    Args:
        described: JSON from a file, of which nothing is taken for granted.
        state: The module's state dict; its tensors become the module's.

    Raises:
        ModelFormatError: If ``described`` names an unknown constructor, or arguments that it
            refuses or that do not go with ``state``.
    """
    largest = max((math.prod(t.shape) for t in state.values()), default=0)
    sides = (side for tensor in state.values() for side in tensor.shape)
    source = _Source(state, "", max(_SIDE, *sides, 0))
    try:
        with DrawingFrom(torch.Generator("cpu")), _Bounded(max(_SIDE**2, largest)):
            module = _module_from_json(described, source)
        problem = mismatch(module, state)
        if problem:
            raise ModelFormatError(problem)
        module.load_state_dict(state, assign=True)
    except ModelFormatError:
        raise
    except Exception as error:  # a constructor may raise anything on arguments that are wrong
        raise ModelFormatError(f"the model cannot be built: {error}") from error
    return module


def mismatch(module: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    """Say in one sentence why ``state`` does not fit into ``module``; None if it does."""
    wanted = module.state_dict()
    for name, tensor in wanted.items():
        if name not in state:
            return f"the file has no tensor {name}, which the model has"
        found = tuple(state[name].shape)
        if not torch.nn.parameter.is_lazy(tensor) and found != tuple(tensor.shape):
            return f"{name} has shape {found} in the file and {tuple(tensor.shape)} in the model"
    unknown = sorted(set(state) - set(wanted))
    return f"the file has a tensor {unknown[0]}, which the model has not" if unknown else None


def law_name(law: object) -> str | None:
    """Return the name under which a law is saved; None for one that is the user's own.

    Example:
        >>> law_name(distributions.Dirichlet)
        'dirvae.distributions.Dirichlet'
    """
    return next((name for name, known in _LAWS.items() if known is law), None)


def law_from_name(name: Any) -> Callable[..., Distribution]:
    """Return the law of that name.

    Raises:
        ModelFormatError: If there is none.
    """
    if not isinstance(name, str) or name not in _LAWS:
        raise ModelFormatError(f"the model names a law that is not known here: {name!r}")
    return _LAWS[name]


class _Source(NamedTuple):
    """Where arguments come from, and how large an integer among them may be."""

    state: Mapping[str, Tensor]
    prefix: str
    largest: int

    def child(self, name: str) -> _Source:
        return self._replace(prefix=f"{self.prefix}{name}.")

    def tensor(self, name: str) -> Tensor:
        full_name = self.prefix + name
        if full_name not in self.state:
            raise ModelFormatError(f"the file has no tensor {full_name}, which the model has")
        return self.state[full_name]


class _Bounded(TorchFunctionMode):
    """Refuses tensors far larger than the file's, before memory is touched.

    So a few words of JSON cannot ask for all of a machine's memory.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.numel() > self.limit:
            raise ModelFormatError(f"the model asks for a tensor of shape {tuple(result.shape)}")
        return result


# --- kinds of arguments ---------------------------------------------------------------------------


class _Kind(NamedTuple):
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any, _Source], Any]


def _own(thing: Any) -> dict[str, str]:
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return {"own": f"{getattr(thing, '__module__', '')}.{name}"}


def _module_from_json(value: Any, source: _Source) -> nn.Module:
    name = value.get("module") if isinstance(value, dict) else None
    cls = _MODULES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ModelFormatError(f"the model names a module that is not known here: {name!r}")
    kinds = _ARGUMENTS[cls]
    if set(value) != {"module", *kinds}:
        raise ModelFormatError(f"the arguments of {name} must be {sorted(kinds)}")
    made = {key: kind.from_json(value[key], source.child(key)) for key, kind in kinds.items()}
    tensors = _tensors(cls, made, source)
    module: nn.Module = cls(**made, **tensors)
    return module


def _tensors(cls: type[nn.Module], made: dict[str, Any], source: _Source) -> dict[str, Tensor]:
    """Take what are names of tensors out of the arguments, and return the tensors."""
    if cls is Head:
        made["least"] = {name: source.tensor(f"least_{name}") for name in made["least"]}
        return {name: source.tensor(f"given_{name}") for name in made.pop("given")}
    if cls is Fixed:
        return {name: source.tensor(name) for name in made.pop("names")}
    if cls is Learned:  # any of the right shape: the raw ones are put in place afterwards
        known = made["Law"].arg_constraints
        raw = {name: source.tensor(f"raw_{name}") for name in made.pop("names")}
        return {name: to_parameter(known[name], value, True) for name, value in raw.items()}
    if issubclass(cls, Standardize):  # as above, the inverse of the std
        return {"mean": source.tensor("mean"), "std": source.tensor("inverse_std")}
    return {}


def _require(valid: bool, value: Any, source: _Source, what: str) -> None:
    if not valid:
        where = source.prefix.removesuffix(".")
        raise ModelFormatError(f"{where} is {str(value)[:50]!r} in the model, must be {what}")


def _size(value: Any, source: _Source) -> int:
    valid = type(value) is int and 0 <= value <= source.largest
    _require(valid, value, source, f"an integer from 0 to {source.largest}")
    return int(value)


def _sizes(value: Any, source: _Source) -> tuple[int, ...]:
    _require(isinstance(value, list) and len(value) < _MANY, value, source, "a list of integers")
    return tuple(_size(item, source) for item in value)


def _names(value: Any, source: _Source) -> tuple[str, ...]:
    valid = isinstance(value, list) and all(isinstance(item, str) for item in value)
    _require(valid, value, source, "a list of names")
    return tuple(value)


def _fraction(value: Any, source: _Source) -> float:
    valid = type(value) in (int, float) and 0 <= value <= 1
    _require(valid, value, source, "a number in [0, 1]")
    return float(value)


def _flag(value: Any, source: _Source) -> bool:
    _require(isinstance(value, bool), value, source, "true or false")
    return bool(value)


def _activation_to_json(value: Any) -> Any:
    known = any(value is cls for cls in _ACTIVATIONS.values())
    return value.__name__ if known else _own(value)


def _activation(value: Any, source: _Source) -> type[nn.Module]:
    known = isinstance(value, str) and value in _ACTIVATIONS
    _require(known, value, source, f"one of {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[value]


def _laws_of(package: ModuleType) -> dict[str, Any]:
    members = ((name, getattr(package, name)) for name in package.__all__)
    laws = ((n, m) for n, m in members if isinstance(m, type) and issubclass(m, Distribution))
    return {f"{package.__name__}.{name}": law for name, law in laws}


MODULE = _Kind(describe, _module_from_json)
LAW = _Kind(lambda law: law_name(law) or _own(law), lambda value, _: law_from_name(value))
ACTIVATION = _Kind(_activation_to_json, _activation)
SIZE, SIZES = _Kind(int, _size), _Kind(lambda sizes: [int(s) for s in sizes], _sizes)
NAMES = _Kind(list, _names)
FRACTION, FLAG = _Kind(float, _fraction), _Kind(bool, _flag)

# --- what may be built: nothing else is, whatever a file says -------------------------------------

# Each argument is an attribute of the same name. Where tensors are arguments, the list says of what
# name. `Head.initial` is left out, because the state dict has what came of it.
_ARGUMENTS: dict[type[nn.Module], dict[str, _Kind]] = {
    VAE: {"encoder": MODULE, "decoder": MODULE, "prior": MODULE},
    LabelledVAE: {
        "encoder": MODULE,
        "decoder": MODULE,
        "prior": MODULE,
        "classifier": MODULE,
        "label_prior": MODULE,
        "label_in_encoder": FLAG,
    },
    Head: {
        "net": MODULE,
        "event_shape": SIZES,
        "Law": LAW,
        "project": FLAG,
        "exponential": NAMES,
        "shared": NAMES,
        "given": NAMES,
        "least": NAMES,
    },
    Fixed: {"Law": LAW, "names": NAMES},
    Learned: {"Law": LAW, "names": NAMES},
    MLP: {
        "in_features": SIZE,
        "hidden_sizes": SIZES,
        "activation": ACTIVATION,
        "dropout": FRACTION,
        "layer_norm": FLAG,
        "features": MODULE,
    },
    ConvEncoder: {"image_shape": SIZES, "channels": SIZES, "num_covariates": SIZE},
    ConvDecoder: {
        "in_features": SIZE,
        "image_shape": SIZES,
        "channels": SIZES,
        "num_parameters": SIZE,
        "features": MODULE,
    },
    MixtureVAE: {"encoder": MODULE, "decoder": MODULE, "prior": MODULE, "num_steps": SIZE},
    TopicWeights: {"net": MODULE, "num_topics": SIZE},
    PrevalencePrior: {"num_topics": SIZE, "num_covariates": SIZE},
    MixtureDecoder: {"num_topics": SIZE, "num_words": SIZE},
    OverdispersedDecoder: {"num_topics": SIZE, "num_words": SIZE},
    ProductDecoder: {"num_topics": SIZE, "num_words": SIZE, "batch_norm": FLAG},
    EmbeddedDecoder: {
        "num_topics": SIZE,
        "num_words": SIZE,
        "num_dimensions": SIZE,
        "learn_words": FLAG,
    },
    WordFeatures: {"in_features": SIZE, "out_features": SIZE},
    Standardize: {},
    LogRatios: {},
    Log1p: {},
    nn.Identity: {},
}
_MODULES = {cls.__name__: cls for cls in _ARGUMENTS}
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    name: getattr(nn, name)
    for name in (
        *("CELU", "ELU", "GELU", "Hardswish", "Hardtanh", "LeakyReLU", "Mish", "PReLU", "ReLU"),
        *("ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Tanh"),
    )
}
_LAWS: dict[str, Callable[..., Distribution]] = {
    **_laws_of(torch.distributions),
    **_laws_of(distributions),
    "dirvae.models.likelihoods.affine_normal": affine_normal,
    "dirvae.models.likelihoods.unit_normal": unit_normal,
}
