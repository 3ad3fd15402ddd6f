"""Estimators as JSON and arrays: their arguments, and what they learned besides the VAE.

Nothing here knows any estimator. Its arguments are those of its constructor. What it learned are
the attributes that its class annotates, less those that it names in ``not_saved``. Each value is
written by its type, and one that is read must be of the annotated type.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from dirvae.persistence.constructors import require_small
from dirvae.persistence.folder import ModelFormatError
from dirvae.persistence.known import law_from_name, law_name, module_from_name, modules
from dirvae.persistence.vectorizers import describe_vectorizer, vectorizer_from
from dirvae.text import some_of

__all__ = ["ARRAYS", "build_estimator", "describe_estimator"]

ARRAYS = "fitted."  # what names of the estimator's arrays begin with, among the VAE's tensors
_OUTPUTS = (None, "default", "pandas", "polars")
_NUMBERS = "biuf"  # kinds of arrays that go among the tensors


def describe_estimator(estimator: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return arguments and fitted attributes of an estimator, as JSON, and the arrays among them.

    Raises:
        sklearn.exceptions.NotFittedError: If it is not fitted.
        ValueError: If an argument is out of range, or an argument or attribute cannot be saved. Or
            if an argument that shapes the model is not that of the fit.
    """
    from sklearn.utils.validation import check_is_fitted  # only with an estimator: it is slow

    check_is_fitted(estimator)
    estimator._check_arguments()  # as loading does: they may have been set since the fit
    estimator._require_consistent()
    estimator._require_as_built("to be saved", "set it back, or call fit", estimator.not_saved)
    arrays: dict[str, Tensor] = {}
    parameters = estimator.get_params(deep=False)
    parameters |= dict.fromkeys(parameters.keys() & estimator.not_saved)
    if type(parameters.get("random_state")) is not int:
        parameters["random_state"] = _whole_or_none(parameters.get("random_state"))
    kept = {
        name: getattr(estimator, name)
        for name in _learned(type(estimator))
        if name in vars(estimator)
    }
    output = getattr(estimator, "_sklearn_output_config", {})
    described = {
        "parameters": {name: _to_json(name, value, arrays) for name, value in parameters.items()},
        "fitted": {name: _to_json(name, value, arrays) for name, value in kept.items()},
        "output": output.get("transform"),
    }
    return described, arrays


def build_estimator(
    cls: type[Any], described: Mapping[str, Any], vae: Any, arrays: Mapping[str, Tensor]
) -> Any:
    """Build what `describe_estimator` described, around its VAE.

    Raises:
        ModelFormatError: If the JSON is not of the types that such an estimator has.
    """
    types = cls.model_type if isinstance(cls.model_type, tuple) else (cls.model_type,)
    if type(vae) not in types:
        held, wanted = type(vae).__name__, " or ".join(t.__name__ for t in types)
        raise ModelFormatError(f"its model is a {held}, must be a {wanted}")
    parameters, fitted = _dict_at(described, "parameters"), _dict_at(described, "fitted")
    require_small(parameters, most=math.inf)  # lists of words may be long
    if not parameters.keys() <= set(cls._get_param_names()):  # an older file may have fewer
        raise ModelFormatError(f"the parameters must be those of {cls.__name__}")
    hints = _learned(cls)
    if not fitted.keys() <= hints.keys() or described.get("output") not in _OUTPUTS:
        raise ModelFormatError("the fitted attributes are not those of an estimator")
    if missing := hints.keys() - fitted.keys() - cls.not_always:
        raise ModelFormatError(f"the fitted attributes lack {some_of(sorted(missing))}")
    try:
        estimator = cls(**{name: _from_json(value, arrays) for name, value in parameters.items()})
        estimator._check_arguments()
        learned = {n: _of_type(_from_json(v, arrays), hints[n], n) for n, v in fitted.items()}
        for value in learned.values():
            if hasattr(value, "get_feature_names_out"):
                value.get_feature_names_out()  # raises if the vectorizer has no words
        vars(estimator).update({**dict.fromkeys(cls.not_saved - parameters.keys()), **learned})
        estimator.vae_ = vae
        estimator._require_consistent()
        estimator._restore_unsaved()
        return estimator.set_output(transform=described["output"])
    except ModelFormatError:
        raise
    except Exception as error:  # checks of arguments may raise anything on what they do not expect
        raise ModelFormatError(f"the estimator cannot be built: {error}") from error


def _learned(cls: Any) -> dict[str, Any]:
    """Attributes that are saved, with their types."""
    hints = typing.get_type_hints(cls)
    return {name: hint for name, hint in hints.items() if name not in {*cls.not_saved, "vae_"}}


def _of_type(value: Any, hint: Any, name: str) -> Any:
    """Return a value of the annotated type: records as such, all else as it is.

    Raises:
        ModelFormatError: If it is of another type, or an integer is negative.
    """
    kind, parts = _class_of(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints, record = typing.get_type_hints(kind), cast(type[Any], kind)
        if _required(record) <= value.keys() <= hints.keys():  # of earlier versions some are new
            return record(**{key: _of_type(item, hints[key], key) for key, item in value.items()})
    elif kind is int:
        if type(value) is int and 0 <= value < 2**63:
            return value
    elif kind is float:
        if type(value) in (int, float):
            return value
    elif isinstance(value, kind):
        if kind is list:
            return [_of_type(item, parts[0], name) for item in value]
        if kind is dict:
            return {key: _of_type(item, parts[1], name) for key, item in value.items()}
        return value
    raise ModelFormatError(f"{name} is {str(value)[:50]!r}, must be {_wanted(hint)}")


def _class_of(hint: Any) -> Any:
    """The class of an annotation without its parameters: from NumPy 2.5, NDArray names another."""
    origin = typing.get_origin(hint) or hint
    return _class_of(origin.__value__) if hasattr(origin, "__value__") else origin


def _required(record: Any) -> set[str]:
    """Fields that have no default."""
    missing = dataclasses.MISSING
    fields = dataclasses.fields(record)
    return {f.name for f in fields if f.default is missing and f.default_factory is missing}


def _wanted(hint: Any) -> str:
    if hint is int:
        return "an integer, 0 or more"
    kind = _class_of(hint)
    return "a number" if kind is float else f"of type {kind.__name__}"


def _dict_at(described: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = described.get(key)
    if not isinstance(value, dict):
        raise ModelFormatError(f"the model has no {key}")
    return value


def _whole_or_none(value: Any) -> int | None:
    return int(value) if isinstance(value, np.integer) else None


# --- values, by their type ------------------------------------------------------------------------


def _to_json(name: str, value: Any, arrays: dict[str, Tensor]) -> Any:
    """Write a value; a dictionary of one key says what is no plain JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case np.ndarray() | Tensor():
            return _array_to_json(name, np.asarray(value), arrays)
        case list():
            return [_to_json(f"{name}.{i}", item, arrays) for i, item in enumerate(value)]
        case tuple():
            return {"tuple": _to_json(name, list(value), arrays)}
        case Mapping():
            items = value.items()
            return {"map": {str(k): _to_json(f"{name}.{k}", v, arrays) for k, v in items}}
    name_of_class = getattr(value, "__name__", "")
    if value is modules().get(name_of_class):
        return {"module": name_of_class}
    if law_name(value):
        return {"law": law_name(value)}
    if dataclasses.is_dataclass(value):
        return {"record": _to_json(name, vars(value), arrays)}
    if hasattr(value, "build_analyzer"):
        return {"vectorizer": describe_vectorizer(value, fitted=name.endswith("_"))}
    raise ValueError(f"{name}={value!r} cannot be saved, for it is your own; save vae_ alone")


def _from_json(value: Any, arrays: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_from_json(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items() if len(value) == 1 else [(None, None)]
    match kind:
        case "tuple" if isinstance(content, list):
            return tuple(_from_json(content, arrays))
        case "float":
            return _not_finite(content)
        case "array":
            return _array(content, arrays)
        case "labels":
            return _labels(content)
        case "record":
            return _from_json(content, arrays)
        case "map" if isinstance(content, dict):
            return {key: _from_json(item, arrays) for key, item in content.items()}
        case "module":
            return module_from_name(content)
        case "law":
            return law_from_name(content)
        case "vectorizer":
            return vectorizer_from(content)
    raise ModelFormatError(f"{str(value)[:50]} in the model is malformed")


def _not_finite(word: Any) -> float:
    if word not in ("nan", "inf", "-inf"):
        raise ModelFormatError(f"{str(word)[:50]!r} in the model is malformed")
    return float(word)


def _array_to_json(name: str, value: Any, arrays: dict[str, Tensor]) -> dict[str, Any]:
    if value.dtype.kind in _NUMBERS:
        arrays[f"{ARRAYS}{name}"] = torch.from_numpy(np.array(value, order="C"))
        return {"array": name}
    labels = value.tolist()
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        raise ValueError(f"{name}={value!r} cannot be saved: its items must be numbers or words")
    return {"labels": {"items": labels, "words": value.dtype.kind == "U"}}


def _array(name: Any, arrays: Mapping[str, Tensor]) -> Any:
    if not isinstance(name, str) or ARRAYS + name not in arrays:
        raise ModelFormatError(f"the file has no array {str(name)[:50]!r}, which the model has")
    return arrays[ARRAYS + name].numpy()


def _labels(value: Any) -> Any:
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list) or not all(type(x) in (bool, int, float, str) for x in items):
        raise ModelFormatError("labels of the model must be a list of numbers or words")
    return np.array(items, dtype="U" if value.get("words") is True else object)
