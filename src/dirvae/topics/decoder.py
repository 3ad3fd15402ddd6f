"""What a topic model asks of its decoder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor

from dirvae.distributions import Dirichlet
from dirvae.distributions._sparse import assigned_counts
from dirvae.models.vae import VAE
from dirvae.nn import Conditional

__all__ = ["TopicDecoder", "decoder_of"]


class TopicDecoder(Conditional):
    r"""From the latent of a document to the distribution of its words; says what else goes with it.

    Derive from it for a decoder of your own, and give the class as `TopicModel.decoder`. It needs
    ``forward`` and `start`; all else has a default, which is that of a mixture of topics.

    Args:
        num_topics: K.
        num_words: V.

    Attributes:
        mixes: Whether the latent has shares of the topics: it is then on the simplex, and
            :math:`p(w) = \sum_k \theta_k \beta_{kw}`. With a Dirichlet latent a mixture has
            inference by `infer`, a background, and covariates.
        independent_words: Whether words are independent given theta.
        takes_word_vectors: Whether there is a class method `of_vectors`.
        step_size: Of its parameters, in step sizes of the encoder.
        num_steps: Steps of `infer` in training.
        more_steps: How many times as many there are in evaluation, where they are cheap.

    Example:
        >>> from dirvae.distributions import MixedMultinomial
        >>> class Uniform(TopicDecoder):
        ...     def __init__(self, num_topics, num_words):
        ...         super().__init__(num_topics, num_words)
        ...         self.weight = torch.nn.Parameter(torch.zeros(num_topics, num_words))
        ...
        ...     def forward(self, *context):
        ...         return MixedMultinomial(context[0], self.weight.softmax(-1))
        ...
        ...     def start(self, log_topics, log_background):
        ...         pass
        >>> Uniform(2, 4).topics.tolist()
        [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]]
    """

    mixes: ClassVar[bool] = True
    independent_words: ClassVar[bool] = True
    takes_word_vectors: ClassVar[bool] = False
    step_size: ClassVar[float] = 1.0
    num_steps: ClassVar[int] = 2
    more_steps: ClassVar[int] = 2

    def __init__(self, num_topics: int, num_words: int) -> None:
        super().__init__()
        self.num_topics, self.num_words = num_topics, num_words

    @classmethod
    def of_vectors(cls, num_topics: int, word_vectors: Tensor) -> Self:
        """Build one around word vectors of shape (V, E), if it ``takes_word_vectors``."""
        raise ValueError(f"{cls.__name__} takes no word vectors")

    @abstractmethod
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Start at topics, shape (K, V), and words' frequencies, shape (V,), both as logarithms."""

    @property
    def topics(self) -> Tensor:
        """beta, the distributions of words of documents that are all one topic, shape (K, V).

        Where logits are normalized over the batch, by the running statistics, which stay as they
        are.
        """
        like, training = next(self.parameters()), self.training
        self.eval()
        law: Any = self(torch.eye(self.num_topics, dtype=like.dtype, device=like.device))
        self.train(training)
        return cast(Tensor, law.probs)

    def topics_taken_once(self) -> AbstractContextManager[None]:
        """Within this, `topics` may be worked out once; by default each time that it is asked for.

        Weights must not change meanwhile.
        """
        return nullcontext()

    def infer(
        self, x: Tensor, weights: Tensor, prior: Tensor, words: Tensor, num_steps: int
    ) -> Dirichlet:
        """Return q(theta|x) by steps of collapsed variational Bayes (CVB0), of a mixture.

        Args:
            x: Counts, sparse CSR, shape (B, V).
            weights: Of the topics, where inference starts, positive, shape (B, K).
            prior: Concentration of the prior, shape (K,) or (B, K).
            words: `topics`, transposed, shape (V, K).
            num_steps: 1 or more.
        """
        concentration = prior + assigned_counts(x, weights, words)
        for _ in range(num_steps - 1):
            concentration = prior + assigned_counts(x, concentration, words)
        return Dirichlet(concentration, validate_args=False)

    def merged(self, parts: Sequence[Sequence[int]], prevalence: Any) -> Self:
        """Return a decoder whose topics are means of this one's by prevalence, one for each part.

        Args:
            parts: The topics of each new topic.
            prevalence: Share of each topic, shape (K,).

        Raises:
            ValueError: If it has no such topics, as by default.
        """
        name = type(self).__name__
        raise ValueError(f"topics of {name} cannot be merged; those of MixtureDecoder can")


def decoder_of(vae: VAE) -> TopicDecoder:
    """The decoder of a topic model."""
    return cast(TopicDecoder, vae.decoder)
