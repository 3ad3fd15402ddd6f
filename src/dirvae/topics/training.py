"""How a `TopicModel` is trained: its bound, and what labels add to it."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from scipy import sparse
from torch import Tensor, nn

from dirvae.data.arrays import Batch
from dirvae.data.counts import CountDataset
from dirvae.distributions import posterior_mean
from dirvae.distributions.global_random import DrawingFrom
from dirvae.models.vae import VAE
from dirvae.objectives import Terms, elbo, importance_weighted_bound, labelled_elbo
from dirvae.topics.decoder import decoder_of
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.zoo import topic_parameter_groups
from dirvae.training import Training, decaying_adam, fit, resumed_adam

__all__ = ["train_topics"]


def train_topics(
    vae: VAE,
    counts: sparse.csr_matrix,
    covariates: Any = None,
    labels: Any = None,
    *,
    num_topics: int,
    label_weight: float = 0.0,
    learning_rate: float,
    decay: bool = False,
    optimizer_state: dict[str, Any] | None = None,
    seed: int,
    **options: Any,
) -> tuple[Training, nn.Linear | None]:
    """Train a topic model in place; if that is cut off, it is left half trained.

    Args:
        vae: The model, of which the first K shares of the latent are topics.
        counts: Shape (N, V).
        covariates: What the prior depends on, shape (N, C), or None.
        labels: Rows of an identity, of zeros for documents without a label, shape (N, L), or None.
        num_topics: K.
        label_weight: As in `TopicModel`.
        learning_rate: Adam's step size for the encoder.
        decay: Whether the step size falls to 0 over the training; else it is constant.
        optimizer_state: From which a constant one goes on; None to start afresh.
        seed: Of order and noise.
        options: Those of `fit`.

    Returns:
        The training that was done, with its history and optimiser, and the head that tells labels.
    """
    head = None
    if labels is not None:
        with DrawingFrom(torch.Generator("cpu").manual_seed(seed)):
            head = nn.Linear(num_topics, labels.shape[1])
    groups = topic_parameter_groups(vae, learning_rate, head)

    def configure(_: Any) -> Any:
        if decay:
            return decaying_adam(learning_rate, training.planned_steps)(groups)
        return resumed_adam(learning_rate, optimizer_state)(groups)

    draws = decoder_of(vae).num_samples
    bound = importance_weighted_bound if draws > 1 else elbo
    how: dict[str, Any] = {"num_samples": draws, "importance": draws > 1, "optimizer": configure}
    if head is None:
        training = Training(vae, objective=bound, **how)
    else:
        labelled = partial(labelled_elbo, label_weight=label_weight, bound=bound)
        training = _LabelledTraining(vae, head, objective=labelled, **how)
    generator = torch.Generator("cpu").manual_seed(seed)
    fit(training, CountDataset(counts, covariates, label=labels), seed=generator, **options)
    training.cpu().eval()
    return training, head


class _LabelledTraining(Training):
    """Training in which theta's mean tells labels, by a linear softmax, and so learns to.

    Args:
        vae: The model.
        head: From theta to logits of the L classes.
        options: Those of `Training`.
    """

    vae: VAE

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
