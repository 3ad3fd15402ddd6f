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
from dirvae.topics.documents import picked, sampled
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
        """Posterior mean of theta of each document, shape (N, K). Rows sum to 1.

        The mean depends on the document alone, not on the other documents of X. A document without
        words has the mean of the prior.

        Args:
            X: Documents, as in `fit`. `topics.write_theta` writes theta of a corpus to disk.
            covariates: Covariates of these documents, as in `fit`. If None, a model that was fitted
                with covariates takes the prior at their mean for all documents, with a warning.
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
        """Probability of each class, shape (N, L), if the model was fitted to labels.

        Covariates are not used, neither here nor when the labels were learned.

        Args:
            X: Documents, as in `fit`.
        """
        logits = self._theta(self.counts(X)) @ self.coef_.T + self.intercept_
        return softmax(logits, axis=1)

    @available_if(_has_labels)
    def predict(self, X: Any) -> Any:
        """Most probable class of each document, shape (N,), if the model was fitted to labels.

        Args:
            X: Documents, as in `fit`.
        """
        return self.classes_[self.predict_proba(X).argmax(1)]

    def posterior(self, X: Any, *, level: float = LEVEL, covariates: Any = None) -> TopicPosterior:
        """Return the posterior of theta of each document. The latent must be a Dirichlet.

        The posterior includes the uncertainty that the words of a document leave about its
        proportions, but treats the topics as known. Its intervals are too narrow if the topics were
        learned from few documents, or if the fitted topics mix the true ones.

        Args:
            X: Documents, as in `fit`.
            level: Probability of the credible intervals, in (0, 1).
            covariates: As in `transform`.

        Raises:
            ValueError: If ``level`` is out of range, or the latent is not a Dirichlet.
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
        """The n documents with the largest share of each topic, in falling order.

        Args:
            X: Documents, as in `fit`. Documents of pandas objects are named by their index.
            n: Number of documents for each topic.
            covariates: As in `transform`.

        Returns:
            Columns topic, document (its index entry, or its row if there is no index), row (from
            0), share, and text, if the documents are texts.
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
        """Why one document has its topics: the most probable topic of each of its words.

        Args:
            X: One document: a text, a list of words, or counts of shape (V,) or (1, V).
            covariates: As in `transform`, for one row. Or a mapping from their names to values.

        Returns:
            A row for each different word of the document that is in the vocabulary. Columns are
            word, count, topic (the most probable one), name of the topic, and probability of this
            topic. The background has the number -1. Words of the document's largest topic come
            first.

        Raises:
            ValueError: If X is not exactly one document, or the decoder does not mix its topics.
        """
        check_is_fitted(self)
        if not decoder_of(self.vae_).mixes:
            name = type(decoder_of(self.vae_)).__name__
            raise ValueError(f"explain takes a mixture of topics, not {name}")
        X = X if len(getattr(X, "shape", ())) == 2 else [X]
        if isinstance(covariates, Mapping):
            covariates = {name: np.atleast_1d(value) for name, value in covariates.items()}
        if (count := self.counts(X).shape[0]) != 1:
            raise ValueError(f"X has {self._terms.many(count, 'row')}, must have one")
        counts, covariates = self._counts_and_covariates(X, covariates)
        weights = proportions(self.vae_, counts, covariates)
        words = getattr(self, "vocabulary_", None)
        found = explained_words(
            counts, weights[0], self._mixed(), self.topic_names_, words, self._terms
        )
        return ResultTable(found, frames=self._frames())

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log probability of a held-out token in nats: minus the log of `perplexity`.

        Larger is better, so `sklearn.model_selection.GridSearchCV` needs no ``scoring``.

        Args:
            X: Documents, as in `fit`. If some values are not whole numbers, as in tf-idf, half of
                the different words of each document are held out, instead of half of its tokens.
            y: Ignored.
        """
        counts, covariates = sampled(*self._counts_and_covariates(X, None, on_disk=True))
        split = split_words if (counts.data % 1).any() else split_tokens
        return -math.log(self._completion(*split(counts), covariates))

    @pinned()
    def evaluate(
        self, X: Any, y: Any = None, *, covariates: Any = None, level: float | None = None
    ) -> TopicScores:
        """Return the measures that ``dirvae evaluate`` prints; see `assessment.score_topics`.

        Args:
            X: Documents, as in `fit`. Of a corpus of more than 100,000 documents, a random sample
                of 100,000 is used.
            y: Class of each document, matched as in `fit`; -1, None or NaN where unknown. None if
                there are no classes.
            covariates: As in `transform`.
            level: Probability of intervals of the measures, in (0, 1). None for no intervals. The
                intervals say how far the measures vary between samples of documents of the same
                kind, for this fitted model. They come from a bootstrap over documents
                (`assessment.score_intervals`).
        """
        if level is not None:
            require_level(level)
        X = listed(X)
        y, covariates = matched("y", y, X), matched("covariates", covariates, X)
        if isinstance(X, Corpus):
            size = X.shape[0]
            X, rows = sampled(self._rows(X), np.arange(size))
            y, covariates = picked("y", y, rows, size), picked("covariates", covariates, rows, size)
        scores = score_topics(self, X, y, covariates=covariates)
        if level is None:
            return scores
        counts, numbers = self._counts_and_covariates(X, covariates)
        held_out = self._held_out(*split_tokens(counts), numbers)
        found = score_intervals(self, scores, X, y, held_out, level=level, covariates=covariates)
        return scores._replace(intervals=found)

    @pinned()
    def perplexity(self, X: Any, *, seed: int = 0, covariates: Any = None) -> float:
        """Perplexity of held-out words: half of each document's tokens give theta.

        The model predicts the other half of the tokens (document completion). Lower is better; see
        `evaluation.completion_perplexity`. If the decoder does not mix its topics, as a
        `ProductDecoder` does not, the decoder's own distribution of words is scored.

        Args:
            X: Documents, as in `fit`. Counts must be whole numbers. Of a corpus of more than
                100,000 documents, a random sample of 100,000 is used.
            seed: Seed of the split.
            covariates: As in `transform`.

        Raises:
            FloatingPointError: If one of the held-out words has probability 0 in every topic.
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
            words = f"{self._terms.column}s"
            raise ValueError(f"X has none of the model's {words}, must have some to hold out")
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

        The intervals include the uncertainty about the proportions of each document. The
        proportions are inferred from the words, with one prior for all documents. For a model that
        was fitted with covariates, it is the prior at the mean of the covariates.

        The intervals treat the topics as known: fit several seeds and compare the effects. They
        treat documents as independent. Several documents of one author, or several samples of one
        person, are not. Among many intervals, some exclude 0 by chance.

        Args:
            X: Documents, as in `fit`.
            covariates: As in `fit`. A categorical covariate becomes dummy variables for all
                levels but one, the reference. The reference is the first category of a column of
                categorical type, and otherwise the first level in alphabetical order. Effects of
                dates are per day.
            level: Probability of the intervals, in (0, 1).
        """
        check_is_fitted(self)
        covariates = matched("covariates", covariates, X)
        counts = self.counts(X)
        mean, concentration, _ = marginals(evidence_of(self.vae_, counts), self._n_features_out)
        found = effects_of(concentration, covariates, mean=mean, level=level, seed=self._seed)
        return found.labelled(self._result_labels())

    def shares(self, X: Any, groups: Any, *, covariates: Any = None) -> Shares:
        """Share of each topic in each group of documents, such as the documents of one year.

        Args:
            X: Documents, as in `fit`.
            groups: A value for each document, such as its year. Convert exact times to years or
                months first. A document with None, NaN, NA, NaT or an empty text is in no group.
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
        """Return a page to explore the topics and documents: one file of HTML.

        The page works offline. It contains the documents with the largest shares of each topic.

        Args:
            X: Documents, as in `fit`. With None, the page shows topics and words alone. Of a corpus
                of more than 100,000 documents, a random sample of 100,000 is used.
            path: File to write the page to. An existing file is replaced.
            labels: A label for each document, None where unknown. The labels can have a name that
                the page shows: the name of a series, or the key of a mapping from one name to the
                labels.
            times: The time of each document, None where unknown: a number, a date, or a text that
                has a number or a date.
            ids: Names of the documents, or a mapping from names of columns to the values of the
                documents. If None, documents are numbered from 1.
            covariates: Covariates, as in `fit`. The page shows their `effects`, with intervals of
                90 %. The model need not be fitted with covariates. If it was, and some of its
                covariates are missing here, the prior is taken at their mean, with a warning, as in
                `transform`.
            names: Names of topics: one for each, or a mapping from numbers of topics to names. If
                None, the names that the model has. The page can save the names as such a mapping,
                in JSON.
            stability: How well other seeds find each topic again, shape (K,). If None, the
                ``stability_`` of the model.
            title: Title of the page. If None, the title says what the page shows.
            level: Probability of the intervals of documents' proportions, in (0, 1). All other
                intervals on the page are of 90 %.
            baseline: Whether to fit scikit-learn's LDA to X as well, and to show the measures of
                both.

        Raises:
            ValueError: If an argument is out of range, or the latent is not on the simplex.
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
        """How often two topics occur in the same document, relative to what their sizes suggest.

        The intervals include the uncertainty about the proportions of each document, and the
        variation between samples of documents. They treat the topics as known. The prior assumes no
        link between topics, so short documents pull the results towards what the prior expects.

        Args:
            X: Documents, as in `fit`.
            level: Probability of the intervals, in (0, 1).
            covariates: As in `transform`.

        Raises:
            ValueError: If there is only one topic, ``level`` is out of range, or the latent is not
                a Dirichlet.
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

        The intervals include the uncertainty about the proportions of each document, and the
        variation between samples of documents. They treat the topics as known. The guide to topics
        says how often the intervals contain the true curve of made data.

        Args:
            X: Documents, as in `fit`.
            time: Numbers or dates, length N.
            level: Probability of each interval, in (0, 1). An interval is for one point in time.
            covariates: As in `transform`.
        """
        check_is_fitted(self)
        time = matched("time", time, X)
        counts, covariates = self._counts_and_covariates(X, covariates)
        evidence = evidence_of(self.vae_, counts, covariates)
        mean, shapes, _ = marginals(evidence, self._n_features_out)
        found = trends_of(shapes, time, mean=mean, level=level, seed=self._seed)
        return found.labelled(self._result_labels())
