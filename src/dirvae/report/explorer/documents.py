"""Documents that a page shows: which they are, their text, and whose words their words are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from dirvae.report.examples import most_of
from dirvae.text import visible

__all__ = [
    "Shown",
    "chosen_documents",
    "marks_of",
    "per_topic",
    "short",
    "speaking",
    "text_length",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Marks = list[tuple[int, int, int]]
MOST_DOCUMENTS = 20  # a topic
ALL_DOCUMENTS = 1_000
ALL_TEXT = 600_000  # characters of all documents on a page
LONGEST_TEXT = 1_500
LONGEST_WORD = 60
CLEAR = 0.5  # of a word's probability and ...
LIFT = np.log(2)  # ... of its lift, from which on it is marked
# Letters with their marks; what stands between words, as people write, parts them.
PIECES = re.compile(r"[^\s!-/:-@\[-`{-~\u00ab\u00bb\u2010-\u2027\u3000-\u303f]+")
LONG = re.compile(rf"[^\s]{{{LONGEST_WORD},}}")


@dataclass(frozen=True)
class Shown:
    """What a page says of M documents that it shows.

    Attributes:
        rows: Their places among all N, shape (M,).
        texts: Their texts.
        mean: Proportions of topics, shape (M, K).
        lower: Lower ends of their intervals, shape (M, K); None where there are none.
        upper: Upper ends, likewise.
        off_topic: Nats a word by which mere frequencies explain the document better; None likewise.
        speaking: Of each document, by topic, its words and in how many of its tokens.
        marks: Of each document, what `marks_of` returns.
        lengths: How many counted words each has, shape (M,).
    """

    rows: Ints
    texts: Sequence[str]
    mean: Floats
    lower: Floats | None
    upper: Floats | None
    off_topic: Floats | None
    speaking: Sequence[Mapping[int, Sequence[tuple[int, float]]]]
    marks: Sequence[Marks]
    lengths: Floats


def per_topic(num_topics: int) -> int:
    """Documents that a page shows of each topic, from 20 down to 3.

    Example:
        >>> per_topic(50), per_topic(200)
        (20, 5)
    """
    return max(3, min(MOST_DOCUMENTS, ALL_DOCUMENTS // num_topics))


def text_length(num_documents: int) -> int:
    """Characters to which a page cuts texts.

    Example:
        >>> text_length(60), text_length(1000)
        (1500, 600)
    """
    return min(LONGEST_TEXT, ALL_TEXT // max(num_documents, 1))


def chosen_documents(theta: ArrayLike, count: int) -> Ints:
    """Rows of the documents that have most of each topic, sorted.

    Example:
        >>> chosen_documents([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]], 1).tolist()
        [0, 1]
    """
    theta = np.asarray(theta)
    return np.unique(np.concatenate([most_of(theta, k, count) for k in range(theta.shape[1])]))


def short(text: str, length: int) -> tuple[str, bool]:
    r"""A text on one line, without what a browser would obey; cut, if need be, between words.

    Returns:
        The text, and whether it was cut.

    Example:
        >>> short("some words \n of text", 12)
        ('some words …', True)
    """
    line = " ".join(text[: 4 * length].split())
    line = visible(LONG.sub(lambda found: found[0][: LONGEST_WORD - 1] + "…", line))
    if len(line) <= length and len(text) <= 4 * length:
        return line, False
    head, space, _ = line[: length - 1].rpartition(" ")
    return (head + " …" if space else line[: length - 1] + "…"), True


def speaking(
    counts: Any,
    shares: ArrayLike,
    topic_word: ArrayLike,
    frequency: ArrayLike,
    num_topics: int,
    most: int = 6,
) -> tuple[list[dict[int, list[tuple[int, float]]]], list[dict[int, int]]]:
    r"""Which words of each document speak for which topics.

    A token of word w is of topic k with a probability of
    :math:`\phi_{wk} \propto \theta_k \beta_{kw}`, a background among the topics. It speaks for that
    topic as :math:`\log(\beta_{kw} / p_w)`, with p its frequency: a word that is everywhere says
    nothing.

    Args:
        counts: Shape (M, V), CSR or dense.
        shares: Of all that is mixed, a background too, shape (M, J).
        topic_word: Its laws of words, shape (J, V).
        frequency: Share of each word in the corpus, shape (V,).
        num_topics: K, of the J.
        most: Words to name for each topic.

    Returns:
        Of each document: by topic, the words that speak most for it, all their tokens together, and
        how many tokens are expected of it (a tenth or more); by word, the topic that it is of with
        a probability of a half or more, if it is at least twice as frequent there as anywhere.

    Example:
        >>> beta = [[0.9, 0.1], [0.1, 0.9]]
        >>> words, topics = speaking([[2.0, 1.0]], [[0.5, 0.5]], beta, [0.5, 0.4], 2)
        >>> topics, words[0][1]
        ([{1: 1}], [(1, 0.9)])
    """
    matrix = sparse.csr_matrix(counts)
    shares = np.asarray(shares, dtype=np.float64)
    by_word = np.ascontiguousarray(np.asarray(topic_word, dtype=np.float64).T)
    tiny = np.finfo(float).tiny
    known = np.maximum(np.asarray(frequency, dtype=np.float64), tiny)
    log_lift = np.log(np.maximum(by_word, tiny) / known[:, None])
    named, clear = [], []
    for row in range(matrix.shape[0]):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        words = matrix.indices[part]
        phi = by_word[words] * shares[row]
        phi /= np.maximum(phi.sum(1, keepdims=True), tiny)
        expected = phi * matrix.data[part, None]
        told = log_lift[words]
        named.append({k: _most(words, expected[:, k], told[:, k], most) for k in range(num_topics)})
        best = phi.argmax(1) if len(words) else np.empty(0, int)
        clear.append(
            {
                int(word): int(k)
                for word, k, p, lift in zip(words, best, phi, told, strict=True)
                if k < num_topics and p[k] >= CLEAR and lift[k] >= LIFT
            }
        )
    return named, clear


def _most(words: Ints, expected: Floats, told: Floats, most: int) -> list[tuple[int, float]]:
    order = np.argsort(-expected * told, kind="stable")[:most]
    return [
        (int(words[i]), round(float(expected[i]), 1))
        for i in order
        if expected[i] >= 0.1 and told[i] > 0
    ]


def marks_of(text: str, word_of: Callable[[str], int | None], topic_of: Mapping[int, int]) -> Marks:
    """Pieces of a text whose words are of a topic: where they begin, how long they are, the topic.

    Args:
        text: As the page shows it.
        word_of: From a piece of text to the column of the word that it is counted as, or None.
        topic_of: From columns of words to topics.

    Returns:
        Beginnings and lengths are those of JavaScript, in units of UTF-16.

    Example:
        >>> marks_of("A moon, a dog", {"moon": 5, "dog": 6}.get, {5: 1, 6: 0})
        [(2, 4, 1), (10, 3, 0)]
    """
    found: Marks = []
    start = units = 0
    for match in PIECES.finditer(text):
        word = word_of(match[0])
        if word is not None and word in topic_of:
            units += _units(text[start : match.start()])
            start = match.start()
            found.append((units, _units(match[0]), topic_of[word]))
    return found


def _units(text: str) -> int:
    return len(text) + sum(letter > "\uffff" for letter in text)
