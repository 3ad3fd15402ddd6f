"""What all formats ask of a model: names of its columns, and theta as an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["names_of", "theta_of"]


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
