"""Which topics to trust: the same model from several seeds, and what they agree on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from dirvae.estimators.arguments import require_integer
from dirvae.evaluation.matching import topic_stability
from dirvae.topics.composition import CompositionModel
from dirvae.topics.document_kinds import listed
from dirvae.topics.model import TopicModel, require_topic_model

__all__ = ["TopicEnsemble", "fit_seeds"]


class TopicEnsemble(NamedTuple):
    """Models fitted with several seeds, and how well they find each other's topics.

    Attributes:
        models: The S fitted models. The attribute ``stability_`` of each model is the row of
            ``stability``, below, for this model.
        stability: How well the other models find each topic of each model, in [0, 1], shape (S, K).
            A topic is matched to one topic of each other model. Its stability is the mean cosine of
            its word probabilities with those of its matches. If it is near 1, the topic does not
            depend on the seed. The mean of all values is `evaluation.stability`.
        best: Index of the model whose topics have the highest mean stability.
    """

    models: list[TopicModel]
    stability: NDArray[np.float64]
    best: int


def fit_seeds(
    model: TopicModel,
    X: Any,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    y: Any = None,
    vocabulary: Sequence[str] | None = None,
    covariates: Any = None,
    smooth: Sequence[str] = (),
) -> TopicEnsemble:
    """Fit the same model with several seeds, and match their topics to each other.

    Args:
        model: A model with the settings. Its ``random_state`` is not used, and it is not fitted
            itself.
        X: Documents, as in `TopicModel.fit`.
        seeds: Two or more integers, all different.
        y: Labels, as in `TopicModel.fit`.
        vocabulary: The V words of counts, as in `TopicModel.fit`. None for a `CompositionModel`.
        covariates: What is known of the documents, as in `TopicModel.fit`.
        smooth: Names of covariates whose effect is a smooth curve, as in `TopicModel.fit`. Empty
            for a `CompositionModel`.

    Raises:
        TypeError: If ``model`` is not a topic model.
        ValueError: If an argument is out of range.

    References:
        Greene, O'Callaghan & Cunningham, "How many topics? Stability analysis for topic models",
        2014. They match topics by their top words; here topics are matched by all words.

    Example:
        >>> counts = np.random.default_rng(0).poisson(1, (40, 12))
        >>> found = fit_seeds(TopicModel(3, max_epochs=1, hidden_sizes=(8,)), counts, (0, 1))
        >>> found.stability.shape, len(found.models[found.best].top_words(2))
        ((2, 3), 3)
    """
    require_topic_model(model)
    if isinstance(model, CompositionModel):
        if vocabulary is not None:
            raise ValueError(
                "vocabulary is given with a CompositionModel, must be None: give X as a data "
                "frame, whose columns name the features"
            )
        if len(smooth):
            raise ValueError(f"smooth is {smooth!r}, must be empty for a CompositionModel")
    if not isinstance(seeds, Iterable):
        raise ValueError(f"seeds is {seeds!r}, must be two or more different integers")
    for seed in seeds:
        require_integer("seeds", seed, 0)
    if len(seeds) < 2 or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds is {seeds!r}, must be two or more different integers")
    documents = listed(X)
    # What a CompositionModel does not take is left out where it says nothing.
    given = {} if vocabulary is None else {"vocabulary": vocabulary}
    given |= {"smooth": smooth} if len(smooth) else {}
    models = [
        clone(model)
        .set_params(random_state=int(seed))
        .fit(documents, y, covariates=covariates, **given)
        for seed in seeds
    ]
    stability = topic_stability([fitted.topic_word_ for fitted in models])
    for fitted, own in zip(models, stability, strict=True):
        fitted._stability = own.copy()
    return TopicEnsemble(models, stability, int(stability.mean(1).argmax()))
