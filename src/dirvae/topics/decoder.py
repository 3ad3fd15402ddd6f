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
    r"""A decoder: maps the latent of a document to the distribution of its words.

    For a decoder of your own, write a subclass and pass the class as ``decoder`` of `TopicModel`.
    The subclass needs ``forward`` and `start`. All else has defaults for a mixture of topics.

    Args:
        num_topics: K.
        num_words: V.

    Attributes:
        mixes: Whether :math:`p(w) = \sum_k \theta_k \beta_{kw}`. The latent is then on the simplex:
            it has the shares of the topics. With a Dirichlet latent, such a mixture has inference
            by `infer`, and may have a background and covariates.
        takes_word_vectors: Whether there is a class method `of_vectors`.
        step_size: Step size of the decoder's parameters, as a multiple of the encoder's.
        num_steps: Number of steps of `infer` in training.
        more_steps: Factor by which evaluation takes more of these steps.
        num_samples: Draws of theta for each document in training. With more than one, the decoder
            is trained by the importance-weighted bound, else by the ELBO.

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
    takes_word_vectors: ClassVar[bool] = False
    step_size: ClassVar[float] = 1.0
    num_steps: ClassVar[int] = 2
    more_steps: ClassVar[int] = 2
    num_samples: ClassVar[int] = 1

    def __init__(self, num_topics: int, num_words: int) -> None:
        super().__init__()
        self.num_topics, self.num_words = num_topics, num_words

    @classmethod
    def of_vectors(cls, num_topics: int, word_vectors: Tensor) -> Self:
        """Build a decoder with given word vectors, shape (V, E), if it ``takes_word_vectors``."""
        raise ValueError(f"{cls.__name__} takes no word vectors")

    @abstractmethod
    def start(self, log_topics: Tensor, log_background: Tensor) -> None:
        """Set the parameters to starting values.

        Args:
            log_topics: Log probabilities of words in the starting topics, shape (K, V).
            log_background: Log frequencies of the words, shape (V,).
        """

    @property
    def topics(self) -> Tensor:
        """beta: the distribution of words of a document of one topic alone, shape (K, V).

        Batch normalisation, if there is any, uses its running statistics and does not change them.
        """
        like, training = next(self.parameters()), self.training
        self.eval()
        law: Any = self(torch.eye(self.num_topics, dtype=like.dtype, device=like.device))
        self.train(training)
        return cast(Tensor, law.probs)

    def topics_taken_once(self) -> AbstractContextManager[None]:
        """Context manager in which a decoder may compute `topics` only once.

        The default computes `topics` each time. Weights must not change within the context.
        """
        return nullcontext()

    def infer(
        self, x: Tensor, weights: Tensor, prior: Tensor, words: Tensor, num_steps: int
    ) -> Dirichlet:
        """Return q(theta|x) of a mixture, by steps of collapsed variational Bayes (CVB0).

        Args:
            x: Counts, sparse CSR, shape (B, V).
            weights: Positive weights of the topics, at which inference starts, shape (B, K).
            prior: Concentration of the prior, shape (K,) or (B, K).
            words: `topics`, transposed, shape (V, K).
            num_steps: Number of steps, 1 or more.
        """
        concentration = prior + assigned_counts(x, weights, words)
        for _ in range(num_steps - 1):
            concentration = prior + assigned_counts(x, concentration, words)
        return Dirichlet(concentration, validate_args=False)

    def information(self, x: Tensor, theta: Tensor) -> Tensor:
        """Return what each count tells of theta, as a number of independent words.

        It is the observed information about the log probability of the word. The posterior's
        intervals are computed from it. The default is the counts themselves, which is right for
        words that are independent given theta.

        Args:
            x: Counts, sparse CSR, shape (B, V).
            theta: Posterior means, shape (B, K).

        Returns:
            Sparse CSR, with the places of ``x``.
        """
        return x

    def merged(self, parts: Sequence[Sequence[int]], prevalence: Any) -> Self:
        """Return a decoder whose topics are means of topics of this decoder, weighted by share.

        Args:
            parts: For each new topic, the topics to average.
            prevalence: Share of each topic, shape (K,).

        Raises:
            ValueError: If the decoder cannot merge topics, which is the default.
        """
        name = type(self).__name__
        raise ValueError(f"topics of {name} cannot be merged; topics of MixtureDecoder can")


def decoder_of(vae: VAE) -> TopicDecoder:
    """The decoder of a topic model."""
    return cast(TopicDecoder, vae.decoder)
