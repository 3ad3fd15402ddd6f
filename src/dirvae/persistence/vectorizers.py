"""A count vectorizer as JSON: its settings that are plain values, and its vocabulary."""

from __future__ import annotations

from typing import Any

from dirvae.persistence.folder import ModelFormatError

__all__ = ["describe_vectorizer", "vectorizer_from"]

_SETTINGS = ("strip_accents", "lowercase", "stop_words", "token_pattern", "analyzer", "binary")


def describe_vectorizer(vectorizer: Any) -> dict[str, Any]:
    """Return what `vectorizer_from` builds a fitted `CountVectorizer` from.

    Raises:
        ValueError: If it is of another class, or has functions of the user's own.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    name = type(vectorizer).__name__
    if type(vectorizer) is not CountVectorizer:
        raise ValueError(
            f"vectorizer is a {name}, which cannot be saved; a CountVectorizer can, or fit on the "
            "counts that yours gives"
        )
    settings = {key: getattr(vectorizer, key) for key in _SETTINGS}
    if isinstance(settings["stop_words"], list | tuple | set | frozenset):
        settings["stop_words"] = sorted(settings["stop_words"])
    own = [key for key in ("preprocessor", "tokenizer") if getattr(vectorizer, key) is not None]
    own += [key for key, value in settings.items() if callable(value)]
    if own:
        raise ValueError(f"vectorizer has a {own[0]} of your own, which cannot be saved")
    return {
        **settings,
        "ngram_range": list(vectorizer.ngram_range),
        "words": [str(word) for word in vectorizer.get_feature_names_out()],
    }


def vectorizer_from(described: Any) -> Any:
    """Build the vectorizer that `describe_vectorizer` described.

    Raises:
        ModelFormatError: If the JSON is not what that returns.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    keys = {*_SETTINGS, "ngram_range", "words"}
    if not isinstance(described, dict) or set(described) != keys:
        raise ModelFormatError("the vectorizer of the model is malformed")
    words, spans = described["words"], described["ngram_range"]
    plain = all(
        value is None or isinstance(value, bool | str)
        for value in (described[key] for key in _SETTINGS if key != "stop_words")
    )
    stop = described["stop_words"]
    valid = (
        plain
        and (stop is None or stop == "english" or _are_words(stop))
        and _are_words(words)
        and isinstance(spans, list)
        and len(spans) == 2
        and all(type(n) is int and 1 <= n <= 10 for n in spans)
    )
    if not valid:
        raise ModelFormatError("the vectorizer of the model is malformed")
    settings = {key: described[key] for key in _SETTINGS}
    return CountVectorizer(
        **settings,
        ngram_range=tuple(spans),
        vocabulary={word: column for column, word in enumerate(words)},
    )


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
