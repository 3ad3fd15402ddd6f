"""Topic models of papers: functions that combine the decoder and the latent of each paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from dirvae.distributions import Dirichlet, SoftmaxNormal
from dirvae.models.latents import has_learnable_prior, prior_like_dirichlet, standard_prior
from dirvae.models.vae import VAE
from dirvae.nn import MLP, Head
from dirvae.nn.counts import WordFeatures
from dirvae.topics.decoder import TopicDecoder, decoder_of
from dirvae.topics.decoders import EmbeddedDecoder, MixtureDecoder, ProductDecoder
from dirvae.topics.encoder import TopicWeights
from dirvae.topics.inference import MixtureVAE, is_mixture
from dirvae.topics.prior import PrevalencePrior

__all__ = ["gsm", "lda", "nvdm", "prodlda", "topic_parameter_groups", "topic_prior", "topic_vae"]

HEAD_STEP = 30.0  # step size of a head that tells labels, over the encoder's


def topic_vae(
    decoder: TopicDecoder,
    Latent: Callable[..., Distribution] = Dirichlet,
    prior: nn.Module | None = None,
    *,
    hidden_sizes: Sequence[int] = (200, 200),
    dropout: float = 0.0,
) -> VAE:
    """Build a topic model from any decoder and any latent, with a standard encoder.

    Args:
        decoder: Maps the latent to the distribution of words.
        Latent: Distribution of q(theta|x).
        prior: p(theta). If None, `topic_prior` of ``Latent``.
        hidden_sizes: Widths of the encoder's layers, one or more.
        dropout: Probability of dropping each activation after the first layer.

    Returns:
        A `MixtureVAE` if the decoder mixes topics and the latent is a Dirichlet; else a `VAE`.

    Example:
        >>> vae = topic_vae(ProductDecoder(3, 8), SoftmaxNormal, hidden_sizes=(16,))
        >>> vae.embed(torch.ones(2, 8)).shape
        torch.Size([2, 3])
    """
    num_topics, (first, *rest) = decoder.num_topics, hidden_sizes
    features = WordFeatures(decoder.num_words, first)
    net = MLP(
        first,
        rest,
        activation=nn.GELU,
        layer_norm=True,
        dropout=dropout,
        features=features,
    )
    prior = topic_prior(Latent, num_topics) if prior is None else prior
    if is_mixture(decoder, Latent):
        return MixtureVAE(TopicWeights(net, num_topics), decoder, prior, decoder.num_steps)
    options: dict[str, Any] = {}
    if has_learnable_prior(Latent):
        options = {"exponential": ("concentration",), "initial": {"concentration": 1.0}}
    return VAE(Head(net, num_topics, Latent, **options), decoder, prior)


def topic_prior(
    Latent: Callable[..., Distribution],
    num_topics: int,
    concentration: float | Tensor | None = None,
    *,
    learn: bool = False,
    num_covariates: int = 0,
) -> nn.Module:
    """The prior of theta, given by the concentration of a Dirichlet.

    `SoftmaxNormal` has the Laplace approximation of that Dirichlet as its prior. A Gaussian latent
    ignores the concentration.

    Args:
        Latent: Distribution of q(theta|x).
        num_topics: K.
        concentration: Positive concentration of the Dirichlet, or of the GEM prior of a
            stick-breaking latent. If None, the latent's default.
        learn: Whether the prior is learned. Only for a Dirichlet.
        num_covariates: Number of covariates, C, that a learned prior depends on.

    Raises:
        ValueError: If the options do not apply to the latent.

    Example:
        >>> topic_prior(SoftmaxNormal, 3, 1.0)().scale
        tensor([0.8165, 0.8165, 0.8165])
    """
    if learn or num_covariates:
        if not has_learnable_prior(Latent):
            raise ValueError("a prior that is learned needs a Dirichlet latent")
        prior = PrevalencePrior(num_topics, num_covariates)
        if concentration is not None:
            with torch.no_grad():
                prior.log_concentration.copy_(torch.as_tensor(concentration).log())
        return prior
    if concentration is None:
        return standard_prior(Latent, num_topics)
    concentration = torch.as_tensor(concentration, dtype=torch.float32)
    return prior_like_dirichlet(Latent, num_topics, concentration)


def topic_parameter_groups(
    vae: VAE, learning_rate: float, head: nn.Module | None = None
) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: topics and a learned prior take larger steps.

    Example:
        >>> vae = lda(3, 8, hidden_sizes=(16,))
        >>> len(topic_parameter_groups(vae, 1e-3))
        3
    """
    topics = decoder_of(vae)
    parts = [(vae.encoder, 1.0), (topics, topics.step_size), (vae.prior, 2.0)]
    if head is not None:
        parts.append((head, HEAD_STEP))
    return [
        {"params": learned, "lr": learning_rate * factor}
        for part, factor in parts
        if (learned := [p for p in part.parameters() if p.requires_grad])
    ]


def lda(num_topics: int, num_words: int, **options: Any) -> VAE:
    """Mixture decoder and Dirichlet latent with a learned prior (Blei, Ng & Jordan 2003).

    ``options`` are arguments of `topic_vae`.

    Example:
        >>> lda(3, 8, hidden_sizes=(16,)).embed(torch.ones(2, 8)).shape
        torch.Size([2, 3])
    """
    options = {"prior": topic_prior(Dirichlet, num_topics, 0.1, learn=True), **options}
    return topic_vae(MixtureDecoder(num_topics, num_words), Dirichlet, **options)


def prodlda(
    num_topics: int,
    num_words: int,
    Latent: Callable[..., Distribution] = SoftmaxNormal,
    concentration: float | None = None,
    **options: Any,
) -> VAE:
    """ProdLDA: a product of experts over the simplex (Srivastava & Sutton 2017).

    The default latent is that of the paper, `SoftmaxNormal`.

    Example:
        >>> prodlda(3, 8, hidden_sizes=(16,)).embed(torch.ones(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = topic_prior(Latent, num_topics, 1.0 if concentration is None else concentration)
    return topic_vae(ProductDecoder(num_topics, num_words, True), Latent, prior, **options)


def nvdm(
    num_topics: int,
    num_words: int,
    Latent: Callable[..., Distribution] = Normal,
    concentration: float | None = None,
    **options: Any,
) -> VAE:
    """NVDM: the softmax of a linear map of the latent (Miao, Yu & Blunsom 2016).

    The default latent is that of the paper, a Gaussian.

    Example:
        >>> nvdm(3, 8, hidden_sizes=(16,)).embed(torch.ones(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = topic_prior(Latent, num_topics, concentration)
    return topic_vae(ProductDecoder(num_topics, num_words), Latent, prior, **options)


def gsm(
    num_topics: int,
    num_words: int,
    Latent: Callable[..., Distribution] = SoftmaxNormal,
    concentration: float | None = None,
    **options: Any,
) -> VAE:
    """GSM: a mixture of topics made of vectors (Miao, Grefenstette & Blunsom 2017).

    The default latent is that of the paper, `SoftmaxNormal` (the softmax of a Gaussian).

    Example:
        >>> gsm(3, 8, hidden_sizes=(16,)).embed(torch.ones(2, 8)).shape
        torch.Size([2, 3])
    """
    prior = topic_prior(Latent, num_topics, concentration)
    return topic_vae(EmbeddedDecoder(num_topics, num_words), Latent, prior, **options)
