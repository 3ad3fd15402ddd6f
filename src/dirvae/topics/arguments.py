"""What `TopicModel` may be given: each refusal is one sentence that says what would be right."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

from torch.distributions import constraints

from dirvae.estimators.arguments import require_positive
from dirvae.topics.decoder import TopicDecoder
from dirvae.words import meant

__all__ = ["guide_columns", "require_topic_arguments"]


def require_topic_arguments(given: Mapping[str, Any]) -> None:
    """Raise ValueError unless what a topic model alone has is in range and goes together.

    Args:
        given: Arguments of a `TopicModel` by name, all of them.

    Example:
        >>> from dirvae.topics import TopicModel
        >>> require_topic_arguments(TopicModel(background=1).get_params())
        Traceback (most recent call last):
        ValueError: background is 1, must be True or False
    """
    _require_decoder(
        meant("decoder", given["decoder"]),
        meant("latent", given["latent"]),
        given["word_vectors"],
    )
    _require_vectorizer(given["vectorizer"])
    _require_guide(given["guide"], given["n_components"])
    background, weight = given["background"], given["label_weight"]
    if not isinstance(background, bool):
        raise ValueError(f"background is {background!r}, must be True or False")
    if not isinstance(weight, Real) or not 0 <= float(weight) < math.inf:
        raise ValueError(f"label_weight is {weight!r}, must be 0 or more")
    value = given["prior_concentration"]
    if isinstance(value, str) and value != "learn":
        raise ValueError(
            f"prior_concentration is {value!r}, must be a positive number, 'learn' or None"
        )
    if value is not None and not isinstance(value, str):
        require_positive("prior_concentration", value)


def guide_columns(guide: Any, words: Any) -> list[list[int]]:
    """Return the columns of each guided topic's words, and warn of words that are in none.

    Args:
        guide: Of a `TopicModel` whose arguments are in range.
        words: The V words, or None if they are not known.

    Raises:
        ValueError: If a topic has no word of the vocabulary, or words are not known.

    Example:
        >>> guide_columns({"pets": ["dog", "cat"]}, ["cat", "dog", "moon"])
        [[1, 0]]
    """
    if not guide:
        return []
    if words is None:
        raise ValueError("guide names words, so fit needs texts, or counts with a vocabulary")
    place = {word: column for column, word in enumerate(words)}
    wanted = {name: list(dict.fromkeys(seeds)) for name, seeds in guide.items()}
    for name, seeds in wanted.items():
        if not any(word in place for word in seeds):
            raise ValueError(f"guide[{name!r}] has no word of the vocabulary: {seeds}")
    absent = [word for seeds in wanted.values() for word in seeds if word not in place]
    if absent:
        named = ", ".join(map(repr, dict.fromkeys(absent)))
        warnings.warn(
            f"guide has words that are not in the vocabulary and are left out: {named}",
            stacklevel=5,
        )
    return [[place[word] for word in seeds if word in place] for seeds in wanted.values()]


def _require_decoder(decoder: Any, latent: Any, word_vectors: Any) -> None:
    if not isinstance(decoder, type) or not issubclass(decoder, TopicDecoder):
        raise ValueError(
            f"decoder is {decoder!r}, must be MixtureDecoder or another subclass of TopicDecoder"
        )
    if decoder.mixes and getattr(latent, "support", None) not in (None, constraints.simplex):
        name = getattr(latent, "__name__", repr(latent))
        raise ValueError(
            f"latent is {name}, must be a distribution on the simplex with "
            f"decoder={decoder.__name__}; ProductDecoder takes any latent"
        )
    if word_vectors is not None and not decoder.takes_word_vectors:
        raise ValueError(
            f"word_vectors is given with decoder={decoder.__name__}, must be None unless "
            "the decoder is EmbeddedDecoder"
        )


def _require_guide(guide: Any, num_topics: int) -> None:
    if guide is None:
        return
    lists = isinstance(guide, Mapping) and all(
        isinstance(words, Collection)
        and not isinstance(words, str)
        and all(isinstance(word, str) for word in words)
        for words in guide.values()
    )
    if not lists:
        raise ValueError(
            f"guide is {guide!r}, must be a mapping from names of topics to lists of words"
        )
    if len(guide) > num_topics:
        raise ValueError(
            f"guide has {len(guide)} topics, must have at most n_components, {num_topics}"
        )


def _require_vectorizer(vectorizer: Any) -> None:
    has = all(callable(getattr(vectorizer, name, None)) for name in ("fit_transform", "transform"))
    if vectorizer is not None and (isinstance(vectorizer, type) or not has):
        raise ValueError(
            f"vectorizer is {vectorizer!r}, must be one of scikit-learn's, such as "
            "CountVectorizer(), or None"
        )
