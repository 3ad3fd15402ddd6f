"""What a user asks of topics: their names, who they are found by, and why a document has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import linkage

from dirvae.evaluation.top_words import top_words_by_documents
from dirvae.report.examples import most_of
from dirvae.terms import TEXTS, Terms
from dirvae.text import nearest

__all__ = [
    "explained_words",
    "given_names",
    "merges",
    "proposed_names",
    "representatives",
    "topics_of_words",
    "words_asked_for",
]

Floats = NDArray[np.float64]
WORDS_IN_NAME = 3
BACKGROUND = "background"


def proposed_names(words: Sequence[Sequence[Any]], guide: Mapping[str, Any] | None) -> list[str]:
    """Names of topics: those of a guide, whose topics come first, or else their first words.

    Args:
        words: Those that tell each topic best, K lists.
        guide: As in `TopicModel`, or None.

    Example:
        >>> proposed_names([["cat", "dog"], ["moon", "stars"]], {"pets": ["dog"]})
        ['pets', 'moon, stars']
    """
    names = [", ".join(map(str, row[:WORDS_IN_NAME])) for row in words]
    return [*(guide or {}), *names[len(guide or {}) :]]


def given_names(given: Any, names: Sequence[str]) -> list[str]:
    """Return the names of topics after a user gave some.

    Args:
        given: A list of K names, or a mapping from topics to names; others keep theirs.
        names: Those before, length K.

    Raises:
        ValueError: If a name is no text or empty, or they are of other topics.

    Example:
        >>> given_names({1: "space"}, ["cat, dog", "moon, stars"])
        ['cat, dog', 'space']
    """
    size = len(names)
    if isinstance(given, str) or (not isinstance(given, Mapping) and len(given) != size):
        raise ValueError(
            f"topic_names_ is {given!r}, must be a list of {size} names or a mapping from topics "
            "to names"
        )
    named = dict(given) if isinstance(given, Mapping) else dict(enumerate(given))
    for topic, name in named.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"topic_names_ has {name!r}, must have texts that are not empty")
        if topic not in range(size):
            raise ValueError(f"topic_names_ names topic {topic!r}, must be from 0 to {size - 1}")
    return [named.get(topic, name) for topic, name in enumerate(names)]


def words_asked_for(
    query: str, counts: sparse.csr_matrix | None, words: Any
) -> NDArray[np.integer[Any]]:
    """Columns of the words of a query.

    Args:
        query: One word or more.
        counts: Its words as the model's vectorizer counts them, shape (1, V); None to look up what
            stands between spaces.
        words: The V words.

    Raises:
        ValueError: If none is in the vocabulary.

    Example:
        >>> words_asked_for("dog moon", None, ["cat", "dog"])
        array([1])
    """
    if counts is not None:
        found = counts.indices
    else:
        place = {word: column for column, word in enumerate(words)}
        asked = [query] if query in place else query.split()  # names of features have spaces
        found = np.array([place[word] for word in asked if word in place], dtype=np.int64)
    if len(found) == 0:
        raise ValueError(
            f"query is {query!r}, must have a word of the vocabulary{nearest(query, words)}"
        )
    return np.unique(found)


def topics_of_words(documents: Floats, columns: NDArray[Any], num_topics: int) -> Floats:
    """Share of each topic in the documents that have some words, the mean over the words, (K,).

    Args:
        documents: In how many each word was of each topic (and of a background), shape (J, V).
        columns: Of the words.
        num_topics: K, of the J.

    Example:
        >>> topics_of_words(np.array([[3.0, 0.0], [1.0, 5.0]]), np.array([0]), 2)
        array([0.75, 0.25])
    """
    some = documents[:, columns].astype(np.float64)
    total = some.sum(0)
    share = np.divide(some, total, where=total > 0, out=np.zeros_like(some))
    return share.mean(1)[:num_topics]


def representatives(
    theta: Floats, ids: Sequence[Any], texts: Any, n: int, terms: Terms = TEXTS
) -> dict[str, list[Any]]:
    """The documents that have most of each topic, topic by topic, the first first.

    Args:
        theta: Shape (N, K).
        ids: Of the documents, length N.
        texts: The documents, if they are texts; else None.
        n: Documents a topic.
        terms: What documents and topics are called.

    Example:
        >>> representatives(np.array([[0.9, 0.1], [0.2, 0.8]]), ["a", "b"], None, 1)
        {'topic': [0, 1], 'document': ['a', 'b'], 'row': [0, 1], 'share': [0.9, 0.8]}
    """
    found = [(k, row) for k in range(theta.shape[1]) for row in most_of(theta, k, n).tolist()]
    columns = {
        terms.part: [k for k, _ in found],
        terms.row: [ids[row] for _, row in found],
        "row": [row for _, row in found],
        "share": [float(theta[row, k]) for k, row in found],
    }
    return columns if texts is None else {**columns, "text": [texts[row] for _, row in found]}


def explained_words(
    counts: sparse.csr_matrix,
    weights: Floats,
    topic_word: Floats,
    names: Sequence[str],
    words: Any,
    terms: Terms = TEXTS,
) -> dict[str, list[Any]]:
    """Each word of a document, the topic that it is most likely of, and how likely.

    Words of the document's largest topics come first; the background, if there is one, is topic -1.

    Args:
        counts: Of one document, shape (1, V).
        weights: Shares of what it mixes, the background last, shape (J,).
        topic_word: Laws of words of the same, shape (J, V).
        names: Of the K topics.
        words: The V words, or None.
        terms: What words and topics are called.

    Example:
        >>> counts, beta = sparse.csr_matrix([[1.0, 2.0]]), np.array([[0.75, 0.25], [0.0, 1.0]])
        >>> explained_words(counts, np.ones(2) / 2, beta, ["a", "b"], None)
        ... # doctest: +NORMALIZE_WHITESPACE
        {'word': [1, 0], 'count': [2.0, 1.0], 'topic': [1, 0], 'name': ['b', 'a'],
         'probability': [0.8, 1.0]}
    """
    columns = counts.indices
    share = topic_word[:, columns] * weights[:, None]
    share /= np.maximum(share.sum(0), np.finfo(float).tiny)
    best = share.argmax(0)
    sizes = share @ counts.data  # words of each topic
    order = np.lexsort((-counts.data * share.max(0), -sizes[best]))
    best, found = best[order], columns[order]
    return {
        terms.column: found.tolist() if words is None else [str(words[column]) for column in found],
        "count": counts.data[order].tolist(),
        terms.part: [int(k) if k < len(names) else -1 for k in best],
        "name": [names[k] if k < len(names) else BACKGROUND for k in best],
        "probability": share.max(0)[order].tolist(),
    }


def merges(
    topic_word: Floats, documents: Floats, words: Any, n: int, terms: Terms = TEXTS
) -> dict[str, list[Any]]:
    """How topics go together, the most alike first: average linkage of cosines.

    Nodes are numbered as SciPy does: topics from 0 to K - 1, what step i merged K + i.

    Args:
        topic_word: beta, shape (K, V).
        documents: In how many each word was of each topic, shape (K, V).
        words: The V words, or None.
        n: Words of each merged topic.
        terms: What words and topics are called.

    Example:
        >>> beta = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.9, 0.1, 0.0]])
        >>> found = merges(beta, beta, None, 1)
        >>> found["topics"], found["left"], found["right"], found["words"]
        ([[0, 2], [0, 1, 2]], [0, 1], [2, 3], [[0], [0]])
    """
    size = len(topic_word)
    tree = linkage(topic_word, method="average", metric="cosine") if size > 1 else np.zeros((0, 4))
    inside: list[list[int]] = [[k] for k in range(size)]
    for left, right in tree[:, :2].astype(int):
        inside.append(sorted(inside[left] + inside[right]))
    n = min(n, topic_word.shape[1])
    found = [_first_words(documents, node, n) for node in inside[size:]]
    return {
        "node": list(range(size, size + len(tree))),
        "left": tree[:, 0].astype(int).tolist(),
        "right": tree[:, 1].astype(int).tolist(),
        "distance": tree[:, 2].tolist(),
        f"{terms.part}s": inside[size:],
        f"{terms.column}s": [[c if words is None else str(words[c]) for c in row] for row in found],
    }


def _first_words(documents: Floats, node: Sequence[int], n: int) -> list[int]:
    """Columns of the words that tell some topics, taken together, from the others."""
    rest = np.delete(documents, node, axis=0).sum(0)
    parts = np.stack([documents[list(node)].sum(0), rest]).astype(np.float64)
    return [int(column) for column in top_words_by_documents(parts, n)[0]]
