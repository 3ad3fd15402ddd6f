"""Which topics to trust: the same model from several seeds, and what they agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from dirvae.estimators.arguments import require_integer
from dirvae.evaluation.matching import topic_stability
from dirvae.topics.document_kinds import listed
from dirvae.topics.model import TopicModel

__all__ = ["TopicEnsemble", "fit_seeds"]


class TopicEnsemble(NamedTuple):
    """Models of several seeds, and how far each topic is found again by the others.

    Attributes:
        models: The fitted models, length S; each keeps its row of ``stability`` as ``stability_``.
        stability: How well each topic of each model is found again, in [0, 1], shape (S, K). It is
            the cosine of its words with those of its match, mean over the other models. Near 1 the
            topic does not hang on the seed. The mean of all is `evaluation.stability`.
        best: Place of the model that the others agree with most, on average over its topics.
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
    """Fit the same model with several seeds, and match the topics of each to those of the others.

    Args:
        model: Settings, but for ``random_state``; it is not fitted itself.
        X: Documents, as in `TopicModel.fit`; likewise what follows ``seeds``.
        seeds: Two or more, all different.
        y: Labels.
        vocabulary: The V words of counts.
        covariates: What is known of the documents.
        smooth: Names of those that act by a curve.

    Raises:
        ValueError: If an argument is out of range.

    References:
        Greene, O'Callaghan & Cunningham, "How many topics? Stability analysis for topic models",
        2014 (matched topics; there of top words, here of all).

    Example:
        >>> counts = np.random.default_rng(0).poisson(1, (40, 12))
        >>> found = fit_seeds(TopicModel(3, max_epochs=1, hidden_sizes=(8,)), counts, (0, 1))
        >>> found.stability.shape, len(found.models[found.best].top_words(2))
        ((2, 3), 3)
    """
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
