"""Topics of documents, as a scikit-learn transformer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.distributions import Distribution

from dirvae.alignment import matched
from dirvae.data.processes import share, summed
from dirvae.distributions import Dirichlet
from dirvae.estimators.arguments import require_integer, require_resumable
from dirvae.estimators.estimator import learning
from dirvae.estimators.kinds import warn_of_fractions
from dirvae.estimators.labels import class_indicators
from dirvae.evaluation import (
    documents_of_words,
)
from dirvae.models.vae import VAE
from dirvae.nn.surroundings import pinned
from dirvae.terms import TEXTS
from dirvae.topics.arguments import guide_columns, require_topic_arguments
from dirvae.topics.building import starting_vae, vectors_of_words
from dirvae.topics.decoder import TopicDecoder, decoder_of
from dirvae.topics.decoders import MixtureDecoder
from dirvae.topics.document_kinds import listed
from dirvae.topics.documents import (
    checked_counts,
    countable,
    require_documents,
    sampled,
    vocabulary_of,
)
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.merging import alike_topics, all_topics, merged_topics
from dirvae.topics.posterior import (
    proportions,
    without_background,
)
from dirvae.topics.questions import DocumentQuestions
from dirvae.topics.start import cluster_start, guided_start, word_totals
from dirvae.topics.training import train_topics
from dirvae.training import Training
from dirvae.training.trainer import require_trainer, trainer_options
from dirvae.words import meant

__all__ = ["TopicModel", "require_topic_model"]

ROWS_COUNTED_AT_ONCE = 2_000  # a cell has a thousand entries


class TopicModel(DocumentQuestions):
    """Topics of texts or of counts: documents mix topics, which are distributions of words.

    Besides topics there may be a background: words that all documents share. Theta does not include
    the background: it holds the proportions of the topics alone, which sum to 1.

    Args:
        n_components: K, number of topics.
        decoder: Class that maps theta to words: `MixtureDecoder` (LDA), `OverdispersedDecoder`
            (counts of microbes, cells or goods), `ProductDecoder` (ProdLDA, NVDM),
            `EmbeddedDecoder` (GSM; ETM with ``word_vectors``), or a `TopicDecoder` of your own.
            These four can also be given by name, such as "product".
        latent: Distribution of the latent: `distributions.Dirichlet`, `InverseCDFDirichlet`,
            `StickBreakingKumaraswamy`, `SoftmaxNormal` or, with a `ProductDecoder` only,
            `torch.distributions.Normal`. Or its name, such as "softmax-gaussian".
        prior_concentration: Concentration of the Dirichlet prior of theta: a positive number,
            "learn" (one for each topic, all starting at .1), or None for the latent's default. If
            the latent is not a Dirichlet, "learn" also means that default. With covariates the
            prior is always learned. The concentration of the background is a fifth of the sum of
            the topics' concentrations. If the prior is learned, the background starts there.
        vectorizer: Counts the words of texts: any vectorizer of scikit-learn, or None for
            `topics.documents.default_vectorizer`. A `HashingVectorizer` needs
            ``alternate_sign=False`` and ``norm=None``. With it, the words are not known.
        word_vectors: Vectors of the words for an `EmbeddedDecoder`, shape (V, E), or a mapping from
            words to vectors. Words without a vector get zeros.
        guide: Words that topics start from, such as ``{"sport": ["team", "game"]}``. The named
            topics come first, in this order. Words that occur in no document are left out, with a
            warning.
        background: Whether there is a background. It needs a decoder that mixes topics, and a
            Dirichlet latent.
        label_weight: Weight of the log probability of a document's label, relative to the bound of
            the document. 0 leaves labels out.
        hidden_sizes: Widths of the encoder's layers.
        max_epochs: Passes over the documents.
        batch_size: Documents per step. If several processes train together, those of each process.
        learning_rate: Adam's step size for the encoder at the start. It falls to 0.
        random_state: Seed or `numpy.random.RandomState`. The same seed gives the same topics.
        device: "cpu", "cuda", "mps" or "auto".
        verbose: Whether to show a progress bar.

    Attributes:
        topic_word_: beta, the probability of each word in each topic, shape (K, V). Rows sum to 1.
        background_: Distribution of the words of the background, shape (V,), if there is one.
        vocabulary_: The V words, if they are known.
        covariate_kinds_: Mapping from the names of the columns of covariates to their kinds:
            "numbers", "dates", "durations" or "words".
        covariate_names_: Names of covariates, if there are any. A column of words has one name for
            each level (each distinct word).
        vectorizer_: The fitted vectorizer, if texts or lists of words were given.
        word_frequency_: Share of each word among all words of the documents, shape (V,).
        word_documents_: Expected number of documents in which each word belongs to each topic,
            shape (K, V). A background adds one row.
        topic_names_: Names of the K topics: those of ``guide``, or else their first three words.
            You can set other names, as a list or as a mapping such as ``{3: "cars"}``. They are
            saved with the model.
        stability_: How well other seeds find each topic again, in [0, 1], shape (K,): the model's
            row of `TopicEnsemble.stability`. None unless `fit_seeds` fitted the model. Further
            training or merging sets it to None.
        components_: The same as ``topic_word_``.
        topic_prevalence_: Mean of theta over the documents, shape (K,). Each `partial_fit` adds
            its documents with theta as it is right after that call.
        classes_: The L classes, sorted, if labels were given.
        coef_: Weight of each topic for each class, shape (L, K), if labels were given. The logits
            of the classes are ``theta @ coef_.T + intercept_``.
        intercept_: Intercept of each class, shape (L,), if labels were given.
        vae_: The fitted `VAE`. Its latent has the shares of the K topics, and after these the
            share of the background, if there is one.
        history_: Metrics of each epoch.
        n_iter_: Number of epochs trained.
        n_features_in_: Number of words, V.

    References:
        Blei, Ng & Jordan 2003; Srivastava & Sutton 2017; Joo, Lee, Park & Moon 2020, sec. 4.4.
        Labels: Mcauliffe & Blei, "Supervised topic models", 2007.

    Example:
        >>> texts = ["the cat and the dog", "dog and cat", "stars and moon", "moon, stars"] * 5
        >>> model = TopicModel(2, max_epochs=20, random_state=0).fit(texts)
        >>> sorted(sorted(words) for words in model.top_words(2))
        [['cat', 'dog'], ['moon', 'stars']]
    """

    model_type = (VAE, MixtureVAE)
    not_saved = frozenset({"_optimizer_state", "word_vectors"})  # the vectors are among the weights
    _num_documents: int
    _optimizer_state: dict[str, Any] | None

    def __init__(
        self,
        n_components: int = 50,
        *,
        decoder: type[TopicDecoder] | str = MixtureDecoder,
        latent: Callable[..., Distribution] | str = Dirichlet,
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

    @learning
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
        trainer: Mapping[str, Any] | None = None,
    ) -> TopicModel:
        """Fit to documents, and to labels if there are any.

        With labels, the topics also learn to predict the labels. The posterior mean of theta goes
        through a linear softmax, whose log-likelihood is added to the bound. A pipeline that ends
        in a classifier passes its labels to all its steps. Its topics are then supervised too,
        unless ``label_weight`` is 0.

        If X, labels and covariates are pandas objects, rows are matched by index; else by position.

        Args:
            X: N texts. Or N lists of words, which are counted as they are. Or counts of words, 0 or
                more, dense or CSR, shape (N, V). Or a `data.Corpus`, whose counts and theta are
                not held in memory.
            y: Labels of documents, words or whole numbers, length N. An unknown label is the
                number -1, None or NaN. None if there are no labels.
            vocabulary: The V words of counts, in order, or a mapping from words to columns.
            covariates: What is known of the documents: a data frame, a series, or an array or list
                of shape (N, C) or (N,). Columns have numbers, booleans, dates (in days) or words,
                which become dummy variables. The prior of theta is learned and depends on them.
            smooth: Names of numeric or date covariates, such as a year. Their effect on the prior
                is a smooth curve (a cubic spline with five knots).
            checkpoint_dir: Folder for a checkpoint after each epoch. If None, none is written.
            resume: Whether to continue from the last checkpoint in ``checkpoint_dir``. Data and
                arguments must be the same, and ``random_state`` must be an integer.
            trainer: Arguments of ``lightning.pytorch.Trainer`` by name, such as ``logger``,
                ``callbacks``, ``precision``, ``accelerator`` (in place of ``device``) and
                ``devices``. `training.History` names the metrics that are logged. A saved model
                does not contain these arguments.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If an argument or a value of X or y is out of range; the message says which.
        """
        self._check_arguments()
        require_resumable(resume, self.random_state, checkpoint_dir)
        require_trainer(trainer, sparse=True)
        y, covariates = matched("y", y, X), matched("covariates", covariates, X)
        counts = self._counts_to_fit(X, vocabulary)
        labels = self._labels(y, counts.shape[0])
        covariates = self._covariate_values(covariates, counts.shape[0], reset=True, smooth=smooth)
        self._begin(counts, covariates)
        training, head = self._train_topics(
            counts,
            covariates,
            labels,
            max_epochs=self._num_epochs(counts.shape[0]),
            seed=self._seed,
            decay=True,
            checkpoint_dir=checkpoint_dir,
            resume=resume,
            trainer=trainer,
        )
        self.history_ = training.history
        if head is not None:
            self.coef_ = head.weight.detach().double().numpy()
            self.intercept_ = head.bias.detach().double().numpy()
        with self._forgotten_if_cut_off():
            self._end(counts, covariates, training.num_processes)
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
        trainer: Mapping[str, Any] | None = None,
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
            trainer=trainer,
        )
        return self.transform(X, covariates=covariates)

    @learning
    def partial_fit(
        self, X: Any, y: Any = None, *, vocabulary: Sequence[str] | None = None
    ) -> TopicModel:
        """Make one more pass over documents, old or new, at a constant step size.

        The first call fixes the vocabulary, the starting topics and all arguments that shape the
        model, such as ``n_components`` and ``latent``: another one raises ValueError. The optimiser
        keeps its state from one call to the next. Arguments and errors are those of `fit`, but
        ``y`` is ignored. A model that was fitted to labels continues without labels, and loses its
        ``classes_`` and ``coef_``. A model that was fitted with covariates takes the prior at their
        mean, with a warning.
        """
        if hasattr(self, "vae_"):
            self._check_next_pass()
            self._require_known(vocabulary)
            counts = self._rows(X)
            self._covariate_values(None, counts.shape[0])
            self._add_words(word_totals(counts))
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
        with self._forgotten_if_cut_off():
            self._end(counts)
        return self

    def _num_epochs(self, num_rows: int) -> int:
        return int(self.max_epochs)

    def _restore_unsaved(self) -> None:
        vectors = getattr(decoder_of(self.vae_), "word_vectors", None)
        if vectors is not None and not vectors.requires_grad:  # they were given
            words = getattr(self, "vocabulary_", None)
            rows = vectors.detach().numpy()
            self.word_vectors = rows if words is None else dict(zip(words, rows, strict=True))
        super()._restore_unsaved()
        self._built.pop("word_vectors", None)  # only those of the vocabulary are kept

    def _begin(self, counts: sparse.csr_matrix, covariates: Any = None) -> None:
        """Build the model at its starting topics."""
        self._seed, self._built = self._new_seed(), self._shaping()
        self.history_, self._optimizer_state = [], None
        for name in ("_topic_names", "_stripped"):
            self.__dict__.pop(name, None)
        self._n_features_out = self.n_components
        self._num_documents, self.topic_prevalence_ = 0, np.zeros(self.n_components)
        words, vectors = getattr(self, "vocabulary_", None), self.word_vectors
        guided = guide_columns(self.guide, words)
        if vectors is not None:
            vectors = vectors_of_words(vectors, words, counts.shape[1])
        start = cluster_start(counts, self.n_components, self._seed)
        self.word_frequency_ = start.log_background.double().exp().numpy()
        self._num_words = start.num_words
        self.vae_ = starting_vae(
            meant("decoder", self.decoder),
            meant("latent", self.latent),
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
        self,
        counts: sparse.csr_matrix,
        covariates: Any = None,
        labels: Any = None,
        *,
        trainer: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> tuple[Training, nn.Linear | None]:
        self.__dict__.pop("_stability", None)  # it was of other topics
        with self._forgotten_if_cut_off():
            return train_topics(
                self.vae_,
                counts,
                covariates,
                labels,
                num_topics=self._n_features_out,
                label_weight=self.label_weight,
                learning_rate=self.learning_rate,
                batch_size=self.batch_size,
                verbose=bool(self.verbose),
                **options,
                **trainer_options(trainer, self.device),
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

    def _end(
        self, counts: sparse.csr_matrix, covariates: Any = None, num_processes: int = 1
    ) -> None:
        """Add what the documents say to what is known of earlier ones.

        Several processes go through a share each, and have no earlier documents: those would be
        added once for each process.
        """
        self.n_iter_ = len(self.history_)
        total, num_rows = self._num_documents * self.topic_prevalence_, counts.shape[0]
        own = share(num_rows, num_processes)
        for start in own[::ROWS_COUNTED_AT_ONCE]:
            part = slice(start, min(start + ROWS_COUNTED_AT_ONCE, own.stop))
            some = counts[part].astype(np.float64, copy=False)
            known = None if covariates is None else covariates[part]
            weights = proportions(self.vae_, some, known)
            total += without_background(weights, self._n_features_out).sum(0)
            documents = documents_of_words(weights, self._mixed(), some)
            self.word_documents_ = (self.word_documents_ + documents).astype(np.float32)
        total, self.word_documents_ = (
            summed(values, num_processes) for values in (total, self.word_documents_)
        )
        self._num_documents += num_rows
        self.topic_prevalence_ = total / self._num_documents

    def _add_words(self, totals: Any) -> None:
        """Add the words of one more pass to those whose frequencies are known."""
        if hasattr(self, "_num_words"):  # folders of earlier versions do not say it
            totals = totals + self._num_words * self.word_frequency_
            self._num_words = float(totals.sum())
            self.word_frequency_ = totals / self._num_words

    @pinned()
    def merge(self, groups: Sequence[Sequence[int]]) -> TopicModel:
        """Return a model in which each group of topics is merged into one topic.

        The merged topics come first, in the order of the groups. The other topics follow, unchanged
        and in their old order; they keep names that were given. The background is unchanged too.
        The new model has no ``guide``, because its topics have moved.

        Args:
            groups: Topics to merge, one or more in each group, each topic at most once.

        Raises:
            ValueError: If a topic is named twice or does not exist, or a group is empty. Or if the
                model has covariates, or is not a mixture of topics with a Dirichlet latent.
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
        merged._built = {**getattr(self, "_built", {}), "guide": None}
        merged.topic_prevalence_ = np.array([self.topic_prevalence_[p].sum() for p in parts])
        if hasattr(self, "coef_"):
            merged.coef_ = np.stack(
                [np.average(self.coef_[:, p], 1, self.topic_prevalence_[p]) for p in parts], 1
            )
        merged.__dict__.pop("_stability", None)
        if self.stability_ is not None and len(parts) == self._n_features_out:  # only reordered
            merged._stability = self.stability_[[k for [k] in parts]]
        merged.__dict__.pop("_topic_names", None)
        if self._guided_by or hasattr(self, "_topic_names"):
            names = self.topic_names_
            merged.topic_names_ = {k: names[p[0]] for k, p in enumerate(parts) if len(p) == 1}
        return merged

    def reduce(self, n_components: int) -> TopicModel:
        """Return a model with fewer topics: the most similar ones are merged.

        Topics are merged by average linkage of the cosines of their words. A model that was fitted
        with covariates cannot be reduced: fit it with fewer topics.

        Args:
            n_components: Number of topics of the new model, from 1 to K.

        Raises:
            ValueError: If ``n_components`` is out of range or the model has covariates. Or if the
                model is not a mixture of topics with a Dirichlet latent.
        """
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

    def _counts_to_fit(self, X: Any, vocabulary: Any) -> sparse.csr_matrix:
        rows, vectorizer, words = countable(X, self.vectorizer, vocabulary)
        counts = checked_counts(self, rows, reset=True, single=True)  # a billion entries, perhaps
        require_documents(counts, self.n_components, self._terms.row, self._terms.column)
        some, _ = sampled(counts)
        warn_of_fractions(some, "topics are fitted to counts", "DirichletVAE takes fractions")
        if words is None:
            words = getattr(self, "feature_names_in_", None)
        if words is not None:
            words = vocabulary_of(words, counts.shape[1])
        for name, value in (("vectorizer_", vectorizer), ("vocabulary_", words)):
            self.__dict__.pop(name, None)
            if value is not None:
                setattr(self, name, value)
        return counts

    def _require_known(self, vocabulary: Any) -> None:
        """Refuse other words for the columns of one more pass, which would count as the model's."""
        if vocabulary is None:
            return
        argument = "vocabulary" if self._terms is TEXTS else f"{self._terms.column}s"
        given = vocabulary_of(vocabulary, self.n_features_in_, argument=argument)
        if not np.array_equal(given, getattr(self, "vocabulary_", ())):
            raise ValueError(
                f"{argument} has other {self._terms.column}s than the fitted model, or another "
                "order of them; for partial_fit it must be the same: for others call fit"
            )

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


def require_topic_model(model: Any) -> None:
    """Raise TypeError unless ``model`` is a `TopicModel`, or a `CompositionModel`, which is one."""
    if not isinstance(model, TopicModel):
        raise TypeError(f"model is a {type(model).__name__}, must be a TopicModel")
