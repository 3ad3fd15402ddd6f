"""What `TopicModel` may be given: each refusal is one sentence that says what would be right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from torch.distributions import constraints

from dirvae.estimators.arguments import require_integer, require_positive, require_sizes
from dirvae.models.topic_decoders import DECODERS, EmbeddedDecoder, ProductDecoder

if TYPE_CHECKING:
    from dirvae.estimators.topic_model import TopicModel

__all__ = ["require_topic_arguments"]


def require_topic_arguments(model: TopicModel) -> None:
    """Raise ValueError unless the arguments are in range and go with each other.

    Example:
        >>> from dirvae.estimators import TopicModel
        >>> require_topic_arguments(TopicModel(0))
        Traceback (most recent call last):
        ValueError: n_components is 0, must be an integer of 1 or more
    """
    require_integer("n_components", model.n_components, 1)
    for name in ("max_epochs", "batch_size"):
        require_integer(name, getattr(model, name), 1)
    require_sizes("hidden_sizes", model.hidden_sizes)
    require_positive("learning_rate", model.learning_rate)
    if model.decoder not in DECODERS:
        names = ", ".join(cls.__name__ for cls in DECODERS[:-1])
        raise ValueError(
            f"decoder is {model.decoder!r}, must be {names} or {DECODERS[-1].__name__}"
        )
    on_simplex = getattr(model.latent, "support", None) in (None, constraints.simplex)
    if model.decoder is not ProductDecoder and not on_simplex:
        name = getattr(model.latent, "__name__", repr(model.latent))
        raise ValueError(
            f"latent is {name}, must be a law on the simplex with decoder="
            f"{model.decoder.__name__}; ProductDecoder takes any"
        )
    if model.decoder is not EmbeddedDecoder and model.word_vectors is not None:
        raise ValueError(
            f"word_vectors is given with decoder={model.decoder.__name__}, must be None or go with "
            "EmbeddedDecoder"
        )
    _require_guide(model.guide, model.n_components)
    if not isinstance(model.background, bool):
        raise ValueError(f"background is {model.background!r}, must be True or False")
    weight = model.label_weight
    if not isinstance(weight, Real) or not 0 <= float(weight) < math.inf:
        raise ValueError(f"label_weight is {weight!r}, must be 0 or more")
    value = model.prior_concentration
    if isinstance(value, str) and value != "learn":
        raise ValueError(
            f"prior_concentration is {value!r}, must be a positive number, 'learn' or None"
        )
    if value is not None and not isinstance(value, str):
        require_positive("prior_concentration", value)


def _require_guide(guide: Any, num_topics: int) -> None:
    if guide is None:
        return
    if not isinstance(guide, Mapping) or any(isinstance(words, str) for words in guide.values()):
        raise ValueError(
            f"guide is {guide!r}, must be a mapping from names of topics to lists of words"
        )
    if len(guide) > num_topics:
        raise ValueError(
            f"guide has {len(guide)} topics, must have at most n_components, {num_topics}"
        )
