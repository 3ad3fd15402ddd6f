"""Topic models side by side on the same documents: matched topics, and what each model is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from dirvae.alignment import matched
from dirvae.data.corpus import Corpus
from dirvae.evaluation import partners
from dirvae.report.explorer.comparison import Compared, Partners, comparison_page
from dirvae.tables import ResultTable
from dirvae.terms import Terms
from dirvae.topics.covariates import own_numbers
from dirvae.topics.document_kinds import Kind, documents_of, listed
from dirvae.topics.measures import halves_of, measures_of
from dirvae.topics.model import TopicModel
from dirvae.writing import write_text

__all__ = ["Comparison", "compare", "compare_counts", "require_same_columns"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST, MOST = 2, 5  # models
TOP_WORDS = 10


class Comparison(NamedTuple):
    """Two to five topic models compared on the same documents.

    Attributes:
        models: Name, topics, shares, first words and measures of each model.
        partners: For each model after the first, which of its topics match those of the first.
        shared: Number of words that all models know.
        documents: Number of documents, N; 0 if none were given.
        terms: The words that tables and pages use for documents, words and topics.
    """

    models: list[Compared]
    partners: list[Partners]
    shared: int
    documents: int
    terms: Terms

    def table(self) -> ResultTable:
        """A row for each pair of a topic of the first model and another model.

        Columns are topic, model, partner, similarity and agreement. The partner is the matching
        topic of the other model, or -1 if there is none. Similarity is the cosine of the words of
        both topics. Agreement is the correlation of their shares over documents (NaN if no
        documents were given).
        """
        rows = [
            (k, model.name, int(match.order[k]), match.similarity[k], match.agreement[k])
            for model, match in zip(self.models[1:], self.partners, strict=True)
            for k in range(len(match.order))
        ]
        names = (self.terms.part, "model", "partner", "similarity", "agreement")
        return ResultTable(dict(zip(names, zip(*rows, strict=True), strict=True)))

    def report(self, path: str | Path | None = None, *, title: str | None = None) -> str:
        """Return a page that shows the comparison: one file of HTML that works offline.

        Args:
            path: File to write the page to. An existing file is replaced.
            title: Title of the page. If None, the title says what the page shows.

        Raises:
            OSError: If the file cannot be written.
        """
        page = comparison_page(
            self.models, self.partners, self.shared, self.documents, self.terms, title=title
        )
        if path is not None:
            write_text(path, page)
        return page


def compare(
    models: Sequence[TopicModel],
    X: Any = None,
    *,
    names: Sequence[str] | None = None,
    covariates: Any = None,
    seed: int = 0,
) -> Comparison:
    """Compare fitted models on the same documents.

    Topics of the other models are matched one to one to topics of the first, by the cosine of their
    words (the Hungarian method). A topic has no partner if the cosine is below .5. Models with
    different vocabularies are compared on the words that all models have.

    Args:
        models: Two to five fitted models: all `CompositionModel`, or none.
        X: Documents, in a form that all models take. With None, only words are compared.
        names: Names of the models. If None, "model 0", "model 1" and so on.
        covariates: As in `TopicModel.fit`, for the models that were fitted with covariates.
        seed: Seed of the split of documents into halves, for perplexity.

    Raises:
        ValueError: If an argument is out of range, or the models have no words in common.

    Example:
        >>> counts = np.random.default_rng(0).poisson(1, (40, 12))
        >>> models = [TopicModel(k, max_epochs=1, random_state=0).fit(counts) for k in (2, 3)]
        >>> compare(models, counts).shared
        12
    """
    _require_models(models)
    X = listed(X)
    if X is not None and _are_unnamed(X):
        require_same_columns(models)
    counts = None if X is None else [model.counts(X) for model in models]
    return compare_counts(
        models, counts, names=names, covariates=matched("covariates", covariates, X), seed=seed
    )


def _are_unnamed(X: Any) -> bool:
    """Whether documents are counts whose columns each model takes for its own words."""
    if isinstance(X, Corpus):
        return X.vocabulary is None
    if documents_of(X).kind is not Kind.COUNTS:
        return False  # texts are counted by each model
    return not hasattr(X, "columns") or [*X.columns] == [*range(len(X.columns))]


def require_same_columns(models: Sequence[TopicModel]) -> None:
    """Refuse models of which counts without names would be taken for other words by each.

    Raises:
        ValueError: If their words differ, or the order of their words.
    """
    words = [[*getattr(model, "vocabulary_", ())] for model in models]
    if any(own != words[0] for own in words):
        raise ValueError(
            f"X has counts without names, but the models have different {models[0]._terms.column}s "
            "or another order of them: give what all models can count, or compare without X"
        )


def compare_counts(
    models: Sequence[TopicModel],
    counts: Sequence[sparse.csr_matrix] | None,
    *,
    names: Sequence[str] | None = None,
    covariates: Any = None,
    seed: int = 0,
) -> Comparison:
    """`compare`, of the counts of each model's own words.

    Args:
        models: The models.
        counts: Of the same documents in the words of each model, shape (N, its V); None for none.
        names: As in `compare`, as are those that follow.
        covariates: What is known of the documents.
        seed: Of the halves.
    """
    _require_models(models)
    names = [f"model {place}" for place in range(len(models))] if names is None else list(names)
    if len(names) != len(models):
        raise ValueError(
            f"names has {len(names)} entries, must have one for each of {len(models)} models"
        )
    columns = _shared_columns(models)
    thetas: list[Floats | None] = [None] * len(models)
    measures: list[dict[str, float]] = [{}] * len(models)
    if counts is not None:
        halves = halves_of(counts[0][:, columns[0]], seed)
        for place, (model, X, own) in enumerate(zip(models, counts, columns, strict=True)):
            known = getattr(model, "_covariates", [])
            numbers = own_numbers(covariates, known, X.shape[0], model._terms.row)
            thetas[place] = model._theta(X, numbers)
            measures[place] = measures_of(model, X, halves, own, numbers)
    first, *others = zip(models, columns, thetas, strict=True)
    return Comparison(
        models=[*map(_compared, models, names, thetas, measures)],
        partners=[_partners(*first, *other) for other in others],
        shared=len(columns[0]),
        documents=0 if counts is None else counts[0].shape[0],
        terms=models[0]._terms,
    )


def _require_models(models: Sequence[TopicModel]) -> None:
    if not LEAST <= len(models) <= MOST:
        raise ValueError(f"models has {len(models)} entries, must have {LEAST} to {MOST}")
    for model in models:
        if not isinstance(model, TopicModel):
            raise ValueError(f"models has a {type(model).__name__}, must have topic models")
        check_is_fitted(model)
    if len({model._terms for model in models}) > 1:
        raise ValueError("models has models of documents and of samples, must have one kind")


def _shared_columns(models: Sequence[TopicModel]) -> list[Ints]:
    """Columns of the words that all models know, in the order of the first, for each model."""
    known = [getattr(model, "vocabulary_", None) for model in models]
    sizes = {model.n_features_in_ for model in models}
    if all(words is None for words in known) and len(sizes) == 1:
        return [np.arange(sizes.pop())] * len(models)
    column = models[0]._terms.column
    places = [{} if words is None else {w: c for c, w in enumerate(words)} for words in known]
    shared = [word for word in places[0] if all(word in place for place in places)]
    if not shared:
        raise ValueError(f"models have no {column} in common, must share some")
    return [np.array([place[word] for word in shared], dtype=np.int64) for place in places]


# --- topics ---------------------------------------------------------------------------------------


def _compared(
    model: TopicModel, name: str, theta: Floats | None, measures: dict[str, float]
) -> Compared:
    words = model.top_words(min(TOP_WORDS, model.n_features_in_))
    return Compared(
        name=name,
        topics=model.topic_names_,
        shares=model.topic_prevalence_ if theta is None else theta.mean(0),
        words=[[str(word) for word in row] for row in words],
        num_words=model.n_features_in_,
        measures=measures,
    )


def _partners(
    first: TopicModel,
    columns: Ints,
    theta: Floats | None,
    other: TopicModel,
    other_columns: Ints,
    other_theta: Floats | None,
) -> Partners:
    found = partners(first.topic_word_[:, columns], other.topic_word_[:, other_columns])
    agreement = np.full(len(found.order), np.nan)
    if theta is not None and other_theta is not None:
        for k in np.flatnonzero(found.order >= 0):
            agreement[k] = _correlation(theta[:, k], other_theta[:, found.order[k]])
    return Partners(found.order, found.similarity, agreement)


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson's; NaN where one of the two is constant."""
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / size if size > 0 else float("nan")
