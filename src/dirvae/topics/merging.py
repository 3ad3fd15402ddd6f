"""Which topics go together: as a user says, or by how alike their words are."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from torch import nn

from dirvae.distributions import Dirichlet
from dirvae.distributions.global_random import DrawingFrom
from dirvae.evaluation.clusters import groups_of_tree
from dirvae.models.vae import VAE
from dirvae.nn import Fixed
from dirvae.topics.encoder import TopicWeights
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.prior import PrevalencePrior

__all__ = ["alike_topics", "all_topics", "merged_topics"]


def all_topics(groups: Sequence[Sequence[int]], num_topics: int) -> list[list[int]]:
    """Return the groups, and after them each topic that is in none, by itself.

    Args:
        groups: Topics from 0 to K - 1, each at most once.
        num_topics: K.

    Raises:
        ValueError: If a topic is named twice or is not there.

    Example:
        >>> all_topics([[3, 1]], 4)
        [[3, 1], [0], [2]]
    """
    named = [int(k) for group in groups for k in group]
    if len(set(named)) < len(named) or not set(named) <= set(range(num_topics)):
        raise ValueError(
            f"groups is {groups!r}, must name topics from 0 to {num_topics - 1}, each at most once"
        )
    rest = [[k] for k in range(num_topics) if k not in named]
    return [*([int(k) for k in group] for group in groups), *rest]


def alike_topics(topic_word: NDArray[np.float64], num_groups: int) -> list[list[int]]:
    """Group topics by their words: average linkage of cosines.

    Args:
        topic_word: beta, shape (K, V).
        num_groups: From 1 to K.

    Example:
        >>> alike_topics(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 2)
        [[0, 2], [1]]
    """
    tree = linkage(topic_word, method="average", metric="cosine")
    group = groups_of_tree(tree, num_groups)
    return [np.flatnonzero(group == number).tolist() for number in range(num_groups)]


@torch.no_grad()
def merged_topics(vae: VAE, parts: Sequence[Sequence[int]], prevalence: Any) -> MixtureVAE:
    """Return a model whose topics are sums of another's.

    Words and prior are added, the former by prevalence. Of the network's weights, where inference
    only starts, each part has those of its most prevalent topic. A prior that is fixed stays so,
    and so does the precision of over-dispersed counts.

    Args:
        vae: A `MixtureVAE` whose decoder's topics can be `merged`, and a prior without covariates.
        parts: The topics of each new topic, one or more; a background is one of them.
        prevalence: Share of each topic, shape (K,).

    Raises:
        ValueError: If the model is another, or a part is empty.
    """
    if not isinstance(vae, MixtureVAE):
        raise ValueError("topics can be merged in a mixture with a Dirichlet latent only")
    if getattr(vae.prior, "num_covariates", 0):
        raise ValueError("topics cannot be merged in a model with covariates: fit one without")
    parts = [list(part) for part in parts]
    if not all(parts):
        raise ValueError("a group of topics is empty, must have one topic or more")
    decoder, encoder = (
        vae.decoder.merged(parts, prevalence),
        _merged_weights(vae, parts, prevalence),
    )
    concentration = vae.prior().concentration
    sums = torch.stack([concentration[part].sum() for part in parts])
    prior: nn.Module = Fixed(Dirichlet, concentration=sums)
    if isinstance(vae.prior, PrevalencePrior):
        prior = PrevalencePrior(len(parts))
        prior.log_concentration.copy_(sums.log())
    return MixtureVAE(encoder, decoder, prior, vae.num_steps).eval()


def _merged_weights(vae: VAE, parts: Sequence[Sequence[int]], prevalence: Any) -> TopicWeights:
    """Weights of the most prevalent topic of each part."""
    old = cast(TopicWeights, vae.encoder)
    with DrawingFrom(torch.Generator("cpu")):  # what is drawn is overwritten below
        encoder = TopicWeights(copy.deepcopy(old.net), len(parts))
    share = np.asarray(prevalence, dtype=np.float32)
    main = [part[int(share[part].argmax())] for part in parts]
    encoder.projection.weight.copy_(old.projection.weight[main])
    encoder.projection.bias.copy_(old.projection.bias[main])
    return encoder
