"""How well the top words of topics go together, by how often they occur together in documents.

Every measure is a row of one table. It says where words are counted (in documents, or in windows
that slide over them), which pairs are compared, and how. The protocol is in the name, since the
same name stands for different numbers elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from dirvae.evaluation._counts import csr_counts

__all__ = ["MEASURES", "npmi_of_weights", "topic_coherence"]

EPSILON = 1e-12  # gensim's, beside a joint probability of 0
ENTRIES_AT_ONCE = 4_000_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class _Measure(NamedTuple):
    """Window size, None for whole documents, and the score of a topic from its probabilities."""

    window: int | None
    score: Callable[[Floats], float]


def topic_coherence(
    topics: ArrayLike, documents: Any, measure: str = "npmi_document"
) -> NDArray[np.float64]:
    """Coherence of the top words of each topic.

    - "npmi_document": mean over pairs of words a, b of log(p(a, b) / p(a) p(b)) / -log p(a, b),
      where p is the share of documents. A pair that is never in the same document counts -1, a
      pair that is always together 1.
    - "umass": mean over pairs of log((p(a, b) + 1e-12) / p(b)), where b is the word that comes
      first in the topic and p the share of documents.
    - "uci_window10": mean over pairs of log((p(a, b) + 1e-12) / p(a) p(b)), where p is the share of
      windows of 10 tokens.
    - "npmi_window10": as "uci_window10", but each term is divided by -log(p(a, b) + 1e-12).
    - "cv_window110": C_V, in windows of 110 tokens with gamma = 1. Each word has a vector of its
      NPMIs with all top words. C_V is the mean cosine between these vectors and their sum.

    The last four measures are those of gensim's ``CoherenceModel`` (``u_mass``, ``c_uci``,
    ``c_npmi``, ``c_v``), with two differences. First, if a word is twice in a sliding window,
    gensim 4.4 drops the word from the window as soon as the first of the two leaves. Second, gensim
    gives NaN for a word that is in no document. Here a pair with such a word counts -1 in the two
    NPMIs and 0 in the other measures.

    Args:
        topics: Columns of the top words, best first: integers, shape (K, n), n >= 2.
        documents: Counts, CSR or dense, shape (N, V). For measures with windows, give the
            tokens of each document instead, in order: a sequence of column numbers.
        measure: One of the five names above.

    Returns:
        Coherence of each topic, shape (K,). Papers usually report the mean over topics.

    Raises:
        ValueError: If an argument is out of range; the message says which.

    References:
        Mimno et al. 2011 (UMass); Newman et al. 2010 (UCI); Bouma 2009, Aletras & Stevenson 2013
        (NPMI); Roder, Both & Hinneburg 2015 (C_V).

    Example:
        >>> counts = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        >>> topic_coherence([[0, 1], [2, 3]], counts)
        array([ 1., -1.])
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}, must be one of {', '.join(MEASURES)}")
    window, score = MEASURES[measure]
    words, places = _words_and_places(topics)
    if window is None:
        joint = _in_documents(words, documents)
    else:
        joint = _in_windows(words, documents, window)
    return np.array([score(joint[np.ix_(row, row)]) for row in places])


def npmi_of_weights(topics: ArrayLike, documents: Any) -> Callable[[Floats], Floats]:
    """Return a function from weights of documents, (N,), to "npmi_document", (K,).

    It counts pairs of words once, for many samples of the same documents, as in a bootstrap. A
    weight is how many times a sample has the document.

    Args:
        topics: As in `topic_coherence`.
        documents: Counts, as there.

    Example:
        >>> npmi = npmi_of_weights([[0, 1]], [[1, 1], [1, 0], [1, 1]])
        >>> npmi(np.array([1.0, 0.0, 1.0])), topic_coherence([[0, 1]], [[1, 1], [1, 1]])
        (array([1.]), array([1.]))
    """
    words, places = _words_and_places(topics)
    present = _present(words, documents).tocsc()
    second, first = np.triu_indices(places.shape[1], 1)
    both = sparse.hstack(
        [present[:, row[first]].multiply(present[:, row[second]]) for row in places], "csc"
    )

    def npmi(weights: Floats) -> Floats:
        single, joint = (weights @ of / weights.sum() for of in (present, both))
        shape = len(places), len(first)
        pairs = joint.reshape(shape), single[places[:, first]], single[places[:, second]]
        return _strict(*pairs).mean(1)

    return npmi


# --- counting -------------------------------------------------------------------------------------


def _words_and_places(topics: ArrayLike) -> tuple[Ints, Ints]:
    """Columns of the W words of all topics, and places among them, in the shape of ``topics``."""
    ids = np.asarray(topics)
    if ids.ndim != 2 or ids.shape[1] < 2 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"topics has shape {ids.shape} and dtype {ids.dtype}, must be integers of shape (K, n) "
            "with n of at least 2 words"
        )
    if ids.size and ids.min() < 0:
        raise ValueError(f"topics has column {ids.min()}, must be 0 or more")
    words, places = np.unique(ids.astype(np.int64), return_inverse=True)
    return words, places.reshape(ids.shape)


def _in_documents(words: Ints, documents: Any) -> Floats:
    """Shares of documents with each pair of words, (W, W); of one word on the diagonal."""
    present = _present(words, documents)
    joint: Floats = (present.T @ present).toarray().astype(np.float64) / present.shape[0]
    return joint


def _present(words: Ints, documents: Any) -> sparse.csr_matrix:
    """1 where a document has a word, shape (N, W)."""
    counts = csr_counts("documents", documents)
    if counts.shape[0] == 0 or words[-1] >= counts.shape[1]:
        raise ValueError(
            f"documents has shape {counts.shape}, must have a row or more and, for these topics, "
            f"at least {words[-1] + 1} columns"
        )
    _require_counts(counts.data)
    return (counts[:, words] > 0).astype(np.float32)


def _require_counts(values: Any) -> None:
    if values.size and not (np.isfinite(values).all() and values.min() >= 0):
        raise ValueError("documents has negative, NaN or infinite values, must be counts")


def _in_windows(words: Ints, documents: Iterable[Sequence[int]], window: int) -> Floats:
    """Shares of windows with each pair of words, (W, W)."""
    if sparse.issparse(documents) or (isinstance(documents, np.ndarray) and documents.ndim == 2):
        raise ValueError(
            "documents are counts, which have no windows: give the tokens of each document in order"
        )
    joint, total = np.zeros((len(words), len(words))), 0
    for columns, windows, num_windows in _window_entries(words, documents, window):
        present = sparse.csr_matrix(
            (np.ones(len(columns), np.float32), (windows, columns)), (num_windows, len(words))
        )
        present.data[:] = 1  # a word that is twice in a window counts once
        joint += (present.T @ present).toarray()
        total += num_windows
    if total == 0:
        raise ValueError("documents has no tokens: coherence takes at least one document")
    return joint / total


def _window_entries(
    words: Ints, documents: Iterable[Sequence[int]], window: int
) -> Iterator[tuple[Ints, Ints, int]]:
    """Which of the words is in which window, some documents at a time."""
    columns: list[Ints] = []
    windows: list[Ints] = []
    num_windows, entries = 0, 0
    for document in documents:
        tokens = np.asarray(document, dtype=np.int64)
        if not len(tokens):
            continue
        count = max(1, len(tokens) - window + 1)
        place = np.searchsorted(words, tokens).clip(max=len(words) - 1)
        position = np.flatnonzero(words[place] == tokens)
        first = (position - window + 1).clip(min=0)
        length = position.clip(max=count - 1) - first + 1
        offset = np.arange(length.sum()) - np.repeat(length.cumsum() - length, length)
        columns.append(np.repeat(place[position], length))
        windows.append(np.repeat(first, length) + offset + num_windows)
        num_windows, entries = num_windows + count, entries + int(length.sum())
        if entries > ENTRIES_AT_ONCE:
            yield np.concatenate(columns), np.concatenate(windows), num_windows
            columns, windows, num_windows, entries = [], [], 0, 0
    if num_windows:
        yield np.concatenate(columns), np.concatenate(windows), num_windows


# --- scoring one topic from its joint probabilities -----------------------------------------------


def _pairs(joint: Floats) -> tuple[Floats, Floats, Floats]:
    """p(a, b), p(a) and p(b) of all pairs, a of lower rank than b."""
    b, a = np.triu_indices(len(joint), 1)
    single = np.diag(joint)
    return joint[a, b], single[a], single[b]


def _npmi_strict(joint: Floats) -> float:
    return float(_strict(*_pairs(joint)).mean())


def _strict(both: Floats, a: Floats, b: Floats) -> Floats:
    values = np.full(both.shape, -1.0)
    seen = both > 0
    together = np.log(both[seen])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (together - np.log(a[seen] * b[seen])) / -together
    values[seen] = np.where(together == 0, 1.0, ratio)
    return values


def _umass(joint: Floats) -> float:
    both, _, b = _pairs(joint)
    ratio = (both + EPSILON) / np.where(b > 0, b, 1.0)
    return float(np.where(b > 0, np.log(ratio), 0.0).mean())


def _log_ratio(both: Floats, a: Floats, b: Floats) -> Floats:
    known = (a > 0) & (b > 0)
    product = np.where(known, a * b, 1.0)
    return np.where(known, np.log((both + EPSILON) / product), 0.0)


def _uci(joint: Floats) -> float:
    return float(_log_ratio(*_pairs(joint)).mean())


def _npmi(both: Floats, a: Floats, b: Floats, missing: float) -> Floats:
    """gensim's, whose denominator is 0 for what is in every window."""
    norm = -np.log(both + EPSILON)
    ratio = _log_ratio(both, a, b) / np.where(norm == 0, 1.0, norm)
    return np.where((a > 0) & (b > 0), ratio, missing)


def _npmi_epsilon(joint: Floats) -> float:
    return float(_npmi(*_pairs(joint), missing=-1.0).mean())


def _cv(joint: Floats) -> float:
    single = np.diag(joint)
    vectors = _npmi(joint, single[:, None], single[None, :], missing=0.0)
    whole = vectors.sum(0)
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(whole)
    return float(
        np.divide(vectors @ whole, norms, where=norms > 0, out=np.zeros(len(norms))).mean()
    )


MEASURES = {
    "npmi_document": _Measure(None, _npmi_strict),
    "umass": _Measure(None, _umass),
    "uci_window10": _Measure(10, _uci),
    "npmi_window10": _Measure(10, _npmi_epsilon),
    "cv_window110": _Measure(110, _cv),
}
"""Each measure by its name: what is counted, and how a topic is scored from it."""
