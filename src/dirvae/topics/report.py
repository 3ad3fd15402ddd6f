"""The page of a topic model and its documents: what the model says of them, as plain arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted
from torch.distributions import Normal

from dirvae.alignment import matched
from dirvae.data.corpus import Corpus
from dirvae.distributions import Dirichlet
from dirvae.evaluation import normal_interval
from dirvae.levels import LEVEL, require_level
from dirvae.report.examples import document_names
from dirvae.report.explorer import (
    Differences,
    Documents,
    Shown,
    Topics,
    chosen_documents,
    explorer_page,
    groups_of,
    per_topic,
)
from dirvae.report.explorer.documents import marks_of, short, speaking, text_length
from dirvae.report.explorer.names import checked_names
from dirvae.report.explorer.topics import Pairs
from dirvae.terms import COUNTS
from dirvae.topics.covariates import own_numbers
from dirvae.topics.decoder import decoder_of
from dirvae.topics.document_kinds import Kind, documents_of, listed
from dirvae.topics.documents import picked, sampled
from dirvae.topics.effects import effects_of, shares_of
from dirvae.topics.measures import halves_of, lda_measures, measures_of, spread_of_measures
from dirvae.topics.pairs import pairs_of
from dirvae.topics.posterior import (
    credible_intervals,
    evidence_of,
    marginals,
    off_topic_scores,
    proportions,
    without_background,
)
from dirvae.topics.samples import groupings_of, samples_of

if TYPE_CHECKING:
    from dirvae.topics.model import TopicModel

__all__ = ["page_of"]

TOP_WORDS = 10
PAIRED_AT_MOST = 5_000  # documents by which pairs of topics are told
ALL = 300  # samples, up to which a page holds them all


def page_of(
    model: TopicModel,
    X: Any,
    *,
    labels: Any,
    times: Any,
    ids: Any,
    covariates: Any,
    names: Any,
    stability: Any,
    title: str | None,
    level: float,
    baseline: bool,
) -> str:
    """Return the page; arguments are those of `TopicModel.report`."""
    check_is_fitted(model)
    _require_shares(model, level)
    title = f"{model._terms.part}s".capitalize() if title is None else title
    if names is None and (model._guided_by or hasattr(model, "_topic_names")):
        names = model.topic_names_
    topics = _topics(model, checked_names(names, model._n_features_out), stability)
    if X is None:
        _require_documents(labels=labels, times=times, ids=ids, covariates=covariates)
        return explorer_page(topics, title=title)
    X, drawn_from = listed(X), None
    if isinstance(X, Corpus):
        size = X.shape[0]
        X, rows = sampled(model._rows(X), np.arange(size))
        if len(rows) < size:
            drawn_from = size
            ids = {"row": np.arange(1, size + 1)} if ids is None else ids
            ids, labels = picked("ids", ids, rows, size), picked("labels", labels, rows, size)
            times = picked("times", times, rows, size)
            covariates = picked("covariates", covariates, rows, size)
    documents = _documents(
        model,
        X,
        labels=labels,
        times=times,
        ids=ids,
        covariates=covariates,
        level=level,
        baseline=baseline,
    )
    documents = replace(documents, drawn_from=drawn_from)
    topics = replace(topics, shares=documents.theta.mean(0))
    if topics.terms is COUNTS:
        topics = replace(topics, frequency=_mean_sample(topics))
    return explorer_page(topics, documents, title=title)


def _mean_sample(topics: Topics) -> Any:
    """Share of each feature in the mean sample: deep samples weigh no more than others."""
    return topics.shares @ topics.topic_word


def _require_shares(model: TopicModel, level: float) -> None:
    require_level(level)
    if model._of_fit("latent") is Normal:
        raise ValueError("the latent is a Normal, must be on the simplex: it gives no shares")


def _require_documents(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} is given without X, must be None: it describes documents")


def _topics(model: TopicModel, names: list[str], stability: Any) -> Topics:
    num_topics, num_words = model._n_features_out, model.n_features_in_
    stability = model.stability_ if stability is None else stability
    if stability is not None:
        stability = np.asarray(stability, dtype=np.float64)
        if stability.shape != (num_topics,) or not ((stability >= 0) & (stability <= 1)).all():
            raise ValueError(
                f"stability has shape {stability.shape}, must have a number in [0, 1] for each of "
                f"{num_topics} {model._terms.part}s"
            )
    words = getattr(model, "vocabulary_", None)
    topics = Topics(
        topic_word=model.topic_word_,
        shares=model.topic_prevalence_,
        frequency=model.word_frequency_,
        top_words=model.top_word_ids(min(TOP_WORDS, num_words)),
        words=_numbered(model) if words is None else list(words),
        names=names,
        stability=stability,
        terms=model._terms,
    )
    return replace(topics, frequency=_mean_sample(topics)) if model._terms is COUNTS else topics


def _numbered(model: TopicModel) -> list[str]:
    return [f"{model._terms.column} {column}" for column in range(model.n_features_in_)]


def _documents(
    model: TopicModel,
    X: Any,
    *,
    labels: Any,
    times: Any,
    ids: Any,
    covariates: Any,
    level: float,
    baseline: bool,
) -> Documents:
    labelled_by, labels = _labelled(labels)
    labels, times = matched("labels", labels, X), matched("times", times, X)
    covariates = matched("covariates", covariates, X)
    counts = model.counts(X)
    known = getattr(model, "_covariates", [])
    numbers = own_numbers(covariates, known, counts.shape[0], model._terms.row)
    effects = None if covariates is None else _effects(model, counts, covariates)
    known_by, called = _called(ids, X, counts.shape[0], model._terms.row)
    samples = None
    if model._terms is COUNTS:
        theta, shapes, _ = marginals(
            evidence_of(model.vae_, counts, numbers), model._n_features_out
        )
    else:
        theta = model._theta(counts, numbers)
    groups = groups_of(theta, labels, times, shares_of)
    rows = chosen_documents(theta, per_topic(theta.shape[1]))
    if model._terms is COUNTS:
        samples = samples_of(theta, shapes, groupings_of(labelled_by, groups, covariates), level)
        rows = np.arange(len(theta)) if len(theta) <= ALL else np.union1d(rows, samples.rows)
    texts = _texts(model, X, counts, rows)
    told = None if numbers is None else numbers[rows]
    shown = _shown(model, counts[rows], told, rows, texts, level)
    halves = halves_of(counts)
    measures = measures_of(model, counts, halves, np.arange(counts.shape[1]), numbers)
    spread = spread_of_measures(model, counts, halves, numbers)
    ends = {name: normal_interval(measures[name], std, LEVEL) for name, std in spread.items()}
    pairs = _pairs(model, counts, numbers)
    of_lda: dict[str, float] = {}
    if baseline:
        of_lda = lda_measures(counts, theta.shape[1], model._seed, halves, model._terms)
    return Documents(
        theta,
        counts,
        called,
        known_by,
        groups,
        shown,
        level,
        labelled_by,
        effects,
        samples,
        measures,
        of_lda,
        ends,
        pairs,
    )


def _pairs(model: TopicModel, counts: Any, numbers: Any) -> Pairs | None:
    """Which topics go together in documents, or in some of them where there are many."""
    if model._of_fit("latent") is not Dirichlet or model._n_features_out < 2:
        return None
    rows = np.arange(counts.shape[0])
    if len(rows) > PAIRED_AT_MOST:
        rows = np.sort(np.random.default_rng(0).choice(rows, PAIRED_AT_MOST, replace=False))
    evidence = evidence_of(model.vae_, counts[rows], None if numbers is None else numbers[rows])
    mean, shapes, _ = marginals(evidence, model._n_features_out)
    return Pairs(*pairs_of(mean, shapes, level=LEVEL, seed=model._seed))


def _effects(model: TopicModel, counts: Any, covariates: Any) -> Differences | None:
    """Effects of covariates, or None with a warning where these documents do not tell any."""
    mean, concentration, _ = marginals(evidence_of(model.vae_, counts), model._n_features_out)
    try:
        found = effects_of(concentration, covariates, mean=mean, level=LEVEL, seed=model._seed)
    except ValueError as error:
        warnings.warn(f"the page has no effects: {error}", stacklevel=5)
        return None
    of = found.coefficients[1:]
    return Differences(
        effect=found.effect[1:],
        lower=found.lower[1:],
        upper=found.upper[1:],
        told=[str(one) for one in of],
        kinds=[one.kind for one in of],
    )


def _labelled(labels: Any) -> tuple[str, Any]:
    """What labels are called, and the labels."""
    if not isinstance(labels, Mapping):
        return str(getattr(labels, "name", None) or "label"), labels
    if len(labels) != 1:
        raise ValueError(f"labels is a mapping from {len(labels)} names, must be from one")
    [(name, values)] = labels.items()
    return str(name), values


def _called(ids: Any, X: Any, count: int, row: str) -> tuple[str, list[str]]:
    if ids is None:
        return document_names({}, count)
    named = ids if isinstance(ids, Mapping) else {str(getattr(ids, "name", None) or "id"): ids}
    for name, values in named.items():
        if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != count:
            raise ValueError(f"ids has {name!r}, must have a value for each of {count} {row}s")
    return document_names(matched("ids", named, X), count)


def _texts(model: TopicModel, X: Any, counts: sparse.csr_matrix, rows: Any) -> list[str]:
    """Texts of these rows; of lists their words, of counts the commonest words."""
    documents = documents_of(X)
    if documents.kind is Kind.TEXTS:
        return [documents.rows[row] for row in rows]
    if documents.kind is Kind.LISTS:
        return [" ".join(documents.rows[row]) for row in rows]
    return [_counted(counts[row], getattr(model, "vocabulary_", None)) for row in rows]


def _counted(row: sparse.csr_matrix, words: Any) -> str:
    order = np.argsort(-row.data, kind="stable")[:40]
    return ", ".join(
        f"{column if words is None else words[column]} {_digits(number)}"
        for column, number in zip(row.indices[order].tolist(), row.data[order], strict=True)
    )


def _digits(number: float) -> str:
    return f"{number:.0f}" if number % 1 == 0 else f"{number:g}"


def _shown(
    model: TopicModel, counts: Any, covariates: Any, rows: Any, texts: list[str], level: float
) -> Shown:
    mean, lower, upper, off_topic, shares = _intervals(model, counts, covariates, level)
    named: list[Any] = [{}] * len(rows)
    clear = named
    if decoder_of(model.vae_).mixes:
        named, clear = speaking(
            counts, shares, model._mixed(), model.word_frequency_, model._n_features_out
        )
    length, word_of = text_length(len(rows)), _word_of(model)
    cut = [short(text, length)[0] for text in texts]
    return Shown(
        rows=rows,
        texts=texts,
        mean=mean,
        lower=lower,
        upper=upper,
        off_topic=off_topic,
        speaking=named,
        marks=[marks_of(text, word_of, of) for text, of in zip(cut, clear, strict=True)],
        lengths=np.asarray(counts.sum(1)).ravel(),
    )


def _intervals(model: TopicModel, counts: Any, covariates: Any, level: float) -> Any:
    """Means, intervals, off-topic scores, and shares of all that is mixed.

    Of a latent that is no Dirichlet there are means and shares alone.
    """
    if model._of_fit("latent") is not Dirichlet:
        shares = proportions(model.vae_, counts, covariates)
        return without_background(shares, model._n_features_out), None, None, None, shares
    evidence = evidence_of(model.vae_, counts, covariates)
    mean, concentration, shares = marginals(evidence, model._n_features_out)
    lower, upper = credible_intervals(mean, concentration, level)
    if not decoder_of(model.vae_).mixes or model._terms is COUNTS:  # no law of single words there
        return mean, lower, upper, None, shares
    off_topic = off_topic_scores(shares, counts, model._mixed(), model.word_frequency_)
    return mean, lower, upper, off_topic, shares


def _word_of(model: TopicModel) -> Callable[[str], int | None]:
    """From a piece of text to the column that it is counted in, as the model's vectorizer does."""
    vectorizer: Any = getattr(model, "vectorizer_", None)
    place = getattr(vectorizer, "vocabulary_", {})
    if not place or not hasattr(vectorizer, "build_analyzer"):
        return lambda piece: None
    analyze = vectorizer.build_analyzer()

    @cache
    def column(piece: str) -> int | None:
        found = analyze(piece)
        words = [found] if isinstance(found, str) else found  # of lists, whose words are as given
        return next((int(place[word]) for word in words if word in place), None)

    return column
