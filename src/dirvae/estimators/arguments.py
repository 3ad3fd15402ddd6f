"""Checks of what estimators are given, each with one sentence that says what would be right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state
from torch.distributions import Bernoulli, Normal

from dirvae.training.checkpoints import require_checkpoint

__all__ = [
    "likelihood_of",
    "require_concentration",
    "require_integer",
    "require_likelihood",
    "require_positive",
    "require_random_state",
    "require_resumable",
    "require_sizes",
]


def require_integer(name: str, value: Any, least: int) -> None:
    """Raise ValueError unless an argument is an integer of ``least`` or more."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}, must be an integer of {least} or more")


def require_positive(name: str, value: Any) -> None:
    """Raise ValueError unless an argument is a positive number."""
    if not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise ValueError(f"{name} is {value!r}, must be a positive number")


def require_concentration(value: Any, size: int, *, learnable: bool) -> None:
    """Raise ValueError unless ``prior_concentration`` is one for ``size`` components.

    Args:
        value: The argument.
        size: K.
        learnable: Whether the latent has a prior that can be learned.
    """
    if isinstance(value, str) and value == "learn":
        if not learnable:
            raise ValueError("prior_concentration='learn' needs a Dirichlet latent")
        return
    try:
        array = np.asarray(1.0 if value is None else value, dtype=float)
    except (TypeError, ValueError):
        array = np.array(math.nan)
    right = "must be a positive number, an array of n_components of them, 'learn' or None"
    if not np.isfinite(array).all() or (array <= 0).any():
        raise ValueError(f"prior_concentration is {value!r}, {right}")
    if array.shape not in ((), (size,)):
        raise ValueError(f"prior_concentration has shape {array.shape}, {right}")


def require_random_state(value: Any) -> None:
    """Raise ValueError unless an argument is what scikit-learn takes as ``random_state``."""
    if isinstance(value, Integral) and not isinstance(value, bool) and not 0 <= int(value) < 2**32:
        raise ValueError(f"random_state is {value}, must be an integer from 0 to {2**32 - 1}")
    try:
        check_random_state("True" if isinstance(value, bool) else value)
    except ValueError:
        raise ValueError(
            f"random_state is {value!r}, must be an integer, a numpy.random.RandomState or None"
        ) from None


def require_resumable(resume: bool, random_state: Any, checkpoint_dir: Any) -> None:
    """Raise an error if a run cannot go on as it would have gone.

    Raises:
        ValueError: If the random state is no integer.
        FileNotFoundError: If there is no checkpoint.
    """
    if resume and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state is {random_state!r}, must be an integer if resume=True: only then does "
            "the continued run draw the same random numbers"
        )
    require_checkpoint(resume, checkpoint_dir)


def require_sizes(name: str, sizes: Any) -> None:
    """Raise ValueError unless an argument is a sequence of widths of layers."""
    if not isinstance(sizes, Iterable) or isinstance(sizes, str):
        raise ValueError(f"{name} is {sizes!r}, must be a sequence of integers")
    for size in sizes:
        require_integer(name, size, 1)


def require_likelihood(likelihood: Any) -> None:
    """Raise ValueError unless an argument is a distribution of data, or None."""
    if likelihood is not None and not hasattr(likelihood, "arg_constraints"):
        raise ValueError(f"likelihood is {likelihood!r}, must be a distribution or None")


def likelihood_of(X: Any, likelihood: Any) -> Any:
    """Return the distribution of the data: the given one, or Bernoulli for [0, 1], else Normal."""
    if likelihood is not None:
        return likelihood
    values = X.data if sparse.issparse(X) else X
    unit = values.size == 0 or (values.min() >= 0 and values.max() <= 1)
    return Bernoulli if unit else Normal
