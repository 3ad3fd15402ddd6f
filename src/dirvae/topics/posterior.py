"""What a topic model says of documents: theta's posterior, row by row."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse, stats
from torch import Tensor

from dirvae.data.counts import sparse_rows
from dirvae.distributions import Dirichlet, posterior_mean
from dirvae.estimators.rows import finite
from dirvae.levels import LEVEL, in_percent, require_level
from dirvae.models.vae import VAE
from dirvae.nn.surroundings import pinned
from dirvae.tables import ResultTable
from dirvae.topics.contrasts import Contrast
from dirvae.topics.decoder import decoder_of
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.information import WordEvidence, shape_of_sum, widened
from dirvae.topics.results import Result, require_places

__all__ = [
    "TopicPosterior",
    "credible_intervals",
    "evidence_of",
    "marginals",
    "off_topic_scores",
    "posterior_of",
    "proportions",
    "without_background",
]

Floats = NDArray[np.float64]
ROWS_AT_ONCE = 500  # cells have a thousand entries, and more of them would not stay in the cache
DRAWS = 500


class _Marginals(NamedTuple):
    concentration: Floats
    mean: Floats
    std: Floats
    lower: Floats
    upper: Floats
    dominates: Floats
    off_topic: Floats


class TopicPosterior(Result, _Marginals):
    """The posterior of theta of N documents: a scaled Dirichlet.

    A draw consists of independent gamma variables, each with its own scale, divided by their sum.
    The distribution of a single proportion is approximated by a Beta.

    Attributes:
        concentration: Shape parameters a of the gammas, shape (N, K): theta_k is
            Beta(a_k, a_k / m_k - a_k) with m the mean. If the words leave no doubt about their
            topics, a_k is the prior's concentration plus the number of words of topic k. Otherwise
            a_k is smaller.
        mean: Posterior means m, shape (N, K). Rows sum to 1.
        std: Posterior standard deviations, shape (N, K).
        lower: Lower ends of the credible intervals, shape (N, K); see `credible_intervals`.
        upper: Upper ends of the credible intervals, shape (N, K).
        dominates: Probability that the topic is the largest, shape (N, K), from 500 draws.
        off_topic: Score of documents that do not fit the topics, shape (N,), in nats per word: the
            log probability of the words by their frequencies alone, minus that by topics and
            background. Well below 0 for documents that fit, near or above 0 for others; NaN for
            documents without words.

    Example:
        >>> from dirvae.topics import TopicModel
        >>> model = TopicModel(2, max_epochs=1, random_state=0).fit(np.eye(8) + 1)
        >>> posterior = model.posterior(np.eye(8)[:3])
        >>> list(posterior.to_frame())[:6]
        ['document', 'topic', 'name', 'mean', 'std', 'lower']
    """

    _evidence: WordEvidence | None = None
    _level = LEVEL

    def share(self, topics: Sequence[int], *, level: float | None = None) -> Contrast:
        """The summed share of several topics in each document, with intervals.

        Topics with many words in common are hard to tell apart, but their sum may still be well
        known. The intervals take this into account.

        Args:
            topics: Some of the K topics, not all, each once.
            level: Probability of the credible intervals, in (0, 1). If None, that of the posterior.

        Raises:
            ValueError: If an argument is out of range, or the posterior was not made by a model.
        """
        size, topics = self.mean.shape[1], list(topics)
        found = set(topics)
        if not topics or len(found) < len(topics) or not found <= set(range(size)):
            raise ValueError(
                f"topics is {topics}, must name topics from 0 to {size - 1}, each once"
            )
        if len(found) == size:
            raise ValueError("topics names all topics, whose share is 1; must leave some out")
        if self._evidence is None:
            raise ValueError("the posterior has no documents, must come from a model's `posterior`")
        level = self._level if level is None else level
        require_level(level)
        mean, shape = shape_of_sum(self._evidence, topics, size)
        std = mean * np.sqrt((1 - mean) / (shape + mean))
        lower, upper = credible_intervals(mean, shape, level)
        found_share = Contrast(mean, std, lower, upper)
        return found_share.of("row", self._ids(len(mean)), self._labels, level)

    def table(self) -> ResultTable:
        """A row for each document and topic: mean, std, interval, probability to be the largest."""
        names = ("mean", "std", "lower", "upper", "dominates")
        values = {name: getattr(self, name) for name in names}
        return self._long({self._terms.row: self._ids(len(self.mean))}, values)

    def plot(self, document: int = 0) -> Any:
        """Return a figure of one document's topics with their intervals, the largest first.

        Args:
            document: Index of the document, from 0.

        Raises:
            ValueError: If there is no such document.
        """
        from dirvae.report.intervals import forest  # plotly, only where a figure is asked for

        require_places("document", [document], len(self.mean))
        mean, lower, upper = (v[document] for v in (self.mean, self.lower, self.upper))
        order, names = np.argsort(-mean, kind="stable"), self._names(len(mean))
        parts = mean[order], lower[order], upper[order]
        return forest(*parts, [names[k] for k in order], x_title=f"share of the {self._terms.row}")

    def _title(self) -> str:
        count, size = self.mean.shape
        rows, parts = self._terms.many(count, "row"), self._terms.many(size, "part")
        return f"Posterior of {rows} and {parts}, {in_percent(self._level)} intervals"


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
    found = [
        _or_prior(
            exact.embed(x, *context).numpy(), posterior_mean(exact.prior(*context)).numpy(), rows
        )
        for x, context, rows in _batches(X, covariates)
    ]
    return cast(Floats, finite("theta", np.concatenate(found)))


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
def evidence_of(vae: VAE, X: sparse.csr_matrix, covariates: Any = None) -> WordEvidence:
    """What the posteriors of documents are made of; of rows without words the prior.

    Raises:
        ValueError: If the posterior is no Dirichlet.
    """
    words = isinstance(vae, MixtureVAE)  # of a network's concentrations the shapes are as they are
    topics = decoder_of(vae).topics.double().numpy()
    concentration, prior = [], []
    exact = _in_float64(vae)
    decoder, told, first = decoder_of(exact), X, 0
    for x, context, rows in _batches(X, covariates):
        q = exact.infer(x, *context)
        if not isinstance(q, Dirichlet):
            raise ValueError(
                f"the latent is a {type(q).__name__}, but posterior takes a topic model with a "
                "Dirichlet latent; for other latents, use its vae_"
            )
        of_prior = exact.prior(*context).concentration.numpy()
        concentration.append(_or_prior(q.concentration.numpy(), of_prior, rows))
        prior.append(np.broadcast_to(of_prior, concentration[-1].shape))
        if words and (known := decoder.information(x, q.mean)) is not x:
            if told is X:
                values = X.data.astype(np.result_type(X.dtype, np.float32))
                told = sparse.csr_matrix((values, X.indices, X.indptr), X.shape)
            told.data[first : first + rows.nnz] = known.values().numpy()
        first += rows.nnz
    gamma = finite("posterior", np.concatenate(concentration))
    return WordEvidence(gamma, np.concatenate(prior), told, topics, words)


@pinned()
def marginals(evidence: WordEvidence, num_topics: int) -> tuple[Floats, Floats, Floats]:
    """Means and shapes of the posterior of shares among topics, both (N, K), and `proportions`."""
    gamma, prior, X, topic_word, words = evidence
    shapes = widened(gamma, prior, X, topic_word, num_topics) if words else gamma[:, :num_topics]
    shares = _normalized(gamma)
    return without_background(shares, num_topics), shapes, shares


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


def posterior_of(
    mean: Floats,
    concentration: Floats,
    off_topic: Floats,
    *,
    level: float,
    seed: int,
    evidence: WordEvidence | None = None,
) -> TopicPosterior:
    """Moments, intervals and probabilities of posteriors with these means and shapes.

    Args:
        mean: Rows that sum to 1, shape (N, K).
        concentration: Shape (N, K).
        off_topic: Shape (N,).
        level: Of the credible intervals, in (0, 1).
        seed: Of the draws.
        evidence: What it is made of, of which shares of several topics are computed.
    """
    lower, upper = credible_intervals(mean, concentration, level)
    found = TopicPosterior(
        concentration=concentration,
        mean=mean,
        std=mean * np.sqrt((1 - mean) / (concentration + mean)),
        lower=lower,
        upper=upper,
        dominates=_dominates(mean, concentration, seed),
        off_topic=off_topic,
    )
    found._evidence, found._level = evidence, level
    return found


def credible_intervals(mean: Floats, concentration: Floats, level: float) -> tuple[Floats, Floats]:
    """Intervals that contain proportions with a probability of ``level``.

    Intervals have equal tails, unless the density is highest at 0 (or 1). Then the interval starts
    at 0 (or ends at 1), because equal tails would leave out the most probable proportions.

    Args:
        mean: Mean m of each proportion, whose distribution is Beta(a, a / m - a); any shape.
        concentration: a of this distribution, of the same shape.
        level: Probability of the intervals, in (0, 1).

    Example:
        >>> lower, upper = credible_intervals(np.array([0.02, 0.5]), np.array([0.1, 9.0]), 0.9)
        >>> lower.round(2), upper.round(2)
        (array([0.  , 0.31]), array([0.06, 0.69]))
    """
    law = beta_of(mean, concentration)
    rest = law.args[1]
    from_0 = (concentration <= 1) & (concentration <= rest)
    to_1 = (rest <= 1) & (rest < concentration)
    below = np.where(from_0, 0.0, np.where(to_1, 1 - level, (1 - level) / 2))
    above = np.where(to_1, 1.0, below + level)
    return law.ppf(below), law.ppf(above)


def beta_of(mean: Floats, concentration: Floats) -> Any:
    """The posterior of each share, Beta(a, a / m - a), as SciPy has it; arguments as above.

    Example:
        >>> beta_of(np.array([0.25]), np.array([2.0])).mean()
        array([0.25])
    """
    rest = np.maximum(concentration * (1 - mean) / mean, np.finfo(float).tiny)
    return stats.beta(concentration, rest)


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
