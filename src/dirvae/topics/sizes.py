"""How many topics: held-out likelihood by K, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import check_array

from dirvae.alignment import require_plain
from dirvae.data.sparse_matrix import checked_csr
from dirvae.estimators.arguments import require_integer, require_sizes
from dirvae.topics.document_kinds import Kind, documents_of
from dirvae.topics.documents import loaded
from dirvae.topics.model import TopicModel, require_topic_model

__all__ = ["TopicSizes", "compare_sizes"]


class TopicSizes(NamedTuple):
    """Loss on held-out documents, in nats, for each number of topics; lower is better.

    The loss of a `TopicModel` is in nats per token: the log of `TopicModel.perplexity` (document
    completion). The loss of a `CompositionModel` is in nats per sample: minus the mean of
    `CompositionModel.completion_log_prob` (half of the features, given the other half).

    Attributes:
        sizes: The numbers of topics, K.
        nats: Loss on each split, shape (number of sizes, number of splits).
        mean: Mean of ``nats`` over splits, shape (number of sizes,).
        std_error: Standard error over splits of the difference in loss from the best K; 0 for the
            best K itself. Shape (number of sizes,).
        best: K with the smallest mean. If it is the largest that was tried, try larger ones, too.
        chosen: The smallest K whose mean is within one standard error of the best.
        mean_composition: Loss of the same model if every sample has the same theta, in the shape of
            ``nats``; see `CompositionModel.mean_log_prob`. A model whose ``nats`` are not below
            this loss has learned nothing. The loss depends on the model's own components and
            precision. So compare ``nats`` between sizes, not the differences from this loss. None
            for models other than a `CompositionModel`.
    """

    sizes: list[int]
    nats: NDArray[np.float64]
    mean: NDArray[np.float64]
    std_error: NDArray[np.float64]
    best: int
    chosen: int
    mean_composition: NDArray[np.float64] | None = None


def compare_sizes(
    model: TopicModel,
    X: Any,
    sizes: Sequence[int] = (5, 10, 20, 50, 100),
    *,
    num_splits: int = 3,
    seed: int = 0,
) -> TopicSizes:
    """Fit a model of each size to part of the documents, and score it on the others.

    Covariates are not supported. Documents are split as if they were independent. If several
    documents are of one person, some of them are fitted and others scored. The scores are then too
    good.

    Args:
        model: A model with the settings. It is not fitted itself.
        X: Documents, as in `TopicModel.fit`.
        sizes: Numbers of topics.
        num_splits: Number of splits, 2 or more. Each holds out a tenth of the documents.
        seed: Seed of the splits.

    Raises:
        TypeError: If ``model`` is not a topic model.
        ValueError: If an argument is out of range.

    Example:
        >>> counts = np.random.default_rng(0).poisson(1, (40, 12))
        >>> model = TopicModel(max_epochs=1, hidden_sizes=(8,), random_state=0)
        >>> compare_sizes(model, counts, (2, 3), num_splits=2).nats.shape
        (2, 2)
    """
    require_topic_model(model)
    require_integer("num_splits", num_splits, 2)
    require_sizes("sizes", sizes)
    if not len(sizes):
        raise ValueError("sizes is empty, must be one number of topics or more")
    rows, kind = documents_of(X)
    rows = loaded(rows)
    if sparse.issparse(rows):
        rows = checked_csr("X", rows)
    elif kind is Kind.COUNTS and not hasattr(rows, "iloc"):
        require_plain("X", rows)
        rows = check_array(rows, input_name="X")
    count = len(rows) if isinstance(rows, list) else rows.shape[0]
    held = max(1, count // 10)
    nats, of_mean = np.zeros((2, len(sizes), num_splits))
    for split in range(num_splits):
        order = np.random.default_rng([seed, split]).permutation(count)
        kept, scored = _rows(rows, order[held:]), _rows(rows, order[:held])
        for place, size in enumerate(sizes):
            fitted = clone(model).set_params(n_components=int(size)).fit(kept)
            nats[place, split] = fitted._held_out_nats(scored)
            of_mean[place, split] = fitted._nats_of_mean(scored)
    mean = nats.mean(1)
    best = int(mean.argmin())
    std_error = (nats - nats[best]).std(1, ddof=1) / np.sqrt(num_splits)
    near = [s for s, m, e in zip(sizes, mean, std_error, strict=True) if m - mean[best] <= e]
    chosen = int(sizes[best]), int(min(near))
    known = None if np.isnan(of_mean).any() else of_mean
    return TopicSizes(list(sizes), nats, mean, std_error, *chosen, known)


def _rows(X: Any, index: Any) -> Any:
    if isinstance(X, list):
        return [X[row] for row in index]
    return X.iloc[index] if hasattr(X, "iloc") else X[index]
