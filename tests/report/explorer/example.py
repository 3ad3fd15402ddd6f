"""Documents of four themes, with labels, years and ids, and the model of them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits, load_iris

from dirvae import CompositionModel, DirichletVAE, TopicModel
from dirvae.distributions import Multinomial, ScaledDirichlet

THEMES = {
    "sky": "moon stars comet orbit planet sun galaxy rocket",
    "pets": "cat dog rabbit paw fur tail kitten leash",
    "food": "bread butter cheese soup salt oven flour sugar",
    "work": "desk office printer meeting boss salary team lunch",
}
COUNT = 72


@cache
def documents() -> tuple[list[str], list[str | None], list[int | None], list[str]]:
    """Texts, labels, years and ids; some documents have no label, and some no year."""
    rng = np.random.default_rng(0)
    texts, labels, years = [], [], []
    for row in range(COUNT):
        own, other = list(THEMES)[row % 4], list(THEMES)[(row + 1 + row // 4 % 3) % 4]
        words = rng.choice(THEMES[own].split(), 7 + row % 9).tolist()
        words += rng.choice(THEMES[other].split(), 1 + row % 5).tolist()
        texts.append(f"The {' '.join(words)}.")
        labels.append(None if row % 11 == 5 else ("b", "a")[row % 4 == 0 or row % 3 == 0])
        years.append(None if row % 13 == 7 else 2000 + (row * row) % 5)
    return texts, labels, years, [f"doc-{row:02}" for row in rng.permutation(COUNT)]


@cache
def model() -> TopicModel:
    """Topics of which none stands at the place of its number when sorted by share."""
    fitted = TopicModel(4, max_epochs=12, random_state=0).fit(documents()[0])
    order = np.argsort(-fitted.topic_prevalence_)
    return fitted.merge([[k] for k in order[[2, 0, 3, 1]]])


@cache
def page() -> str:
    """The page of it all."""
    texts, labels, years, ids = documents()
    return model().report(texts, labels=labels, times=years, ids=ids, names={2: "Named"})


def data_of(html: str) -> Any:
    """What a page holds."""
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(data)


@cache
def digits() -> tuple[DirichletVAE, Any]:
    """A model of small images, and some of them."""
    X = load_digits().data[:120] / 16
    sizes: dict[str, Any] = {"hidden_sizes": (16,), "decoder_hidden_sizes": (12,)}
    return DirichletVAE(4, max_epochs=3, random_state=0, **sizes).fit(X), X


@cache
def flowers() -> tuple[DirichletVAE, Any]:
    """A model of columns with names, under a Gaussian, whose decoder sees log ratios."""
    X = load_iris(as_frame=True).data.iloc[::3]
    sizes: dict[str, Any] = {"hidden_sizes": (16,), "decoder_hidden_sizes": (12,)}
    fitted = DirichletVAE(3, latent=ScaledDirichlet, max_epochs=3, random_state=0, **sizes)
    return fitted.fit(X), X


@cache
def reads() -> tuple[DirichletVAE, Any]:
    """A model of counts."""
    X = np.random.default_rng(0).poisson([[9, 1, 2, 3, 1], [1, 9, 2, 1, 3]] * 20).astype(float)
    sizes: dict[str, Any] = {"hidden_sizes": (8,), "decoder_hidden_sizes": (6, 6)}
    fitted = DirichletVAE(2, likelihood=Multinomial, max_epochs=2, random_state=0, **sizes)
    return fitted.fit(X), X


@cache
def samples() -> tuple[Any, Any]:
    """Counts of three planted components, and what is known of their samples."""
    rng = np.random.default_rng(0)
    planted = rng.dirichlet(np.full(12, 0.4), 3)
    diet = np.array(["home", "swap", "fast"] * 16)
    theta = np.stack([rng.dirichlet([6, 1, 1][-i:] + [6, 1, 1][:-i]) for i in range(3)] * 16)
    totals = rng.integers(30, 400, len(theta))
    counts = np.stack(
        [
            rng.multinomial(n, rng.dirichlet(60 * p))
            for n, p in zip(totals, theta @ planted, strict=True)
        ]
    )
    names = pd.Index([f"S{row:02}" for row in range(len(counts))], name="sample")
    frame = pd.DataFrame(counts, names, [f"taxon {letter}" for letter in "abcdefghijkl"])
    return frame, pd.DataFrame({"diet": diet, "age": 20.0 + np.arange(48) % 7 * 5}, names)


@cache
def composition() -> CompositionModel:
    """Components of the samples."""
    counts, _ = samples()
    return CompositionModel(3, max_epochs=20, hidden_sizes=(16,), random_state=0).fit(counts)
