"""Topic models as VAEs: how what documents are made of is inferred from their words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.distributions import Distribution

from dirvae.data.sparse_matrix import checked_csr
from dirvae.distributions import Dirichlet
from dirvae.distributions._sparse import as_sparse_rows, narrowed
from dirvae.models.vae import VAE
from dirvae.objectives import Terms
from dirvae.topics.decoder import TopicDecoder

__all__ = ["MixtureVAE", "decoded_log_prob", "decoded_perplexity", "is_mixture"]

ROWS_AT_ONCE = 500


def is_mixture(
    decoder: TopicDecoder | type[TopicDecoder], Latent: Callable[..., Distribution]
) -> bool:
    """Whether inference is by words, as a `MixtureVAE` has it, rather than by a network alone.

    Example:
        >>> from dirvae.topics import MixtureDecoder, ProductDecoder
        >>> is_mixture(MixtureDecoder, Dirichlet), is_mixture(ProductDecoder, Dirichlet)
        (True, False)
    """
    return Latent is Dirichlet and decoder.mixes


class MixtureVAE(VAE):
    r"""LDA with inference by a network and then steps of collapsed variational Bayes (CVB0).

    The network gives weights t of the topics. Each step assigns every word to topics, in
    proportion to :math:`t_k \beta_{kv}`, and adds the assigned words to the prior's concentrations:

    .. math:: \gamma_k = \alpha_k + \sum_v x_v \frac{t_k \beta_{kv}}{\sum_j t_j \beta_{jv}}

    Then q(theta|x) = Dirichlet(gamma). The next step takes :math:`t_k = \gamma_k` (CVB0). Steps
    with :math:`t_k = e^{\psi(\gamma_k)}` would lead to the highest bound. But they leave short
    documents with few topics, and in training each topic then learns the words of all topics.

    The posterior of a document without words is the prior. n words add n to the sum of the
    concentrations. With an `OverdispersedDecoder`, each count is either fresh or repeats an earlier
    one, and repeats say nothing about theta. So x then has the expected numbers of fresh counts,
    and n is replaced by the effective number n (1 + s) / (n + s).

    Args:
        encoder: Module from counts to t, shape (B, K), such as `TopicWeights`.
        decoder: A `TopicDecoder` that mixes its topics.
        prior: Module that returns a Dirichlet.
        num_steps: Number of steps in training, 1 or more. Evaluation takes more, by the factor
            ``more_steps`` of the decoder.

    References:
        Blei, Ng & Jordan 2003 (the model); Asuncion, Welling, Smyth & Teh 2009 (CVB0); Marino, Yue
        & Mandt 2018 (amortised inference that is refined).

    Example:
        >>> from dirvae.nn import WordFeatures
        >>> from dirvae.topics import MixtureDecoder, PrevalencePrior, TopicWeights
        >>> encoder = TopicWeights(WordFeatures(4, 8), 2)
        >>> vae = MixtureVAE(encoder, MixtureDecoder(2, 4), PrevalencePrior(2))
        >>> vae.embed(torch.zeros(1, 4))  # no words: the prior
        tensor([[0.5000, 0.5000]], grad_fn=<DivBackward0>)
    """

    decoder: TopicDecoder

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, num_steps: int = 2
    ) -> None:
        super().__init__(encoder, decoder, prior)
        self.num_steps = num_steps

    def terms(self, *data: Any, **options: Any) -> Terms:
        """Log-likelihood and KL of each example, as in `VAE.terms`."""
        with self.decoder.topics_taken_once():
            return super().terms(*data, **options)

    def infer(self, x: Tensor, *context: Tensor) -> Dirichlet:
        """Return q(theta|x) for counts of shape (B, V), sparse CSR or dense."""
        # The bound alone teaches topics: by way of the inference they would learn to be easy.
        return self._refined(x, self.decoder.topics.detach(), *context)

    def infer_by_topics(self, x: Tensor, *context: Tensor) -> Dirichlet:
        """Return the same q(theta|x), with gradients to the topics, so labels can train them."""
        return self._refined(x, self.decoder.topics, *context)

    def _refined(self, x: Tensor, topics: Tensor, *context: Tensor) -> Dirichlet:
        weights: Tensor = self.encoder(x)  # the covariates tell the prior
        prior: Tensor = self.prior(*context).concentration
        x, words = narrowed(as_sparse_rows(x).to(topics.dtype), topics)
        num_steps = self.num_steps * (1 if self.training else self.decoder.more_steps)
        return self.decoder.infer(x, weights, prior, words, num_steps)


def decoded_perplexity(decoder: nn.Module, z: Tensor, held_out: sparse.csr_matrix) -> float:
    """Exp of minus the mean log probability of held-out tokens, by the decoder's own distribution.

    Of a mixture it is `evaluation.completion_perplexity`; a product of experts is no mixture.

    Args:
        decoder: From z to a distribution of words with ``probs``.
        z: Latents that other tokens of the documents gave, shape (N, K).
        held_out: Counts, shape (N, V).

    Raises:
        ValueError: If nothing is held out.

    Example:
        >>> from dirvae.topics.decoders import ProductDecoder
        >>> product = ProductDecoder(2, 4)
        >>> product.start(torch.zeros(2, 4), torch.zeros(4))
        >>> round(decoded_perplexity(product, torch.ones(1, 2), sparse.csr_matrix([[3, 1, 0, 0]])))
        4
    """
    held_out = checked_csr("held_out", held_out)
    if not held_out.sum() > 0:
        raise ValueError("held_out has no tokens, must have one or more")
    nats = decoded_log_prob(decoder, z, held_out)
    return float(np.exp(-nats.sum() / held_out.sum()))


@torch.no_grad()
def decoded_log_prob(
    decoder: nn.Module, z: Tensor, held_out: sparse.csr_matrix
) -> NDArray[np.float64]:
    """Log probability of documents' held-out tokens by the decoder's own distribution, shape (N,).

    Of a mixture it is `evaluation.completion.held_out_log_prob`; a product of experts is none.

    Args:
        decoder: From z to a distribution of words with ``probs``.
        z: Latents that other tokens of the documents gave, shape (N, K).
        held_out: Counts, shape (N, V).

    Example:
        >>> from dirvae.topics.decoders import ProductDecoder
        >>> product = ProductDecoder(2, 4)
        >>> product.start(torch.zeros(2, 4), torch.zeros(4))
        >>> decoded_log_prob(product, torch.ones(1, 2), sparse.csr_matrix([[3, 1, 0, 0]])).round(4)
        array([-5.5452])
    """
    held_out = checked_csr("held_out", held_out)
    exact = copy.deepcopy(decoder).double()  # in single precision a rare word may have 0
    found = []
    for first in range(0, len(z), ROWS_AT_ONCE):
        part = held_out[first : first + ROWS_AT_ONCE].tocoo()
        law = exact(z[first : first + ROWS_AT_ONCE].double()).probs.numpy()
        with np.errstate(divide="ignore"):
            nats = part.data * np.log(law[part.row, part.col])
        found.append(np.bincount(part.row, nats, minlength=part.shape[0]))
    return np.concatenate(found)
