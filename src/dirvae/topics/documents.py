"""Documents as counts: a CSR matrix with a column for each known word."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _get_feature_names, validate_data

from dirvae.alignment import require_plain
from dirvae.data import vectorizing
from dirvae.data.corpus import Corpus
from dirvae.data.sparse_matrix import LARGEST_COUNT, checked_csr
from dirvae.data.words import as_given, unspaced, words_of
from dirvae.reading import require_memory
from dirvae.topics.document_kinds import Documents, Kind, documents_of

__all__ = [
    "checked_counts",
    "countable",
    "counted_documents",
    "default_vectorizer",
    "loaded",
    "picked",
    "require_documents",
    "require_kind",
    "sampled",
    "vocabulary_of",
]

SAMPLE = 100_000  # documents of a corpus by which a model is scored, and which its page has
BYTES_OF_COUNT = 40  # in memory, and what is made of it


def countable(X: Any, vectorizer: Any, vocabulary: Any) -> tuple[Any, Any, Any]:
    """Return the counts of documents (not checked yet), the fitted vectorizer, and the words.

    The vectorizer is None if counts were given. The words are None if they are not known.

    Args:
        X: Texts, lists of words, counts or a corpus.
        vectorizer: As in `counted_documents`.
        vocabulary: The words of counts, or None.

    Raises:
        ValueError: As in `counted_documents`, or if a vocabulary is given with texts.

    Example:
        >>> countable([[2, 0], [0, 1]], None, ["cat", "dog"])
        ([[2, 0], [0, 1]], None, ['cat', 'dog'])
    """
    documents = documents_of(X)
    if isinstance(X, Corpus):
        _require_same_words(X, vocabulary, "vocabulary")
        return X, X.vectorizer, vocabulary if X.vocabulary is None else X.vocabulary
    if documents.kind is Kind.COUNTS:
        return documents.rows, None, vocabulary
    if vocabulary is not None:
        raise ValueError(
            f"vocabulary is given with {documents.kind}, must be None unless X has counts; "
            "to count only these words, give vectorizer=CountVectorizer(vocabulary=...)"
        )
    fitted, counts = counted_documents(documents, vectorizer)
    return counts, fitted, _names_of_words(fitted)


def counted_documents(documents: Documents, vectorizer: Any) -> tuple[Any, Any]:
    """Fit a vectorizer to texts or lists of words; return the vectorizer and the counts.

    Args:
        documents: Texts or lists of words.
        vectorizer: A vectorizer, of which a clone is fitted. If None, `default_vectorizer`.

    Raises:
        ValueError: If no document has a word that is counted, or the vectorizer cannot take such
            documents.

    Example:
        >>> texts = Documents(["One cat", "Two cats"], Kind.TEXTS)
        >>> counted_documents(texts, None)[1].toarray().tolist()
        [[1, 0], [0, 1]]
    """
    _require_words(documents)
    if vectorizer is None:
        _require_spaces(documents)
        fitted: Any = default_vectorizer(len(documents.rows), documents.kind)
    else:
        fitted = clone(vectorizer)
        require_kind(documents, fitted)
    try:
        counts = fitted.fit_transform(documents.rows)
    except ValueError as error:
        reason = str(error).rstrip(".")
        if "empty vocabulary" in reason or "no terms remain" in reason:
            raise ValueError(f"X has no words to count: {reason}; see vectorizer") from error
        raise ValueError(f"vectorizer cannot count X: {reason}") from error
    if counts.min() < 0:
        raise ValueError(
            "vectorizer gives negative counts, must give 0 or more: for a HashingVectorizer, set "
            "alternate_sign=False and norm=None"
        )
    return fitted, counts


def require_kind(documents: Documents, vectorizer: Any) -> None:
    """Raise ValueError if a vectorizer does not take documents of this kind.

    This can be checked for scikit-learn's own splitting of texts, and for vectorizers of lists.
    Other vectorizers pass.

    Example:
        >>> require_kind(Documents([["a", "b"]], Kind.LISTS), CountVectorizer())
        Traceback (most recent call last):
        ValueError: X has lists of words, must be texts: the vectorizer splits them itself
    """
    parts = [getattr(vectorizer, part, None) for part in ("preprocessor", "tokenizer", "analyzer")]
    if as_given in parts and documents.kind is Kind.TEXTS:
        raise ValueError("X has texts, must be lists of words, as in fit")
    own = [part for part in parts if callable(part) and part is not words_of]
    splits = isinstance(vectorizer, CountVectorizer | HashingVectorizer) and not own
    if splits and documents.kind is Kind.LISTS:
        raise ValueError("X has lists of words, must be texts: the vectorizer splits them itself")


def default_vectorizer(
    num_documents: int, kind: Kind = Kind.TEXTS, **settings: Any
) -> CountVectorizer:
    """Return the vectorizer that counts words if none is given.

    In texts it counts words of two or more letters, without English stop words;
    `data.words.words_of` says what a word is. In lists it counts all words. If N is 100 or more,
    words in more than half of the documents are left out, and so are words in only one document. If
    N is 1,000 or more, words in fewer than 5 documents are left out. At most 10,000 words are kept,
    the most frequent ones.

    Args:
        num_documents: N.
        kind: Texts, or lists of words.
        settings: Arguments of the vectorizer to change, such as ``min_df=3``.

    Example:
        >>> default_vectorizer(10).fit(["One cat", "Two cats"]).get_feature_names_out().tolist()
        ['cat', 'cats']
    """
    return vectorizing.default_vectorizer(num_documents, are_texts=kind is Kind.TEXTS, **settings)


def _names_of_words(vectorizer: Any) -> Any:
    """The words that a fitted vectorizer counts; None if it does not know them."""
    try:
        return vectorizer.get_feature_names_out()
    except AttributeError:
        return None


def _require_words(documents: Documents) -> None:
    rows = documents.rows
    if documents.kind is Kind.TEXTS:
        if not any(text.strip() for text in rows):
            raise ValueError("X has empty strings only, must have texts with words")
    elif not any(rows):
        raise ValueError("X has empty lists only; at least two must have words")
    elif all(len(words) == 1 for words in rows) and any(" " in words[0] for words in rows):
        raise ValueError("X has lists of one text each, must be texts: [row[0] for row in X]")


def _require_spaces(documents: Documents) -> None:
    """Refuse texts without spaces between words, and warn of some among others that have them."""
    if documents.kind is not Kind.TEXTS:
        return
    found = [(row, script) for row, text in enumerate(documents.rows) if (script := unspaced(text))]
    if not found:
        return
    row, script = found[0]
    said = (
        f"X has texts without spaces between words, {len(found)} of {len(documents.rows)}, the "
        f"first in row {row} ({script.name}): give a tokenizer, such as vectorizer=CountVectorizer("
        f"tokenizer={script.tokenizer}, token_pattern=None), or lists of words, or add spaces"
    )
    if 2 * len(found) >= len(documents.rows):
        raise ValueError(said)
    warnings.warn(said, stacklevel=7)


def vocabulary_of(
    words: Any, num_words: int, *, argument: str = "vocabulary"
) -> NDArray[np.object_]:
    """Return the words as an array of V strings.

    Args:
        words: The words in the order of columns, or a mapping from words to columns from 0.
        num_words: V.
        argument: Name of the argument, for error messages.

    Raises:
        ValueError: If the words are not V different strings.

    Example:
        >>> vocabulary_of({"dog": 1, "cat": 0}, 2).tolist()
        ['cat', 'dog']
    """
    listed = _in_order(words, num_words, argument)
    if len(listed) != num_words or not all(isinstance(word, str) for word in listed):
        raise ValueError(
            f"{argument} has {len(listed)} entries, must have a string for each of the {num_words} "
            "columns of X"
        )
    again = [word for word, count in Counter(listed).items() if count > 1]
    if again:
        first = [column for column, word in enumerate(listed) if word == again[0]]
        raise ValueError(
            f"{argument} has {again[0]!r} twice, in columns {first[0]} and {first[1]} counted "
            "from 0, must have different words: add the columns up or rename them"
        )
    return np.array(listed, dtype=object)


def _in_order(words: Any, num_words: int, argument: str) -> Sequence[Any]:
    name = type(words).__name__
    if isinstance(words, str | bytes | Set):
        raise ValueError(f"{argument} is a {name}, must be a list of {num_words} words")
    if not isinstance(words, Mapping):
        return list(words)
    if set(words.values()) != set(range(len(words))):
        raise ValueError(
            f"{argument} is a {name} whose values are not columns, must map words to "
            f"0, ..., {num_words - 1}"
        )
    return sorted(words, key=words.__getitem__)


def _require_same_words(corpus: Corpus, words: Any, whose: str) -> None:
    """Refuse a corpus whose columns are of other words."""
    if words is None or corpus.vocabulary is None:
        return
    wanted = _in_order(words, corpus.shape[1], whose)
    if list(wanted) != corpus.vocabulary.tolist():
        raise ValueError(
            f"{corpus.folder} has other words than {whose}, must have the same words in the "
            "same order: build it again with Corpus.build(..., vocabulary=words)"
        )


def _named(X: Any) -> Any:
    """A data frame whose columns have numbers for names, with words for them.

    Without words scikit-learn would go by position. 0, 1, 2 and so on, in this order, are no names.
    """
    if not hasattr(X, "iloc") or not hasattr(X, "columns"):
        return X
    names = X.columns.tolist()
    if names == list(range(len(names))) or any(isinstance(name, str) for name in names):
        return X
    return X.set_axis([str(name) for name in names], axis=1)


def _without_names(X: Any, words: Any) -> Any:
    """The values of a data frame whose columns are the words of a model fitted to an array."""
    names = _get_feature_names(X)
    if names is None or words is None:
        return X
    wanted = [str(word) for word in words]
    if list(names) != wanted:
        known = set(wanted)  # of many words, a search for each would take minutes
        wrong = next((name for name in names if name not in known), None)
        given = set(names)
        lacking = next((word for word in wanted if word not in given), None)
        if wrong is not None:
            said = f"X has other columns than the fit, such as {wrong!r}; it must have"
        elif lacking is not None:
            said = f"X lacks columns of the fit, such as {lacking!r}; it must have"
        else:
            said = "X has the columns of the fit in another order; it must have"
        raise ValueError(f"{said} the words of vocabulary_, in their order")
    return X.to_numpy()


def checked_counts(estimator: Any, X: Any, *, reset: bool, single: bool = False) -> Any:
    """Return counts as a CSR matrix without zeros or duplicates. The given counts do not change.

    A corpus is returned unchanged. It checks its counts when they are read.

    Args:
        estimator: Counts are checked against its ``n_features_in_`` and ``feature_names_in_``.
        X: Counts of words, 0 or more, dense or sparse, shape (N, V), or a corpus.
        reset: Whether to set these two attributes instead.
        single: Whether sparse counts in float32 stay in float32, in the memory of the caller. Else
            float64 is returned.

    Raises:
        ValueError: If a count is negative, not finite or above 2 ** 53, or the shape is wrong.
    """
    if isinstance(X, Corpus):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if not reset:
            _require_same_words(X, getattr(estimator, "vocabulary_", None), "the model")
        return X
    require_plain("X", X)
    X = _named(X)
    if not reset and not hasattr(estimator, "feature_names_in_"):
        X = _without_names(X, getattr(estimator, "vocabulary_", None))
    X = validate_data(
        estimator,
        checked_csr("X", X) if sparse.issparse(X) else X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_non_negative=True,
        estimator=estimator,
    )
    if sparse.issparse(X):  # with the indices of the caller's, which stay as they are
        dtype = X.dtype if single else np.float64
        parts = X.data.astype(dtype, copy=False), X.indices, X.indptr
        counts = sparse.csr_matrix(parts, shape=X.shape)
    else:
        counts = sparse.csr_matrix(X, dtype=np.float64)
    if not counts.has_canonical_format or not counts.data.all():
        counts = counts.copy()  # the arrays may be the caller's
        counts.sum_duplicates()
        counts.eliminate_zeros()
    if counts.nnz and counts.data.max() > LARGEST_COUNT:
        raise ValueError(
            f"X has a count of {counts.data.max():g}, must be {LARGEST_COUNT:g} at most"
        )
    return counts


def loaded(counts: Any) -> Any:
    """Return the counts of a corpus in memory; return anything else unchanged.

    Raises:
        ValueError: If the counts need more than the memory budget (`dirvae.reading`).
    """
    if not isinstance(counts, Corpus):
        return counts
    require_memory(counts.folder, counts.nnz, BYTES_OF_COUNT)
    return counts[:]


def sampled(counts: Any, known: Any = None) -> tuple[sparse.csr_matrix, Any]:
    """Return counts in memory and what is known of their rows.

    Of a corpus of more than 100,000 documents, a random sample of 100,000 is returned.

    Args:
        counts: CSR, which is returned unchanged, or a corpus.
        known: As in `picked`.
    """
    if not isinstance(counts, Corpus) or counts.shape[0] <= SAMPLE:
        return loaded(counts), known
    rows = np.sort(np.random.RandomState(0).choice(counts.shape[0], SAMPLE, replace=False))
    return counts[rows], picked("known", known, rows, counts.shape[0])


def picked(name: str, known: Any, rows: NDArray[np.integer[Any]], num_rows: int) -> Any:
    """What is known of some rows.

    Args:
        name: Name of the argument, for error messages.
        known: An array, a list or a table with an entry for each of N rows, or a mapping from names
            to such; or None.
        rows: Numbers of the rows, shape (n,).
        num_rows: N.

    Raises:
        ValueError: If there are not N entries.

    Example:
        >>> picked("ids", {"day": [5, 6, 7]}, np.array([0, 2]), 3)
        {'day': [5, 7]}
    """
    if known is None:
        return None
    if isinstance(known, Mapping):
        return {key: picked(name, values, rows, num_rows) for key, values in known.items()}
    size = known.shape[0] if hasattr(known, "shape") else len(known)
    if size != num_rows:
        raise ValueError(f"{name} has {size} entries, must have one for each of {num_rows} rows")
    return _safe_indexing(known, rows)


def require_documents(
    counts: sparse.csr_matrix, num_topics: int, row: str = "document", column: str = "word"
) -> None:
    """Raise ValueError unless topics can be fitted to the counts.

    Args:
        counts: Shape (N, V).
        num_topics: K.
        row: Word for a row in error messages.
        column: Word for a column in error messages.

    Example:
        >>> require_documents(sparse.csr_matrix((3, 4)), 2)
        Traceback (most recent call last):
        ValueError: X has no words: every count is 0
    """
    if counts.shape[0] < 2:
        raise ValueError(f"X has one {row} (n_samples=1); at least 2 are needed to fit")
    if counts.shape[1] < 2:
        raise ValueError(f"X has one {column} (n_features=1); at least 2 are needed to fit")
    if counts.nnz == 0:
        raise ValueError(f"X has no {column}s: every count is 0")
    if num_topics > counts.shape[0]:
        raise ValueError(
            f"n_components is {num_topics}, must be at most the number of {row}s, {counts.shape[0]}"
        )
