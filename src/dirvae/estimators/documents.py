"""Documents as estimators get them: texts or counts, checked, as a CSR matrix of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import validate_data

from dirvae.data.sparse_matrix import checked_csr

__all__ = [
    "are_texts",
    "checked_counts",
    "checked_texts",
    "counted_texts",
    "default_vectorizer",
    "require_documents",
    "vocabulary_of",
]


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


def counted_texts(X: Any, vectorizer: Any) -> tuple[Any, Any]:
    """Fit a vectorizer to texts; return it and the counts.

    Args:
        X: Texts.
        vectorizer: Of which a clone is fitted; `default_vectorizer` if None.

    Raises:
        ValueError: If an entry is no string, or no text has a word that is counted.

    Example:
        >>> counted_texts(["One cat", "Two cats"], None)[1].toarray().tolist()
        [[1, 0], [0, 1]]
    """
    texts = checked_texts(X)
    if not any(text.strip() for text in texts):
        raise ValueError("X has empty strings only; at least two texts must have words")
    fitted = default_vectorizer(len(texts)) if vectorizer is None else clone(vectorizer)
    try:
        return fitted, fitted.fit_transform(texts)
    except ValueError as error:  # no word is left
        reason = str(error).rstrip(".")
        raise ValueError(f"X has no words to count: {reason}; see vectorizer") from error


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


def checked_counts(estimator: Any, X: Any, *, reset: bool) -> sparse.csr_matrix:
    """Return counts as a CSR matrix without zeros or duplicates; the caller's stay as they are.

    Args:
        estimator: Whose ``n_features_in_`` and ``feature_names_in_`` they are checked against.
        X: Counts of words, 0 or more, dense or sparse, shape (N, V).
        reset: Whether those attributes are set instead.

    Raises:
        ValueError: If a count is negative or not finite, or the shape is wrong.
    """
    X = validate_data(
        estimator,
        checked_csr("X", X) if sparse.issparse(X) else X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_non_negative=True,
        estimator=estimator,
    )
    counts = sparse.csr_matrix(X, dtype=np.float64)
    if not counts.has_canonical_format or not counts.data.all():
        counts = counts.copy()  # the arrays may be the caller's
        counts.sum_duplicates()
        counts.eliminate_zeros()
    return counts


def require_documents(counts: sparse.csr_matrix, num_topics: int) -> None:
    """Raise ValueError unless topics can be fitted to the counts.

    Example:
        >>> require_documents(sparse.csr_matrix((3, 4)), 2)
        Traceback (most recent call last):
        ValueError: X has no words: every count is 0
    """
    if counts.shape[0] < 2:
        raise ValueError("X has one document (n_samples=1); at least 2 are needed to fit")
    if counts.shape[1] < 2:
        raise ValueError("X has one word (n_features=1); topics need at least 2 to differ in")
    if counts.nnz == 0:
        raise ValueError("X has no words: every count is 0")
    if num_topics > counts.shape[0]:
        raise ValueError(
            f"n_components is {num_topics}, must be at most the number of documents, "
            f"{counts.shape[0]}"
        )
