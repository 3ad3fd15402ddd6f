"""The VAE that a `TopicModel`'s arguments ask for, at the topics that it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dirvae.distributions import Dirichlet
from dirvae.distributions.global_random import DrawingFrom
from dirvae.models.latents import default_concentration, has_learnable_prior
from dirvae.models.vae import VAE
from dirvae.topics.decoders import EmbeddedDecoder, ProductDecoder
from dirvae.topics.prior import PrevalencePrior
from dirvae.topics.start import TopicStart
from dirvae.topics.zoo import topic_prior, topic_vae

if TYPE_CHECKING:
    from dirvae.topics.model import TopicModel

__all__ = ["starting_vae"]

EMBEDDING_SIZE = 100  # of word vectors that are learned
BACKGROUND_PRIOR = 0.2  # concentration of words of no topic, or its start, over that of all topics
GUIDED_WEIGHT = 0.5  # share of a guided topic's words, at the start, that are its seed words


def starting_vae(
    model: TopicModel, start: TopicStart, told: Any, guided: Sequence[Sequence[int]], seed: int
) -> VAE:
    """Build the VAE; of the fitted attributes, ``vocabulary_`` alone is read.

    Args:
        model: Its arguments say what is built.
        start: Topics and words' frequencies to start from.
        told: Covariates on which the prior depends, shape (N, C), or None.
        guided: Columns of the words that the first topics start from, of each.
        seed: Of the weights.

    Raises:
        ValueError: If word vectors or prior do not go with the words or the latent.
    """
    words = getattr(model, "vocabulary_", None)
    log_topics = _guided(start.log_topics, guided)
    mixture = model.latent is Dirichlet and model.decoder is not ProductDecoder
    if model.background and mixture:
        log_topics = torch.cat([log_topics, start.log_background.unsqueeze(0)])
    num_topics, num_words = log_topics.shape
    with DrawingFrom(torch.Generator("cpu").manual_seed(seed)):
        if model.word_vectors is not None:
            vectors = _vectors(model.word_vectors, words, num_words)
            decoder: Any = EmbeddedDecoder.of_vectors(num_topics, vectors)
        elif model.decoder is EmbeddedDecoder:
            decoder = EmbeddedDecoder(num_topics, num_words, EMBEDDING_SIZE)
        else:
            decoder = model.decoder(num_topics, num_words)
        decoder.start(log_topics, start.log_background)
        prior = _prior(model, num_topics, told)
        return topic_vae(decoder, model.latent, prior, hidden_sizes=tuple(model.hidden_sizes))


def _prior(model: TopicModel, num_topics: int, told: Any) -> Any:
    value: Any = model.prior_concentration
    learned = told is not None or (value == "learn" and has_learnable_prior(model.latent))
    if value in (None, "learn"):
        value = PrevalencePrior.START if learned else None
    if num_topics > model.n_components:
        default = default_concentration(model.n_components)
        topics = default if value is None else torch.full_like(default, float(value))
        value = torch.cat([topics, BACKGROUND_PRIOR * topics.sum().unsqueeze(0)])
    num_covariates = 0 if told is None else told.shape[1]
    prior = topic_prior(
        model.latent, num_topics, value, learn=learned, num_covariates=num_covariates
    )
    if isinstance(prior, PrevalencePrior) and told is not None:
        prior.standardize(torch.from_numpy(told).float())
    return prior


def _vectors(vectors: Any, words: Any, num_words: int) -> Tensor:
    if isinstance(vectors, Mapping):
        if words is None:
            raise ValueError("word_vectors by word need the words: give fit a vocabulary")
        known = [word for word in words if word in vectors]
        if not known:
            raise ValueError("word_vectors has no word of the vocabulary, must have some")
        size = len(vectors[known[0]])
        vectors = [vectors.get(word, np.zeros(size)) for word in words]
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or len(array) != num_words or not np.isfinite(array).all():
        raise ValueError(
            f"word_vectors has shape {array.shape}, must be finite, with a row for each of the "
            f"{num_words} words"
        )
    return torch.from_numpy(array)


def _guided(log_topics: Tensor, guided: Sequence[Sequence[int]]) -> Tensor:
    """Give each guided topic its words, in place of the cluster that has most of them."""
    topics, free = log_topics.exp(), list(range(len(log_topics)))
    order = []
    for columns in guided:
        best = max(free, key=lambda k: float(topics[k, columns].sum()))
        topics[best] *= 1 - GUIDED_WEIGHT
        topics[best, columns] += GUIDED_WEIGHT / len(columns)
        free.remove(best)
        order.append(best)
    return topics[order + free].log() if guided else log_topics
