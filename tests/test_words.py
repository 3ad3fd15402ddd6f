"""Words of constructors: each stands for a public one, on the command line and in estimators."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from torch.distributions import Normal

from dirvae import DirichletVAE, SemiSupervisedVAE, TopicModel, load, topics
from dirvae.models import latents, likelihoods
from dirvae.words import DECODERS, LATENTS, LIKELIHOODS, meant, named

WORDS = {**LATENTS, **LIKELIHOODS, **DECODERS}


@pytest.mark.parametrize("word", [word for word in WORDS if word != "auto"])
def test_a_word_is_a_public_name(word: str) -> None:
    room, _, name = str(WORDS[word]).partition(":")
    assert name in sys.modules[room].__all__
    assert named(WORDS, word) is getattr(sys.modules[room], name)


def test_latents_and_likelihoods_have_their_rows() -> None:
    assert {named(LATENTS, word) for word in LATENTS} <= latents.LATENTS.keys()
    assert {named(LIKELIHOODS, word) for word in LIKELIHOODS} - {None} <= (
        likelihoods.LIKELIHOODS.keys()
    )
    assert named(LIKELIHOODS, "auto") is None


def test_every_decoder_has_a_word() -> None:
    decoders = {getattr(topics, name) for name in topics.__all__ if name.endswith("Decoder")}
    assert {named(DECODERS, word) for word in DECODERS} == decoders - {topics.TopicDecoder}


SMALL = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}
X = np.random.default_rng(0).poisson(1.0, (20, 6)).astype(float)
Y = np.arange(20) % 2
BY_WORD = [
    (DirichletVAE, {"latent": "gaussian", "likelihood": "multinomial"}),
    (DirichletVAE, {"latent": "standardized-dirichlet", "likelihood": "auto", "commitment": 1.5}),
    (SemiSupervisedVAE, {"latent": "softmax-gaussian", "likelihood": "negative-binomial"}),
    (TopicModel, {"latent": "gaussian", "decoder": "product"}),
    (TopicModel, {"latent": "dirichlet", "decoder": "overdispersed"}),
]


@pytest.mark.filterwarnings("ignore:X has whole numbers")
@pytest.mark.parametrize(("Estimator", "words"), BY_WORD)
def test_an_estimator_takes_words_and_keeps_them(Estimator, words, tmp_path) -> None:
    by_word = Estimator(2, **words, **SMALL).fit(X, Y)
    classes = {
        name: meant(name, word) if name != "commitment" else word for name, word in words.items()
    }
    expected = Estimator(2, **classes, **SMALL).fit(X, Y).transform(X)
    np.testing.assert_array_equal(by_word.transform(X), expected)
    by_word.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert {name: loaded.get_params()[name] for name in words} == words
    np.testing.assert_array_equal(loaded.transform(X), expected)


@pytest.mark.parametrize("Estimator", [DirichletVAE, SemiSupervisedVAE, TopicModel])
def test_an_unknown_word_is_refused_with_the_known_ones(Estimator) -> None:
    message = "^latent is 'gausian', must be a class or one of dirichlet, .*; did you mean gaussian"
    with pytest.raises(ValueError, match=message):
        Estimator(2, latent="gausian", **SMALL).fit(X, Y)


def test_an_unknown_decoder_or_likelihood_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^decoder is 'prod', must be a class or one of mixture"):
        TopicModel(2, decoder="prod", **SMALL).fit(X)
    with pytest.raises(ValueError, match=r"^likelihood is 'dirichlet', must be .* of auto, bern"):
        DirichletVAE(2, likelihood="dirichlet", **SMALL).fit(X)


def test_what_is_asked_of_a_model_by_word_is_answered_as_of_one_by_class() -> None:
    gaussian = TopicModel(2, latent="gaussian", decoder="product", **SMALL).fit(X)
    by_class = TopicModel(2, latent=Normal, decoder=topics.ProductDecoder, **SMALL).fit(X)
    for model in (gaussian, by_class):
        with pytest.raises(ValueError, match="the latent is a Normal, must be on the simplex"):
            model.report()
        with pytest.raises(ValueError, match="explain takes a mixture of topics, not ProductDec"):
            model.explain(X[0])
    rows = DirichletVAE(2, latent="gaussian", likelihood="multinomial", **SMALL).fit(X)
    with pytest.raises(ValueError, match="the latent is a Normal, must be on the simplex"):
        rows.report(X)


def test_a_word_for_no_likelihood_is_none() -> None:
    with pytest.warns(UserWarning, match="X has whole numbers from 0 to 5, which look like counts"):
        DirichletVAE(2, likelihood="auto", **SMALL).fit(X)


def test_covariates_go_with_a_mixture_by_word() -> None:
    model = TopicModel(2, decoder="mixture", latent="dirichlet", **SMALL)
    by_word = model.fit(X, covariates=Y).transform(X, covariates=Y)
    expected = TopicModel(2, **SMALL).fit(X, covariates=Y).transform(X, covariates=Y)
    np.testing.assert_array_equal(by_word, expected)
