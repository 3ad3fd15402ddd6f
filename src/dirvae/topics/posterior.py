"""What a topic model says of documents: theta's posterior, row by row."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse, stats
from torch import Tensor

from dirvae.data.counts import sparse_rows
from dirvae.distributions import Dirichlet, posterior_mean
from dirvae.models.vae import VAE
from dirvae.nn.surroundings import pinned
from dirvae.topics.decoder import decoder_of
from dirvae.topics.inference import MixtureVAE

__all__ = [
    "TopicPosterior",
    "credible_intervals",
    "marginals",
    "off_topic_scores",
    "posterior_of",
    "proportions",
    "widened",
    "without_background",
]

Floats = NDArray[np.float64]
ROWS_AT_ONCE = 2000
DRAWS = 500


class TopicPosterior(NamedTuple):
    """The posterior of theta of N documents: gammas over their sum, each with its own scale.

    Of this scaled Dirichlet the marginals are taken for Betas.

    Attributes:
        concentration: Shapes a of the gammas, shape (N, K): theta_k is Beta(a_k, a_k / m_k - a_k)
            with m the mean. Where words leave no doubt of their topics, they are the prior's
            concentrations plus numbers of words; otherwise they are smaller.
        mean: Posterior means m, rows that sum to 1, shape (N, K).
        std: Posterior standard deviations, shape (N, K).
        lower: Lower ends of the credible intervals, shape (N, K); see `credible_intervals`.
        upper: Upper ends, shape (N, K).
        dominates: Probability that the topic is the largest, shape (N, K), by 500 draws.
        off_topic: Nats a word by which the words' mere frequencies explain the document better than
            topics and background do, shape (N,). Well below 0 for documents of the topics, near 0
            or above it for others; NaN without words.
    """

    concentration: Floats
    mean: Floats
    std: Floats
    lower: Floats
    upper: Floats
    dominates: Floats
    off_topic: Floats


def _in_float64(vae: VAE) -> VAE:
    """A copy in double precision, in which the batch that a row comes in does not show."""
    return copy.deepcopy(vae).double().eval()


@pinned()
@torch.no_grad()
def proportions(vae: VAE, X: sparse.csr_matrix, covariates: Any = None) -> Floats:
    """Posterior means of the latent, shape (N, J); of rows without words the prior's.

    J is K, or K + 1 with a background, which is the last.
    """
    exact = _in_float64(vae)
    return np.concatenate(
        [
            _or_prior(
                exact.embed(x, *context).numpy(),
                posterior_mean(exact.prior(*context)).numpy(),
                rows,
            )
            for x, context, rows in _batches(X, covariates)
        ]
    )


def without_background(weights: Floats, num_topics: int) -> Floats:
    """Shares of the first ``num_topics`` of what a model mixes, without the background after them.

    Without a background they are as they are; those of a Gaussian latent are no shares.

    Example:
        >>> without_background(np.array([[0.3, 0.1, 0.6]]), 2)
        array([[0.75, 0.25]])
    """
    if weights.shape[1] == num_topics:
        return weights
    return _normalized(weights[:, :num_topics])


def _normalized(weights: Floats) -> Floats:
    return weights / weights.sum(1, keepdims=True)


@pinned()
@torch.no_grad()
def marginals(
    vae: VAE, X: sparse.csr_matrix, covariates: Any = None, *, num_topics: int
) -> tuple[Floats, Floats, Floats]:
    """Means and shapes of the posterior of shares among topics, both (N, K), and `proportions`.

    Those of rows without words are the prior's.

    Raises:
        ValueError: If the posterior is no Dirichlet.
    """
    # Of a network's concentrations, and of counts that repeat, the shapes are as they are.
    words = isinstance(vae, MixtureVAE) and vae.decoder.independent_words
    topics = decoder_of(vae).topics.double().numpy()
    weights, shapes = [], []
    exact = _in_float64(vae)
    for x, context, rows in _batches(X, covariates):
        q = exact.infer(x, *context)
        if not isinstance(q, Dirichlet):
            raise ValueError(
                f"the latent is a {type(q).__name__}, but posterior takes a topic model with a "
                "Dirichlet latent; see its vae_ for others"
            )
        prior = exact.prior(*context).concentration.numpy()
        gamma = _or_prior(q.concentration.numpy(), prior, rows)
        weights.append(_normalized(gamma))
        shapes.append(
            widened(gamma, prior, rows, topics, num_topics) if words else gamma[:, :num_topics]
        )
    shares = np.concatenate(weights)
    return without_background(shares, num_topics), np.concatenate(shapes), shares


def _batches(
    X: sparse.csr_matrix, covariates: Any
) -> Iterator[tuple[Tensor, tuple[Tensor, ...], sparse.csr_matrix]]:
    """Some rows after others, as a tensor, with their covariates, and as they are."""
    for start in range(0, X.shape[0], ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        context = () if covariates is None else (torch.as_tensor(covariates[part]).double(),)
        yield sparse_rows(X[part], torch.float64), context, X[part]


def _or_prior(found: Any, prior: Any, rows: sparse.csr_matrix) -> Floats:
    empty = (np.diff(rows.indptr) == 0)[:, None]
    return np.where(empty, prior, found)


def widened(
    concentration: Floats,
    prior: Floats,
    X: sparse.csr_matrix,
    topic_word: Floats,
    num_topics: int | None = None,
) -> Floats:
    r"""Shapes of theta's marginals that know that the topics of a document's words go together.

    Variational Bayes takes the topics of words for independent, which makes
    :math:`\mathrm{Dirichlet}(\gamma)` too narrow. In :math:`\log\theta` the information of a
    document whose words' topics were known would be :math:`\mathrm{diag}(\gamma)`. The variance of
    those topics is missing of it. With :math:`\phi_{wk} \propto \gamma_k \beta_{kw}` there is left

    .. math:: P = \mathrm{diag}(\alpha) + \sum_w x_w \phi_w \phi_w^\top .

    Its inverse is also the linear response of :math:`\log\gamma` to :math:`\alpha` where the steps
    of variational Bayes end. Since :math:`P 1 = \gamma`, the squared coefficient of variation of
    :math:`\theta_k` is :math:`(P^{-1})_{kk} - 1 / \sum_j \gamma_j`, and the shape that has it is as
    below. Standard deviations come near those of a long Gibbs run. Where topics share most of their
    words, nominal 90 % intervals hold some 86 % of the posterior.

    .. math:: a_k = \gamma_k \frac{1 - m_k}{\gamma_k (P^{-1})_{kk} - m_k} \le \gamma_k .

    Of the first topics' shares among themselves it is that of their logs less their mean by those
    shares.

    Args:
        concentration: gamma, shape (N, J).
        prior: Concentration of the prior, shape (J,) or (N, J).
        X: Counts of the same documents, shape (N, V).
        topic_word: beta, shape (J, V), taken for known.
        num_topics: K, of the J that the document mixes; all by default.

    Returns:
        Shape (N, K); rows without words are left as they are.

    References:
        Louis 1982 (missing information); Giordano, Broderick & Jordan 2018 (linear response).

    Example:
        >>> X, gamma = sparse.csr_matrix([[4.0, 4.0]]), np.array([[5.0, 5.0]])
        >>> widened(gamma, np.ones(2), X, np.eye(2))  # each word is of one topic
        array([[5., 5.]])
        >>> widened(gamma, np.ones(2), X, np.array([[0.8, 0.2], [0.2, 0.8]])).round(2)
        array([[2.44, 2.44]])
    """
    size = concentration.shape[1] if num_topics is None else num_topics
    mean = _normalized(concentration[:, :size])
    prior, by_word = np.broadcast_to(prior, concentration.shape), np.ascontiguousarray(topic_word.T)
    variation = 1 - mean  # squared coefficients of variation, times gamma
    for row in np.flatnonzero(np.diff(X.indptr)):
        place = slice(X.indptr[row], X.indptr[row + 1])
        gamma, words = concentration[row], X.indices[place]
        share = by_word[words] * gamma
        share /= np.maximum(share.sum(1, keepdims=True), np.finfo(float).tiny)
        share *= np.sqrt(X.data[place, None] / gamma)  # P over sqrt(gamma_j gamma_k): no overflow
        information = share.T @ share
        information.flat[:: len(gamma) + 1] += prior[row] / gamma
        covariance = np.linalg.inv(information)[:size, :size]
        root, total = np.sqrt(gamma[:size]), gamma[:size].sum()
        with_mean = covariance @ root / total
        found = covariance.diagonal() - 2 * root * with_mean + mean[row] * (root @ with_mean)
        variation[row] = np.maximum(found, variation[row])  # known topics would vary that much
    return concentration[:, :size] * np.divide(
        1 - mean, variation, where=mean < 1, out=np.ones_like(mean)
    )


def posterior_of(
    mean: Floats, concentration: Floats, off_topic: Floats, *, level: float, seed: int
) -> TopicPosterior:
    """Moments, intervals and probabilities of posteriors with these means and shapes.

    Args:
        mean: Rows that sum to 1, shape (N, K).
        concentration: Shape (N, K).
        off_topic: Shape (N,).
        level: Of the credible intervals, in (0, 1).
        seed: Of the draws.
    """
    lower, upper = credible_intervals(mean, concentration, level)
    return TopicPosterior(
        concentration=concentration,
        mean=mean,
        std=mean * np.sqrt((1 - mean) / (concentration + mean)),
        lower=lower,
        upper=upper,
        dominates=_dominates(mean, concentration, seed),
        off_topic=off_topic,
    )


def credible_intervals(mean: Floats, concentration: Floats, level: float) -> tuple[Floats, Floats]:
    """Intervals that hold proportions with a probability of ``level``.

    They have equal tails, except where the density is highest at 0 (or 1). A topic of which a
    document may have nothing has an interval from 0. An equal tail would leave out the likeliest
    proportions.

    Args:
        mean: m of Beta(a, a / m - a), any shape.
        concentration: a, of the same shape.
        level: In (0, 1).

    Example:
        >>> lower, upper = credible_intervals(np.array([0.02, 0.5]), np.array([0.1, 9.0]), 0.9)
        >>> lower.round(2), upper.round(2)
        (array([0.  , 0.31]), array([0.06, 0.69]))
    """
    rest = np.maximum(concentration * (1 - mean) / mean, np.finfo(float).tiny)
    from_0 = (concentration <= 1) & (concentration <= rest)
    to_1 = (rest <= 1) & (rest < concentration)
    below = np.where(from_0, 0.0, np.where(to_1, 1 - level, (1 - level) / 2))
    above = np.where(to_1, 1.0, below + level)
    law = stats.beta(concentration, rest)
    return law.ppf(below), law.ppf(above)


def _dominates(mean: Floats, concentration: Floats, seed: int) -> Floats:
    """Share of draws in which each topic is the largest, in log space."""
    found = np.zeros_like(concentration)
    log_scale = np.log(mean / concentration)
    for row, a in enumerate(concentration):
        rng = np.random.default_rng(seed)  # the same for each row, so that the batch does not show
        shape = (DRAWS, len(a))
        log_gamma = np.log(rng.standard_gamma(a + 1, shape)) - rng.standard_exponential(shape) / a
        largest = (log_gamma + log_scale[row]).argmax(1)
        found[row] = np.bincount(largest, minlength=len(a)) / DRAWS
    return found


def off_topic_scores(
    theta: Floats, X: sparse.csr_matrix, topic_word: Floats, frequency: Floats
) -> Floats:
    """Nats a word by which frequencies explain documents better than a mixture, shape (N,).

    Args:
        theta: Shares of all that is mixed, a background too, shape (N, J).
        X: Counts of the same documents, shape (N, V).
        topic_word: Its distributions of words, shape (J, V).
        frequency: Share of each word in the corpus, shape (V,).

    Example:
        >>> X = sparse.csr_matrix([[2.0, 0.0]])
        >>> off_topic_scores(np.ones((1, 1)), X, np.array([[0.5, 0.5]]), np.ones(2)).round(4)
        array([0.6931])
    """
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
