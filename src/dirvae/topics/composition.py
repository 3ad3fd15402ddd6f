"""Components of counts that are not words, such as microbes in samples or genes in cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from dirvae.data.sparse_matrix import checked_csr
from dirvae.distributions import Dirichlet
from dirvae.estimators.kinds import warn_of_fractions
from dirvae.terms import COUNTS
from dirvae.topics.decoders import OverdispersedDecoder
from dirvae.topics.documents import checked_counts, require_documents, vocabulary_of
from dirvae.topics.hidden_features import hidden_features_log_prob
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.model import TopicModel

__all__ = ["CompositionModel"]

ROWS_TRAINED = 40_000  # in all passes together, at least: 400 steps of a hundred samples


class CompositionModel(TopicModel):
    """Components of counts: each sample is a mixture of K components, each a composition.

    Given the mixture, counts are Dirichlet-multinomial. They vary more than a multinomial allows,
    as reads of microbes do. How much more they vary is learned: see `precision_`.

    The model is a `TopicModel` with an `OverdispersedDecoder` and no background, and has all
    methods of a `TopicModel`. Where these speak of documents, words and topics, read samples,
    features and components.

    Args:
        n_components: K, number of components.
        prior_concentration: Concentration of the Dirichlet prior of theta: a positive number, or
            "learn" (one for each component, all starting at .1). With covariates the prior is
            always learned.
        hidden_sizes: Widths of the encoder's layers.
        max_epochs: Passes over the samples. If None, as many as it takes to see 40,000 samples.
        batch_size: Samples per step. If several processes train together, those of each process.
        learning_rate: Adam's step size for the encoder at the start. It falls to 0.
        random_state: Seed or `numpy.random.RandomState`. The same seed gives the same components.
        device: "cpu", "cuda", "mps" or "auto".
        verbose: Whether to show a progress bar.

    Attributes:
        components_: Composition of each component, shape (K, D). Rows sum to 1.
        features_: Names of the D features, if they are known.
        prevalence_: Mean of theta over the samples, shape (K,).
        precision_: Sum of the concentrations of the Dirichlet-multinomial. The smaller it is, the
            more samples vary around their mixtures.
        stability_: How well other seeds find each component again, shape (K,), as in `TopicModel`.
        covariate_names_: Names of the covariates, if there are any. A column of words has one name
            for each level (each distinct word).
        vae_: The fitted `VAE`.
        history_: Metrics of each epoch.
        n_iter_: Number of epochs trained.
        n_features_in_: Number of features, D.

    References:
        Holmes, Harris & Quince 2012 (mixtures of Dirichlet-multinomials for microbes).

    Example:
        >>> counts = np.random.default_rng(0).poisson([[9, 9, 1, 1], [1, 1, 9, 9]] * 20)
        >>> model = CompositionModel(2, max_epochs=30, random_state=0)
        >>> model = model.fit(counts, features=list("abcd"))
        >>> sorted(sorted(names) for names in model.top_features(2))
        [['a', 'b'], ['c', 'd']]
    """

    vae_: MixtureVAE

    _terms = COUNTS

    # What a TopicModel lets its user choose.
    decoder = OverdispersedDecoder
    latent = Dirichlet
    vectorizer = word_vectors = guide = None
    background = False
    label_weight = 0.0

    def __init__(
        self,
        n_components: int = 8,
        *,
        prior_concentration: float | str | None = "learn",
        hidden_sizes: Sequence[int] = (100, 100),
        max_epochs: int | None = None,
        batch_size: int = 100,
        learning_rate: float = 5e-3,
        random_state: Any = None,
        device: str = "cpu",
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.prior_concentration = prior_concentration
        self.hidden_sizes = hidden_sizes
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # --- fitting, with names of features in place of a vocabulary ---------------------------------

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        *,
        features: Sequence[str] | None = None,
        covariates: Any = None,
        checkpoint_dir: str | Path | None = None,
        resume: bool = False,
        trainer: Mapping[str, Any] | None = None,
    ) -> CompositionModel:
        """Fit to samples.

        Args:
            X: Counts, 0 or more: a data frame, an array or a SciPy sparse matrix, shape (N, D).
            y: Ignored. Pipelines pass it.
            features: Names of the D features, in order. A data frame has names already.
            covariates: What is known of the samples, as in `TopicModel.fit`. The prior of theta
                depends on them. If X and covariates are pandas objects, rows are matched by index;
                else by position.
            checkpoint_dir: Folder for a checkpoint after each epoch. If None, none is written.
            resume: Whether to continue from the last checkpoint in ``checkpoint_dir``. Data and
                arguments must be the same, and ``random_state`` must be an integer.
            trainer: As in `TopicModel.fit`.

        Raises:
            ValueError: If an argument or a value of X is out of range; the message says which.
        """
        super().fit(
            X,
            vocabulary=features,
            covariates=covariates,
            checkpoint_dir=checkpoint_dir,
            resume=resume,
            trainer=trainer,
        )
        return self

    def fit_transform(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        *,
        features: Sequence[str] | None = None,
        covariates: Any = None,
    ) -> Any:
        """`fit`, then `transform` of the same samples, with the same covariates."""
        fitted = self.fit(X, features=features, covariates=covariates)
        return fitted.transform(X, covariates=covariates)

    def partial_fit(  # type: ignore[override]
        self, X: Any, y: Any = None, *, features: Sequence[str] | None = None
    ) -> CompositionModel:
        """Make one more pass over samples, as `TopicModel.partial_fit` does over documents."""
        super().partial_fit(X, vocabulary=features)
        return self

    def _num_epochs(self, num_rows: int) -> int:
        if self.max_epochs is not None:
            return super()._num_epochs(num_rows)
        return math.ceil(ROWS_TRAINED / num_rows)

    def _require_epochs(self) -> None:
        if self.max_epochs is not None:
            super()._require_epochs()

    # --- components -------------------------------------------------------------------------------

    @property
    def components_(self) -> Any:
        """Composition of each component, shape (K, D). Rows sum to 1."""
        return self.topic_word_

    @property
    def features_(self) -> NDArray[Any]:
        """Names of the features, shape (D,)."""
        if not hasattr(self, "vocabulary_"):
            raise AttributeError("this CompositionModel was fitted without names of features")
        return self.vocabulary_

    @property
    def prevalence_(self) -> NDArray[Any]:
        """Mean of theta over the samples, shape (K,)."""
        return self.topic_prevalence_

    @property
    def precision_(self) -> float:
        """Sum of concentrations of the Dirichlet-multinomial: the smaller, the more counts vary."""
        check_is_fitted(self)
        return float(self.vae_.decoder.precision.detach())  # type: ignore[operator]

    def top_features(
        self, n: int = 10, *, by: str = "relevance", frequency_weight: float | None = None
    ) -> list[list[Any]]:
        """The n features that describe each component best, by name, or else by column number.

        Args:
            n: Number of features, from 1 to D.
            by: How features are ranked. "relevance" prefers features that are in many samples of
                the component, and in few others. "frex", "probability" and "lift" rank features by
                ``components_``; see `evaluation.top_word_ids`.
            frequency_weight: In [0, 1], for "relevance" (default .4) and "frex" (default .5) only.
                With a larger value, the features are more frequent, and more components repeat
                them.

        Raises:
            ValueError: If an argument is out of range, or ``by`` uses no ``frequency_weight``.
        """
        return self.top_words(n, by=by, frequency_weight=frequency_weight)

    # --- samples ----------------------------------------------------------------------------------

    def completion_log_prob(
        self, X: Any, *, seed: int = 0, covariates: Any = None
    ) -> NDArray[np.float64]:
        """Log probability of the counts of half of the features, given the other half, shape (N,).

        The features are split at random into two halves, the same for all samples. Theta of a
        sample is inferred from the counts of one half. The model then predicts the counts of the
        other half, given their total. Values are in nats per sample; higher is better.

        Args:
            X: Counts, as in `fit`.
            seed: Seed of the split.
            covariates: As in `transform`.
        """
        counts, covariates = self._counts_and_covariates(X, covariates)
        return hidden_features_log_prob(self.vae_, counts, covariates, seed=seed)

    def mean_log_prob(self, X: Any, *, seed: int = 0) -> NDArray[np.float64]:
        """`completion_log_prob` with the same theta, ``prevalence_``, for every sample.

        This baseline uses no counts of the sample. The difference between `completion_log_prob` and
        this baseline is what the model gains by inferring theta of each sample. The baseline has
        the components and the precision of this model, so other models have other baselines. To
        compare models, compare their `completion_log_prob`.

        Args:
            X: Counts, as in `fit`.
            seed: Seed of the split.
        """
        check_is_fitted(self)
        mean = self.prevalence_
        return hidden_features_log_prob(self.vae_, self.counts(X), theta_of_all=mean, seed=seed)

    def _held_out_nats(self, X: Any) -> float:
        return -float(self.completion_log_prob(X).mean())

    def _nats_of_mean(self, X: Any) -> float:
        return -float(self.mean_log_prob(X).mean())

    # --- checks -----------------------------------------------------------------------------------

    def _counts_to_fit(self, X: Any, vocabulary: Any) -> sparse.csr_matrix:
        counts = self._checked(X, reset=True)
        require_documents(counts, self.n_components, self._terms.row, self._terms.column)
        warn_of_fractions(counts, "components are fitted to counts", "DirichletVAE takes fractions")
        names = getattr(self, "feature_names_in_", None) if vocabulary is None else vocabulary
        self.__dict__.pop("vocabulary_", None)
        if names is not None:
            self.vocabulary_ = vocabulary_of(names, counts.shape[1], argument="features")
        return counts

    def counts(self, X: Any) -> sparse.csr_matrix:
        """Counts of the model's features in samples, checked, as a CSR matrix of shape (N, D)."""
        return self._checked(X, reset=False)

    def _checked(self, X: Any, *, reset: bool) -> sparse.csr_matrix:
        X = checked_csr("X", X) if sparse.issparse(X) else X
        return checked_counts(self, X, reset=reset, single=reset)
