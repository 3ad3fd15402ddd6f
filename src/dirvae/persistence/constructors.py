"""Models as JSON: which of our constructors to call, and with what.

Nothing here knows any module. A module's arguments are those of its constructor, each kept as an
attribute of the same name. What an argument may be follows from its annotation. One made of tensors
is among the module's parameters and buffers already. A class method ``tensor_arguments`` says how
it comes back from them. An attribute ``added_later`` names arguments that older files do not have.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from dirvae.distributions.global_random import DrawingFrom
from dirvae.persistence.folder import ModelFormatError
from dirvae.persistence.known import activations, law_from_name, law_name, module_from_name, modules

__all__ = ["build", "describe", "mismatch", "own_parts", "require_small"]

TENSORS = "tensors"  # in JSON, the names of those from which arguments are made
_MANY = 10_000  # more elements than any list of arguments has
_SIDE = 4096  # of an image, which no tensor's shape may show
_DEPTH = 32  # of modules within modules
_VALUES = 1_000_000  # in the JSON of a model, that of all modules and arguments
_WORKING = 2**26  # elements that constructors may make besides those of the file


def describe(module: nn.Module) -> dict[str, Any]:
    """Return what `build` builds ``module`` from: JSON, without any of its tensors.

    Args:
        module: A `VAE`, or a part of one.

    Example:
        >>> from dirvae.nn import Fixed
        >>> describe(Fixed(torch.distributions.Normal, loc=torch.zeros(3), scale=torch.ones(3)))
        {'module': 'Fixed', 'tensors': ['loc', 'scale'], 'Law': 'torch.distributions.Normal'}
    """
    if modules().get(type(module).__name__) is not type(module):
        return _own(type(module))
    arguments = _arguments(type(module))
    found = {
        name: kind.to_json(_own_tensors(module) if name == TENSORS else getattr(module, name))
        for name, kind in arguments.items()
    }
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
    sizes = [math.prod(tensor.shape) for tensor in state.values()]
    sides = (side for tensor in state.values() for side in tensor.shape)
    source = _Source(state, "", max(_SIDE, *sides, 0))
    try:
        require_small(described)
        with DrawingFrom(torch.Generator("cpu")), _Bounded(max(_SIDE**2, *sizes, 0), sum(sizes)):
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


def require_small(described: Any, most: float = _VALUES) -> None:
    """Raise ModelFormatError if JSON is nested deeper, or has more in it, than any model.

    Args:
        described: What JSON holds.
        most: How many values it may have.

    Example:
        >>> require_small({"module": "Log1p"})
    """
    waiting, values = [(described, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        values += 1
        if depth > _DEPTH or values > most:
            raise ModelFormatError("the model has too many parts, or is nested too deep")
        inner = list(part.values()) if isinstance(part, dict) else part
        if isinstance(inner, list):
            waiting += [(value, depth + 1) for value in inner]


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
    """Refuses tensors larger than the file's, and more of them, before memory is touched.

    So a few words of JSON cannot ask for all of a machine's memory. What is made empty, to be
    filled with weights, has no memory at all: its values come from the file.

    Args:
        limit: Elements of one tensor.
        total: Elements of all tensors in the file.
    """

    def __init__(self, limit: int, total: int) -> None:
        super().__init__()
        self.limit, self.left = limit, 4 * total + _WORKING

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty:
            kwargs = {**kwargs, "device": "meta"}
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor):
            return result
        size = result.numel()
        if not (result.is_meta or result._is_view() or any(result is given for given in args)):
            self.left -= size
        if size > self.limit or self.left < 0:
            raise ModelFormatError(f"the model asks for a tensor of shape {tuple(result.shape)}")
        return result


# --- kinds of arguments ---------------------------------------------------------------------------


class _Kind(NamedTuple):
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any, _Source], Any]


def _own(thing: Any) -> dict[str, str]:
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return {"own": f"{getattr(thing, '__module__', '')}.{name}"}


def _module_from_json(value: Any, source: _Source, kind: type[nn.Module] = nn.Module) -> nn.Module:
    name = value.get("module") if isinstance(value, dict) else None
    cls: Any = module_from_name(name)
    kinds = _arguments(cls)
    missing = {"module", *kinds} - set(value)
    if missing - set(getattr(cls, "added_later", ())) or set(value) - {"module", *kinds}:
        raise ModelFormatError(f"the arguments of {name} must be {sorted(kinds)}")
    kinds = {key: kind for key, kind in kinds.items() if key not in missing}
    made = {key: kind.from_json(value[key], source.child(key)) for key, kind in kinds.items()}
    if TENSORS in made:
        tensors = {key: source.tensor(key) for key in made.pop(TENSORS)}
        made |= cls.tensor_arguments(tensors, **made)
    module: nn.Module = cls(**made)
    _require(isinstance(module, kind), name, source, f"a {kind.__name__}")
    return module


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
    known = any(value is cls for cls in activations().values())
    return value.__name__ if known else _own(value)


def _activation(value: Any, source: _Source) -> type[nn.Module]:
    known = isinstance(value, str) and value in activations()
    _require(known, value, source, f"one of {', '.join(activations())}")
    return activations()[value]


LAW = _Kind(lambda law: law_name(law) or _own(law), lambda value, _: law_from_name(value))
ACTIVATION = _Kind(_activation_to_json, _activation)
SIZE, SIZES = _Kind(int, _size), _Kind(lambda sizes: [int(s) for s in sizes], _sizes)
NAMES = _Kind(list, _names)
FRACTION, FLAG = _Kind(float, _fraction), _Kind(bool, _flag)


# What an argument may be, by its annotation less None and what goes without saying.
_KINDS: dict[Any, _Kind] = {
    Callable[..., Distribution]: LAW,
    Callable[[], nn.Module]: ACTIVATION,
    int: SIZE,
    Sequence[int]: SIZES,
    Sequence[str]: NAMES,
    float: FRACTION,
    bool: FLAG,
}


def _arguments(cls: Any) -> dict[str, _Kind]:
    """How each argument of a constructor is written, but for those that are made of tensors."""
    found = {TENSORS: NAMES} if hasattr(cls, "tensor_arguments") else {}
    hints = typing.get_type_hints(cls.__init__)
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        options = _options(hints[name])
        if not any(_has_tensors(option) for option in options):
            found[name] = _kind_of(options[-1])
    return found


def _kind_of(hint: Any) -> _Kind:
    if isinstance(hint, type) and issubclass(hint, nn.Module):
        return _Kind(describe, partial(_module_from_json, kind=hint))
    return _KINDS[hint]


def _options(hint: Any) -> list[Any]:
    """Members of a union without None; a list, for which an integer may stand, is the last."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    members = typing.get_args(hint) if is_union else (hint,)
    return [member for member in members if member is not types.NoneType]


def _own_tensors(module: nn.Module) -> list[str]:
    """Names of the module's own parameters and buffers, as they come in its state."""
    return [name for name in module.state_dict() if "." not in name]


def _has_tensors(hint: Any) -> bool:
    return hint is Tensor or any(_has_tensors(part) for part in typing.get_args(hint))
