"""A topic model and its documents as AnnData."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dirvae.anndata import KEY, cell_tables
from dirvae.data.images import required
from dirvae.export.documents import names_of, theta_of
from dirvae.topics import MixtureVAE, TopicModel
from dirvae.writing import whole

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["as_anndata", "to_h5ad"]


def as_anndata(
    model: TopicModel,
    X: Any,
    *,
    covariates: Any = None,
    ids: Mapping[str, Iterable[Any]] | None = None,
) -> AnnData:
    """Return the counts of documents as AnnData, with what the model says of them.

    - ``X``: counts of the model's words, sparse, N documents by V words;
    - ``obsm["X_dirvae"]``: theta; of a mixture with a Dirichlet latent also ``X_dirvae_std``,
      ``_q05`` and ``_q95``, as in `dirvae.anndata.fit`;
    - ``varm["dirvae"]``: beta, words by topics;
    - ``uns["dirvae"]``: model, version, names and prevalence of the topics.

    Args:
        model: A fitted `TopicModel` or `CompositionModel`.
        X: Documents, as in `TopicModel.fit`.
        covariates: As in `TopicModel.transform`.
        ids: What identifies documents, columns by name; the first one is the index. Their numbers,
            from 0, if None.

    Raises:
        ImportError: If anndata is not installed.
        TypeError: If the model is no topic model.
    """
    if not isinstance(model, TopicModel):
        raise TypeError(f"model is a {type(model).__name__}, must be a TopicModel")
    anndata, pandas = (required(name, "h5ad", "anndata") for name in ("anndata", "pandas"))
    from dirvae import __version__

    counts = model.counts(X)
    columns = {name: [str(value) for value in values] for name, values in (ids or {}).items()}
    name = next(iter(columns), None)
    index = columns.pop(name) if name else [str(row) for row in range(counts.shape[0])]
    adata = anndata.AnnData(
        counts.astype(np.float32),
        obs=pandas.DataFrame(columns, pandas.Index(index, dtype=object, name=name), dtype=object),
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
        model: As in `as_anndata`, as are X, covariates and ids.
        path: The file; one that is there is replaced.
        X: Documents.
        covariates: What is known of them.
        ids: What identifies them.
    """
    adata = as_anndata(model, X, covariates=covariates, ids=ids)
    with whole(path) as file:
        adata.write_h5ad(file.name)
