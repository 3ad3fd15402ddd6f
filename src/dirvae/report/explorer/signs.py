"""Plain signs of whether a topic can be trusted, each with how it was measured."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dirvae.evaluation import topic_coherence
from dirvae.evaluation.matching import STABLE
from dirvae.report.explorer.words import uses
from dirvae.terms import TEXTS, Terms

__all__ = ["Sign", "carriers", "half_of", "signs_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CARRIED = 0.1  # share of a document, from which on it carries a topic
TEN = 10


class Sign(NamedTuple):
    """One sign of a topic.

    Attributes:
        kind: A word that is the same for all topics.
        fine: Whether it speaks for the topic.
        text: A sentence with its number.
        how: How it was measured, and what is a good value.
    """

    kind: str
    fine: bool
    text: str
    how: str


def carriers(theta: Floats) -> Ints:
    """How many documents are a tenth or more of each topic, shape (K,).

    Example:
        >>> carriers(np.array([[0.95, 0.05], [0.5, 0.5]])).tolist()
        [2, 1]
    """
    return (theta >= CARRIED).sum(0)


def half_of(theta: Floats) -> Ints:
    """Fewest documents that hold half of all there is of each topic, shape (K,).

    Example:
        >>> half_of(np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])).tolist()
        [1, 2]
    """
    falling = -np.sort(-theta, axis=0)
    return (falling.cumsum(0) < falling.sum(0) / 2).sum(0) + 1


def signs_of(
    topic_word: Floats,
    shares: Floats,
    top_words: Ints,
    overlap: Floats,
    terms: Terms = TEXTS,
    *,
    stability: Floats | None = None,
    theta: Floats | None = None,
    counts: Any = None,
) -> list[list[Sign]]:
    """Signs of each of K topics.

    Args:
        topic_word: beta, shape (K, V).
        shares: Of topics, shape (K,).
        top_words: Columns, shape (K, n).
        overlap: Of the words of each two topics, shape (K, K).
        terms: What documents, words and topics are called. Of samples there is no coherence: most
            features are in most of them.
        stability: As in `Topics`.
        theta: Proportions, shape (N, K); None without documents.
        counts: Of the same documents, shape (N, V).
    """
    ids = top_words[:, :TEN]
    columns = [_exclusive(topic_word, shares, ids, terms), _overlap(overlap, terms)]
    if stability is not None:
        columns.insert(0, _stable(stability, terms))
    if theta is not None:
        matrix = sparse.csr_matrix(counts)
        columns = [
            _carried(theta, terms),
            _half(theta, terms),
            _frequent(ids, matrix, terms),
            *columns,
        ]
        if ids.shape[1] > 1 and terms is TEXTS:
            columns.insert(3, _coherent(ids, matrix))
    return [list(row) for row in zip(*columns, strict=True)]


def _carried(theta: Floats, terms: Terms) -> list[Sign]:
    how = (
        f"{terms.row.capitalize()}s that have much of the {terms.part}: its share of their "
        f"{terms.unit}s is a tenth or more. Be careful below 20."
    )
    return [
        Sign(
            "carried", bool(n >= 20), f"It makes up a tenth or more of {terms.many(n, 'row')}", how
        )
        for n in carriers(theta)
    ]


def _half(theta: Floats, terms: Terms) -> list[Sign]:
    how = (
        f"The fewest {terms.row}s that hold half of all there is of the {terms.part}. Below 10, a "
        f"few {terms.row}s make the {terms.part}."
    )
    return [
        Sign("half", bool(n >= 10), f"Half of it lies in {terms.many(n, 'row')}", how)
        for n in half_of(theta)
    ]


def _frequent(ids: Ints, matrix: Any, terms: Terms) -> list[Sign]:
    present = np.asarray((matrix > 0).sum(0)).ravel()
    how = (
        f"In how many {terms.row}s each of its first ten {terms.column}s is, median. Rare "
        f"{terms.column}s make a {terms.part} hard to read; be careful below 10."
    )
    said = f"Its {terms.column}s are in {{:,.0f}} {terms.row}s each"
    return [
        Sign("frequent", bool(n >= 10), said.format(n), how)
        for n in np.median(present[ids], axis=1)
    ]


def _coherent(ids: Ints, matrix: Any) -> list[Sign]:
    how = (
        "NPMI of its first ten words over these documents, mean over pairs: 0 by chance, 1 if "
        "they only occur together, below 0 if they avoid each other. Good topics of texts have 0.1 "
        "and more."
    )
    said = {True: "Its words occur together", False: "Its words hardly occur together"}
    return [
        Sign("coherent", bool(c >= 0.05), f"{said[bool(c >= 0.05)]}: {c:.2f}", how)
        for c in topic_coherence(ids, matrix)
    ]


def _exclusive(topic_word: Floats, shares: Floats, ids: Ints, terms: Terms) -> list[Sign]:
    how = (
        f"Of all uses of its first ten {terms.column}s that are of {terms.part}s, the share that "
        f"is of this {terms.part}; mean over the {terms.column}s. Low where other {terms.part}s "
        f"use the same {terms.column}s."
    )
    part = uses(topic_word, shares)
    return [
        Sign(
            "exclusive",
            bool(e >= 0.3),
            f"{e:.0%} of the uses of its {terms.column}s are its own",
            how,
        )
        for e in np.take_along_axis(part, ids, axis=1).mean(1)
    ]


def _overlap(overlap: Floats, terms: Terms) -> list[Sign]:
    how = (
        f"Largest share of {terms.unit}s in common with another {terms.part}. From a half on they "
        "may be one."
    )
    if len(overlap) < 2:
        return [Sign("overlap", True, f"It is the only {terms.part}", how)]
    others = overlap - 2 * np.eye(len(overlap))
    return [
        Sign(
            "overlap",
            bool(s < 0.5),
            f"{s:.0%} of its {terms.unit}s in common with {terms.part} {k}",
            how,
        )
        for s, k in zip(others.max(1), others.argmax(1), strict=True)
    ]


def _stable(stability: Floats, terms: Terms) -> list[Sign]:
    how = (
        f"Cosine of its {terms.column}s with those of the {terms.part} that goes with it in fits "
        f"of other seeds, mean over them. Near 1 the {terms.part} does not hang on the seed; be "
        f"careful below {STABLE}."
    )
    said = {True: "Other seeds find it, too", False: "Other seeds find it only in part"}
    return [
        Sign("stable", bool(s >= STABLE), f"{said[bool(s >= STABLE)]}: {s:.2f}", how)
        for s in stability
    ]
