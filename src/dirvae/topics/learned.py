"""What a fitted model of topics knows: its topics, their words and names, and how it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted
from torch.distributions import Distribution

from dirvae.alignment import matched
from dirvae.estimators.estimator import VAEEstimator
from dirvae.estimators.rows import finite
from dirvae.evaluation import top_word_ids, top_words_by_documents
from dirvae.models.vae import VAE
from dirvae.nn.surroundings import pinned
from dirvae.tables import ResultTable
from dirvae.terms import TEXTS
from dirvae.topics.columns import columns_of
from dirvae.topics.covariates import (
    Covariate,
    as_numbers,
    covariates_of,
    names_of_numbers,
    warn_of_the_mean,
)
from dirvae.topics.decoder import TopicDecoder, decoder_of
from dirvae.topics.document_kinds import Kind, documents_of
from dirvae.topics.documents import checked_counts, loaded, require_kind
from dirvae.topics.exploring import (
    given_names,
    merges,
    proposed_names,
    topics_of_words,
    words_asked_for,
)
from dirvae.topics.inference import is_mixture
from dirvae.words import meant

__all__ = ["LearnedTopics"]


class LearnedTopics(VAEEstimator):
    """The topics of a fitted model, and what it takes documents for.

    `TopicModel` fits them; here is what can be asked of them without a document.
    """

    vae_: VAE
    not_always = VAEEstimator.not_always | {
        "vocabulary_",
        "vectorizer_",
        "classes_",
        "coef_",
        "intercept_",
        "_topic_names",
        "_stability",
        "_stripped",
        "_covariates",
        "_num_words",
    }
    vocabulary_: NDArray[Any]
    vectorizer_: CountVectorizer
    word_frequency_: NDArray[Any]
    word_documents_: NDArray[Any]
    topic_prevalence_: NDArray[Any]
    classes_: NDArray[Any]
    coef_: NDArray[Any]
    intercept_: NDArray[Any]
    _topic_names: list[str]
    _stability: NDArray[Any]
    _stripped: list[str]  # what the command line left out of the texts
    _covariates: list[Covariate]
    _num_words: float  # by which word_frequency_ is divided
    _terms = TEXTS  # what messages, tables and pages call them

    if TYPE_CHECKING:  # arguments that questions go by
        decoder: type[TopicDecoder] | str
        latent: Callable[..., Distribution] | str
        guide: Mapping[str, Sequence[str]] | None

    # --- topics -----------------------------------------------------------------------------------

    @property
    def topic_word_(self) -> Any:
        """beta: the probability of each word in each topic, shape (K, V). Rows sum to 1."""
        return self._mixed()[: self._n_features_out]

    @property
    def components_(self) -> Any:
        """The same as ``topic_word_``, under scikit-learn's name, shape (K, V)."""
        return self.topic_word_

    @property
    def topic_names_(self) -> list[str]:
        """Names of the K topics: those that were set, else proposed ones."""
        proposed = proposed_names(self.top_words(min(3, self.n_features_in_)), self._guided_by)
        return getattr(self, "_topic_names", proposed)

    @topic_names_.setter
    def topic_names_(self, names: Sequence[str] | Mapping[int, str]) -> None:
        self._topic_names = given_names(names, self.topic_names_)

    @property
    def _guided_by(self) -> Any:
        """The guide of the fit; ``guide`` may have been set anew since."""
        return self._of_fit("guide")

    def _of_fit(self, name: str) -> Any:
        """An argument that shapes the model, as the fit had it."""
        built = getattr(self, "_built", {})
        return built[name] if name in built else meant(name, getattr(self, name))

    @property
    def stability_(self) -> Any:
        """How well other seeds find each topic again, in [0, 1], shape (K,); see `fit_seeds`."""
        check_is_fitted(self)
        return getattr(self, "_stability", None)

    @property
    def covariate_names_(self) -> Any:
        """Names of the C numeric columns of covariates; words have a column for each level."""
        if not hasattr(self, "_covariates"):
            raise AttributeError(f"this {type(self).__name__} was fitted without covariates")
        return np.array(names_of_numbers(self._covariates), dtype=object)

    @property
    def covariate_kinds_(self) -> dict[str, str]:
        """Mapping from columns of covariates to "numbers", "dates", "durations" or "words"."""
        return {known.name: known.kind for known in getattr(self, "_covariates", [])}

    @property
    def background_(self) -> Any:
        """Distribution of the words of the background, which belong to no topic, shape (V,)."""
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
        return finite("topic_word_", beta / beta.sum(1, keepdims=True))

    def top_words(
        self, n: int = 10, *, by: str = "relevance", frequency_weight: float | None = None
    ) -> list[list[Any]]:
        """The n words that describe each topic best; their column numbers if words are not known.

        Args:
            n: Number of words, from 1 to V.
            by: How words are ranked. "relevance" prefers words that are in many documents of the
                topic, and in few others (`evaluation.top_words_by_documents`). "frex",
                "probability" and "lift" rank words by beta (`evaluation.top_word_ids`).
            frequency_weight: In [0, 1], for "relevance" (default .4) and "frex" (default .5) only.
                With a larger value, the words are more frequent, and more topics repeat them.

        Raises:
            ValueError: If an argument is out of range, or ``by`` uses no ``frequency_weight``.
        """
        ids = self.top_word_ids(n, by=by, frequency_weight=frequency_weight)
        if not hasattr(self, "vocabulary_"):
            return [[int(column) for column in row] for row in ids]
        return [[str(word) for word in self.vocabulary_[row]] for row in ids]

    @pinned()
    def top_word_ids(
        self, n: int = 10, *, by: str = "relevance", frequency_weight: float | None = None
    ) -> Any:
        """Column numbers of the words that `top_words` returns, shape (K, n)."""
        if by != "relevance":
            return top_word_ids(self.topic_word_, n, by=by, frequency_weight=frequency_weight)
        check_is_fitted(self)
        documents = self.word_documents_[: self._n_features_out].astype(np.float64)
        return top_words_by_documents(documents, n, frequency_weight=frequency_weight)

    def topic_info(self, n: int = 10) -> ResultTable:
        """A table with a row for each topic: its name, its share and its first n words."""
        columns: dict[str, Iterable[Any]] = {
            self._terms.part: range(self._n_features_out),
            "name": self.topic_names_,
            "share": self.topic_prevalence_,
            f"{self._terms.column}s": self.top_words(min(n, self.n_features_in_)),
        }
        return ResultTable(columns, frames=self._frames(), rows_shown=100)

    def find_topics(self, query: str, n: int = 5) -> ResultTable:
        """The n topics to which given words belong most, in falling order.

        Args:
            query: One or more words. Each has the same weight.
            n: Largest number of topics.

        Returns:
            Columns topic, name and share. The share is computed from the documents that have the
            word. It is the expected share of these documents in which the word belongs to the
            topic. For several words it is the mean of their shares.

        Raises:
            ValueError: If none of the words is in the vocabulary, or there is no vocabulary.
        """
        check_is_fitted(self)
        if not hasattr(self, "vocabulary_"):
            raise ValueError("query names words, but the model has none: fit with a vocabulary")
        counts = self.counts([query]) if hasattr(self, "vectorizer_") else None
        columns = words_asked_for(query, counts, self.vocabulary_)
        share = topics_of_words(self.word_documents_, columns, self._n_features_out)
        order = np.argsort(-share, kind="stable")[:n]
        names = [self.topic_names_[k] for k in order]
        found: dict[str, Iterable[Any]] = {
            self._terms.part: order,
            "name": names,
            "share": share[order],
        }
        return ResultTable(found, frames=self._frames())

    def hierarchy(self, n: int = 5) -> ResultTable:
        """The steps in which `reduce` merges topics, the most similar topics first.

        Args:
            n: Number of words shown for each merged topic.

        Returns:
            A row for each of K - 1 steps. Columns are node, left, right and distance as in
            `scipy.cluster.hierarchy.linkage`, the numbers of the merged topics, and the n words
            that best tell them from the other topics.
        """
        check_is_fitted(self)
        documents = self.word_documents_[: self._n_features_out]
        words = getattr(self, "vocabulary_", None)
        found = merges(self.topic_word_, documents, words, n, self._terms)
        return ResultTable(found, frames=self._frames())

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the K columns of theta, such as "topicmodel0".

        Args:
            input_features: Names of the columns of counts, which must be those of `fit`. Not read
                if texts were fitted, as in scikit-learn's vectorizers: texts are one column.
        """
        names = None if hasattr(self, "vectorizer_") else input_features
        return super().get_feature_names_out(names)

    # --- documents, as numbers ----------------------------------------------------------------

    def counts(self, X: Any) -> sparse.csr_matrix:
        """Counts of the model's words in documents, as a CSR matrix of shape (N, V)."""
        return loaded(self._rows(X))

    def _rows(self, X: Any) -> Any:
        """The same, but a corpus stays on disk."""
        documents = documents_of(X)
        if documents.kind is Kind.COUNTS:
            return checked_counts(self, documents.rows, reset=False)
        if not hasattr(self, "vectorizer_"):
            raise ValueError(
                f"X has {documents.kind}, but the model was fitted on counts: give counts"
            )
        require_kind(documents, self.vectorizer_)
        return checked_counts(self, self.vectorizer_.transform(documents.rows), reset=False)

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
        if known is None and not is_mixture(
            meant("decoder", self.decoder), meant("latent", self.latent)
        ):
            raise ValueError("covariates need a Dirichlet latent and a mixture of topics")
        if not reset and known is None:
            raise ValueError("covariates is given, must be None: the model was fitted without any")
        columns = columns_of(covariates, num_rows)
        if reset:
            self._covariates = covariates_of(columns, smooth)
        return as_numbers(columns, self._covariates)

    def _counts_and_covariates(
        self, X: Any, covariates: Any, *, on_disk: bool = False
    ) -> tuple[sparse.csr_matrix, Any]:
        """What a fitted model asks of documents and of their covariates: numbers alone.

        A corpus stays where it is if ``on_disk``.
        """
        check_is_fitted(self)
        counts = self._rows(X) if on_disk else self.counts(X)
        covariates = matched("covariates", covariates, X)
        return counts, self._covariate_values(covariates, counts.shape[0])

    # --- as it is shown, and loaded ------------------------------------------------------------

    def _shown(self) -> tuple[str, ResultTable]:
        size = self._terms.many(self._n_features_out, "part")
        return f"{size} of {self._terms.many(self.n_features_in_, 'column')}", self.topic_info()

    def _require_consistent(self) -> None:
        super()._require_consistent()
        decoder, words, topics = decoder_of(self.vae_), self.n_features_in_, self._n_features_out
        if decoder.num_words != words or decoder.num_topics - topics not in (0, 1):  # a background
            found = decoder.num_words, decoder.num_topics
            raise ValueError(f"vae_ has {found} words and topics, must have {(words, topics)}")
        self._require_use(self.vae_.embed, f"counts of {words} words")
        known = getattr(getattr(self, "vectorizer_", None), "vocabulary_", range(words))
        if len(known) != words:  # hashing knows none
            raise ValueError(f"vectorizer_ must have {words} words, as the model has")
        stability = getattr(self, "_stability", np.zeros(0))
        if not ((stability >= 0) & (stability <= 1)).all():
            raise ValueError("stability_ must have numbers in [0, 1]")
        if getattr(self, "_num_words", 0) < 0:
            raise ValueError("_num_words must be 0 or more")

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
            "_stability": (topics,),
            "coef_": (labels, topics),
            "intercept_": (labels,),
        }
