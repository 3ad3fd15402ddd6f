"""What the words of a document tell of its topics: how certain shares are, alone and together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

__all__ = ["WordEvidence", "shape_of_sum", "widened"]

Floats = NDArray[np.float64]


class WordEvidence(NamedTuple):
    """What posteriors of N documents are made of; K topics, and J with a background.

    Attributes:
        concentration: gamma, shape (N, J).
        prior: alpha, shape (N, J).
        X: What counts tell, as numbers of independent words, shape (N, V); see
            `TopicDecoder.information`.
        topic_word: beta, shape (J, V).
        independent_words: Whether gamma was inferred from these words. If not, as with a network's
            gamma, the posteriors are taken for Dirichlets.
    """

    concentration: Floats
    prior: Floats
    X: sparse.csr_matrix
    topic_word: Floats
    independent_words: bool


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
    document whose words' topics were known would be :math:`\mathrm{diag}(\gamma)`; what is missing
    of it is the variance of those topics, so that with
    :math:`\phi_{wk} \propto \gamma_k \beta_{kw}` there is left

    .. math:: P = \mathrm{diag}(\alpha) + \sum_w x_w \phi_w \phi_w^\top .

    Its inverse is also the linear response of :math:`\log\gamma` to :math:`\alpha` where the steps
    of variational Bayes end. Where :math:`P 1 = \gamma`, as for independent words, the squared
    coefficient of variation of :math:`\theta_k` is :math:`(P^{-1})_{kk} - 1 / \sum_j \gamma_j`, and
    the shape that has it is as below. Standard deviations come near those of a long Gibbs run;
    where topics share most of their words, nominal 90 % intervals hold some 86 % of the posterior.

    .. math:: a_k = \gamma_k \frac{1 - m_k}{\gamma_k (P^{-1})_{kk} - m_k} \le \gamma_k .

    With ``num_topics``, the shape is that of the first K shares, made to sum to 1. It comes from
    the variance of log theta less its mean, weighted by these shares.

    Args:
        concentration: gamma, shape (N, J).
        prior: alpha, shape (J,) or (N, J).
        X: As in `WordEvidence`, of the same documents, shape (N, V).
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
    mean = concentration[:, :size] / concentration[:, :size].sum(1, keepdims=True)
    variation = 1 - mean  # squared coefficients of variation, times gamma
    for row, factor in _covariance_roots(concentration, prior, X, topic_word):
        factor, gamma = factor[:, :size], concentration[row, :size]
        root, total = np.sqrt(gamma), gamma.sum()
        of_mean = factor @ root / total
        spread = (factor - np.outer(of_mean, root)) ** 2  # of log theta less its mean
        found = spread.sum(0)
        variation[row] = np.maximum(found, variation[row])  # known topics would vary that much
    return concentration[:, :size] * np.divide(
        1 - mean, variation, where=mean < 1, out=np.ones_like(mean)
    )


def shape_of_sum(
    evidence: WordEvidence, topics: Sequence[int], num_topics: int
) -> tuple[Floats, Floats]:
    """Mean m and shape a of the share of some topics together, Beta(a, a / m - a), both (N,).

    Topics that have words in common are told apart badly, but their sum may be sure: the same
    information as in `widened` says how sure. Of one topic both are those of its marginal.

    Args:
        evidence: Of the documents.
        topics: Some of the K topics, not all.
        num_topics: K.

    Example:
        >>> beta = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
        >>> gamma, X = np.array([[3.0, 3.0, 5.0]]), sparse.csr_matrix([[2.0, 2.0, 4.0]])
        >>> found = WordEvidence(gamma, np.ones((1, 3)), X, beta, independent_words=True)
        >>> [shape_of_sum(found, topics, 3)[1].round(2).tolist() for topics in ([0], [0, 1])]
        [[1.26], [6.0]]
    """
    gamma = evidence.concentration[:, :num_topics]
    inside = np.isin(np.arange(num_topics), topics)
    total = gamma.sum(1)
    sums = gamma[:, inside].sum(1)
    mean = sums / total
    variation = 1 - mean  # squared coefficient of variation, times the sum of gamma
    if evidence.independent_words:
        for row, factor in _covariance_roots(*evidence[:4]):
            # Of the share's logarithm by theirs, over the roots that the covariance is in.
            slope = (inside / mean[row] - 1) * np.sqrt(gamma[row]) / total[row]
            found = sums[row] * np.square(factor[:, :num_topics] @ slope).sum()
            variation[row] = max(found, variation[row])
    return mean, sums * (1 - mean) / variation


def _covariance_roots(
    concentration: Floats, prior: Floats, X: sparse.csr_matrix, topic_word: Floats
) -> Iterator[tuple[int, Floats]]:
    """Rows that have words, and R, (J, J): log theta_j sqrt(gamma_j) have the covariance R' R."""
    alpha, by_word = np.broadcast_to(prior, concentration.shape), np.ascontiguousarray(topic_word.T)
    for row in np.flatnonzero(np.diff(X.indptr)):
        place = slice(X.indptr[row], X.indptr[row + 1])
        gamma, words = concentration[row], X.indices[place]
        share = by_word[words] * gamma
        share /= np.maximum(share.sum(1, keepdims=True), np.finfo(float).tiny)
        share *= np.sqrt(X.data[place, None] / gamma)  # P over sqrt(gamma_j gamma_k): no overflow
        information = share.T @ share
        information.flat[:: len(gamma) + 1] += alpha[row] / gamma
        yield int(row), _inverse_root(information)


def _inverse_root(matrix: Floats) -> Floats:
    """R with R' R the inverse of a positive definite matrix; a quarter of the work of `inv`."""
    lower, failed = lapack.dpotrf(matrix.T, lower=1, clean=1)
    if failed:  # by rounding: a prior that is nothing beside the words
        jitter = len(matrix) * np.finfo(float).eps * matrix.diagonal().max()
        lower, failed = lapack.dpotrf(matrix.T + jitter * np.eye(len(matrix)), lower=1, clean=1)
    root: Floats = lapack.dtrtri(lower, lower=1)[0]
    return root
