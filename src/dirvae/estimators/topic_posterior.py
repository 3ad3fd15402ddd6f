"""What a topic model says of documents: theta's posterior, row by row."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse, stats

from dirvae.data.counts import sparse_rows
from dirvae.distributions import Dirichlet, posterior_mean
from dirvae.models.vae import VAE

__all__ = ["TopicPosterior", "concentrations", "dirichlet_posterior", "proportions"]

Floats = NDArray[np.float64]
ROWS_AT_ONCE = 2000
DRAWS = 500


class TopicPosterior(NamedTuple):
    """The posterior of theta of N documents, which is Dirichlet.

    Attributes:
        concentration: Shape (N, K).
        mean: Posterior means, rows that sum to 1, shape (N, K).
        std: Posterior standard deviations, shape (N, K).
        lower: Lower ends of the credible intervals, shape (N, K).
        upper: Upper ends, shape (N, K).
        dominates: Probability that the topic is the largest, shape (N, K), by 500 draws.
        off_topic: Nats a word by which the words' mere frequencies explain the document better than
            its topics do, shape (N,): above 0 the document is none of the model's; NaN without
            words.
    """

    concentration: Floats
    mean: Floats
    std: Floats
    lower: Floats
    upper: Floats
    dominates: Floats
    off_topic: Floats


def _parts(X: sparse.csr_matrix) -> Iterator[sparse.csr_matrix]:
    for start in range(0, X.shape[0], ROWS_AT_ONCE):
        yield X[start : start + ROWS_AT_ONCE]


def _wide(vae: VAE) -> VAE:
    """A copy in double precision, in which the batch that a row comes in does not show."""
    return copy.deepcopy(vae).double().eval()


@torch.no_grad()
def proportions(vae: VAE, X: sparse.csr_matrix, covariates: Any = None) -> Floats:
    """Posterior means of the latent, shape (N, K); of rows without words the prior's."""
    return np.concatenate(
        [
            _or_prior(posterior_mean(q).numpy(), posterior_mean(prior).numpy(), rows)
            for q, prior, rows in _posteriors(vae, X, covariates)
        ]
    )


@torch.no_grad()
def concentrations(vae: VAE, X: sparse.csr_matrix, covariates: Any = None) -> Floats:
    """Concentrations of the posterior, shape (N, K); of rows without words the prior's.

    Raises:
        ValueError: If the posterior is no Dirichlet.
    """
    parts = []
    for q, prior, rows in _posteriors(vae, X, covariates):
        if not isinstance(q, Dirichlet):
            raise ValueError(
                f"the latent is a {type(q).__name__}, but posterior takes a topic model with a "
                "Dirichlet latent; see its vae_ for others"
            )
        parts.append(_or_prior(q.concentration.numpy(), prior.concentration.numpy(), rows))
    return np.concatenate(parts)


def _posteriors(
    vae: VAE, X: sparse.csr_matrix, covariates: Any
) -> Iterator[tuple[Any, Any, sparse.csr_matrix]]:
    """q(theta|x) and p(theta) of some rows after others, and those rows."""
    wide, start = _wide(vae), 0
    for rows in _parts(X):
        stop = start + rows.shape[0]
        told = () if covariates is None else (torch.as_tensor(covariates[start:stop]).double(),)
        yield wide.infer(sparse_rows(rows, torch.float64), *told), wide.prior(*told), rows
        start = stop


def _or_prior(found: Any, prior: Any, rows: sparse.csr_matrix) -> Floats:
    empty = (np.diff(rows.indptr) == 0)[:, None]
    return np.where(empty, prior, found)


def dirichlet_posterior(
    concentration: Floats,
    X: sparse.csr_matrix,
    topic_word: Floats,
    frequency: Floats,
    *,
    level: float,
    seed: int,
) -> TopicPosterior:
    """Moments, intervals and probabilities of Dirichlet posteriors.

    Args:
        concentration: Shape (N, K).
        X: Counts of the same documents, shape (N, V).
        topic_word: beta, shape (K, V).
        frequency: Share of each word in the corpus, shape (V,).
        level: Of the credible intervals, equal tails, in (0, 1).
        seed: Of the draws.
    """
    total = concentration.sum(1, keepdims=True)
    mean = concentration / total
    law = stats.beta(concentration, total - concentration)
    tail = (1 - level) / 2
    return TopicPosterior(
        concentration=concentration,
        mean=mean,
        std=np.sqrt(mean * (1 - mean) / (total + 1)),
        lower=law.ppf(tail),
        upper=law.ppf(1 - tail),
        dominates=_dominates(concentration, seed),
        off_topic=_off_topic(mean, X, topic_word, frequency),
    )


def _dominates(concentration: Floats, seed: int) -> Floats:
    """Share of draws in which each topic is the largest, in log space."""
    found = np.zeros_like(concentration)
    for row, a in enumerate(concentration):
        rng = np.random.default_rng(seed)  # the same for each row, so that the batch does not show
        shape = (DRAWS, len(a))
        log_gamma = np.log(rng.standard_gamma(a + 1, shape)) - rng.standard_exponential(shape) / a
        found[row] = np.bincount(log_gamma.argmax(1), minlength=len(a)) / DRAWS
    return found


def _off_topic(
    theta: Floats, X: sparse.csr_matrix, topic_word: Floats, frequency: Floats
) -> Floats:
    entries = X.tocoo()
    by_word = np.ascontiguousarray(topic_word.T)
    gain = np.zeros(X.shape[0])
    for start in range(0, entries.nnz, 100_000):
        part = slice(start, start + 100_000)
        rows, words = entries.row[part], entries.col[part]
        probs = np.einsum("nk,nk->n", theta[rows], by_word[words])
        ratio = np.log(frequency[words] / np.maximum(probs, np.finfo(float).tiny))
        np.add.at(gain, rows, entries.data[part] * ratio)
    totals = np.asarray(X.sum(1)).ravel()
    return np.divide(gain, totals, where=totals > 0, out=np.full(len(totals), np.nan))
