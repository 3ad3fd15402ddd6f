"""How texts are counted where nobody says how: the vectorizer, and which words it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dirvae.data.words import as_given, words_of

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

__all__ = ["VOCABULARY_SIZE", "default_vectorizer", "least_documents", "most_documents"]

VOCABULARY_SIZE = 10_000


def least_documents(num_documents: int) -> int:
    """In how many of N documents a word must be to be kept.

    Example:
        >>> least_documents(50), least_documents(500), least_documents(5000)
        (1, 2, 5)
    """
    return 5 if num_documents >= 1000 else 2 if num_documents >= 100 else 1


def most_documents(num_documents: int) -> float:
    """In which share of N documents a word may be to be kept.

    Example:
        >>> most_documents(50), most_documents(500)
        (1.0, 0.5)
    """
    return 0.5 if num_documents >= 100 else 1.0


def default_vectorizer(
    num_documents: int, *, are_texts: bool = True, **settings: Any
) -> CountVectorizer:
    """Return the vectorizer of `topics.documents.default_vectorizer`, which says what it does.

    Args:
        num_documents: N.
        are_texts: Whether documents are texts; otherwise lists of words, counted as they are.
        settings: Arguments of the vectorizer that are to be others, such as ``min_df=3``.

    Example:
        >>> default_vectorizer(10).fit(["One cat", "Two cats"]).get_feature_names_out().tolist()
        ['cat', 'cats']
    """
    from sklearn.feature_extraction.text import CountVectorizer

    defaults: dict[str, Any] = {
        "lowercase": are_texts,
        "stop_words": "english" if are_texts else None,
        "tokenizer": words_of if are_texts else as_given,
        "token_pattern": None,
        "min_df": least_documents(num_documents),
        "max_df": most_documents(num_documents),
        "max_features": VOCABULARY_SIZE,
    }
    return CountVectorizer(**{**defaults, **settings})
