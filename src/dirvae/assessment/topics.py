"""How good topics are: their words, what they leave of held-out words, how they go with labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

from dirvae.alignment import is_unknown, matched
from dirvae.evaluation import (
    diversity,
    mean_document_frequency,
    normalized_mutual_information,
    purity,
    topic_coherence,
)
from dirvae.evaluation.bootstrap import Interval
from dirvae.tables import ResultTable

__all__ = [
    "LabelScores",
    "TopicEstimator",
    "TopicScores",
    "WordScores",
    "label_scores",
    "score_topics",
    "word_scores",
]


class WordScores(NamedTuple):
    """Measures of the top words of topics.

    Attributes:
        npmi: NPMI coherence of the first 10 words of each topic in the documents, averaged over
            topics.
        diversity: Share of distinct words among the first 25 words of all topics (TD25).
        document_frequency: Number of documents that have a word, averaged over the first 10 words
            of all topics.
    """

    npmi: float
    diversity: float
    document_frequency: float


class LabelScores(NamedTuple):
    """Agreement of topics with labels.

    Documents are grouped by their largest topic.

    Attributes:
        purity: Share of documents whose label is the most frequent label of their group.
        nmi: Normalised mutual information between groups and labels.
        accuracy: Share of labels that the model predicts correctly; None if the model was not
            fitted to labels.
    """

    purity: float
    nmi: float
    accuracy: float | None = None


class TopicScores(NamedTuple):
    """Measures of a topic model on N documents.

    Attributes:
        num_documents: N.
        perplexity: Perplexity of half of each document's tokens, given the other half.
        words: Measures of the top words.
        labels: Agreement with labels, over the documents whose label is known. None if no labels
            were given.
        intervals: Intervals of measures, by their names in the `table`; not all measures have one.
            None if no intervals were asked for.
    """

    num_documents: int
    perplexity: float
    words: WordScores
    labels: LabelScores | None
    intervals: Mapping[str, Interval] | None = None

    def table(self) -> ResultTable:
        """A row for each defined measure, under the names that ``dirvae evaluate`` uses.

        If there are intervals, the table also has the columns std, lower and upper. These are None
        for a measure without an interval.
        """
        measured = {
            "documents": self.num_documents,
            "completion_perplexity": self.perplexity,
            "npmi_document": self.words.npmi,
            "diversity_top25": self.words.diversity,
            "mean_document_frequency": self.words.document_frequency,
        }
        if self.labels is not None:
            told = self.labels._asdict().items()
            measured |= {name: value for name, value in told if value is not None}
        columns: dict[str, list[Any]] = {
            "measure": list(measured),
            "value": list(measured.values()),
        }
        if self.intervals is not None:
            known = [self.intervals.get(name) for name in measured]
            for place, part in enumerate(Interval._fields):
                columns[part] = [None if one is None else one[place] for one in known]
        return ResultTable(columns, rows_shown=len(measured))

    def to_frame(self) -> Any:
        """The `table` as a DataFrame of pandas or polars; see `ResultTable.to_frame`."""
        return self.table().to_frame()

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class TopicEstimator(Protocol):
    """What `score_topics` needs of a model, such as a `TopicModel`."""

    def counts(self, X: Any) -> Any:
        """Counts of the model's words, CSR, shape (N, V)."""

    def transform(self, X: Any) -> Any:
        """Proportions of topics, shape (N, K)."""

    def top_word_ids(self, n: int) -> Any:
        """Columns of the n words that describe each topic best, shape (K, n)."""

    def perplexity(self, X: Any) -> float:
        """Perplexity of half of each document's tokens, given the other half."""


def score_topics(
    model: TopicEstimator,
    documents: Any,
    labels: Sequence[Any] | None = None,
    *,
    covariates: Any = None,
) -> TopicScores:
    """Score a fitted topic model on documents.

    Args:
        model: The fitted model. It ranks the words of its topics itself.
        documents: N documents, in a form that the model takes.
        labels: Class of each document; -1, None or NaN where unknown. None if there are no labels.
        covariates: Covariates of the documents, as in ``transform`` of the model.

    Raises:
        ValueError: If labels are given, but all of them are unknown.

    Example:
        >>> from dirvae import TopicModel
        >>> texts = ["the cat and the dog", "dog and cat", "stars and moon", "moon, stars"] * 5
        >>> model = TopicModel(2, max_epochs=20, random_state=0).fit(texts)
        >>> score_topics(model, texts, ["pets", "pets", "sky", None] * 5).labels.purity
        1.0
    """
    counts, labels = model.counts(documents), matched("labels", labels, documents)
    covariates = matched("covariates", covariates, documents)
    told: dict[str, Any] = {} if covariates is None else {"covariates": covariates}
    theta = model.transform(documents, **told)
    named = hasattr(documents, "columns")  # scikit-learn warns where names of columns are gone
    return TopicScores(
        num_documents=counts.shape[0],
        perplexity=model.perplexity(documents if named else counts, **told),
        words=word_scores(model.top_word_ids, counts),
        labels=None if labels is None else _all_label_scores(model, documents, theta, labels),
    )


def word_scores(top_word_ids: Callable[[int], NDArray[np.int64]], counts: Any) -> WordScores:
    """Score the top words of topics. A vocabulary below 25 words shortens the lists of words.

    Args:
        top_word_ids: Function that takes n and returns the columns of the first n words of each
            topic, shape (K, n).
        counts: Counts of words in the documents, CSR, shape (N, V).

    Example:
        >>> from scipy import sparse
        >>> counts = sparse.csr_matrix(np.eye(4) + np.eye(4)[::-1])
        >>> word_scores(lambda n: np.array([[0, 3], [1, 2]])[:, :n], counts)
        WordScores(npmi=1.0, diversity=1.0, document_frequency=2.0)
    """
    ten, more = (top_word_ids(min(n, counts.shape[1])) for n in (10, 25))
    return WordScores(
        npmi=float(topic_coherence(ten, counts).mean()),
        diversity=diversity(more),
        document_frequency=mean_document_frequency(ten, counts),
    )


def label_scores(theta: ArrayLike, labels: Sequence[Any]) -> LabelScores:
    """Compare topics with labels, over the documents whose label is known.

    Args:
        theta: Proportions of topics, shape (N, K).
        labels: Class of each document; -1, None or NaN where unknown.

    Raises:
        ValueError: If no label is known, or there are not N.

    Example:
        >>> label_scores([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], ["a", "b", None])
        LabelScores(purity=1.0, nmi=1.0, accuracy=None)
    """
    theta = np.asarray(theta)
    known, truth = known_labels(labels, len(theta))
    of_known = theta[known]
    return LabelScores(purity(of_known, truth), normalized_mutual_information(of_known, truth))


def _all_label_scores(model: Any, documents: Any, theta: Any, labels: Sequence[Any]) -> LabelScores:
    scores = label_scores(theta, labels)
    if not hasattr(model, "predict"):
        return scores
    return scores._replace(accuracy=float(are_predicted(model, documents, labels).mean()))


def are_predicted(model: Any, documents: Any, labels: Sequence[Any]) -> NDArray[np.bool_]:
    """Whether the model predicts the label of each document whose label is known.

    Numbers are compared as such: a model may have learned 2.0 from a column with gaps.
    """
    predicted = np.asarray(model.predict(documents))
    known, truth = known_labels(labels, len(predicted))
    predicted = predicted[known]
    if not {predicted.dtype.kind, truth.dtype.kind} <= set("iuf"):
        predicted, truth = predicted.astype(str), truth.astype(str)
    right: NDArray[np.bool_] = predicted == truth
    return right


def known_labels(labels: Any, count: int) -> tuple[list[int], NDArray[Any]]:
    """Rows whose label is known, and these labels; ValueError if there are none, or not N."""
    if np.ndim(labels) > 1:
        labels = column_or_1d(np.asarray(labels, dtype=object))
    if len(labels) != count:
        raise ValueError(
            f"labels has {len(labels)} values, must have one for each of {count} documents"
        )
    known = {row: label for row, label in enumerate(labels) if not is_unknown(label)}
    if not known:
        raise ValueError("labels is missing for every document, must be there for one at least")
    return list(known), np.array(list(known.values()))
