"""Estimators as JSON: their arguments, and what they learned besides weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from dirvae.models.topic_decoders import DECODERS
from dirvae.models.vae import VAE
from dirvae.persistence.constructors import law_from_name, law_name
from dirvae.persistence.folder import ModelFormatError
from dirvae.persistence.vectorizers import describe_vectorizer, vectorizer_from

__all__ = ["build_estimator", "describe_estimator"]

_IN_THE_MODEL = ("word_vectors",)  # arguments that are among the weights, and large
_DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")


def describe_estimator(estimator: Any) -> dict[str, Any]:
    """Return arguments, fitted attributes and output container of an estimator, as JSON.

    Raises:
        sklearn.exceptions.NotFittedError: If it is not fitted.
        ValueError: If an argument cannot be saved.
    """
    from sklearn.utils.validation import check_is_fitted  # only with an estimator: it is slow

    check_is_fitted(estimator)
    parameters = estimator.get_params(deep=False)
    parameters |= {name: None for name in _IN_THE_MODEL if name in parameters}
    if type(parameters.get("random_state")) is not int:
        parameters["random_state"] = _whole_or_none(parameters.get("random_state"))
    present = {name: kind for name, kind in _FITTED.items() if hasattr(estimator, name)}
    output = getattr(estimator, "_sklearn_output_config", {})
    return {
        "parameters": {name: _to_json(name, value) for name, value in parameters.items()},
        "fitted": {name: kind.to_json(getattr(estimator, name)) for name, kind in present.items()},
        "output": output.get("transform"),
    }


def build_estimator(cls: type[Any], described: Mapping[str, Any], vae: VAE) -> Any:
    """Build what `describe_estimator` described, around its VAE.

    Raises:
        ModelFormatError: If the JSON is not of the types that such an estimator has.
    """
    types = cls.model_type if isinstance(cls.model_type, tuple) else (cls.model_type,)
    if type(vae) not in types:
        held, wanted = type(vae).__name__, " or ".join(t.__name__ for t in types)
        raise ModelFormatError(f"its model is a {held}, must be a {wanted}")
    parameters, fitted = _dict_at(described, "parameters"), _dict_at(described, "fitted")
    if set(parameters) != set(cls._get_param_names()):
        raise ModelFormatError(f"the parameters must be those of {cls.__name__}")
    if not set(fitted) <= set(_FITTED) or described.get("output") not in _OUTPUTS:
        raise ModelFormatError("the fitted attributes are not those of an estimator")
    try:
        estimator = cls(**{name: _from_json(value) for name, value in parameters.items()})
        estimator._check_arguments()
        for name, value in fitted.items():
            setattr(estimator, name, _FITTED[name].from_json(value))
    except ModelFormatError:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ModelFormatError(f"the estimator cannot be built: {error}") from error
    estimator.vae_, estimator._optimizer_state = vae, None
    return estimator.set_output(transform=described["output"])


def _dict_at(described: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = described.get(key)
    if not isinstance(value, dict):
        raise ModelFormatError(f"the model has no {key}")
    return value


def _whole_or_none(value: Any) -> int | None:
    return int(value) if isinstance(value, np.integer) else None


# --- arguments ------------------------------------------------------------------------------------


def _to_json(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | torch.Tensor):
        return _array_to_json(np.asarray(value))
    if isinstance(value, list | tuple):
        return [_to_json(name, item) for item in value]
    if name == "vectorizer":
        return {"vectorizer": describe_vectorizer(value, fitted=False)}
    if isinstance(value, Mapping):
        return {"words": {str(key): [str(word) for word in words] for key, words in value.items()}}
    if any(value is decoder for decoder in _DECODERS.values()):
        return {"decoder": value.__name__}
    if law_name(value) is None:
        raise ValueError(f"{name}={value!r} cannot be saved, for it is your own; save vae_ alone")
    return {"law": law_name(value)}


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(kind, content)] = value.items()
        if kind in _PARAMETERS:
            return _PARAMETERS[kind](content)
    return _array(value)


def _guide(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not all(
        isinstance(words, list) and all(isinstance(word, str) for word in words)
        for words in value.values()
    ):
        raise ModelFormatError("the words that guide topics are malformed")
    return value


def _decoder(value: Any) -> Any:
    if not isinstance(value, str) or value not in _DECODERS:
        raise ModelFormatError(f"the model names a decoder that is not known here: {value!r}")
    return _DECODERS[value]


_DECODERS = {cls.__name__: cls for cls in DECODERS}
_PARAMETERS: dict[str, Callable[[Any], Any]] = {
    "law": law_from_name,
    "decoder": _decoder,
    "vectorizer": vectorizer_from,
    "words": _guide,
}


# --- fitted attributes ----------------------------------------------------------------------------


def _array_to_json(value: Any) -> dict[str, Any]:
    return {"array": value.tolist(), "dtype": str(value.dtype)}


def _array(value: Any) -> Any:
    valid = isinstance(value, dict) and set(value) == {"array", "dtype"}
    if not valid or value["dtype"] not in _DTYPES:
        raise ModelFormatError("an array of the estimator is malformed")
    return np.asarray(value["array"], dtype=value["dtype"])


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ModelFormatError(f"{str(value)[:20]!r} is no count, must be an integer, 0 or more")
    return value


def _names(value: Any) -> Any:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ModelFormatError("names of columns must be a list of names")
    return np.array(value, dtype=object)


def _covariates(value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(map(_is_covariate, value)):
        raise ModelFormatError("the covariates of the model are malformed")
    from dirvae.estimators.covariates import Covariate  # only with an estimator: it is slow

    return [Covariate(*row) for row in value]


def _is_covariate(row: Any) -> bool:
    if not isinstance(row, list) or len(row) != 5:
        return False
    name, kind, levels, origin, unit = row
    words = isinstance(levels, list) and all(type(x) is str for x in (name, kind, *levels))
    numbers = all(type(x) is float and math.isfinite(x) for x in (origin, unit))
    return words and numbers and unit > 0


def _classes_to_json(value: Any) -> dict[str, Any]:
    labels = value.tolist()
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        raise ValueError(f"classes_={value!r} cannot be saved: they must be numbers or words")
    return {"labels": labels, "dtype": "U" if value.dtype.kind == "U" else value.dtype.name}


def _classes(value: Any) -> Any:
    valid = isinstance(value, dict) and set(value) == {"labels", "dtype"}
    if not valid or value["dtype"] not in ("object", "U", "bool", *_DTYPES):
        raise ModelFormatError("classes_ are malformed")
    labels = value["labels"]
    if not isinstance(labels, list) or not all(type(x) in (bool, int, float, str) for x in labels):
        raise ModelFormatError("classes_ must be a list of numbers or words")
    return np.array(labels, dtype=value["dtype"])


def _history_to_json(history: list[dict[str, float]]) -> list[dict[str, float | str]]:
    """As it is, but for NaN and infinity, which JSON does not have: those become words."""
    rows = [{name: float(value) for name, value in row.items()} for row in history]
    return [{k: v if math.isfinite(v) else str(v) for k, v in row.items()} for row in rows]


def _history(value: Any) -> list[dict[str, float]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ModelFormatError("history_ must be a list of metrics")
    return [{name: float(number) for name, number in row.items()} for row in value]


def _fitted_vectorizer(value: Any) -> Any:
    vectorizer = vectorizer_from(value)
    if vectorizer.vocabulary is None:
        raise ModelFormatError("the vectorizer of the model has no words")
    return vectorizer


class _Kind(NamedTuple):
    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


_OUTPUTS = (None, "default", "pandas", "polars")
_COUNT, _ARRAY = _Kind(int, _count), _Kind(_array_to_json, _array)
_FITTED = {
    "classes_": _Kind(_classes_to_json, _classes),
    "coef_": _ARRAY,
    "intercept_": _ARRAY,
    "likelihood_": _Kind(law_name, law_from_name),
    "prior_concentration_": _ARRAY,
    "history_": _Kind(_history_to_json, _history),
    "n_iter_": _COUNT,
    "best_epoch_": _COUNT,
    "n_features_in_": _COUNT,
    "feature_names_in_": _Kind(list, _names),
    "vocabulary_": _Kind(list, _names),
    "_covariates": _Kind(list, _covariates),
    "vectorizer_": _Kind(describe_vectorizer, _fitted_vectorizer),
    "word_frequency_": _ARRAY,
    "topic_prevalence_": _ARRAY,
    "_n_features_out": _COUNT,
    "_num_documents": _COUNT,
    "_seed": _COUNT,
}
