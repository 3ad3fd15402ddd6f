"""Topic models as VAEs: how what documents are made of is inferred from their words."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from dirvae.data.sparse_matrix import checked_csr
from dirvae.distributions import Dirichlet
from dirvae.distributions._sparse import as_sparse_rows, assigned_counts, fresh_counts, row_sums
from dirvae.models.vae import VAE
from dirvae.topics.decoders import OverdispersedDecoder, topic_word

__all__ = ["MixtureVAE", "decoded_perplexity"]


DOCUMENTS_AT_ONCE = 500
LONGEST_STEP = 1.7  # of over-dispersed counts, in steps of words; 2 and more need not converge


class MixtureVAE(VAE):
    r"""LDA whose inference is a network followed by steps of collapsed variational Bayes.

    The network gives weights t. Each step assigns every word to topics and counts,

    .. math:: \gamma_k = \alpha_k + \sum_v x_v \frac{t_k \beta_{kv}}{\sum_j t_j \beta_{jv}},

    and q(theta|x) = Dirichlet(gamma); the next step has :math:`t_k = \gamma_k` (CVB0). Steps of
    :math:`e^{\psi(\gamma_k)}`, where the bound is highest, shut most topics out of short documents,
    so that each topic learns the words of all. A document without words has the prior, and one of n
    words a concentration of n more. Counts of an `OverdispersedDecoder` that repeat others tell
    nothing: x is then the fresh ones alone, and n their effective number, n (1 + s) / (n + s).

    Args:
        encoder: Module from counts to t, shape (B, K), such as `TopicWeights`.
        decoder: A `MixtureDecoder` or `EmbeddedDecoder`.
        prior: Module that returns a Dirichlet.
        num_steps: Steps in training, 1 or more; in evaluation, where they are cheap, twice as many
            (five times, of over-dispersed counts).

    References:
        Blei, Ng & Jordan 2003 (the model); Asuncion, Welling, Smyth & Teh 2009 (CVB0); Marino, Yue
        & Mandt 2018 (amortised inference that is refined).

    Example:
        >>> from dirvae.nn import WordFeatures
        >>> from dirvae.topics import PrevalencePrior, TopicWeights
        >>> encoder = TopicWeights(WordFeatures(4, 8), 2)
        >>> vae = MixtureVAE(encoder, MixtureDecoder(2, 4), PrevalencePrior(2))
        >>> vae.embed(torch.zeros(1, 4))  # no words: the prior
        tensor([[0.5000, 0.5000]], grad_fn=<DivBackward0>)
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, num_steps: int = 2
    ) -> None:
        super().__init__(encoder, decoder, prior)
        self.num_steps = num_steps

    def infer(self, x: Tensor, *context: Tensor) -> Dirichlet:
        """Return q(theta|x) for counts of shape (B, V), sparse CSR or dense."""
        # The bound alone teaches topics: by way of the inference they would learn to be easy.
        return self._refined(x, self._topics().detach(), *context)

    def infer_by_topics(self, x: Tensor, *context: Tensor) -> Dirichlet:
        """Return the same with a gradient to the topics, by which labels can teach them."""
        return self._refined(x, self._topics(), *context)

    def _topics(self) -> Tensor:
        decoder: Any = self.decoder
        return topic_word(decoder, decoder.num_topics)

    def _refined(self, x: Tensor, topics: Tensor, *context: Tensor) -> Dirichlet:
        weights: Tensor = self.encoder(x)  # the covariates tell the prior
        alpha: Tensor = self.prior(*context).concentration
        words = topics.t().contiguous()
        x = as_sparse_rows(x).to(words.dtype)
        if isinstance(self.decoder, OverdispersedDecoder):
            num_steps = self.num_steps * (1 if self.training else 5)
            return _infer_overdispersed(self.decoder, alpha, x, weights, words, num_steps)
        concentration = alpha + assigned_counts(x, weights, words)
        for _ in range(self.num_steps * (1 if self.training else 2) - 1):
            concentration = alpha + assigned_counts(x, concentration, words)
        return Dirichlet(concentration, validate_args=False)


def _infer_overdispersed(
    decoder: OverdispersedDecoder,
    alpha: Tensor,
    x: Tensor,
    weights: Tensor,
    words: Tensor,
    num_steps: int,
) -> Dirichlet:
    """The mean where fresh counts, taken for words, put it; as wide as what all counts tell.

    They tell less than as many words would, so that steps taken for words are short.
    """
    precision, known = decoder.precision.detach(), decoder.effective(row_sums(x)).detach()
    log_weights = weights.log()
    for _ in range(num_steps):
        fresh = fresh_counts(x, weights, words, precision)
        mean = alpha + assigned_counts(fresh, weights, words)
        mean = mean / mean.sum(-1, keepdim=True)
        longer = (row_sums(fresh) / known.clamp(min=1e-6)).clamp(1, LONGEST_STEP).unsqueeze(-1)
        log_weights = (log_weights + longer * (mean.log() - log_weights)).log_softmax(-1)
        weights = log_weights.exp()
    return Dirichlet(mean * (alpha.sum(-1) + known).unsqueeze(-1), validate_args=False)


@torch.no_grad()
def decoded_perplexity(decoder: nn.Module, z: Tensor, held_out: sparse.csr_matrix) -> float:
    """Exp of minus the mean log probability of held-out tokens, by the decoder's own law.

    Of a mixture it is `evaluation.completion_perplexity`; a product of experts is no mixture.

    Args:
        decoder: From z to a law of words with ``probs``.
        z: Latents that other tokens of the documents gave, shape (N, K).
        held_out: Counts, shape (N, V).

    Raises:
        ValueError: If nothing is held out.

    Example:
        >>> from dirvae.topics.decoders import ProductDecoder
        >>> product = ProductDecoder(2, 4)
        >>> product.start(torch.zeros(2, 4), torch.zeros(4))
        >>> decoded_perplexity(product, torch.ones(1, 2), sparse.csr_matrix([[3, 1, 0, 0]]))
        4.0
    """
    held_out = checked_csr("held_out", held_out)
    if not held_out.sum() > 0:
        raise ValueError("held_out has no tokens")
    exact = copy.deepcopy(decoder).double()  # in single precision a rare word may have 0
    total = 0.0
    for first in range(0, len(z), DOCUMENTS_AT_ONCE):
        part = held_out[first : first + DOCUMENTS_AT_ONCE].tocoo()
        law = exact(z[first : first + DOCUMENTS_AT_ONCE].double()).probs.numpy()
        total += float(part.data @ np.log(law[part.row, part.col]))
    return float(np.exp(-total / held_out.sum()))
