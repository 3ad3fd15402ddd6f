"""Documents as estimators get them: texts or counts, checked, as a CSR matrix of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

__all__ = ["are_texts", "checked_texts", "default_vectorizer", "vocabulary_of"]


def are_texts(X: Any) -> bool:
    """Whether X is a sequence of strings, or is meant as one; numbers are not.

    Example:
        >>> are_texts(["a text", None]), are_texts([[1, 2]])
        (True, False)
    """
    if sparse.issparse(X) or getattr(X, "ndim", 1) != 1 or not hasattr(X, "__len__"):
        return False
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    if isinstance(kind, str) and kind not in "OUT":
        return False
    return any(isinstance(item, str) for item in X)


def checked_texts(X: Any) -> list[str]:
    """Return the texts as a list.

    Raises:
        ValueError: If an entry is no string.
    """
    texts = list(X)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"X has a {type(text).__name__} in row {row}, must be strings only: replace "
                'missing texts by "" or leave them out'
            )
    return texts


def default_vectorizer(num_texts: int) -> CountVectorizer:
    """Counts of words of two letters or more, without English stop words.

    Words in more than half of the texts are left out, and such as are in fewer than 5 (2 of less
    than 1,000 texts; 1 of less than 100); of the others the 10,000 commonest are kept.

    Example:
        >>> default_vectorizer(10).fit(["One cat", "Two cats"]).get_feature_names_out().tolist()
        ['cat', 'cats']
    """
    least = 5 if num_texts >= 1000 else 2 if num_texts >= 100 else 1
    return CountVectorizer(
        stop_words="english",
        token_pattern=r"(?u)\b[^\W\d_][^\W\d_]+\b",
        min_df=least,
        max_df=0.5 if num_texts >= 100 else 1.0,
        max_features=10_000,
    )


def vocabulary_of(words: Any, num_words: int) -> NDArray[np.object_]:
    """Return the words as an array of V strings.

    Raises:
        ValueError: If they are not V strings.
    """
    listed: Sequence[Any] = list(words)
    if len(listed) != num_words or not all(isinstance(word, str) for word in listed):
        raise ValueError(
            f"vocabulary has {len(listed)} entries, must have a string for each of the {num_words} "
            "columns of X"
        )
    return np.array(listed, dtype=object)
