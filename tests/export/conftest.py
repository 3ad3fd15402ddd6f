"""Small fitted models of each kind, and their data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from dirvae import CompositionModel, DirichletVAE, TopicModel
from dirvae.topics import OverdispersedDecoder

SMALL = {"hidden_sizes": (8,), "max_epochs": 3, "random_state": 0}
WORDS = ["cat", "dog", "sea", "moon, new", '"ship"', "=1+1"]
COUNTS = np.random.default_rng(0).poisson(1.5, (40, 6)).astype(float)
COUNTS[3] = 0  # a document without words
COUNTS[:, 4] = [1, *39 * [0]]  # a word that one document has
X = np.random.default_rng(1).random((30, 5)).astype(np.float32)


class Fitted(NamedTuple):
    model: Any
    X: Any


@pytest.fixture(scope="session")
def topics() -> Fitted:
    model = TopicModel(3, **SMALL).fit(COUNTS, vocabulary=WORDS)
    model.topic_names_ = {1: "<b>pets</b>"}
    return Fitted(model, COUNTS)


KNOWN = np.arange(40) % 2


@pytest.fixture(scope="session")
def of_known() -> Fitted:
    """Topics whose prior depends on what is `KNOWN` of the documents."""
    return Fitted(TopicModel(2, **SMALL).fit(COUNTS, covariates=KNOWN), COUNTS)


@pytest.fixture(scope="session")
def components() -> Fitted:
    some = COUNTS[COUNTS.sum(1) > 0]
    with pytest.MonkeyPatch.context() as patch:  # fewer steps, of which programs are shorter
        patch.setattr(OverdispersedDecoder, "num_steps", 2)
        model = CompositionModel(3, **SMALL).fit(some, features=WORDS)
    model.vae_.decoder.more_steps = 1
    return Fitted(model, some)


@pytest.fixture(scope="session")
def rows() -> Fitted:
    return Fitted(DirichletVAE(3, decoder_hidden_sizes=(8,), **SMALL).fit(X), X)
