"""The VAE that a `TopicModel`'s arguments ask for, at the topics that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from dirvae.distributions.global_random import DrawingFrom
from dirvae.models.latents import default_concentration, has_learnable_prior
from dirvae.models.vae import VAE
from dirvae.topics.decoder import TopicDecoder
from dirvae.topics.inference import is_mixture
from dirvae.topics.prior import PrevalencePrior
from dirvae.topics.start import TopicStart
from dirvae.topics.zoo import topic_prior, topic_vae

__all__ = ["starting_vae", "vectors_of_words"]

BACKGROUND_PRIOR = 0.2  # concentration of words of no topic, or its start, over that of all topics


def starting_vae(
    Decoder: type[TopicDecoder],
    Latent: Callable[..., Distribution],
    start: TopicStart,
    *,
    prior_concentration: float | str | None = "learn",
    background: bool = True,
    covariates: Any = None,
    word_vectors: Tensor | None = None,
    hidden_sizes: Sequence[int] = (100, 100),
    seed: int = 0,
) -> VAE:
    """Build the VAE of a topic model.

    Args:
        Decoder: From the latent to words.
        Latent: Distribution of q(theta|x).
        start: Topics and words' frequencies to start from.
        prior_concentration: As in `TopicModel`.
        background: Whether a mixture has one distribution of words more than ``start`` has topics.
        covariates: Those on which the prior depends, shape (N, C), or None.
        word_vectors: For a decoder that takes them, shape (V, E), or None.
        hidden_sizes: Widths of the encoder's layers.
        seed: Of the weights.

    Raises:
        ValueError: If the prior does not go with the latent.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> from dirvae.topics import MixtureDecoder
        >>> start = TopicStart(torch.zeros(2, 4), torch.zeros(4))
        >>> starting_vae(MixtureDecoder, Dirichlet, start).decoder.topics.shape
        torch.Size([3, 4])
    """
    log_topics = start.log_topics
    num_topics, num_words = log_topics.shape
    if background and is_mixture(Decoder, Latent):
        log_topics = torch.cat([log_topics, start.log_background.unsqueeze(0)])
    with DrawingFrom(torch.Generator("cpu").manual_seed(seed)):
        if word_vectors is None:
            decoder = Decoder(len(log_topics), num_words)
        else:
            decoder = Decoder.of_vectors(len(log_topics), word_vectors)
        decoder.start(log_topics, start.log_background)
        prior = _prior(Latent, prior_concentration, num_topics, len(log_topics), covariates)
        return topic_vae(decoder, Latent, prior, hidden_sizes=tuple(hidden_sizes))


def _prior(
    Latent: Callable[..., Distribution],
    value: Any,
    num_topics: int,
    num_mixed: int,
    covariates: Any,
) -> nn.Module:
    learned = covariates is not None or (value == "learn" and has_learnable_prior(Latent))
    if value in (None, "learn"):
        value = PrevalencePrior.START if learned else None
    if num_mixed > num_topics:
        default = default_concentration(num_topics)
        topics = default if value is None else torch.full_like(default, float(value))
        value = torch.cat([topics, BACKGROUND_PRIOR * topics.sum().unsqueeze(0)])
    num_covariates = 0 if covariates is None else covariates.shape[1]
    prior = topic_prior(Latent, num_mixed, value, learn=learned, num_covariates=num_covariates)
    if isinstance(prior, PrevalencePrior) and covariates is not None:
        prior.standardize(torch.from_numpy(covariates).float())
    return prior


def vectors_of_words(vectors: Any, words: Any, num_words: int) -> Tensor:
    """Return the vector of each word, shape (V, E).

    Args:
        vectors: Shape (V, E), or a mapping from words to vectors; words without one have zeros.
        words: The V words, or None if they are not known.
        num_words: V.

    Raises:
        ValueError: If the vectors do not go with the words.

    Example:
        >>> vectors_of_words({"cat": [1.0, 2.0]}, ["cat", "dog"], 2)
        tensor([[1., 2.],
                [0., 0.]])
    """
    if isinstance(vectors, Mapping):
        if words is None:
            raise ValueError("word_vectors is a mapping from words, so fit needs a vocabulary")
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
