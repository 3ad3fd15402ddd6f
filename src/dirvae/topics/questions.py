"""What a fitted model of topics says of documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.special import softmax
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from dirvae.alignment import matched
from dirvae.assessment import HeldOut, TopicScores, score_intervals, score_topics
from dirvae.data.corpus import Corpus
from dirvae.evaluation import split_tokens, split_words
from dirvae.evaluation.completion import held_out_log_prob
from dirvae.levels import LEVEL, require_level
from dirvae.nn.surroundings import pinned
from dirvae.tables import ResultTable
from dirvae.topics.curves import Trends, trends_of
from dirvae.topics.decoder import decoder_of
from dirvae.topics.document_kinds import Kind, documents_of, listed
from dirvae.topics.documents import sampled
from dirvae.topics.effects import Effects, Shares, effects_of, shares_of
from dirvae.topics.exploring import explained_words, representatives
from dirvae.topics.inference import decoded_log_prob
from dirvae.topics.learned import LearnedTopics
from dirvae.topics.pairs import TopicPairs, pairs_of
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
from dirvae.writing import write_text

__all__ = ["DocumentQuestions"]


def _has_labels(model: Any) -> bool:
    if not hasattr(model, "coef_"):
        raise AttributeError("this TopicModel was not fitted to labels: give them as fit(X, y)")
    return True


class DocumentQuestions(LearnedTopics):
    """What can be asked of a fitted model about documents: theta, scores, effects, pages."""

    def transform(self, X: Any, *, covariates: Any = None) -> Any:
        """Posterior mean of theta of each document, rows that sum to 1, shape (N, K).

        It depends on the document alone, and not on the batch that it comes in; documents without
        words have the prior's mean.

        Args:
            X: Documents, as in `fit`. `topics.write_theta` writes theta of a corpus to disk.
            covariates: Those of these documents, as in `fit`. If None, a model that was fitted with
                covariates warns, and takes the prior at their mean for all documents.
        """
        theta = self._theta(*self._counts_and_covariates(X, covariates, on_disk=True))
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

    def posterior(self, X: Any, *, level: float = LEVEL, covariates: Any = None) -> TopicPosterior:
        """Return the posterior of theta of each document, where the latent is a Dirichlet.

        It includes what the words of a document leave uncertain, but treats the topics as known. If
        these were learned from few documents, or are mixed up, its intervals are too narrow.

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
            X: Documents, as in `fit`; pandas objects are named by their index.
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
            name = type(decoder_of(self.vae_)).__name__
            raise ValueError(f"explain takes a mixture of topics, not {name}")
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
        counts, covariates = sampled(*self._counts_and_covariates(X, None, on_disk=True))
        split = split_words if (counts.data % 1).any() else split_tokens
        return -math.log(self._completion(*split(counts), covariates))

    @pinned()
    def evaluate(
        self, X: Any, y: Any = None, *, covariates: Any = None, level: float | None = None
    ) -> TopicScores:
        """What ``dirvae evaluate`` says of the topics on documents; see `assessment.score_topics`.

        Args:
            X: Documents, as in `fit`. Of a corpus of more than 100,000 a sample of so many.
            y: Class of each document, None where it is not known; None for none at all.
            covariates: As in `transform`.
            level: Of intervals, in (0, 1); None for none. They say how far the measures would move
                with other documents of the same kind, the model as it is: by a bootstrap over
                documents (`assessment.score_intervals`).
        """
        if level is not None:
            require_level(level)
        X = listed(X)
        covariates = matched("covariates", covariates, X)
        if isinstance(X, Corpus):
            X, rows = sampled(self._rows(X), np.arange(X.shape[0]))
            known = (y, covariates)
            y, covariates = (None if v is None else _safe_indexing(v, rows) for v in known)
        scores = score_topics(self, X, y, covariates=covariates)
        if level is None:
            return scores
        counts, numbers = self._counts_and_covariates(X, covariates)
        held_out = self._held_out(*split_tokens(counts), numbers)
        found = score_intervals(self, scores, X, y, held_out, level=level, covariates=covariates)
        return scores._replace(intervals=found)

    @pinned()
    def perplexity(self, X: Any, *, seed: int = 0, covariates: Any = None) -> float:
        """Document completion: theta from half of each document's tokens, the rest scored.

        Lower is better; see `evaluation.completion_perplexity`. Of a decoder that does not mix its
        topics, such as a `ProductDecoder`, the words have the decoder's own distribution.

        Args:
            X: Documents, as in `fit`; counts must be whole numbers. Of a corpus of more than
                100,000 documents a sample of so many.
            seed: Seed of the split.
            covariates: As in `transform`.

        Raises:
            FloatingPointError: If no topic has one of the held-out words.
        """
        found = self._counts_and_covariates(X, covariates, on_disk=True)
        counts, covariates = sampled(*found)
        return self._completion(*split_tokens(counts, seed), covariates)

    def _completion(self, encoded: Any, scored: Any, covariates: Any) -> float:
        return self._held_out(encoded, scored, covariates).perplexity()

    def _held_out(self, encoded: Any, scored: Any, covariates: Any) -> HeldOut:
        """Log probability and number of the scored tokens of each document, given the others."""
        tokens = np.asarray(scored.sum(1), dtype=np.float64).ravel()
        if not tokens.sum() > 0:
            raise ValueError("held_out has no tokens")
        weights = proportions(self.vae_, encoded, covariates)
        if decoder_of(self.vae_).mixes:
            found = held_out_log_prob(weights, self._mixed(), scored)
        else:
            found = decoded_log_prob(self.vae_.decoder, torch.from_numpy(weights), scored)
        if np.isinf(found).any():
            raise FloatingPointError("perplexity is infinite: no topic has a held-out word")
        return HeldOut(found, tokens)

    def _held_out_nats(self, X: Any) -> float:
        """What `compare_sizes` compares, lower is better."""
        return math.log(self.perplexity(X))

    def _nats_of_mean(self, X: Any) -> float:
        """The same of what knows nothing of a row; NaN where there is no such score."""
        return math.nan

    def effects(self, X: Any, covariates: Any, *, level: float = LEVEL) -> Effects:
        """Effects of covariates on the proportions of topics, with intervals.

        The intervals hold what the documents leave open of their proportions, too. The proportions
        are what words say of them, under one prior for all documents. In a model that was fitted
        with covariates it is that at their mean.

        Intervals take the topics as known: fit several seeds and compare the effects. They take
        documents as independent, which several of one author, or samples of one person, are not.
        Of many intervals, some leave out 0 by chance.

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
        level: float = LEVEL,
        baseline: bool = False,
    ) -> str:
        """Return a page to explore the topics and documents in, one file of HTML.

        It needs no network, and holds the documents that have most of each topic.

        Args:
            X: Documents, as in `fit`; None shows topics and words alone.
            path: File to write the page to; one that is there is replaced.
            labels: A label for each document, None where unknown. The page calls labels by the name
                of a series, or by the key of a mapping from one name to the labels.
            times: A number, a date or a text of either for each document, None where unknown.
            ids: What each document is called, or a mapping from columns' names to such values;
                their rows, counted from 1, if None.
            covariates: As in `fit`, whether the model was fitted with them or not: their `effects`
                are shown, with intervals of 90 %. Without all of those that it was fitted with it
                warns, as `transform` does.
            names: Of topics, a mapping from their numbers or one for each; those that the model was
                given if None. The file that the page writes is such a mapping, as JSON.
            stability: How far other seeds find each topic, shape (K,); the model's ``stability_``
                if None.
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

    def topic_pairs(self, X: Any, *, level: float = LEVEL, covariates: Any = None) -> TopicPairs:
        """How often each two topics are in the same documents, beside what is expected of them.

        The intervals hold what the documents leave open of their proportions, and which documents
        there are, but take the topics for known. The prior knows nothing of pairs, so that short
        documents pull them to what it expects.

        Args:
            X: Documents, as in `fit`.
            level: Of the intervals, in (0, 1).
            covariates: As in `transform`.

        Raises:
            ValueError: If there is one topic, ``level`` is out of range, or the latent is no
                Dirichlet.
        """
        check_is_fitted(self)
        require_level(level)
        if self._n_features_out < 2:
            raise ValueError(f"the model has one {self._terms.part}, must have two or more")
        counts, covariates = self._counts_and_covariates(X, covariates)
        evidence = evidence_of(self.vae_, counts, covariates)
        mean, shapes, _ = marginals(evidence, self._n_features_out)
        found = pairs_of(mean, shapes, level=level, seed=self._seed)
        return found.labelled(self._result_labels())

    def trends(self, X: Any, time: Any, *, level: float = LEVEL, covariates: Any = None) -> Trends:
        """The share of each topic as a smooth curve over time, with intervals.

        They hold what the documents leave open of their proportions, and which documents there are,
        but take the topics for known. How often they hold planted curves: the guide to topics.

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
