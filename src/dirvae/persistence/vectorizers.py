"""A count vectorizer as JSON: its settings that are plain values, and its words if it has any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dirvae.data.words import as_given, words_of
from dirvae.persistence.folder import ModelFormatError
from dirvae.persistence.patterns import is_plain

__all__ = ["describe_vectorizer", "vectorizer_from"]

_PLAIN = (
    "strip_accents",
    "lowercase",
    "token_pattern",
    "analyzer",
    "binary",
    "input",
    "encoding",
    "decode_error",
)
_LIMITS = ("min_df", "max_df", "max_features")
_ANY = (1, 1.0, None)  # of these: no limit
_SETTINGS = ("stop_words", *_PLAIN, *_LIMITS)
MOST_NGRAMS = 10  # words in a sequence
_A_TEXT = "some words of a text, and some more words"
_TOKENIZERS = {function.__name__: function for function in (words_of, as_given)}


def describe_vectorizer(vectorizer: Any, *, fitted: bool = True) -> dict[str, Any]:
    """Return what `vectorizer_from` builds a `CountVectorizer` from.

    Args:
        vectorizer: A `CountVectorizer`.
        fitted: Whether the words that it learned are kept; otherwise its settings alone are.

    Raises:
        ValueError: If it is of another class, has functions of the user's own, reads files, or has
            a pattern that is not plain (`dirvae.persistence.patterns`).
    """
    from sklearn.base import clone
    from sklearn.feature_extraction.text import CountVectorizer

    name = type(vectorizer).__name__
    if type(vectorizer) is not CountVectorizer:
        raise ValueError(
            f"vectorizer is a {name}, which cannot be saved; a CountVectorizer can, or fit on the "
            "counts that yours gives"
        )
    if max(vectorizer.ngram_range) > MOST_NGRAMS:
        raise ValueError(
            f"vectorizer counts sequences of {max(vectorizer.ngram_range)} words, must be of at "
            f"most {MOST_NGRAMS} to be saved"
        )
    settings = {key: getattr(vectorizer, key) for key in _SETTINGS}
    if isinstance(settings["stop_words"], list | tuple | set | frozenset):
        settings["stop_words"] = sorted(settings["stop_words"])
    for key in _LIMITS:
        if isinstance(settings[key], np.generic):
            settings[key] = settings[key].item()
    settings["tokenizer"] = getattr(vectorizer.tokenizer, "__name__", None)
    own = ["preprocessor"] if vectorizer.preprocessor is not None else []
    if _TOKENIZERS.get(settings["tokenizer"]) is not vectorizer.tokenizer:
        own.append("tokenizer")
    own += [key for key, value in settings.items() if callable(value)]
    if own:
        raise ValueError(f"vectorizer has a {own[0]} of your own, which cannot be saved")
    problem = _acts(settings)
    if problem:
        raise ValueError(f"vectorizer cannot be saved: {problem}; fit on the counts that it gives")
    words = None
    if fitted or vectorizer.vocabulary is not None:
        known = vectorizer if fitted else clone(vectorizer)
        words = [str(word) for word in known.get_feature_names_out()]
    return {**settings, "ngram_range": list(vectorizer.ngram_range), "words": words}


def vectorizer_from(described: Any) -> Any:
    """Build the vectorizer that `describe_vectorizer` described.

    Raises:
        ModelFormatError: If the JSON is not what that returns.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    keys = {*_SETTINGS, "ngram_range", "words"}  # and a tokenizer, but in earlier versions
    if not isinstance(described, dict) or set(described) - {"tokenizer"} != keys:
        raise ModelFormatError("the vectorizer of the model is malformed")
    words, spans = described["words"], described["ngram_range"]
    tokenizer = described.get("tokenizer")
    plain = all(
        described[key] is None or isinstance(described[key], bool | str) for key in _PLAIN
    ) and all(described[key] is None or type(described[key]) in (int, float) for key in _LIMITS)
    stop = described["stop_words"]
    valid = (
        plain
        and (tokenizer is None or (isinstance(tokenizer, str) and tokenizer in _TOKENIZERS))
        and (stop is None or stop == "english" or _are_words(stop))
        and (words is None or _are_words(words))
        and isinstance(spans, list)
        and len(spans) == 2
        and all(type(n) is int and 1 <= n <= MOST_NGRAMS for n in spans)
    )
    if not valid:
        raise ModelFormatError("the vectorizer of the model is malformed")
    problem = _acts(described)
    if problem:
        raise ModelFormatError(f"the vectorizer of the model is refused: {problem}")
    settings = {key: described[key] for key in _SETTINGS}
    settings["tokenizer"] = None if tokenizer is None else _TOKENIZERS[tokenizer]
    vocabulary = None if words is None else {word: i for i, word in enumerate(words)}
    options: dict[str, Any] = {"ngram_range": tuple(spans), "vocabulary": vocabulary}
    try:  # scikit-learn checks its arguments when they are used; limits are of many documents
        trial = CountVectorizer(**{**settings, **dict(zip(_LIMITS, _ANY, strict=True)), **options})
        trial.fit([[_A_TEXT]] if tokenizer == as_given.__name__ else [_A_TEXT])
    except Exception as error:
        if words is not None or "empty vocabulary" not in str(error):
            raise ModelFormatError(f"the vectorizer of the model is broken: {error}") from error
    return CountVectorizer(**settings, **options)


def _acts(settings: Mapping[str, Any]) -> str | None:
    """Say in one sentence what a vectorizer would do that words need not; None if nothing."""
    if settings["input"] != "content":
        return f"its input is {str(settings['input'])[:20]!r}, must be 'content', not files"
    pattern = settings["token_pattern"]
    if pattern is not None and not is_plain(pattern):
        return f"its token_pattern {pattern[:60]!r} may take too long on a text"
    return None


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
