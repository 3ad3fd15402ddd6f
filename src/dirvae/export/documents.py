"""What all formats ask for: names of a model's columns, theta as an array, ids of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.alignment import is_missing, matched

__all__ = ["ids_of", "names_of", "theta_of"]


def ids_of(ids: Mapping[str, Iterable[Any]] | None, X: Any) -> dict[str, list[Any]]:
    """Return ids in the order of the rows; one that is missing is the empty text, as in files.

    Args:
        ids: Values by name of their column; None for none.
        X: The rows.

    Example:
        >>> ids_of({"id": ["a", None, float("nan")]}, np.eye(3))
        {'id': ['a', '', '']}
    """
    return {
        name: ["" if is_missing(value) else value for value in values]
        for name, values in matched("ids", ids or {}, X).items()
    }


def names_of(model: Any) -> list[str]:
    """Names of words, features or columns; their numbers, from 0, where they have none.

    Args:
        model: A fitted estimator.
    """
    names = getattr(model, "vocabulary_", getattr(model, "feature_names_in_", None))
    return [str(name) for name in (range(model.n_features_in_) if names is None else names)]


def theta_of(model: Any, X: Any, covariates: Any = None) -> NDArray[np.float64]:
    """What ``transform`` gives, whatever frames it was told to give.

    Args:
        model: A fitted estimator.
        X: Data, as in ``transform``.
        covariates: As in ``transform``; None for none.
    """
    told = {} if covariates is None else {"covariates": covariates}
    return np.asarray(model.transform(X, **told), dtype=np.float64)
