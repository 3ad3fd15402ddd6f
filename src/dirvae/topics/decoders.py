"""Decoders of topic models, from the latent of a document to the law of its words.

Each also keeps what tells its topics, ``documents``: in how many of the documents that it was
fitted to each word was of each topic (`evaluation.documents_of_words`), shape (K, V).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from dirvae.distributions import DirichletMultinomial, MixedMultinomial, Multinomial
from dirvae.nn import Conditional

__all__ = [
    "DECODERS",
    "EmbeddedDecoder",
    "MixtureDecoder",
    "OverdispersedDecoder",
    "ProductDecoder",
    "topic_word",
]


def topic_word(decoder: nn.Module, num_topics: int) -> Tensor:
    """Return beta, the law of words of a document that is all one topic, shape (K, V).

    Where logits are normalized over the batch, by the running statistics, which stay as they are.

    Example:
        >>> topic_word(ProductDecoder(2, 4), 2).shape
        torch.Size([2, 4])
    """
    if isinstance(decoder, MixtureDecoder | EmbeddedDecoder):
        return decoder.topics
    like, training = next(decoder.parameters()), decoder.training
    decoder.eval()
    probs: Tensor = decoder(torch.eye(num_topics, dtype=like.dtype, device=like.device)).probs
    decoder.train(training)
    return probs


class MixtureDecoder(Conditional):
    r"""Each word is of one topic: :math:`p(w) = \sum_k \theta_k \beta_{kw}`, as LDA has it.

    Args:
        num_topics: K.
        num_words: V.

    References:
        Blei, Ng & Jordan 2003.

    Example:
        >>> MixtureDecoder(2, 4)(torch.tensor([[0.5, 0.5]])).probs.shape
        torch.Size([1, 4])
    """

    documents: Tensor

    def __init__(self, num_topics: int, num_words: int) -> None:
        super().__init__()
        self.num_topics, self.num_words = num_topics, num_words
        self.weight = nn.Parameter(_random(num_topics, num_words))
        self.register_buffer("documents", torch.zeros(num_topics, num_words))

    @property
    def topics(self) -> Tensor:
        """beta, rows that sum to 1, shape (K, V)."""
        return self.weight.softmax(-1)

    def forward(self, *context: Tensor) -> Distribution:
        """Return the law of words given theta, shape (..., B, K)."""
        return MixedMultinomial(context[0], self.topics, validate_args=False)

    @torch.no_grad()
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Start at topics, shape (K, V), and words' frequencies, shape (V,)."""
        self.weight.copy_(log_topics)


class OverdispersedDecoder(MixtureDecoder):
    r"""Counts that vary more than words do: a Dirichlet-multinomial around the mixture.

    .. math:: x \mid n, \theta \sim \mathrm{DirMult}(n, s\,p), \quad p = \theta^\top \beta

    The precision s is learned. As it grows, this becomes the `MixtureDecoder`; as it falls, each
    row strays further from what its topics say, and its counts say less about them. The total n is
    given, so that it is the row's size factor: negative binomials with means proportional to p and
    one variance-to-mean ratio have this law given their sum.

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

    START = 100.0  # of the precision
    FLOOR = 1e-12  # of a probability: one of 0 could not be counted, ever

    def __init__(self, num_topics: int, num_words: int) -> None:
        super().__init__(num_topics, num_words)
        self.log_precision = nn.Parameter(torch.tensor(self.START).log())

    @property
    def precision(self) -> Tensor:
        """s, the concentration of rows around their mixtures, shape ()."""
        return self.log_precision.clamp(-12, 20).exp()

    def effective(self, total: Tensor) -> Tensor:
        """How many words would tell as much of theta as ``total`` counts: n (1 + s) / (n + s)."""
        return total * (1 + self.precision) / (total + self.precision)

    def forward(self, *context: Tensor) -> Distribution:
        """Return the law of counts given theta, shape (..., B, K)."""
        probs = (context[0] @ self.topics).clamp(min=self.FLOOR)
        return DirichletMultinomial(self.precision * probs, validate_args=False)


class ProductDecoder(Conditional):
    r"""A product of experts: the logits of words are weighted sums, :math:`\theta^\top W + b`.

    With theta on the simplex this is ProdLDA, with a Gaussian latent NVDM.

    Args:
        num_topics: K.
        num_words: V.
        batch_norm: Whether the logits are normalized over the batch, as ProdLDA does: with a scale
            of 1 and a bias that is learned.

    References:
        Srivastava & Sutton 2017, sec. 4.1; Miao, Yu & Blunsom 2016, eq. 5.

    Example:
        >>> ProductDecoder(2, 4)(torch.tensor([[0.5, 0.5]])).probs.shape
        torch.Size([1, 4])
    """

    documents: Tensor

    def __init__(self, num_topics: int, num_words: int, batch_norm: bool = False) -> None:
        super().__init__()
        self.num_topics, self.num_words, self.batch_norm = num_topics, num_words, batch_norm
        self.weight = nn.Parameter(_random(num_topics, num_words))
        self.bias = nn.Parameter(torch.zeros(num_words))
        self.register_buffer("documents", torch.zeros(num_topics, num_words))
        self.norm = nn.BatchNorm1d(num_words, eps=1e-3, affine=False) if batch_norm else None

    def forward(self, *context: Tensor) -> Distribution:
        """Return the law of words given the latent, shape (..., B, K)."""
        logits = context[0] @ self.weight
        if self.norm is not None:
            logits = self.norm(logits.reshape(-1, self.num_words)).view_as(logits)
        return Multinomial(logits + self.bias, validate_args=False)

    @torch.no_grad()
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Start at topics, shape (K, V), as factors over the words' frequencies, shape (V,)."""
        self.weight.copy_(log_topics - log_background)
        self.bias.copy_(log_background)


class EmbeddedDecoder(Conditional):
    r"""A mixture of topics from vectors: :math:`\beta_k = \mathrm{softmax}(\rho t_k + b)`.

    With word vectors of one's own this is ETM; with ones that are learned, GSM.

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

    documents: Tensor

    def __init__(
        self, num_topics: int, num_words: int, num_dimensions: int, learn_words: bool = True
    ) -> None:
        super().__init__()
        self.num_topics, self.num_words = num_topics, num_words
        self.num_dimensions, self.learn_words = num_dimensions, learn_words
        self.topic_vectors = nn.Parameter(_random(num_topics, num_dimensions))
        words = torch.randn(num_words, num_dimensions) / num_dimensions**0.5
        self.word_vectors = nn.Parameter(words, requires_grad=learn_words)
        self.bias = nn.Parameter(torch.zeros(num_words))
        self.register_buffer("documents", torch.zeros(num_topics, num_words))

    @classmethod
    def of_vectors(cls, num_topics: int, word_vectors: Tensor) -> EmbeddedDecoder:
        """Build one around word vectors of shape (V, E), which stay as they are."""
        vectors = torch.as_tensor(word_vectors).float()
        decoder = cls(num_topics, len(vectors), vectors.shape[1], learn_words=False)
        with torch.no_grad():
            decoder.word_vectors.copy_(vectors)
        return decoder

    @property
    def topics(self) -> Tensor:
        """beta, rows that sum to 1, shape (K, V)."""
        logits = self.topic_vectors @ self.word_vectors.t() + self.bias
        return logits.softmax(-1)

    def forward(self, *context: Tensor) -> Distribution:
        """Return the law of words given theta, shape (..., B, K)."""
        return MixedMultinomial(context[0], self.topics, validate_args=False)

    @torch.no_grad()
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Start as near to topics, shape (K, V), as vectors allow; the bias at frequencies."""
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


DECODERS = (MixtureDecoder, OverdispersedDecoder, ProductDecoder, EmbeddedDecoder)


def _random(rows: int, columns: int) -> Tensor:
    return nn.init.xavier_uniform_(torch.empty(rows, columns))
