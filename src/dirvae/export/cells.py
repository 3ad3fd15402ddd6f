"""A topic model and its documents as AnnData."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dirvae.alignment import matched
from dirvae.anndata import KEY, cell_tables
from dirvae.data.images import required
from dirvae.export.documents import ids_of, names_of, theta_of
from dirvae.topics import MixtureVAE, TopicModel
from dirvae.topics.columns import Column, columns_of
from dirvae.topics.model import require_topic_model
from dirvae.writing import whole

if TYPE_CHECKING:
    from anndata import AnnData
    from pandas import DataFrame

__all__ = ["as_anndata", "to_h5ad"]

WHOLE_IN_SINGLE = 2**24  # above it, single precision does not hold all whole numbers


def as_anndata(
    model: TopicModel,
    X: Any,
    *,
    covariates: Any = None,
    ids: Mapping[str, Iterable[Any]] | None = None,
) -> AnnData:
    """Return the counts of documents as AnnData, with the results of a topic model.

    - ``X``: counts of the model's words, sparse, N documents by V words;
    - ``obs``: all columns of ``ids`` but the first, then the covariates. Words become categories,
      dates become categories such as 2020-12-31, durations become numbers of days;
    - ``obsm["X_dirvae"]``: theta. A mixture with a Dirichlet latent also gives ``X_dirvae_std``,
      ``X_dirvae_q05`` and ``X_dirvae_q95``, as in `dirvae.anndata.fit`;
    - ``varm["dirvae"]``: beta, words by topics;
    - ``uns["dirvae"]``: class and version of the model, names and prevalence of the topics.

    Args:
        model: A fitted `TopicModel` or `CompositionModel`.
        X: Documents, as in `TopicModel.fit`.
        covariates: As in `TopicModel.transform`.
        ids: Mapping from names of columns to the ids of documents. The first column becomes the
            index. If None, the index has the numbers of documents, from 0. A missing id is the
            empty text.

    Raises:
        ImportError: If anndata is not installed.
        TypeError: If ``model`` is not a topic model.
    """
    require_topic_model(model)
    anndata, pandas = (required(name, "h5ad", "anndata") for name in ("anndata", "pandas"))
    from dirvae import __version__

    counts, covariates = model.counts(X), matched("covariates", covariates, X)
    large = counts.nnz and counts.data.max() > WHOLE_IN_SINGLE
    adata = anndata.AnnData(
        counts if large else counts.astype(np.float32),
        obs=_obs(ids_of(ids, X), covariates, counts.shape[0]),
        var=pandas.DataFrame(index=pandas.Index(names_of(model), dtype=object)),
    )
    if isinstance(model.vae_, MixtureVAE):
        adata.obsm.update(cell_tables(model, X, covariates, adata.obs_names))
    else:
        adata.obsm[f"X_{KEY}"] = theta_of(model, X, covariates)
    topics = pandas.Index([str(name) for name in model.get_feature_names_out()], dtype=object)
    adata.varm[KEY] = pandas.DataFrame(model.topic_word_.T, adata.var_names, topics)
    adata.uns[KEY] = {
        "model": type(model).__name__,
        "version": __version__,
        "names": np.array(model.topic_names_, dtype=object),
        "prevalence": np.asarray(model.topic_prevalence_),
    }
    return adata


def _obs(ids: Mapping[str, Iterable[Any]], covariates: Any, count: int) -> DataFrame:
    """What is known of documents, by the first of the ids."""
    import pandas

    texts = {name: [str(value) for value in values] for name, values in ids.items()}
    name = next(iter(texts), None)
    index = texts.pop(name) if name else [str(row) for row in range(count)]
    kept: dict[str, Any] = {}
    if covariates is not None:
        kept = {column.name: _as_kept(column) for column in columns_of(covariates, count)}
    if name in kept:  # which files of AnnData do not hold
        name = None
    rows = pandas.Index(index, dtype=object, name=name)
    return pandas.DataFrame(texts, rows, dtype=object).assign(**kept)


def _as_kept(column: Column) -> Any:
    """A column as .h5ad files hold it."""
    import pandas

    if column.kind == "words":
        return pandas.Categorical(column.values, pandas.Index(column.levels, dtype=object))
    if column.kind != "dates":
        return column.values
    seconds = np.datetime64(0, "s") + np.rint(86400 * column.values).astype("timedelta64[s]")
    midnight = not (column.values % 1).any()
    told = (seconds.astype("datetime64[D]") if midnight else seconds).astype(str)
    return pandas.Categorical(told, pandas.Index(sorted({*told.tolist()}), dtype=object))


def to_h5ad(
    model: TopicModel,
    path: str | Path,
    X: Any,
    *,
    covariates: Any = None,
    ids: Mapping[str, Iterable[Any]] | None = None,
) -> None:
    """Write `as_anndata` to a file.

    Args:
        model: As in `as_anndata`.
        path: The file. An existing file is replaced.
        X: Documents, as in `as_anndata`.
        covariates: As in `as_anndata`.
        ids: As in `as_anndata`.
    """
    adata = as_anndata(model, X, covariates=covariates, ids=ids)
    with whole(path) as file:
        adata.write_h5ad(file.name)
