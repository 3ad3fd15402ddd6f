"""Components of the cells or samples of an AnnData object, stored in this object.

Example:
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> from dirvae import CompositionModel
    >>> adata = AnnData(np.random.default_rng(0).poisson(3, (30, 6)).astype("float32"))
    >>> fitted = fit(adata, CompositionModel(2, max_epochs=1, random_state=0))
    >>> adata.obsm["X_dirvae"].shape, adata.varm["dirvae"].shape
    ((30, 2), (6, 2))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from dirvae.alignment import matched
from dirvae.data.sparse_matrix import checked_csr, widened
from dirvae.topics.composition import CompositionModel
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.posterior import beta_of, evidence_of, marginals

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["KEY", "cell_tables", "fit", "to_frame", "transform"]

KEY = "dirvae"
"""The name of results in ``varm`` and ``uns``; in ``obsm`` with ``X_`` before it."""
QUANTILES = {"q05": 0.05, "q95": 0.95}
SCORED_AT_MOST = 1000  # cells by which quality is measured
PARTS = ("mean", "std", *QUANTILES)


def fit(
    adata: AnnData,
    model: CompositionModel,
    layer: str | None = None,
    *,
    covariates: Sequence[str] = (),
    key: str = KEY,
) -> CompositionModel:
    """Fit a copy of a model to counts in an AnnData object, and write the results to this object.

    Results are written under these names, and replace older ones:

    - ``obsm["X_dirvae"]``: posterior means of the components' proportions, an array of shape
      (N, K);
    - ``obsm["X_dirvae_std"]``, ``obsm["X_dirvae_q05"]``, ``obsm["X_dirvae_q95"]``: standard
      deviations, 5 % and 95 % quantiles of the proportions' posterior, pandas DataFrames;
    - ``varm["dirvae"]``: the composition of each component, a DataFrame of shape (D, K);
    - ``uns["dirvae"]``: parameters, version, layer, covariates, prevalence, precision and quality.
      The quality is measured on at most 1,000 cells, in nats per cell. It is the mean of
      `CompositionModel.completion_log_prob`, with that of the mean composition for comparison.

    A sparse matrix stays sparse.

    Args:
        adata: Counts of N cells or samples by D genes or taxa, in ``X`` or in a layer.
        model: A model with the settings. It is not fitted itself.
        layer: Layer with the counts. If None, ``X``.
        covariates: Columns of ``obs`` on which the prior depends.
        key: Replaces "dirvae" in these names.

    Returns:
        The fitted model, with the names of the features.

    Raises:
        ValueError: If ``adata`` or ``model`` is of another kind, there is no such layer or column,
            or as in `CompositionModel.fit`.
    """
    _require(adata, model)
    counts, told = _counts(adata, layer), _told(adata, covariates)
    fitted: CompositionModel = clone(model)
    fitted.fit(counts, features=_names(adata.var_names), covariates=told)
    adata.obsm.update(cell_tables(fitted, counts, told, adata.obs_names, key=key))
    adata.varm[key] = _frame(fitted.components_.T, fitted, adata.var_names)
    adata.uns[key] = {
        "model": type(fitted).__name__,
        "version": _version(),
        "layer": "X" if layer is None else layer,
        "covariates": np.array(list(covariates), dtype=object),
        "parameters": {name: _plain(value) for name, value in fitted.get_params().items()},
        "prevalence": np.asarray(fitted.prevalence_),
        "precision": fitted.precision_,
        "quality": _quality(fitted, counts, told),
    }
    return fitted


def transform(
    adata: AnnData,
    model: CompositionModel,
    layer: str | None = None,
    *,
    covariates: Any = (),
    key: str = KEY,
) -> None:
    """Apply a fitted model to new cells, and write the results to ``obsm`` as `fit` does.

    Genes are matched by name. Genes that the model does not know are left out. Genes that the new
    cells lack are 0.

    Args:
        adata: The new cells.
        model: The fitted model.
        layer: Layer with the counts. If None, ``X``.
        covariates: The same columns of ``obs`` as in `fit`. Or a data frame of them with a row for
            each cell, matched to ``obs_names`` by its index. One with the index 0, 1, 2, ... of a
            new data frame is in their order.
        key: Replaces "dirvae" in the names, as in `fit`.

    Raises:
        ValueError: If ``adata`` or ``model`` is of another kind, there is no such layer or column,
            or the model knows none of the genes.
    """
    _require(adata, model)
    counts, told = _counts(adata, layer), _told(adata, covariates)
    if hasattr(model, "vocabulary_"):
        counts = _selected(counts, _names(adata.var_names), model.features_)
    adata.obsm.update(cell_tables(model, counts, told, adata.obs_names, key=key))


def to_frame(adata: AnnData, *, key: str = KEY) -> Any:
    """Return the results that `fit` or `transform` wrote for the cells, as one pandas DataFrame.

    Its rows are the cells, in their order. Its columns have two levels: the first is "mean", "std",
    "q05" or "q95", the second is the component.

    Args:
        adata: The cells.
        key: As in `fit`.

    Raises:
        ValueError: If there are no such results.
    """
    import pandas

    name = f"X_{key}"
    if name not in adata.obsm:
        raise ValueError(f"adata has no {name!r} in obsm, must have been given to fit or transform")
    columns = adata.obsm[f"{name}_std"].columns
    parts = {part: adata.obsm[f"{name}_{part}"] for part in PARTS[1:]}
    mean = pandas.DataFrame(adata.obsm[name], index=adata.obs_names, columns=columns)
    return pandas.concat({"mean": mean, **parts}, axis=1)


# --- reading --------------------------------------------------------------------------------------


def _require(adata: Any, model: Any) -> None:
    if not all(hasattr(adata, name) for name in ("layers", "obs", "obsm", "var_names")):
        raise ValueError(f"adata is a {type(adata).__name__}, must be an AnnData object")
    if getattr(adata, "isbacked", False) and adata.is_view:
        raise ValueError(
            "adata is a part of a file that is open, to which nothing can be written: use "
            "to_memory() before you select cells or genes"
        )
    if not isinstance(model, CompositionModel):
        raise ValueError(f"model is a {type(model).__name__}, must be a CompositionModel")


def _counts(adata: Any, layer: str | None) -> sparse.csr_matrix:
    if layer is not None and layer not in adata.layers:
        # From anndata 0.13 on, None is one of them: X.
        others = ", ".join(repr(name) for name in adata.layers if name is not None) or "none"
        raise ValueError(f"layer is {layer!r}, must be one of adata's layers ({others}) or None")
    found = adata.X if layer is None else adata.layers[layer]
    if found is None:
        raise ValueError("adata has no X: name the layer of counts")
    if hasattr(found, "to_memory"):  # of a file that is open
        found = found.to_memory()
    name = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    if not sparse.issparse(found):
        found = sparse.csr_matrix(widened(np.asarray(found)))
    return checked_csr(name, found)


def _told(adata: Any, covariates: Any) -> Any:
    if hasattr(covariates, "columns"):
        import pandas

        if isinstance(getattr(covariates, "index", None), pandas.RangeIndex):
            return covariates
        return matched("covariates", covariates, adata.obs, rows="adata.obs")
    if isinstance(covariates, str):
        raise ValueError(f"covariates is one string, must be a list of names: [{covariates!r}]")
    for name in covariates:
        if name not in adata.obs:
            raise ValueError(f"covariates has {name!r}, must be columns of adata.obs")
    return adata.obs[list(covariates)].reset_index(drop=True) if len(covariates) else None


def _names(index: Any) -> list[str]:
    names = [str(name) for name in index]
    if len(set(names)) < len(names):
        again = next(name for name, twice in zip(index, index.duplicated(), strict=True) if twice)
        raise ValueError(
            f"adata has {again!r} more than once in var_names, must have different ones: "
            "adata.var_names_make_unique()"
        )
    return names


def _selected(counts: Any, names: Sequence[str], features: Any) -> sparse.csr_matrix:
    """Columns of the model's features, in its order."""
    place = {name: column for column, name in enumerate(features)}
    known = [column for column, name in enumerate(names) if name in place]
    if not known:
        raise ValueError(
            f"adata has none of the model's {len(features)} features, such as {features[0]!r}, "
            f"in var_names, such as {names[0]!r}"
        )
    target = np.full(len(names), -1)
    target[known] = [place[names[column]] for column in known]
    entries = counts.tocoo()
    columns = target[entries.col]
    kept = columns >= 0
    parts = entries.data[kept], (entries.row[kept], columns[kept])
    return sparse.csr_matrix(parts, shape=(counts.shape[0], len(features)))


# --- writing --------------------------------------------------------------------------------------


def cell_tables(
    model: CompositionModel, X: Any, covariates: Any, names: Any, *, key: str = KEY
) -> dict[str, Any]:
    """Return the results for cells, by name: an array of means, and three data frames.

    Args:
        model: The fitted model.
        X: Counts of the model's features, shape (N, D).
        covariates: A data frame, or None.
        names: Names of the cells.
        key: As in `fit`.

    Example:
        >>> counts = np.random.default_rng(0).poisson(3, (30, 6))
        >>> model = CompositionModel(2, max_epochs=1, random_state=0).fit(counts)
        >>> list(cell_tables(model, counts, None, range(30)))
        ['X_dirvae', 'X_dirvae_std', 'X_dirvae_q05', 'X_dirvae_q95']
    """
    counts, vae = model.counts(X), model.vae_
    assert isinstance(vae, MixtureVAE)
    numbers = model._covariate_values(covariates, counts.shape[0])
    mean, shape, _ = marginals(evidence_of(vae, counts, numbers), model._n_features_out)
    law = beta_of(mean, shape)
    parts = {"std": law.std(), **{name: law.ppf(q) for name, q in QUANTILES.items()}}
    frames = {f"X_{key}_{name}": _frame(part, model, names) for name, part in parts.items()}
    return {f"X_{key}": mean, **frames}


def _frame(values: Any, model: CompositionModel, index: Any) -> Any:
    import pandas

    names = pandas.Index(list(model.get_feature_names_out()), dtype=object)
    return pandas.DataFrame(values, index=index, columns=names)


def _quality(model: CompositionModel, counts: Any, told: Any) -> dict[str, Any]:
    size = min(SCORED_AT_MOST, counts.shape[0])
    rows = np.sort(np.random.default_rng(0).choice(counts.shape[0], size, replace=False))
    some = None if told is None else told.iloc[rows]
    found = model.completion_log_prob(counts[rows], covariates=some)
    of_mean = model.mean_log_prob(counts[rows])
    return {
        "cells": size,
        "completion_log_prob": float(found.mean()),
        "mean_composition_log_prob": float(of_mean.mean()),
    }


def _plain(value: Any) -> Any:
    """As .h5ad files hold it."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def _version() -> str:
    from dirvae import __version__

    return __version__
