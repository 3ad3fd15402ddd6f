"""How a `TopicModel` is trained: its bound, and what labels add to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from scipy import sparse
from torch import Tensor, nn

from dirvae.data.arrays import Batch
from dirvae.data.counts import CountDataset
from dirvae.distributions import posterior_mean
from dirvae.distributions.global_random import DrawingFrom
from dirvae.models.vae import VAE
from dirvae.objectives import Terms, labelled_elbo
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.zoo import topic_parameter_groups
from dirvae.training import Training, decaying_adam, fit, resumed_adam

if TYPE_CHECKING:
    from dirvae.topics.model import TopicModel

__all__ = ["train_topics"]


def train_topics(
    model: TopicModel,
    counts: sparse.csr_matrix,
    covariates: Any = None,
    labels: Any = None,
    *,
    epochs: int,
    seed: int,
    steps: int | None = None,
    **checkpoints: Any,
) -> tuple[Training, nn.Linear | None]:
    """Train ``vae_`` in place; if that is cut off, it is gone, and the estimator is not fitted.

    Args:
        model: The estimator, with ``vae_`` and ``word_frequency_``; its optimiser goes on from
            where it was.
        counts: Shape (N, V).
        covariates: What the prior is told, shape (N, C), or None.
        labels: Rows of an identity, of zeros for documents without a label, shape (N, L), or None.
        epochs: Passes over the documents.
        seed: Of order and noise.
        steps: After which the step size is 0; None for a constant one.
        checkpoints: ``checkpoint_dir`` and ``resume``, as of `fit`.

    Returns:
        The training that was done, with its history and optimiser, and the head that tells labels.
    """
    head = None
    if labels is not None:
        with DrawingFrom(torch.Generator("cpu").manual_seed(seed)):
            head = nn.Linear(model.n_components, labels.shape[1])
    optimizer = _optimizer(model, head, steps)
    if head is None:
        training = Training(model.vae_, optimizer=optimizer)
    else:
        bound = partial(labelled_elbo, label_weight=model.label_weight)
        training = _LabelledTraining(model.vae_, head, objective=bound, optimizer=optimizer)
    try:
        fit(
            training,
            CountDataset(counts, covariates, label=labels),
            max_epochs=epochs,
            batch_size=model.batch_size,
            seed=torch.Generator("cpu").manual_seed(seed),
            verbose=bool(model.verbose),
            accelerator=model.device,
            **checkpoints,
        )
    except BaseException:
        del model.vae_
        raise
    training.cpu().eval()
    return training, head


class _LabelledTraining(Training):
    """Training in which theta's mean tells labels, by a linear softmax, and so learns to.

    Args:
        vae: The model.
        head: From theta to logits of the L classes.
        options: Those of `Training`.
    """

    def __init__(self, vae: VAE, head: nn.Linear, **options: Any) -> None:
        super().__init__(vae, **options)
        self.head = head

    def _terms(self, batch: Batch) -> Terms:
        terms = super()._terms(batch._replace(label=None))
        # Without covariates, which are not there when labels are asked for.
        vae = self.vae
        if isinstance(vae, MixtureVAE):
            theta = vae.infer_by_topics(batch.x).mean[:, : self.head.in_features]
            theta = theta / theta.sum(-1, keepdim=True)  # without the background
        else:
            theta = posterior_mean(vae.infer(batch.x))  # all rows at once, as noise goes here
        log_labels = self.head(theta).log_softmax(-1)
        return terms._replace(log_label=(cast(Tensor, batch.label) * log_labels).sum(-1))


def _optimizer(
    model: TopicModel, head: nn.Module | None, steps: int | None
) -> Callable[[Iterable[Any]], Any]:
    rate = model.learning_rate
    groups = topic_parameter_groups(model.vae_, rate, head)
    configure = (
        resumed_adam(rate, model._optimizer_state) if steps is None else decaying_adam(rate, steps)
    )
    return lambda _: configure(groups)
