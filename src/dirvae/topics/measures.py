"""What a topic model is worth on documents, and scikit-learn's LDA beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from dirvae.assessment.topic_intervals import HeldOut, spread_of_scores
from dirvae.assessment.topics import word_scores
from dirvae.evaluation import (
    completion_perplexity,
    documents_of_words,
    split_tokens,
    split_words,
    top_words_by_documents,
)
from dirvae.evaluation.completion import held_out_log_prob
from dirvae.terms import TEXTS, Terms
from dirvae.topics.decoder import decoder_of
from dirvae.topics.inference import decoded_log_prob
from dirvae.topics.posterior import proportions

__all__ = ["halves_of", "lda_measures", "measures_of", "spread_of_measures"]

Halves = tuple[sparse.csr_matrix, sparse.csr_matrix]
Ints = NDArray[np.int64]


def halves_of(counts: sparse.csr_matrix, seed: int = 0) -> Halves:
    """Half of each document to encode and half to score: tokens, or words of what has no tokens.

    Args:
        counts: Shape (N, V).
        seed: Of the halves.
    """
    split = split_words if (counts.data % 1).any() else split_tokens
    return split(counts, seed)


def measures_of(
    model: Any, counts: sparse.csr_matrix, halves: Halves, columns: Ints, numbers: Any = None
) -> dict[str, float]:
    """Perplexity, coherence and diversity of a `TopicModel`, as far as they are defined.

    All are those of the given words alone, so that they can be compared with those of other models.

    Args:
        model: The fitted model.
        counts: Of its words, shape (N, V).
        halves: Of the same documents, in some of its words, shape (N, W) each.
        columns: Of these words among the model's, shape (W,).
        numbers: Its covariates as numbers, shape (N, C), or None.
    """
    held_out = _held_out(model, columns, *halves, numbers)
    of_words: dict[str, float] = {}
    if len(columns) > 1:  # one word goes together with nothing
        ranked = model.top_word_ids
        if len(columns) < model.n_features_in_:
            ranked, counts = _ranked_among(model, columns), counts[:, columns]
        of_words = _of_words(ranked, counts, model._terms)
    return of_words if held_out is None else {"perplexity": held_out.perplexity(), **of_words}


def _ranked_among(model: Any, columns: Ints) -> Callable[[int], Ints]:
    """From n to the first n of these columns in the model's ranking, by their places, (K, n)."""
    place = np.full(model.n_features_in_, -1)
    place[columns] = np.arange(len(columns))
    ranked = place[model.top_word_ids(len(place))]
    among: Ints = ranked[ranked >= 0].reshape(len(ranked), len(columns))
    return lambda n: among[:, :n]


def spread_of_measures(
    model: Any, counts: sparse.csr_matrix, halves: Halves, numbers: Any = None
) -> dict[str, float]:
    """Standard deviations of these measures over documents, by a bootstrap, where they have one.

    Args:
        model: As in `measures_of`; likewise what follows.
        counts: Of its words.
        halves: Of the same documents, in all of its words.
        numbers: Its covariates.
    """
    held_out = _held_out(model, np.arange(counts.shape[1]), *halves, numbers)
    words = model.top_word_ids(min(10, counts.shape[1])) if model._terms is TEXTS else None
    names = {"completion_perplexity": "perplexity", "npmi_document": "coherence"}
    found = spread_of_scores(counts, words, held_out)
    return {shown: found[name] for name, shown in names.items() if name in found}


def lda_measures(
    counts: sparse.csr_matrix, size: int, seed: int, halves: Halves, terms: Terms = TEXTS
) -> dict[str, float]:
    """The same measures of scikit-learn's LDA, as it comes, fitted to these documents.

    Its words are ranked as those of a `TopicModel`, by the documents that have them.

    Args:
        counts: Shape (N, V).
        size: K, number of topics.
        seed: Of the fit.
        halves: Of the same documents, shape (N, V) each.
        terms: What documents, words and topics are called.

    Example:
        >>> counts = sparse.csr_matrix(np.random.default_rng(0).poisson(1, (30, 8)))
        >>> sorted(lda_measures(counts, 2, 0, halves_of(counts)))
        ['coherence', 'diversity', 'perplexity']
    """
    from sklearn.decomposition import LatentDirichletAllocation

    fitted = LatentDirichletAllocation(size, random_state=seed).fit(counts)
    beta = fitted.components_ / fitted.components_.sum(1, keepdims=True)
    documents = documents_of_words(fitted.transform(counts), beta, counts)
    of_words = _of_words(partial(top_words_by_documents, documents), counts, terms)
    encoded, scored = halves
    if not scored.sum() > 0:
        return of_words
    return {
        "perplexity": completion_perplexity(fitted.transform(encoded), beta, scored),
        **of_words,
    }


def _of_words(top_word_ids: Any, counts: sparse.csr_matrix, terms: Terms) -> dict[str, float]:
    """Coherence and diversity; of samples no coherence: most features are in most of them."""
    scores = word_scores(top_word_ids, counts)
    found = {"diversity": scores.diversity}
    return {"coherence": scores.npmi, **found} if terms is TEXTS else found


def _held_out(model: Any, columns: Ints, encoded: Any, scored: Any, numbers: Any) -> HeldOut | None:
    """None where nothing is scored, or the decoder has no law of some of its words alone."""
    size, tokens = model.n_features_in_, np.asarray(scored.sum(1), dtype=np.float64).ravel()
    if not tokens.sum() > 0:
        return None
    weights = proportions(model.vae_, _placed(encoded, columns, size), numbers)
    if decoder_of(model.vae_).mixes:
        part = model._mixed()[:, columns]
        mass = np.maximum(part.sum(1), np.finfo(float).tiny)
        weights = weights * mass
        weights /= weights.sum(1, keepdims=True)
        return HeldOut(held_out_log_prob(weights, part / mass[:, None], scored), tokens)
    if len(columns) < size:
        return None
    held_out = _placed(scored, columns, size)
    nats = decoded_log_prob(model.vae_.decoder, torch.from_numpy(weights), held_out)
    return HeldOut(nats, tokens)


def _placed(counts: sparse.csr_matrix, columns: Ints, size: int) -> sparse.csr_matrix:
    """Counts of some words in the columns of a model, shape (N, size)."""
    found = sparse.coo_matrix(counts)
    shape = (found.shape[0], size)
    return sparse.csr_matrix((found.data, (found.row, columns[found.col])), shape)
