"""The decoders of topic models that have a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from dirvae.distributions import (
    Dirichlet,
    DirichletMultinomial,
    MixedMultinomial,
    Multinomial,
)
from dirvae.distributions._count_rows import require_rows, rows_of
from dirvae.distributions._gamma_functions import trigamma
from dirvae.distributions._sparse import (
    RisingFactorials,
    assigned_counts,
    fresh_counts,
    mixture_probs,
    row_sums,
    with_values,
)
from dirvae.distributions.global_random import DrawingFrom
from dirvae.distributions.log_space import log_multiset
from dirvae.distributions.precision import to_float64
from dirvae.topics.decoder import TopicDecoder

__all__ = ["EmbeddedDecoder", "MixtureDecoder", "OverdispersedDecoder", "ProductDecoder"]


class MixtureDecoder(TopicDecoder):
    r"""The decoder of LDA: each word has one topic, :math:`p(w) = \sum_k \theta_k \beta_{kw}`.

    Args:
        num_topics: K.
        num_words: V.

    References:
        Blei, Ng & Jordan 2003.

    Example:
        >>> MixtureDecoder(2, 4)(torch.tensor([[0.5, 0.5]])).probs.shape
        torch.Size([1, 4])
    """

    step_size = 40.0  # logs of probabilities go far

    def __init__(self, num_topics: int, num_words: int) -> None:
        super().__init__(num_topics, num_words)
        self.weight = nn.Parameter(_random(num_topics, num_words))
        self._taken: Tensor | None = None

    @property
    def topics(self) -> Tensor:
        """beta: the probability of each word in each topic, shape (K, V). Rows sum to 1."""
        return self.weight.softmax(-1) if self._taken is None else self._taken

    @contextmanager
    def topics_taken_once(self) -> Iterator[None]:
        """Context manager in which the softmax over all words is computed only once."""
        self._taken = self.topics
        try:
            yield
        finally:
            self._taken = None

    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution of words given theta, shape (..., B, K)."""
        return MixedMultinomial(context[0], self.topics, validate_args=False)

    @torch.no_grad()
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Set the topics, shape (K, V), as log probabilities."""
        self.weight.copy_(log_topics)

    @torch.no_grad()
    def merged(self, parts: Sequence[Sequence[int]], prevalence: Any) -> Self:
        """Return a decoder whose topics are means of topics of this decoder, weighted by share."""
        own = self.topics
        with DrawingFrom(torch.Generator("cpu")):  # what is drawn is overwritten below
            decoder = type(self)(len(parts), self.num_words)
        for new, part in enumerate(parts):
            share = torch.as_tensor(prevalence)[part].to(own)
            decoder.weight[new] = ((share / share.sum()) @ own[part]).log()
        return decoder


class OverdispersedDecoder(MixtureDecoder):
    r"""Counts that vary more than a multinomial: a Dirichlet-multinomial around the mixture.

    .. math:: x \mid n, \theta \sim \mathrm{DirMult}(n, s\,p), \quad p = \theta^\top \beta

    The precision s, the sum of the concentrations, is learned. As s grows, this decoder approaches
    the `MixtureDecoder`. As s falls, each row varies more around its mixture of topics, and its
    counts say less about its topics. The total n of a row is given, and serves as its size factor.
    Independent negative binomial counts also have this distribution, given their sum, if their
    means are proportional to p and their variance-to-mean ratios are equal.

    Args:
        num_topics: K.
        num_words: V.

    References:
        Doyle & Elkan 2009 (word bursts); Holmes, Harris & Quince 2012 (microbes).

    Example:
        >>> decoder = OverdispersedDecoder(2, 4)
        >>> round(float(decoder.precision.detach()))
        100
        >>> decoder(torch.tensor([[0.5, 0.5]])).concentration.shape
        torch.Size([1, 4])
    """

    num_steps = 4  # repeated counts tell little of theta, so it moves slowly
    more_steps = 5
    num_samples = 2  # by the ELBO alone, components end inside the corners that samples reach
    START = 100.0  # of the precision
    LONGEST_STEP = 1.7  # in steps of words; 2 and more need not converge
    FLOOR = 1e-12  # of a probability: one of 0 could not be counted, ever

    def __init__(self, num_topics: int, num_words: int) -> None:
        super().__init__(num_topics, num_words)
        self.log_precision = nn.Parameter(torch.tensor(self.START).log())

    @property
    def precision(self) -> Tensor:
        """s, the sum of the concentrations of the Dirichlet-multinomial, shape ()."""
        return self.log_precision.clamp(-12, 20).exp()

    def effective(self, total: Tensor) -> Tensor:
        """Effective number of n counts: n (1 + s) / (n + s).

        So many independent words would say as much about theta as n = ``total`` counts do.
        """
        return total * (1 + self.precision) / (total + self.precision)

    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution of counts given theta, shape (..., B, K)."""
        return _AroundMixture(context[0], self.topics, self.precision, self.FLOOR)

    def infer(
        self, x: Tensor, weights: Tensor, prior: Tensor, words: Tensor, num_steps: int
    ) -> Dirichlet:
        """Return q(theta|x), with a mean from the expected number of fresh counts.

        Fresh counts are those that do not repeat an earlier one (see `MixtureVAE`). The width of
        q(theta|x) follows from `effective`. Steps are longer than those for independent words.
        """
        precision, known = self.precision.detach(), self.effective(row_sums(x)).detach()
        log_weights, rising = weights.log().log_softmax(-1), RisingFactorials(x.values())
        for _ in range(num_steps):
            weights = log_weights.exp()
            probs = mixture_probs(x, weights.detach(), words.detach())
            fresh = fresh_counts(x, probs, precision, rising)
            mean = prior + assigned_counts(fresh, weights, words, probs)
            mean = mean / mean.sum(-1, keepdim=True)
            longer = (row_sums(fresh) / known.clamp(min=1e-6)).clamp(1, self.LONGEST_STEP)
            step = longer.unsqueeze(-1) * (mean.log() - log_weights)
            log_weights = (log_weights + step).log_softmax(-1)
        return Dirichlet(mean * (prior.sum(-1) + known).unsqueeze(-1), validate_args=False)

    @torch.no_grad()
    def information(self, x: Tensor, theta: Tensor) -> Tensor:
        r"""Return a^2 (psi'(a) - psi'(x + a)), with a = s p and psi' the trigamma function.

        This is the number of fresh counts of a word (see `MixtureVAE`), minus the derivative of
        that number in log a.
        """
        words = self.topics.t().contiguous()
        probs = mixture_probs(x.to(words.dtype), theta.to(words.dtype), words)
        a = to_float64(self.precision) * to_float64(probs).clamp(min=self.FLOOR)
        counts = to_float64(x.values())
        return with_values(x, a.square() * (trigamma(a) - trigamma(counts + a)))

    @torch.no_grad()
    def merged(self, parts: Sequence[Sequence[int]], prevalence: Any) -> Self:
        """Return a decoder with merged topics and the same precision."""
        decoder = super().merged(parts, prevalence)
        decoder.log_precision.copy_(self.log_precision)
        return decoder


class _AroundMixture(DirichletMultinomial):
    """A Dirichlet-multinomial around a mixture, whose sparse counts ask for their places alone.

    Args:
        weights: theta, shape (..., B, K).
        topics: beta, shape (K, V).
        precision: s, shape ().
        floor: Of a probability.
    """

    batched = ("concentration", "total_count", "weights")

    def __init__(self, weights: Tensor, topics: Tensor, precision: Tensor, floor: float) -> None:
        super().__init__(precision * (weights @ topics).clamp(min=floor), validate_args=False)
        self.weights, self.topics, self.precision, self.floor = weights, topics, precision, floor

    def _sparse_log_prob(self, x: Tensor) -> Tensor:
        require_rows(x, self)
        counts, totals = to_float64(x.values()), to_float64(row_sums(x))
        words = self.topics.t().contiguous()
        masses, precision = to_float64(self.topics).sum(-1), to_float64(self.precision)
        rising, orders = RisingFactorials(counts), row_sums(x, torch.lgamma(counts + 1))
        found = []
        for theta in rows_of(self.weights, x):
            probs = mixture_probs(x.to(words.dtype), theta, words).clamp(min=self.floor)
            known = row_sums(x, rising.log(precision * to_float64(probs))) - orders
            found.append(known - log_multiset(totals, precision * (to_float64(theta) @ masses)))
        return torch.stack(found).view(*self.batch_shape[:-1], -1).to(self.concentration.dtype)


class ProductDecoder(TopicDecoder):
    r"""A product of experts: the logits of words are weighted sums, :math:`\theta^\top W + b`.

    With theta on the simplex this is the decoder of ProdLDA, with a Gaussian latent that of NVDM.

    Args:
        num_topics: K.
        num_words: V.
        batch_norm: Whether the logits are normalized over the batch, as in ProdLDA, with a scale
            of 1 and a learned bias.

    References:
        Srivastava & Sutton 2017, sec. 4.1; Miao, Yu & Blunsom 2016, eq. 5.

    Example:
        >>> ProductDecoder(2, 4)(torch.tensor([[0.5, 0.5]])).probs.shape
        torch.Size([1, 4])
    """

    mixes = False

    def __init__(self, num_topics: int, num_words: int, batch_norm: bool = False) -> None:
        super().__init__(num_topics, num_words)
        self.batch_norm = batch_norm
        self.weight = nn.Parameter(_random(num_topics, num_words))
        self.bias = nn.Parameter(torch.zeros(num_words))
        self.norm = nn.BatchNorm1d(num_words, eps=1e-3, affine=False) if batch_norm else None

    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution of words given the latent, shape (..., B, K)."""
        logits = context[0] @ self.weight
        if self.norm is not None:
            logits = self.norm(logits.reshape(-1, self.num_words)).view_as(logits)
        return Multinomial(logits + self.bias, validate_args=False)

    @torch.no_grad()
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Set the weights to the log ratios of topics, shape (K, V), to frequencies, shape (V,)."""
        self.weight.copy_(log_topics - log_background)
        self.bias.copy_(log_background)


class EmbeddedDecoder(TopicDecoder):
    r"""A mixture of topics made of vectors: :math:`\beta_k = \mathrm{softmax}(\rho t_k + b)`.

    Here the rows of rho are the vectors of words, t_k is the vector of topic k, and b a bias for
    each word. With given word vectors this decoder is that of ETM, with learned ones that of GSM.

    Args:
        num_topics: K.
        num_words: V.
        num_dimensions: E, size of the vectors.
        learn_words: Whether the word vectors are learned.

    References:
        Dieng, Ruiz & Blei 2020, eq. 3; Miao, Grefenstette & Blunsom 2017, eq. 3-4.

    Example:
        >>> decoder = EmbeddedDecoder.of_vectors(2, torch.eye(3))
        >>> decoder(torch.tensor([[0.5, 0.5]])).probs.shape
        torch.Size([1, 3])
    """

    takes_word_vectors = True

    def __init__(
        self, num_topics: int, num_words: int, num_dimensions: int = 100, learn_words: bool = True
    ) -> None:
        super().__init__(num_topics, num_words)
        self.num_dimensions, self.learn_words = num_dimensions, learn_words
        self.topic_vectors = nn.Parameter(_random(num_topics, num_dimensions))
        words = torch.randn(num_words, num_dimensions) / num_dimensions**0.5
        self.word_vectors = nn.Parameter(words, requires_grad=learn_words)
        self.bias = nn.Parameter(torch.zeros(num_words))

    @classmethod
    def of_vectors(cls, num_topics: int, word_vectors: Tensor) -> Self:
        """Build a decoder with given word vectors, shape (V, E), which are not trained."""
        vectors = torch.as_tensor(word_vectors).float()
        decoder = cls(num_topics, len(vectors), vectors.shape[1], learn_words=False)
        with torch.no_grad():
            decoder.word_vectors.copy_(vectors)
        return decoder

    @property
    def topics(self) -> Tensor:
        """beta: the probability of each word in each topic, shape (K, V). Rows sum to 1."""
        logits = self.topic_vectors @ self.word_vectors.t() + self.bias
        return logits.softmax(-1)

    def forward(self, *context: Tensor) -> Distribution:
        """Return the distribution of words given theta, shape (..., B, K)."""
        return MixedMultinomial(context[0], self.topics, validate_args=False)

    @torch.no_grad()
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Set the bias to frequencies, and the topics as near to (K, V) ones as vectors allow."""
        self.bias.copy_(log_background)
        wanted = log_topics - log_background
        if self.learn_words:
            left, scale, right = torch.linalg.svd(wanted, full_matrices=False)
            size = min(self.num_dimensions, len(scale))
            self.topic_vectors[:, :size] = left[:, :size] * scale[:size].sqrt()
            self.word_vectors[:, :size] = right[:size].t() * scale[:size].sqrt()
        else:
            ridge = 1e-3 * torch.eye(self.num_dimensions)
            gram = self.word_vectors.t() @ self.word_vectors + ridge
            self.topic_vectors.copy_(
                torch.linalg.solve(gram, self.word_vectors.t() @ wanted.t()).t()
            )


def _random(rows: int, columns: int) -> Tensor:
    return nn.init.xavier_uniform_(torch.empty(rows, columns))
