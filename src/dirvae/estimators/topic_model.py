"""Topics of documents, as a scikit-learn transformer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.distributions import Distribution, constraints

from dirvae.data.counts import CountDataset
from dirvae.distributions import Dirichlet
from dirvae.estimators.arguments import require_integer, require_positive, require_sizes
from dirvae.estimators.documents import (
    are_texts,
    checked_texts,
    default_vectorizer,
    vocabulary_of,
)
from dirvae.estimators.topic_effects import (
    Effects,
    Shares,
    covariate_matrix,
    effects_of,
    shares_of,
)
from dirvae.estimators.topic_posterior import (
    TopicPosterior,
    concentrations,
    dirichlet_posterior,
    proportions,
)
from dirvae.evaluation.topics import (
    completion_perplexity,
    documents_of_words,
    split_tokens,
    top_word_ids,
    top_words_by_documents,
)
from dirvae.models.topic_decoders import (
    EmbeddedDecoder,
    MixtureDecoder,
    ProductDecoder,
    topic_word,
)
from dirvae.models.topic_start import cluster_start
from dirvae.models.topic_zoo import topic_optimizer, topic_prior, topic_vae
from dirvae.models.topics import MixtureVAE, distinct_elbo, merged_topics
from dirvae.models.vae import VAE
from dirvae.persistence import load_as
from dirvae.persistence import save as save_model
from dirvae.training import Training, fit

__all__ = ["TopicModel"]

EMBEDDING_SIZE = 100  # of word vectors that are learned
GUIDED_WEIGHT = 0.5  # share of a guided topic's words, at the start, that are its seed words


class TopicModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Topics of texts or of counts: each document is a mixture of K topics, each a law of words.

    Args:
        n_components: K, number of topics.
        decoder: From theta to words: `MixtureDecoder` (LDA), `ProductDecoder` (ProdLDA, NVDM) or
            `EmbeddedDecoder` (GSM; ETM with ``word_vectors``).
        latent: Law of the latent: `distributions.Dirichlet`, `InverseCDFDirichlet`,
            `StickBreakingKumaraswamy`, `SoftmaxNormal` or, with a `ProductDecoder` only,
            `torch.distributions.Normal`.
        prior_concentration: Concentration of the Dirichlet prior of theta: a positive number, or
            "learn" (one for each topic, from .1); None for the latent's own default. Covariates
            have it learned.
        vectorizer: From texts to counts, any of scikit-learn's; None for
            `estimators.documents.default_vectorizer`.
        word_vectors: Vectors of the words for an `EmbeddedDecoder`, shape (V, E), or a mapping from
            words to vectors (words without one have zeros).
        guide: Words that topics start from, such as ``{"sport": ["team", "game"]}``: the first
            topics, in this order.
        distinctness: Price of topics that share words, in nats a token for each nat of
            `topic_overlap`; 0 for the plain bound.
        hidden_sizes: Widths of the encoder's layers.
        max_epochs: Passes over the documents.
        batch_size: Documents a step.
        learning_rate: Adam's step size for the encoder at the start; it falls to 0.
        random_state: Seed or `numpy.random.RandomState`; the same seed gives the same topics.
        device: "cpu", "cuda", "mps" or "auto".
        verbose: Whether to show a progress bar.

    Attributes:
        topic_word_: beta, rows that sum to 1, shape (K, V).
        vocabulary_: The V words, where they are known.
        vectorizer_: The fitted vectorizer, where texts were given.
        word_frequency_: Share of each word in the documents, shape (V,).
        topic_prevalence_: Mean of theta over the documents, those of each `partial_fit` as it left
            them, shape (K,).
        vae_: The fitted `VAE`.
        history_: Metrics of each epoch.
        n_iter_: Epochs trained.
        n_features_in_: V.

    References:
        Blei, Ng & Jordan 2003; Srivastava & Sutton 2017; Joo, Lee, Park & Moon 2020, sec. 4.4.

    Example:
        >>> texts = ["the cat and the dog", "dog and cat", "stars and moon", "moon and a star"] * 5
        >>> model = TopicModel(2, max_epochs=20, random_state=0).fit(texts)
        >>> sorted(sorted(words) for words in model.top_words(2))
        [['cat', 'dog'], ['moon', 'stars']]
    """

    vae_: VAE
    model_type = (VAE, MixtureVAE)
    _seed: int
    _num_documents: int
    _optimizer_state: dict[str, Any] | None

    def __init__(
        self,
        n_components: int = 50,
        *,
        decoder: Callable[..., Any] = MixtureDecoder,
        latent: Callable[..., Distribution] = Dirichlet,
        prior_concentration: float | str | None = 0.1,
        vectorizer: Any = None,
        word_vectors: Any = None,
        guide: Mapping[str, Sequence[str]] | None = None,
        distinctness: float = 0.04,
        hidden_sizes: Sequence[int] = (200, 200),
        max_epochs: int = 10,
        batch_size: int = 200,
        learning_rate: float = 5e-3,
        random_state: Any = None,
        device: str = "cpu",
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.decoder = decoder
        self.latent = latent
        self.prior_concentration = prior_concentration
        self.vectorizer = vectorizer
        self.word_vectors = word_vectors
        self.guide = guide
        self.distinctness = distinctness
        self.hidden_sizes = hidden_sizes
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # --- fitting ----------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        vocabulary: Sequence[str] | None = None,
        covariates: Any = None,
    ) -> TopicModel:
        """Fit to documents.

        Args:
            X: N texts, or counts of words, 0 or more, dense or CSR, shape (N, V).
            y: Ignored.
            vocabulary: The V words of counts.
            covariates: What is known of the documents, shape (N, C), or a data frame, whose words
                become dummies: the prior of theta depends on it (with a prior that is learned).

        Returns:
            The estimator itself.

        Raises:
            ValueError: If an argument or a value of X is out of range; the message says which.
        """
        told = self._standardized(covariates)
        counts = self._begin(X, vocabulary, 0 if told is None else told.shape[1])
        steps = math.ceil(counts.shape[0] / self.batch_size) * self.max_epochs
        training = Training(
            self.vae_,
            objective=self._objective(counts),
            optimizer=topic_optimizer(self.vae_, self.learning_rate, steps),
        )
        self.history_ = self._train(training, counts, self.max_epochs, self._seed, told)
        self._end(counts)
        return self

    def partial_fit(
        self, X: Any, y: Any = None, *, vocabulary: Sequence[str] | None = None
    ) -> TopicModel:
        """Take one more pass over documents, which may be new ones, at a constant step size.

        The first call settles vocabulary and starting topics; from one call to the next the
        optimiser goes on where it was. Args and errors are those of `fit`.
        """
        counts = self.counts(X) if hasattr(self, "vae_") else self._begin(X, vocabulary)
        training = Training(self.vae_, objective=self._objective(counts), optimizer=self._resumed)
        epoch = len(self.history_)
        [metrics] = self._train(training, counts, 1, self._seed + epoch)
        self.history_.append({**metrics, "epoch": float(epoch)})
        adam = cast(torch.optim.Optimizer, training.optimizers(use_pl_optimizer=False))
        self._optimizer_state = adam.state_dict()
        self._end(counts)
        return self

    def _begin(
        self, X: Any, vocabulary: Sequence[str] | None, num_covariates: int = 0
    ) -> sparse.csr_matrix:
        """Check arguments and documents, and build the model at its starting topics."""
        self._check_arguments()
        counts = self._counts_to_fit(X, vocabulary)
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.history_, self._optimizer_state = [], None
        self._num_documents, self.topic_prevalence_ = 0, np.zeros(self.n_components)
        start = cluster_start(counts, self.n_components, self._seed)
        self.word_frequency_ = start.log_background.double().exp().numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            decoder = self._decoder(counts.shape[1])
            decoder.start(self._guided(start.log_topics), start.log_background)
            learn = self.prior_concentration == "learn"
            value = None if isinstance(self.prior_concentration, str) else self.prior_concentration
            prior = topic_prior(
                self.latent, self.n_components, value, learn=learn, num_covariates=num_covariates
            )
            self.vae_ = topic_vae(
                decoder, self.latent, prior, hidden_sizes=tuple(self.hidden_sizes)
            )
        return counts

    def _standardized(self, covariates: Any) -> Any:
        """Covariates around 0, in standard deviations: so the prior without them is the mean's."""
        if covariates is None:
            return None
        if self.latent is not Dirichlet or self.decoder is ProductDecoder:
            raise ValueError("covariates go with a Dirichlet latent and a mixture of topics")
        _, values = covariate_matrix(covariates)
        std = values.std(0)
        return (values - values.mean(0)) / np.where(std > 0, std, 1)

    def _decoder(self, num_words: int) -> Any:
        if self.word_vectors is not None:
            return EmbeddedDecoder.of_vectors(self.n_components, self._vectors(num_words))
        if self.decoder is EmbeddedDecoder:
            return EmbeddedDecoder(self.n_components, num_words, EMBEDDING_SIZE)
        return self.decoder(self.n_components, num_words)

    def _vectors(self, num_words: int) -> torch.Tensor:
        vectors = self.word_vectors
        if isinstance(vectors, Mapping):
            if not hasattr(self, "vocabulary_"):
                raise ValueError("word_vectors by word need the words: give fit a vocabulary")
            size = len(next(iter(vectors.values())))
            vectors = [vectors.get(word, np.zeros(size)) for word in self.vocabulary_]
        array = np.asarray(vectors, dtype=np.float32)
        if array.ndim != 2 or len(array) != num_words or not np.isfinite(array).all():
            raise ValueError(
                f"word_vectors has shape {array.shape}, must be finite, with a row for each of the "
                f"{num_words} words"
            )
        return torch.from_numpy(array)

    def _guided(self, log_topics: torch.Tensor) -> torch.Tensor:
        """Give each guided topic its words, in place of the cluster that has most of them."""
        if not self.guide:
            return log_topics
        if not hasattr(self, "vocabulary_"):
            raise ValueError("guide names words: give fit texts, or counts with a vocabulary")
        place = {word: column for column, word in enumerate(self.vocabulary_)}
        topics, free = log_topics.exp(), list(range(len(log_topics)))
        order = []
        for name, words in self.guide.items():
            columns = [place[word] for word in words if word in place]
            if not columns:
                raise ValueError(f"guide[{name!r}] has no word of the vocabulary: {list(words)}")
            best = max(free, key=lambda k: float(topics[k, columns].sum()))
            topics[best] *= 1 - GUIDED_WEIGHT
            topics[best, columns] += GUIDED_WEIGHT / len(columns)
            free.remove(best)
            order.append(best)
        return topics[order + free].log()

    def _objective(self, counts: sparse.csr_matrix) -> Callable[..., torch.Tensor]:
        frequency = torch.from_numpy(self.word_frequency_).float()
        weight = self.distinctness * float(counts.sum()) / counts.shape[0]
        decoder = self.vae_.decoder

        def objective(terms: Any, *, kl_weight: float = 1.0) -> torch.Tensor:
            return distinct_elbo(
                terms,
                decoder=decoder,
                frequency=frequency.to(terms.kl.device),
                weight=weight,
                kl_weight=kl_weight,
            )

        return objective

    def _train(
        self,
        training: Training,
        counts: sparse.csr_matrix,
        epochs: int,
        seed: int,
        covariates: Any = None,
    ) -> list[dict[str, float]]:
        """Train; if that is cut off, do not look like a fitted estimator."""
        accelerator = {"cuda": "gpu"}.get(self.device, self.device)
        try:
            return fit(
                training,
                CountDataset(counts, covariates),
                max_epochs=epochs,
                batch_size=self.batch_size,
                seed=seed,
                verbose=bool(self.verbose),
                accelerator=accelerator,
            )
        except BaseException:
            del self.vae_
            raise

    def _resumed(self, parameters: Any) -> Any:
        adam = topic_optimizer(self.vae_, self.learning_rate)(parameters)
        if self._optimizer_state is not None:
            adam.load_state_dict(self._optimizer_state)
        return adam

    def _end(self, counts: sparse.csr_matrix) -> None:
        self.vae_.cpu().eval()
        self.n_iter_, self._n_features_out = len(self.history_), self.n_components
        theta = proportions(self.vae_, counts)
        before = self._num_documents * self.topic_prevalence_
        self._num_documents += len(theta)
        self.topic_prevalence_ = (before + theta.sum(0)) / self._num_documents
        documents = documents_of_words(theta, self.topic_word_, counts)
        decoder: Any = self.vae_.decoder
        decoder.documents.add_(torch.from_numpy(documents))

    # --- topics -----------------------------------------------------------------------------------

    @property
    def topic_word_(self) -> Any:
        """beta, rows that sum to 1, shape (K, V)."""
        check_is_fitted(self)
        with torch.no_grad():
            beta: Any = topic_word(self.vae_.decoder, self.n_components).double().numpy()
        return beta / beta.sum(1, keepdims=True)

    def top_words(self, n: int = 10, *, by: str = "relevance") -> list[list[Any]]:
        """The n words that tell each topic best; their columns where words are not known.

        Args:
            n: From 1 to V.
            by: "relevance" (in many of the topic's documents, and in more than elsewhere: see
                `evaluation.top_words_by_documents`), or "frex", "probability" or "lift" of beta
                (`evaluation.top_word_ids`).
        """
        ids = self.top_word_ids(n, by=by)
        if not hasattr(self, "vocabulary_"):
            return [[int(column) for column in row] for row in ids]
        return [[str(word) for word in self.vocabulary_[row]] for row in ids]

    def top_word_ids(self, n: int = 10, *, by: str = "relevance") -> Any:
        """Columns of the words of `top_words`, shape (K, n)."""
        if by != "relevance":
            return top_word_ids(self.topic_word_, n, by=by)
        check_is_fitted(self)
        documents: Any = self.vae_.decoder.documents
        return top_words_by_documents(documents.double().numpy(), n)

    # --- documents --------------------------------------------------------------------------------

    def transform(self, X: Any) -> Any:
        """Posterior mean of theta of each document, rows that sum to 1, shape (N, K).

        It depends on the document alone, and not on the batch that it comes in; documents without
        words have the prior's mean.
        """
        check_is_fitted(self)
        theta = proportions(self.vae_, self.counts(X))
        return theta.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else theta

    def posterior(self, X: Any, *, level: float = 0.9) -> TopicPosterior:
        """The whole posterior of theta of each document, of a model with a Dirichlet latent.

        Args:
            X: Documents, as in `fit`.
            level: Of the credible intervals, in (0, 1).

        Raises:
            ValueError: If ``level`` is out of range, or the latent is no Dirichlet.
        """
        check_is_fitted(self)
        if not 0 < level < 1:
            raise ValueError(f"level is {level!r}, must be in (0, 1)")
        counts = self.counts(X)
        return dirichlet_posterior(
            concentrations(self.vae_, counts),
            counts,
            self.topic_word_,
            self.word_frequency_,
            level=level,
            seed=self._seed,
        )

    def perplexity(self, X: Any, *, seed: int = 0) -> float:
        """Document completion: theta from half of each document's tokens, the rest scored.

        Lower is better; see `evaluation.completion_perplexity`.

        Args:
            X: Documents, as in `fit`; counts must be whole numbers.
            seed: Of the split.
        """
        check_is_fitted(self)
        encoded, scored = split_tokens(self.counts(X), seed)
        theta = proportions(self.vae_, encoded)
        return completion_perplexity(theta, self.topic_word_, scored)

    def effects(self, X: Any, covariates: Any, *, level: float = 0.95) -> Effects:
        """Effects of covariates on the proportions of topics, with intervals.

        The intervals hold what the documents leave open of their proportions, too.

        Args:
            X: Documents, as in `fit`.
            covariates: Shape (N, C), or a data frame, whose words become dummies.
            level: Of the intervals, in (0, 1).
        """
        check_is_fitted(self)
        gamma = concentrations(self.vae_, self.counts(X))
        return effects_of(gamma, covariates, level=level, seed=self._seed)

    def shares(self, X: Any, groups: Any) -> Shares:
        """Share of each topic in each group of documents, such as those of a year.

        Args:
            X: Documents, as in `fit`.
            groups: A value for each document; times are best cut to years or months first.
        """
        return shares_of(self.transform(X), groups)

    def merge(self, groups: Sequence[Sequence[int]]) -> TopicModel:
        """Return a model in which each group of topics is one, others as they are, after them.

        Args:
            groups: Topics to merge, one or more in each group, each topic at most once.

        Raises:
            ValueError: If a topic is named twice or is not there, a group is empty, decoder or
                latent are not those of a mixture with a Dirichlet, or there are covariates.
        """
        check_is_fitted(self)
        named = [int(k) for group in groups for k in group]
        if len(set(named)) < len(named) or not set(named) <= set(range(self.n_components)):
            raise ValueError(
                f"groups is {groups!r}, must name topics from 0 to {self.n_components - 1}, each "
                "at most once"
            )
        rest = [[k] for k in range(self.n_components) if k not in named]
        parts = [*([int(k) for k in group] for group in groups), *rest]
        merged = copy.deepcopy(self)
        merged.vae_ = merged_topics(self.vae_, parts, self.topic_prevalence_)
        merged.n_components = merged._n_features_out = len(parts)
        merged._optimizer_state = None
        merged.topic_prevalence_ = np.array([self.topic_prevalence_[p].sum() for p in parts])
        return merged

    def reduce(self, n_components: int) -> TopicModel:
        """Return a model with fewer topics, the most alike merged (average linkage of cosines)."""
        require_integer("n_components", n_components, 1)
        check_is_fitted(self)
        if n_components > self.n_components:
            raise ValueError(f"n_components is {n_components}, must be at most {self.n_components}")
        if n_components == self.n_components:
            return copy.deepcopy(self)
        tree = linkage(self.topic_word_, method="average", metric="cosine")
        label = fcluster(tree, n_components, criterion="maxclust")
        return self.merge([np.flatnonzero(label == group).tolist() for group in np.unique(label)])

    # --- saving -----------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save to a folder, as `dirvae.save` does; the optimiser of `partial_fit` is not saved."""
        save_model(self, path)

    @classmethod
    def load(cls, path: str | Path) -> TopicModel:
        """Load what `save` wrote; its output is that of the saved estimator, to the bit.

        Raises:
            ModelFormatError: If the folder is missing, damaged or holds another kind of model.
        """
        return load_as(cls, path)

    # --- checks -----------------------------------------------------------------------------------

    def _counts_to_fit(self, X: Any, vocabulary: Sequence[str] | None) -> sparse.csr_matrix:
        for name in ("vectorizer_", "vocabulary_"):
            if hasattr(self, name):
                delattr(self, name)
        words: Any = vocabulary
        if are_texts(X):
            texts = checked_texts(X)
            if not any(text.strip() for text in texts):
                raise ValueError("X has empty strings only; at least two texts must have words")
            given = self.vectorizer
            self.vectorizer_ = default_vectorizer(len(texts)) if given is None else clone(given)
            try:
                X = self.vectorizer_.fit_transform(texts)
            except ValueError as error:  # no word is left
                reason = str(error).rstrip(".")
                raise ValueError(f"X has no words to count: {reason}; see vectorizer") from error
            words = self.vectorizer_.get_feature_names_out()
        counts = self._validated(X, reset=True)
        if counts.shape[0] < 2:
            raise ValueError("X has one document (n_samples=1); at least 2 are needed to fit")
        if counts.shape[1] < 2:
            raise ValueError("X has one word (n_features=1); topics need at least 2 to differ in")
        if counts.nnz == 0:
            raise ValueError("X has no words: every count is 0")
        if self.n_components > counts.shape[0]:
            raise ValueError(
                f"n_components is {self.n_components}, must be at most the number of documents, "
                f"{counts.shape[0]}"
            )
        if words is None:
            words = getattr(self, "feature_names_in_", None)
        if words is not None:
            self.vocabulary_ = vocabulary_of(words, counts.shape[1])
        return counts

    def counts(self, X: Any) -> sparse.csr_matrix:
        """Counts of the model's words in documents: texts are counted, counts checked."""
        if are_texts(X):
            if not hasattr(self, "vectorizer_"):
                raise ValueError("X has texts, but the model was fitted on counts: give counts")
            X = self.vectorizer_.transform(checked_texts(X))
        return self._validated(X, reset=False)

    def _validated(self, X: Any, *, reset: bool) -> sparse.csr_matrix:
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_non_negative=True,
            estimator=self,
        )
        counts = sparse.csr_matrix(X, dtype=np.float64)
        if not counts.has_canonical_format or not counts.data.all():
            counts = counts.copy()  # the arrays may be the caller's
            counts.sum_duplicates()
            counts.eliminate_zeros()
        return counts

    def _check_arguments(self) -> None:
        require_integer("n_components", self.n_components, 1)
        for name in ("max_epochs", "batch_size"):
            require_integer(name, getattr(self, name), 1)
        require_sizes("hidden_sizes", self.hidden_sizes)
        require_positive("learning_rate", self.learning_rate)
        if self.decoder not in (MixtureDecoder, ProductDecoder, EmbeddedDecoder):
            raise ValueError(
                f"decoder is {self.decoder!r}, must be MixtureDecoder, ProductDecoder or "
                "EmbeddedDecoder"
            )
        on_simplex = getattr(self.latent, "support", None) in (None, constraints.simplex)
        if self.decoder is not ProductDecoder and not on_simplex:
            name = getattr(self.latent, "__name__", repr(self.latent))
            raise ValueError(
                f"latent is {name}, must be a law on the simplex with decoder="
                f"{self.decoder.__name__}; ProductDecoder takes any"
            )
        if self.decoder is ProductDecoder and self.word_vectors is not None:
            raise ValueError(
                "word_vectors is given with decoder=ProductDecoder, must be None or go with "
                "EmbeddedDecoder"
            )
        if self.guide is not None and len(self.guide) > self.n_components:
            raise ValueError(
                f"guide has {len(self.guide)} topics, must have at most n_components, "
                f"{self.n_components}"
            )
        if not isinstance(self.distinctness, int | float) or not self.distinctness >= 0:
            raise ValueError(f"distinctness is {self.distinctness!r}, must be 0 or more")
        value = self.prior_concentration
        if not (value is None or value == "learn"):
            if isinstance(value, str):
                raise ValueError(
                    f"prior_concentration is {value!r}, must be a positive number, 'learn' or None"
                )
            require_positive("prior_concentration", value)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vae_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
