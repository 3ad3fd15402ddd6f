"""Topics of documents, as a scikit-learn transformer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import ClassifierTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.distributions import Distribution

from dirvae.alignment import matched
from dirvae.assessment import TopicScores, score_topics
from dirvae.distributions import Dirichlet
from dirvae.estimators.arguments import require_integer, require_resumable
from dirvae.estimators.estimator import VAEEstimator
from dirvae.estimators.kinds import warn_of_fractions
from dirvae.estimators.labels import class_indicators
from dirvae.evaluation import (
    completion_perplexity,
    documents_of_words,
    split_tokens,
    split_words,
    top_word_ids,
    top_words_by_documents,
)
from dirvae.models.vae import VAE
from dirvae.nn.surroundings import pinned
from dirvae.tables import ResultTable
from dirvae.terms import TEXTS
from dirvae.topics.arguments import guide_columns, require_topic_arguments
from dirvae.topics.building import starting_vae, vectors_of_words
from dirvae.topics.columns import columns_of
from dirvae.topics.contrasts import require_level
from dirvae.topics.covariates import (
    Covariate,
    as_numbers,
    covariates_of,
    names_of_numbers,
    warn_of_the_mean,
)
from dirvae.topics.curves import Trends, trends_of
from dirvae.topics.decoder import TopicDecoder, decoder_of
from dirvae.topics.decoders import MixtureDecoder
from dirvae.topics.document_kinds import Kind, documents_of, listed
from dirvae.topics.documents import (
    checked_counts,
    countable,
    require_documents,
    require_kind,
    vocabulary_of,
)
from dirvae.topics.effects import Effects, Shares, effects_of, shares_of
from dirvae.topics.exploring import (
    explained_words,
    given_names,
    merges,
    proposed_names,
    representatives,
    topics_of_words,
    words_asked_for,
)
from dirvae.topics.inference import MixtureVAE, decoded_perplexity, is_mixture
from dirvae.topics.merging import alike_topics, all_topics, merged_topics
from dirvae.topics.posterior import (
    TopicPosterior,
    evidence_of,
    marginals,
    off_topic_scores,
    posterior_of,
    proportions,
    without_background,
)
from dirvae.topics.report import page_of
from dirvae.topics.results import Labels
from dirvae.topics.start import cluster_start, guided_start
from dirvae.topics.training import train_topics
from dirvae.training import Training
from dirvae.writing import write_text

__all__ = ["TopicModel"]

ROWS_COUNTED_AT_ONCE = 20_000


def _has_labels(model: Any) -> bool:
    if not hasattr(model, "coef_"):
        raise AttributeError("this TopicModel was not fitted to labels: give them as fit(X, y)")
    return True


class TopicModel(VAEEstimator):
    """Topics of texts or of counts: documents mix topics, which are distributions of words.

    Beside topics a document may have words of a background that all share. Its proportions theta
    are those of the topics among themselves, whatever its share of the background.

    Args:
        n_components: K, number of topics.
        decoder: Class that takes theta to words: `MixtureDecoder` (LDA), `OverdispersedDecoder`
            (counts of microbes, cells or goods), `ProductDecoder` (ProdLDA, NVDM),
            `EmbeddedDecoder` (GSM; ETM with ``word_vectors``), or a `TopicDecoder` of your own.
        latent: Distribution of the latent: `distributions.Dirichlet`, `InverseCDFDirichlet`,
            `StickBreakingKumaraswamy`, `SoftmaxNormal` or, with a `ProductDecoder` only,
            `torch.distributions.Normal`.
        prior_concentration: Concentration of the Dirichlet prior of theta: a positive number,
            "learn" (one for each topic, from .1), or None for the latent's own default. That
            default also stands for "learn" where the latent is no Dirichlet. Covariates have it
            learned. The background's is a fifth of the sum of the topics', or starts there.
        vectorizer: From texts to counts, any of scikit-learn's; None for
            `topics.documents.default_vectorizer`. Words are not known of a `HashingVectorizer`,
            which needs ``alternate_sign=False`` and ``norm=None``.
        word_vectors: Vectors of the words for an `EmbeddedDecoder`, shape (V, E), or a mapping from
            words to vectors (words without one have zeros).
        guide: Words that topics start from, such as ``{"sport": ["team", "game"]}``: the first
            topics, in this order. Words that no document has are left out, with a warning.
        background: Whether words that go with no topic have a distribution of their own, which
            theta leaves out. Only a mixture with a Dirichlet latent has one.
        label_weight: Nats of a document's bound that one nat of its label's log probability is
            worth; 0 leaves labels out.
        hidden_sizes: Widths of the encoder's layers.
        max_epochs: Passes over the documents.
        batch_size: Documents a step.
        learning_rate: Adam's step size for the encoder at the start; it falls to 0.
        random_state: Seed or `numpy.random.RandomState`; the same seed gives the same topics.
        device: "cpu", "cuda", "mps" or "auto".
        verbose: Whether to show a progress bar.

    Attributes:
        topic_word_: beta, rows that sum to 1, shape (K, V).
        background_: Distribution of the words that go with no topic, shape (V,), where there is
            one.
        vocabulary_: The V words, where they are known.
        covariate_kinds_: From names of the columns of covariates to what they have: "numbers",
            "dates", "durations" or "words".
        covariate_names_: Names of covariates, where there are any; one for each level of words.
        vectorizer_: The fitted vectorizer, where texts or lists of words were given.
        word_frequency_: Share of each word in the documents, shape (V,).
        word_documents_: In how many documents each word was of each topic, shape (K, V), with a
            row more for the background, where there is one.
        topic_names_: Names of the K topics: those of ``guide``, or else their three first words.
            Set others, as a list or such as ``{3: "cars"}``; they are saved with the model.
        components_: The same as ``topic_word_``.
        topic_prevalence_: Mean of theta over the documents, those of each `partial_fit` as it left
            them, shape (K,).
        classes_: The L classes, sorted, where labels were given.
        coef_: How much each topic says for each class, shape (L, K), where labels were given: the
            logits of classes are ``theta @ coef_.T + intercept_``.
        intercept_: Shape (L,).
        vae_: The fitted `VAE`; its latent has the background's share, where there is one, after
            those of the K topics.
        history_: Metrics of each epoch.
        n_iter_: Epochs trained.
        n_features_in_: V.

    References:
        Blei, Ng & Jordan 2003; Srivastava & Sutton 2017; Joo, Lee, Park & Moon 2020, sec. 4.4.
        Labels: Mcauliffe & Blei, "Supervised topic models", 2007.

    Example:
        >>> texts = ["the cat and the dog", "dog and cat", "stars and moon", "moon, stars"] * 5
        >>> model = TopicModel(2, max_epochs=20, random_state=0).fit(texts)
        >>> sorted(sorted(words) for words in model.top_words(2))
        [['cat', 'dog'], ['moon', 'stars']]
    """

    vae_: VAE
    model_type = (VAE, MixtureVAE)
    not_saved = frozenset({"_optimizer_state", "word_vectors"})  # the vectors are among the weights
    vocabulary_: NDArray[Any]
    vectorizer_: CountVectorizer
    word_frequency_: NDArray[Any]
    word_documents_: NDArray[Any]
    topic_prevalence_: NDArray[Any]
    classes_: NDArray[Any]
    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    _topic_names: list[str]
    _covariates: list[Covariate]
    _num_documents: int
    _optimizer_state: dict[str, Any] | None
    _terms = TEXTS  # what messages, tables and pages call them

    def __init__(
        self,
        n_components: int = 50,
        *,
        decoder: type[TopicDecoder] = MixtureDecoder,
        latent: Callable[..., Distribution] = Dirichlet,
        prior_concentration: float | str | None = "learn",
        vectorizer: Any = None,
        word_vectors: Any = None,
        guide: Mapping[str, Sequence[str]] | None = None,
        background: bool = True,
        label_weight: float = 30.0,
        hidden_sizes: Sequence[int] = (100, 100),
        max_epochs: int = 15,
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
        self.background = background
        self.label_weight = label_weight
        self.hidden_sizes = hidden_sizes
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # --- fitting ----------------------------------------------------------------------------------

    @pinned()
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        vocabulary: Sequence[str] | None = None,
        covariates: Any = None,
        smooth: Sequence[str] = (),
        checkpoint_dir: str | Path | None = None,
        resume: bool = False,
    ) -> TopicModel:
        """Fit to documents, and to labels where there are some.

        With labels the topics learn to tell them: theta's mean goes through a linear softmax, whose
        log-likelihood is added to the bound. A pipeline that ends in a classifier gives its labels
        to all its steps, so its topics are supervised too, unless ``label_weight`` is 0.

        Labels and covariates of pandas go by index to an X of pandas; all else goes by position.

        Args:
            X: N texts, or N lists of words, which are counted as they are. Or counts of words, 0 or
                more, dense or CSR, shape (N, V).
            y: Labels of documents, words or whole numbers, length N; the number -1, None or NaN
                where unknown. None for none.
            vocabulary: The V words of counts, in order, or a mapping from words to columns.
            covariates: What is known of the documents: a data frame, a series, or an array or list
                of shape (N, C) or (N,). Numbers, booleans, dates (in days), and words, which become
                dummies. The prior of theta depends on it (with a prior that is learned).
            smooth: Names of covariates of numbers or dates, such as a year, on which it depends by
                a smooth curve, a cubic spline of five knots.
            checkpoint_dir: Folder for a checkpoint after each epoch; nothing is kept if None.
            resume: Whether to go on from that folder's last checkpoint, of the same data and
                arguments; ``random_state`` must be an integer.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If an argument or a value of X or y is out of range; the message says which.
        """
        self._check_arguments()
        require_resumable(resume, self.random_state)
        y, covariates = matched("y", y, X), matched("covariates", covariates, X)
        counts = self._counts_to_fit(X, vocabulary)
        labels = self._labels(y, counts.shape[0])
        covariates = self._covariate_values(covariates, counts.shape[0], reset=True, smooth=smooth)
        self._begin(counts, covariates)
        epochs = self._num_epochs(counts.shape[0])
        training, head = self._train_topics(
            counts,
            covariates,
            labels,
            max_epochs=epochs,
            seed=self._seed,
            steps=math.ceil(counts.shape[0] / self.batch_size) * epochs,
            checkpoint_dir=checkpoint_dir,
            resume=resume,
        )
        self.history_ = training.history
        if head is not None:
            self.coef_ = head.weight.detach().double().numpy()
            self.intercept_ = head.bias.detach().double().numpy()
        self._end(counts, covariates)
        return self

    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        *,
        vocabulary: Sequence[str] | None = None,
        covariates: Any = None,
        smooth: Sequence[str] = (),
        checkpoint_dir: str | Path | None = None,
        resume: bool = False,
    ) -> Any:
        """`fit`, then `transform` of the same documents, with the same covariates."""
        X = listed(X)
        self.fit(
            X,
            y,
            vocabulary=vocabulary,
            covariates=covariates,
            smooth=smooth,
            checkpoint_dir=checkpoint_dir,
            resume=resume,
        )
        return self.transform(X, covariates=covariates)

    @pinned()
    def partial_fit(
        self, X: Any, y: Any = None, *, vocabulary: Sequence[str] | None = None
    ) -> TopicModel:
        """Take one more pass over documents, which may be new ones, at a constant step size.

        The first call settles vocabulary and starting topics; from one call to the next the
        optimiser goes on where it was. Args and errors are those of `fit`. But ``y`` is left out:
        topics go on without labels, and a model that had some forgets them. Covariates are left out
        too: the prior is that at their mean, which a warning says.
        """
        if hasattr(self, "vae_"):
            counts = self.counts(X)
            self._covariate_values(None, counts.shape[0])
        else:
            self._check_arguments()
            counts = self._counts_to_fit(X, vocabulary)
            self._covariate_values(None, counts.shape[0], reset=True)
            self._begin(counts)
        self._labels(None, counts.shape[0])
        seed = self._seed + len(self.history_)
        training, _ = self._train_topics(
            counts, max_epochs=1, seed=seed, optimizer_state=self._optimizer_state
        )
        self._note_pass(training)
        self._end(counts)
        return self

    def _num_epochs(self, num_rows: int) -> int:
        return int(self.max_epochs)

    def _begin(self, counts: sparse.csr_matrix, covariates: Any = None) -> None:
        """Build the model at its starting topics."""
        self._seed = self._new_seed()
        self.history_, self._optimizer_state = [], None
        self.__dict__.pop("_topic_names", None)
        self._n_features_out = self.n_components
        self._num_documents, self.topic_prevalence_ = 0, np.zeros(self.n_components)
        words, vectors = getattr(self, "vocabulary_", None), self.word_vectors
        guided = guide_columns(self.guide, words)
        if vectors is not None:
            vectors = vectors_of_words(vectors, words, counts.shape[1])
        start = cluster_start(counts, self.n_components, self._seed)
        self.word_frequency_ = start.log_background.double().exp().numpy()
        self.vae_ = starting_vae(
            self.decoder,
            self.latent,
            guided_start(start, guided),
            prior_concentration=self.prior_concentration,
            background=self.background,
            covariates=covariates,
            word_vectors=vectors,
            hidden_sizes=self.hidden_sizes,
            seed=self._seed,
        )
        mixed = decoder_of(self.vae_).num_topics
        self.word_documents_ = np.zeros((mixed, counts.shape[1]), np.float32)

    def _train_topics(
        self, counts: sparse.csr_matrix, covariates: Any = None, labels: Any = None, **options: Any
    ) -> tuple[Training, nn.Linear | None]:
        with self._forgotten_if_cut_off():
            return train_topics(
                self.vae_,
                counts,
                covariates,
                labels,
                num_topics=self.n_components,
                label_weight=self.label_weight,
                learning_rate=self.learning_rate,
                batch_size=self.batch_size,
                accelerator=self.device,
                verbose=bool(self.verbose),
                **options,
            )

    def _labels(self, y: Any, num_documents: int) -> Any:
        """Labels as rows of an identity, or None; sets ``classes_``, or forgets them."""
        found = class_indicators(y, num_documents) if y is not None and self.label_weight else None
        for name in ("classes_", "coef_", "intercept_"):
            self.__dict__.pop(name, None)
        if found is None:
            return None
        self.classes_, labels = found
        return labels

    def _covariate_values(
        self, covariates: Any, num_rows: int, *, reset: bool = False, smooth: Sequence[str] = ()
    ) -> Any:
        """Covariates as numbers, shape (N, C): words have a dummy for each level that `fit` saw."""
        if reset:
            self.__dict__.pop("_covariates", None)
        known = getattr(self, "_covariates", None)
        if covariates is None:
            if smooth:
                raise ValueError(f"smooth names {list(smooth)}, but covariates is None")
            if known is not None:
                warn_of_the_mean(known, self._terms.row)
            return None
        if not is_mixture(self.decoder, self.latent):
            raise ValueError("covariates go with a Dirichlet latent and a mixture of topics")
        if not reset and known is None:
            raise ValueError("covariates is given, must be None: the model was fitted without any")
        columns = columns_of(covariates, num_rows)
        if reset:
            self._covariates = covariates_of(columns, smooth)
        return as_numbers(columns, self._covariates)

    def _counts_and_covariates(self, X: Any, covariates: Any) -> tuple[sparse.csr_matrix, Any]:
        """What a fitted model asks of documents and of their covariates: numbers alone."""
        check_is_fitted(self)
        counts = self.counts(X)
        covariates = matched("covariates", covariates, X)
        return counts, self._covariate_values(covariates, counts.shape[0])

    def _end(self, counts: sparse.csr_matrix, covariates: Any = None) -> None:
        self.n_iter_ = len(self.history_)
        weights = proportions(self.vae_, counts, covariates)
        before = self._num_documents * self.topic_prevalence_
        self._num_documents += len(weights)
        theta = without_background(weights, self._n_features_out)
        self.topic_prevalence_ = (before + theta.sum(0)) / self._num_documents
        for start in range(0, len(weights), ROWS_COUNTED_AT_ONCE):
            part = slice(start, start + ROWS_COUNTED_AT_ONCE)
            documents = documents_of_words(weights[part], self._mixed(), counts[part])
            self.word_documents_ = (self.word_documents_ + documents).astype(np.float32)

    # --- topics -----------------------------------------------------------------------------------

    @property
    def topic_word_(self) -> Any:
        """beta, rows that sum to 1, shape (K, V)."""
        return self._mixed()[: self._n_features_out]

    @property
    def components_(self) -> Any:
        """beta, as scikit-learn's decompositions call it, shape (K, V)."""
        return self.topic_word_

    @property
    def topic_names_(self) -> list[str]:
        """Names of the K topics: those given, or else proposals."""
        proposed = proposed_names(self.top_words(min(3, self.n_features_in_)), self.guide)
        return getattr(self, "_topic_names", proposed)

    @topic_names_.setter
    def topic_names_(self, names: Sequence[str] | Mapping[int, str]) -> None:
        self._topic_names = given_names(names, self.topic_names_)

    @property
    def covariate_names_(self) -> Any:
        """Names of the covariates as numbers, a level of words each, shape (C,)."""
        if not hasattr(self, "_covariates"):
            raise AttributeError(f"this {type(self).__name__} was fitted without covariates")
        return np.array(names_of_numbers(self._covariates), dtype=object)

    @property
    def covariate_kinds_(self) -> dict[str, str]:
        """From the covariates' columns to "numbers", "dates", "durations" or "words"."""
        return {known.name: known.kind for known in getattr(self, "_covariates", [])}

    @property
    def background_(self) -> Any:
        """Distribution of the words that go with no topic, shape (V,)."""
        mixed = self._mixed()
        if len(mixed) == self._n_features_out:
            raise AttributeError(f"this {type(self).__name__} has no background")
        return mixed[-1]

    @pinned()
    def _mixed(self) -> Any:
        """All distributions of words that documents mix, the background after the topics."""
        check_is_fitted(self)
        with torch.no_grad():
            beta = decoder_of(self.vae_).topics.double().numpy()
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

    @pinned()
    def top_word_ids(self, n: int = 10, *, by: str = "relevance") -> Any:
        """Columns of the words of `top_words`, shape (K, n)."""
        if by != "relevance":
            return top_word_ids(self.topic_word_, n, by=by)
        check_is_fitted(self)
        documents = self.word_documents_[: self._n_features_out].astype(np.float64)
        return top_words_by_documents(documents, n)

    def topic_info(self, n: int = 10) -> ResultTable:
        """Name, share of the documents, and the n first words of each topic, a row a topic."""
        columns: dict[str, Iterable[Any]] = {
            self._terms.part: range(self._n_features_out),
            "name": self.topic_names_,
            "share": self.topic_prevalence_,
            f"{self._terms.column}s": self.top_words(min(n, self.n_features_in_)),
        }
        return ResultTable(columns, frames=self._frames(), rows_shown=100)

    def find_topics(self, query: str, n: int = 5) -> ResultTable:
        """The n topics that documents with some words are most of, the first first.

        Args:
            query: One word or more. Of several, each weighs the same.
            n: Topics at most.

        Returns:
            Columns topic, name, and share: of the documents that have the words, those in which
            the words are of the topic, as the model expects.

        Raises:
            ValueError: If the vocabulary has none of the words, or is not known.
        """
        check_is_fitted(self)
        if not hasattr(self, "vocabulary_"):
            raise ValueError("query names words, but the model knows none: fit with a vocabulary")
        counts = self.counts([query]) if hasattr(self, "vectorizer_") else None
        columns = words_asked_for(query, counts, self.vocabulary_)
        share = topics_of_words(self.word_documents_, columns, self._n_features_out)
        order = np.argsort(-share, kind="stable")[:n]
        names = [self.topic_names_[k] for k in order]
        found: dict[str, Any] = {self._terms.part: order, "name": names, "share": share[order]}
        return ResultTable(found, frames=self._frames())

    def hierarchy(self, n: int = 5) -> ResultTable:
        """How topics go together, the most alike first, as `reduce` merges them.

        Args:
            n: Words of each merged topic.

        Returns:
            A row for each of K - 1 steps: node, left, right and distance as in
            `scipy.cluster.hierarchy.linkage`, the topics in it, and the words that tell them.
        """
        check_is_fitted(self)
        documents = self.word_documents_[: self._n_features_out]
        words = getattr(self, "vocabulary_", None)
        found = merges(self.topic_word_, documents, words, n, self._terms)
        return ResultTable(found, frames=self._frames())

    # --- documents --------------------------------------------------------------------------------

    def transform(self, X: Any, *, covariates: Any = None) -> Any:
        """Posterior mean of theta of each document, rows that sum to 1, shape (N, K).

        It depends on the document alone, and not on the batch that it comes in; documents without
        words have the prior's mean.

        Args:
            X: Documents, as in `fit`.
            covariates: Those of these documents, as in `fit`. If None, a model that was fitted with
                some warns, and takes the prior at their mean for all documents.
        """
        theta = self._theta(*self._counts_and_covariates(X, covariates))
        return theta.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else theta

    def _theta(self, counts: sparse.csr_matrix, covariates: Any = None) -> Any:
        return without_background(proportions(self.vae_, counts, covariates), self._n_features_out)

    def _result_labels(self, X: Any = None) -> Labels:
        ids = X.index.tolist() if hasattr(X, "iloc") else None
        return Labels(self.topic_names_, ids, self._frames(), self._terms)

    @available_if(_has_labels)
    def predict_proba(self, X: Any) -> Any:
        """Probability of each class, shape (N, L), of a model that was fitted to labels.

        Covariates have no part in it, as they had none when labels were learned.

        Args:
            X: Documents, as in `fit`.
        """
        logits = self._theta(self.counts(X)) @ self.coef_.T + self.intercept_
        return softmax(logits, axis=1)

    @available_if(_has_labels)
    def predict(self, X: Any) -> Any:
        """Most probable class of each document, shape (N,), of a model that was fitted to labels.

        Args:
            X: Documents, as in `fit`.
        """
        return self.classes_[self.predict_proba(X).argmax(1)]

    def posterior(self, X: Any, *, level: float = 0.9, covariates: Any = None) -> TopicPosterior:
        """The whole posterior of theta of each document, of a model with a Dirichlet latent.

        It holds what the words leave open of their topics, but takes the topics themselves for
        known: from few documents, or with topics that are mixed up, intervals are too narrow.

        Args:
            X: Documents, as in `fit`.
            level: Of the credible intervals, in (0, 1).
            covariates: As in `transform`.

        Raises:
            ValueError: If ``level`` is out of range, or the latent is no Dirichlet.
        """
        check_is_fitted(self)
        require_level(level)
        counts, covariates = self._counts_and_covariates(X, covariates)
        evidence = evidence_of(self.vae_, counts, covariates)
        mean, concentration, weights = marginals(evidence, self._n_features_out)
        return posterior_of(
            mean,
            concentration,
            off_topic_scores(weights, counts, self._mixed(), self.word_frequency_),
            level=level,
            seed=self._seed,
            evidence=evidence,
        ).labelled(self._result_labels(X))

    def representative_documents(
        self, X: Any, n: int = 3, *, covariates: Any = None
    ) -> ResultTable:
        """The n documents that have most of each topic, topic by topic, the first first.

        Args:
            X: Documents, as in `fit`; those of pandas are named by their index.
            n: Documents a topic.
            covariates: As in `transform`.

        Returns:
            Columns topic, document (its index, or else its row), row (from 0), share, and text,
            where documents are texts.
        """
        X = listed(X)
        rows, kind = documents_of(X)
        theta = self._theta(*self._counts_and_covariates(X, covariates))
        ids = self._result_labels(X).ids or range(len(theta))
        texts = rows if kind is Kind.TEXTS else None
        return ResultTable(
            representatives(theta, ids, texts, n, self._terms), frames=self._frames()
        )

    def explain(self, X: Any, *, covariates: Any = None) -> ResultTable:
        """Why one document has its topics: of which topic each of its words is.

        Args:
            X: One document: a text, a list of words, or counts of shape (V,) or (1, V).
            covariates: As in `transform`, of one row; or a mapping from their names to values.

        Returns:
            A row for each word of the vocabulary that it has: word, count, topic, name, and the
            probability that the word is of the topic, the largest of all topics. The topic of words
            of the background is -1. Words of the document's largest topic come first.

        Raises:
            ValueError: If X is no one document, or the decoder does not mix its topics.
        """
        check_is_fitted(self)
        if not decoder_of(self.vae_).mixes:
            raise ValueError(f"explain takes a mixture of topics, not {self.decoder.__name__}")
        X = X if len(getattr(X, "shape", ())) == 2 else [X]
        if isinstance(covariates, Mapping):
            covariates = {name: np.atleast_1d(value) for name, value in covariates.items()}
        if (count := self.counts(X).shape[0]) != 1:
            raise ValueError(f"X has {self._terms.many(count, 'row')}, must be one")
        counts, covariates = self._counts_and_covariates(X, covariates)
        weights = proportions(self.vae_, counts, covariates)
        words = getattr(self, "vocabulary_", None)
        found = explained_words(
            counts, weights[0], self._mixed(), self.topic_names_, words, self._terms
        )
        return ResultTable(found, frames=self._frames())

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log probability of a held-out token in nats: minus the log of `perplexity`.

        Larger is better, so that `sklearn.model_selection.GridSearchCV` needs no ``scoring``.

        Args:
            X: Documents, as in `fit`. Of weights that are no whole numbers, such as tf-idf, words
                are held out rather than tokens.
            y: Ignored.
        """
        counts, covariates = self._counts_and_covariates(X, None)
        split = split_words if (counts.data % 1).any() else split_tokens
        return -math.log(self._completion(*split(counts), covariates))

    def evaluate(self, X: Any, y: Any = None, *, covariates: Any = None) -> TopicScores:
        """What ``dirvae evaluate`` says of the topics on documents; see `assessment.score_topics`.

        Args:
            X: Documents, as in `fit`.
            y: Class of each document, None where it is not known; None for none at all.
            covariates: As in `transform`.
        """
        X = listed(X)
        return score_topics(self, X, y, covariates=matched("covariates", covariates, X))

    @pinned()
    def perplexity(self, X: Any, *, seed: int = 0, covariates: Any = None) -> float:
        """Document completion: theta from half of each document's tokens, the rest scored.

        Lower is better; see `evaluation.completion_perplexity`. Of a decoder that does not mix its
        topics, such as a `ProductDecoder`, the words have the decoder's own distribution.

        Args:
            X: Documents, as in `fit`; counts must be whole numbers.
            seed: Seed of the split.
            covariates: As in `transform`.
        """
        counts, covariates = self._counts_and_covariates(X, covariates)
        return self._completion(*split_tokens(counts, seed), covariates)

    def _completion(self, encoded: Any, scored: Any, covariates: Any) -> float:
        weights = proportions(self.vae_, encoded, covariates)
        if decoder_of(self.vae_).mixes:
            return completion_perplexity(weights, self._mixed(), scored)
        return decoded_perplexity(self.vae_.decoder, torch.from_numpy(weights), scored)

    def _held_out_nats(self, X: Any) -> float:
        """What `compare_sizes` compares, lower is better."""
        return math.log(self.perplexity(X))

    def effects(self, X: Any, covariates: Any, *, level: float = 0.95) -> Effects:
        """Effects of covariates on the proportions of topics, with intervals.

        The intervals hold what the documents leave open of their proportions, too. The proportions
        are what words say of them, under one prior for all documents. In a model that was fitted
        with covariates it is that at their mean.

        Args:
            X: Documents, as in `fit`.
            covariates: As in `fit`; words become dummies for all levels but a reference, the first
                in alphabetical order, of a category in its own. Effects of dates are those of a
                day.
            level: Of the intervals, in (0, 1).
        """
        check_is_fitted(self)
        covariates = matched("covariates", covariates, X)
        counts = self.counts(X)
        mean, concentration, _ = marginals(evidence_of(self.vae_, counts), self._n_features_out)
        found = effects_of(concentration, covariates, mean=mean, level=level, seed=self._seed)
        return found.labelled(self._result_labels())

    def shares(self, X: Any, groups: Any, *, covariates: Any = None) -> Shares:
        """Share of each topic in each group of documents, such as those of a year.

        Args:
            X: Documents, as in `fit`.
            groups: A value for each document; times are best cut to years or months first. Where
                it is None, NaN, NA or NaT, the document is in no group.
            covariates: As in `transform`.
        """
        check_is_fitted(self)
        groups = matched("groups", groups, X)
        theta = self._theta(*self._counts_and_covariates(X, covariates))
        return shares_of(theta, groups).labelled(self._result_labels())

    @pinned()
    def report(
        self,
        X: Any = None,
        path: str | Path | None = None,
        *,
        labels: Any = None,
        times: Any = None,
        ids: Any = None,
        covariates: Any = None,
        names: Any = None,
        stability: Any = None,
        title: str | None = None,
        level: float = 0.9,
        baseline: bool = False,
    ) -> str:
        """Return a page to explore the topics and documents in, one file of HTML.

        It needs no network, and holds the documents that have most of each topic.

        Args:
            X: Documents, as in `fit`; None shows topics and words alone.
            path: File to write the page to; one that is there is replaced.
            labels: A label for each document, None where unknown.
            times: A number, a date or a text of either for each document, None where unknown.
            ids: What each document is called, or a mapping from columns' names to such values;
                their rows, counted from 1, if None.
            covariates: As in `fit`, whether the model was fitted with them or not: their `effects`
                are shown, with intervals of 90 %. Without all of those that it was fitted with it
                warns, as `transform` does.
            names: Of topics, a mapping from their numbers or one for each; those that the model was
                given if None. `report.explorer.read_names` reads the file that the page writes.
            stability: How far other seeds find each topic, shape (K,): a row of
                `TopicEnsemble.stability`.
            title: Of the page; what it shows if None.
            level: Of the intervals, in (0, 1).
            baseline: Whether to fit scikit-learn's LDA to X, too, and show its quality beside that
                of the model.

        Raises:
            ValueError: If an argument is out of range, or the latent gives no shares.
            OSError: If the file cannot be written.
        """
        page = page_of(
            self,
            X,
            labels=labels,
            times=times,
            ids=ids,
            covariates=covariates,
            names=names,
            stability=stability,
            title=title,
            level=level,
            baseline=baseline,
        )
        if path is not None:
            write_text(path, page)
        return page

    def trends(self, X: Any, time: Any, *, level: float = 0.95, covariates: Any = None) -> Trends:
        """The share of each topic as a smooth curve over time, with intervals.

        They hold what the documents leave open of their proportions, and which documents there are,
        but take the topics for known. How often they hold planted curves: docs/topics.md.

        Args:
            X: Documents, as in `fit`.
            time: Numbers or dates, length N.
            level: Of the intervals, in (0, 1), each of one place.
            covariates: As in `transform`.
        """
        check_is_fitted(self)
        time = matched("time", time, X)
        counts, covariates = self._counts_and_covariates(X, covariates)
        evidence = evidence_of(self.vae_, counts, covariates)
        mean, shapes, _ = marginals(evidence, self._n_features_out)
        found = trends_of(shapes, time, mean=mean, level=level, seed=self._seed)
        return found.labelled(self._result_labels())

    @pinned()
    def merge(self, groups: Sequence[Sequence[int]]) -> TopicModel:
        """Return a model in which each group of topics is one, others as they are, after them.

        The background stays as it is. The model has no ``guide`` any more, whose topics have moved.
        Topics that stay as they are keep names that were given.

        Args:
            groups: Topics to merge, one or more in each group, each topic at most once.

        Raises:
            ValueError: If a topic is named twice or is not there, or a group is empty. Or if the
                model is no mixture with a Dirichlet, or has covariates.
        """
        check_is_fitted(self)
        parts = all_topics(groups, self._n_features_out)
        merged = copy.deepcopy(self)
        others = [[k] for k in range(self._n_features_out, len(self.word_documents_))]
        prevalence = np.append(self.topic_prevalence_, np.ones(len(others)))
        merged.vae_ = merged_topics(self.vae_, [*parts, *others], prevalence)
        statistic = self.word_documents_
        merged.word_documents_ = np.stack([statistic[part].sum(0) for part in [*parts, *others]])
        merged.n_components = merged._n_features_out = len(parts)
        merged.guide, merged._optimizer_state = None, None
        merged.topic_prevalence_ = np.array([self.topic_prevalence_[p].sum() for p in parts])
        if hasattr(self, "coef_"):
            merged.coef_ = np.stack(
                [np.average(self.coef_[:, p], 1, self.topic_prevalence_[p]) for p in parts], 1
            )
        merged.__dict__.pop("_topic_names", None)
        if self.guide or hasattr(self, "_topic_names"):
            names = self.topic_names_
            merged.topic_names_ = {k: names[p[0]] for k, p in enumerate(parts) if len(p) == 1}
        return merged

    def reduce(self, n_components: int) -> TopicModel:
        """Return a model with fewer topics, the most alike merged (average linkage of cosines)."""
        require_integer("n_components", n_components, 1)
        check_is_fitted(self)
        if n_components > self._n_features_out:
            raise ValueError(
                f"n_components is {n_components}, must be at most {self._n_features_out}"
            )
        if n_components == self._n_features_out:
            return copy.deepcopy(self)
        return self.merge(alike_topics(self.topic_word_, n_components))

    # --- checks -----------------------------------------------------------------------------------

    def _shown(self) -> tuple[str, ResultTable]:
        size = self._terms.many(self._n_features_out, "part")
        return f"{size} of {self._terms.many(self.n_features_in_, 'column')}", self.topic_info()

    def _require_consistent(self) -> None:
        super()._require_consistent()
        decoder, words, topics = decoder_of(self.vae_), self.n_features_in_, self._n_features_out
        if decoder.num_words != words or decoder.num_topics - topics not in (0, 1):  # a background
            found = decoder.num_words, decoder.num_topics
            raise ValueError(f"vae_ has {found} words and topics, must have {(words, topics)}")
        if hasattr(self, "vectorizer_") and len(self.vectorizer_.vocabulary_) != words:
            raise ValueError(f"vectorizer_ must have {words} words, as the model has")

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        words, topics = self.n_features_in_, self._n_features_out
        labels = len(getattr(self, "classes_", ()))
        return {
            **super()._shapes(),
            "vocabulary_": (words,),
            "word_frequency_": (words,),
            "word_documents_": (decoder_of(self.vae_).num_topics, words),
            "topic_prevalence_": (topics,),
            "_topic_names": (topics,),
            "coef_": (labels, topics),
            "intercept_": (labels,),
        }

    def _counts_to_fit(self, X: Any, vocabulary: Any) -> sparse.csr_matrix:
        rows, vectorizer, words = countable(X, self.vectorizer, vocabulary)
        counts = checked_counts(self, rows, reset=True)
        require_documents(counts, self.n_components, self._terms.row, self._terms.column)
        warn_of_fractions(counts, "topics are fitted to counts", "DirichletVAE takes fractions")
        if words is None:
            words = getattr(self, "feature_names_in_", None)
        if words is not None:
            words = vocabulary_of(words, counts.shape[1])
        for name, value in (("vectorizer_", vectorizer), ("vocabulary_", words)):
            self.__dict__.pop(name, None)
            if value is not None:
                setattr(self, name, value)
        return counts

    def counts(self, X: Any) -> sparse.csr_matrix:
        """Counts of the model's words in documents: those of texts and lists; counts checked."""
        documents = documents_of(X)
        if documents.kind is Kind.COUNTS:
            return checked_counts(self, documents.rows, reset=False)
        if not hasattr(self, "vectorizer_"):
            raise ValueError(
                f"X has {documents.kind}, but the model was fitted on counts: give counts"
            )
        require_kind(documents, self.vectorizer_)
        return checked_counts(self, self.vectorizer_.transform(documents.rows), reset=False)

    def _check_arguments(self) -> None:
        super()._check_arguments()
        require_topic_arguments(
            {name: getattr(self, name) for name in TopicModel._get_param_names()}
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.classifier_tags = ClassifierTags()  # it has predict_proba, after labels
        return tags
