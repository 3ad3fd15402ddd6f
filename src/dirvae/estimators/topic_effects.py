"""How topics go with what is known of documents: effects of covariates, shares over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["Effects", "Shares", "covariate_matrix", "effects_of", "shares_of"]

Floats = NDArray[np.float64]
DRAWS = 30


class Effects(NamedTuple):
    """Linear effects of covariates on the proportion of each topic.

    Attributes:
        names: Of the C covariates, after an intercept.
        effect: Change of the proportion for a unit of the covariate, shape (1 + C, K).
        std_error: Shape (1 + C, K).
        lower: Lower ends of the intervals, shape (1 + C, K).
        upper: Upper ends, shape (1 + C, K).
    """

    names: list[str]
    effect: Floats
    std_error: Floats
    lower: Floats
    upper: Floats


class Shares(NamedTuple):
    """Share of each topic in each group of documents, such as those of a year.

    Attributes:
        groups: Distinct values, sorted, length G.
        documents: Documents of each, shape (G,).
        share: Mean proportions, shape (G, K).
        std_error: Shape (G, K); NaN for groups of one document.
    """

    groups: list[Any]
    documents: NDArray[np.int64]
    share: Floats
    std_error: Floats


def covariate_matrix(
    covariates: Any, *, all_levels: bool = False, names: Sequence[str] | None = None
) -> tuple[list[str], Floats]:
    """Return names and values, shape (N, C), of an array or a data frame; words become dummies.

    Args:
        covariates: Shape (N, C), or a data frame.
        all_levels: Whether words have a dummy for each level, rather than for all but the first.
        names: Those that ``all_levels`` gave for other rows, which are wanted again.

    Raises:
        ValueError: If it is not two-dimensional, has missing, NaN or infinite values, or other
            columns or levels than ``names``.

    Example:
        >>> covariate_matrix([[0.0], [1.0]])[0]
        ['covariate0']
    """
    if hasattr(covariates, "columns"):
        import pandas

        given = pandas.DataFrame(covariates)
        for name, missing in given.isna().any().items():
            if missing:
                raise ValueError(
                    f"covariates has missing values in column {name!r}: fill them or leave those "
                    "documents out"
                )
        drop = not (all_levels or names is not None)
        frame = pandas.get_dummies(given, drop_first=drop, dtype=float).rename(columns=str)
        if names is not None:
            words = [column for column in given.columns if str(column) not in frame.columns]
            frame = _as_before(frame, list(names), {f"{column}_" for column in words})
        found, values = list(frame.columns), frame.to_numpy(np.float64, copy=True)
    else:
        values = np.asarray(covariates, dtype=np.float64)
        found = [f"covariate{i}" for i in range(values.shape[-1])] if values.ndim else []
        if names is not None and found != list(names):
            raise ValueError(f"covariates has columns {found}, must have those of fit: {names}")
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(
            f"covariates has shape {values.shape}, must be (N, C) with finite values only"
        )
    return found, values


def _as_before(frame: Any, names: list[str], prefixes: set[str]) -> Any:
    """The columns ``names`` of dummies; levels that these rows do not have are 0."""
    new = [name for name in frame.columns if name not in names]
    gone = [
        name
        for name in names
        if name not in frame.columns and not any(name.startswith(prefix) for prefix in prefixes)
    ]
    if new or gone:
        raise ValueError(
            f"covariates has columns or levels that fit did not see, {new}, or lacks some, {gone}; "
            f"must be of {names}"
        )
    return frame.reindex(columns=names, fill_value=0.0)


def effects_of(
    concentration: Floats,
    covariates: Any,
    *,
    mean: Floats | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Effects:
    """Regress proportions on covariates, with what is not known of the proportions in the errors.

    Each of 30 draws of theta from its posterior is regressed by least squares; errors within and
    between draws are added (Rubin's rule).

    Args:
        concentration: Of the posteriors, shape (N, K).
        covariates: Shape (N, C), or a data frame.
        mean: Of the posteriors, shape (N, K), where they are no Dirichlets: see `TopicPosterior`.
        level: Of the intervals, in (0, 1).
        seed: Of the draws.

    Raises:
        ValueError: If ``level`` is out of range, there are not more rows than coefficients, or
            covariates repeat each other.

    References:
        Roberts et al. 2014, sec. 3.3; Rubin 1987.

    Example:
        >>> concentration = np.array([[9.0, 1.0], [8.0, 2.0], [1.0, 9.0], [2.0, 8.0]])
        >>> found = effects_of(concentration, [[0.0], [0.0], [1.0], [1.0]])
        >>> bool(found.effect[1, 0] < -0.5), found.names
        (True, ['intercept', 'covariate0'])
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}, must be in (0, 1)")
    names, values = covariate_matrix(covariates)
    design = np.column_stack([np.ones(len(values)), values])
    num_rows, num_columns = design.shape
    if num_rows != len(concentration) or num_rows <= num_columns:
        raise ValueError(
            f"covariates has {num_rows} rows, must be the {len(concentration)} of X and more than "
            f"the {num_columns} coefficients"
        )
    if np.linalg.matrix_rank(design) < num_columns:
        raise ValueError("covariates has columns that follow from the others: leave them out")
    inverse = np.linalg.inv(design.T @ design)
    scale = np.ones_like(concentration) if mean is None else mean / concentration
    rng, found, within = np.random.default_rng(seed), [], []
    for _ in range(DRAWS):
        gamma = rng.standard_gamma(concentration) * scale + np.finfo(float).tiny
        theta = gamma / gamma.sum(1, keepdims=True)
        coefficients = inverse @ (design.T @ theta)
        residual = ((theta - design @ coefficients) ** 2).sum(0) / (num_rows - num_columns)
        found.append(coefficients)
        within.append(np.diag(inverse)[:, None] * residual)
    effect = np.mean(found, 0)
    error = np.sqrt(np.mean(within, 0) + (1 + 1 / DRAWS) * np.var(found, 0, ddof=1))
    half = stats.norm.ppf((1 + level) / 2) * error
    return Effects(["intercept", *names], effect, error, effect - half, effect + half)


def shares_of(theta: Floats, groups: Sequence[Any]) -> Shares:
    """Mean proportions of the documents of each group.

    Args:
        theta: Shape (N, K).
        groups: A value for each document, length N.

    Raises:
        ValueError: If the lengths differ.

    Example:
        >>> shares_of(np.array([[1.0, 0.0], [0.0, 1.0]]), [2001, 2000]).groups
        [2000, 2001]
    """
    values = np.asarray(groups)
    if values.shape != (len(theta),):
        raise ValueError(f"groups has shape {values.shape}, must have a value for each document")
    known, place = np.unique(values, return_inverse=True)
    parts = [theta[place == group] for group in range(len(known))]
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = [
            part.std(0, ddof=1) / np.sqrt(len(part))
            if len(part) > 1
            else np.full(part.shape[1], np.nan)
            for part in parts
        ]
    return Shares(
        known.tolist(),
        np.array([len(part) for part in parts]),
        np.stack([part.mean(0) for part in parts]),
        np.stack(errors),
    )
