"""How a `TopicModel` is trained: its bound, with topics that share words at a price."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from scipy import sparse
from torch import Tensor

from dirvae.data.counts import CountDataset
from dirvae.models.topics import distinct_elbo
from dirvae.training import Training, fit

if TYPE_CHECKING:
    from dirvae.estimators.topic_model import TopicModel

__all__ = ["train_topics"]


def train_topics(
    model: TopicModel,
    counts: sparse.csr_matrix,
    covariates: Any = None,
    *,
    epochs: int,
    seed: int,
    optimizer: Callable[[Iterable[Any]], Any],
) -> Training:
    """Train ``vae_`` in place; if that is cut off, it is gone, and the estimator is not fitted.

    Args:
        model: The estimator, with ``vae_`` and ``word_frequency_``.
        counts: Shape (N, V).
        covariates: What the prior is told, shape (N, C), or None.
        epochs: Passes over the documents.
        seed: Of order and noise.
        optimizer: What `topic_optimizer` returns.

    Returns:
        The training that was done, with its history and optimiser.
    """
    training = Training(model.vae_, objective=_objective(model, counts), optimizer=optimizer)
    try:
        fit(
            training,
            CountDataset(counts, covariates),
            max_epochs=epochs,
            batch_size=model.batch_size,
            seed=seed,
            verbose=bool(model.verbose),
            accelerator={"cuda": "gpu"}.get(model.device, model.device),
        )
    except BaseException:
        del model.vae_
        raise
    model.vae_.cpu().eval()
    return training


def _objective(model: TopicModel, counts: sparse.csr_matrix) -> Callable[..., Tensor]:
    frequency = torch.from_numpy(model.word_frequency_).float()
    weight = model.distinctness * float(counts.sum()) / counts.shape[0]
    decoder = model.vae_.decoder

    def objective(terms: Any, *, kl_weight: float = 1.0) -> Tensor:
        return distinct_elbo(
            terms,
            decoder=decoder,
            frequency=frequency.to(terms.kl.device),
            weight=weight,
            kl_weight=kl_weight,
        )

    return objective
