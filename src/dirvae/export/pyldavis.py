"""What pyLDAvis draws topics from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dirvae.export.documents import names_of, theta_of
from dirvae.topics import TopicModel
from dirvae.topics.model import require_topic_model
from dirvae.writing import write_text

__all__ = ["pyldavis_arguments", "to_pyldavis"]


def pyldavis_arguments(model: TopicModel, X: Any, *, covariates: Any = None) -> dict[str, Any]:
    """Return the arguments of ``pyLDAvis.prepare`` for a topic model and its documents.

    Words that occur in no document are left out, because pyLDAvis cannot place them. The topics are
    divided by their sums afterwards, so they sum to 1. The background is left out too, because it
    is not a topic.

    Args:
        model: A fitted `TopicModel` or `CompositionModel`.
        X: Documents, as in `TopicModel.fit`.
        covariates: As in `TopicModel.transform`.

    Returns:
        ``topic_term_dists`` (K, V), ``doc_topic_dists`` (N, K), ``doc_lengths`` (N,), ``vocab``
        (V,) and ``term_frequency`` (V,).

    Raises:
        TypeError: If ``model`` is not a topic model.
        ValueError: If the latent is not on the simplex.

    Example:
        >>> counts = np.random.default_rng(0).poisson(1, (40, 12))
        >>> model = TopicModel(3, max_epochs=1, hidden_sizes=(8,), random_state=0).fit(counts)
        >>> given = pyldavis_arguments(model, counts)
        >>> given["topic_term_dists"].shape, given["doc_topic_dists"].shape, len(given["vocab"])
        ((3, 12), (40, 3), 12)
    """
    require_topic_model(model)
    theta, counts = theta_of(model, X, covariates), model.counts(X)
    if (theta < 0).any() or not np.allclose(theta.sum(1), 1):
        raise ValueError("the latent is not on the simplex: it gives no shares for pyLDAvis")
    frequency = np.asarray(counts.sum(0), dtype=np.float64).ravel()
    there = frequency > 0
    beta = model.topic_word_[:, there]
    return {
        "topic_term_dists": beta / beta.sum(1, keepdims=True),
        "doc_topic_dists": theta,
        "doc_lengths": np.asarray(counts.sum(1), dtype=np.float64).ravel(),
        "vocab": [name for name, known in zip(names_of(model), there, strict=True) if known],
        "term_frequency": frequency[there],
    }


def to_pyldavis(model: TopicModel, path: str | Path, X: Any, *, covariates: Any = None) -> None:
    """Write the `pyldavis_arguments` as JSON: ``pyLDAvis.prepare(**json.load(open(path)))``.

    Args:
        model: As in `pyldavis_arguments`.
        path: The file. An existing file is replaced.
        X: Documents, as in `pyldavis_arguments`.
        covariates: As in `pyldavis_arguments`.
    """
    given = pyldavis_arguments(model, X, covariates=covariates)
    write_text(path, json.dumps(given, default=lambda array: array.tolist(), allow_nan=False))
