"""Estimators give the same whatever torch is set to around them, and leave it as it was."""

from __future__ import annotations

import copy
import logging
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import dirvae
from dirvae.distributions import InverseCDFDirichlet, Multinomial, SoftmaxNormal
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
from dirvae.nn.surroundings import Overlapping
from dirvae.topics import TopicModel
from dirvae.topics.decoders import EmbeddedDecoder

SMALL: dict[str, Any] = {
    "hidden_sizes": (8,),
    "max_epochs": 1,
    "batch_size": 40,
    "random_state": 0,
}
IMAGES, CLASSES = load_digits(return_X_y=True)
IMAGES, CLASSES = IMAGES[:50] / 16, np.where(np.arange(50) < 30, CLASSES[:50], -1)
COUNTS = np.random.default_rng(0).poisson(0.7, (40, 20)).astype(float)


def vae(**options: Any) -> DirichletVAE:
    return DirichletVAE(3, decoder_hidden_sizes=(8,), **SMALL, **options)


def dirichlet_vae() -> list[Any]:
    model = vae().fit(IMAGES)
    found = [model.transform(IMAGES), model.score_samples(IMAGES), model.sample(5)]
    return [*found, model.inverse_transform(found[0]), model.partial_fit(IMAGES).score(IMAGES)]


def gaussian_vae() -> list[Any]:
    model = vae(latent=torch.distributions.Normal).fit(IMAGES[:, :9] - 0.5)
    return [model.transform(IMAGES[:, :9] - 0.5), model.sample(5)]


def counting_vae() -> list[Any]:
    model = vae(latent=SoftmaxNormal, likelihood=Multinomial).fit(COUNTS)
    return [model.transform(COUNTS), model.sample(5)]


def semi_supervised_vae() -> list[Any]:
    sizes: Any = {"decoder_hidden_sizes": (8,), "classifier_hidden_sizes": (8,)}
    model = SemiSupervisedVAE(3, latent=InverseCDFDirichlet, **sizes, **SMALL).fit(IMAGES, CLASSES)
    return [model.predict_proba(IMAGES), model.transform(IMAGES), model.sample([0, 3])]


def topic_model() -> list[Any]:
    labels = np.arange(40) % 2
    model = TopicModel(3, **SMALL).fit(COUNTS, labels, covariates=labels[:, None])
    found = model.posterior(COUNTS, covariates=labels[:, None])
    plain = TopicModel(3, **SMALL).partial_fit(COUNTS)
    several = [model.topic_word_, model.top_word_ids(4), model.predict_proba(COUNTS), *found]
    merged = plain.merge([[0, 2]])
    return [*several, plain.perplexity(COUNTS), merged.transform(COUNTS), merged.topic_word_]


def embedded_topics() -> list[Any]:
    model = TopicModel(3, latent=SoftmaxNormal, decoder=EmbeddedDecoder, **SMALL).fit(COUNTS)
    return [model.topic_word_, model.transform(COUNTS), model.perplexity(COUNTS)]


ESTIMATORS: dict[str, Callable[[], list[Any]]] = {
    function.__name__: function
    for function in (
        dirichlet_vae,
        gaussian_vae,
        counting_vae,
        semi_supervised_vae,
        topic_model,
        embedded_topics,
    )
}


@pytest.fixture(scope="module")
def plain() -> dict[str, list[Any]]:
    return {name: function() for name, function in ESTIMATORS.items()}


@pytest.fixture(scope="module")
def trained() -> list[tuple[Any, Any]]:
    return [(vae().fit(IMAGES), IMAGES), (TopicModel(3, **SMALL).fit(COUNTS), COUNTS)]


@contextmanager
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def other_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
        assert torch.get_default_device() == torch.device("meta")
    finally:
        torch.set_default_device(None)
        vars(torch._GLOBAL_DEVICE_CONTEXT).pop("device_context", None)  # torch 2.6 trips on None


@contextmanager
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield
        assert torch.is_inference_mode_enabled()


@contextmanager
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield
        assert torch.is_autocast_enabled("cpu")


SURROUNDINGS = [double_precision, other_device, inference, autocast, torch.no_grad]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("surrounding", SURROUNDINGS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_surrounds_an_estimator_does_not_show(plain, name, surrounding):
    with surrounding():
        found = ESTIMATORS[name]()
    assert_same(found, plain[name])


@pytest.mark.parametrize("surrounding", SURROUNDINGS, ids=lambda change: change.__name__)
def test_what_surrounds_a_loaded_model_does_not_show(tmp_path, trained, surrounding):
    for place, (model, X) in enumerate(trained):
        model.save(tmp_path / str(place))
        with surrounding():
            loaded = dirvae.load(tmp_path / str(place))
            found = loaded.transform(X)
        np.testing.assert_array_equal(found, model.transform(X))
        further = copy.deepcopy(model).partial_fit(X).transform(X)
        np.testing.assert_array_equal(loaded.partial_fit(X).transform(X), further)


def all_random_states() -> list[Any]:
    return [torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())]  # noqa: NPY002


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fit_leaves_the_process_as_it_was(name):
    level = logging.getLogger("lightning.pytorch").level
    before = all_random_states(), list(warnings.filters)
    ESTIMATORS[name]()
    assert (all_random_states(), list(warnings.filters)) == before
    assert logging.getLogger("lightning.pytorch").level == level


def test_fits_in_threads_are_those_of_fits_alone(plain):
    """Two threads fit, a third draws from the global generator all the while."""
    logger, filters = logging.getLogger("lightning.pytorch"), list(warnings.filters)
    level, found, finished = logger.level, {}, threading.Event()

    def fit(names: list[str]) -> None:
        for name in names:
            found[name] = ESTIMATORS[name]()

    def draw() -> None:
        while not finished.wait(1e-4):
            torch.rand(100)

    names = list(ESTIMATORS)
    fits = [threading.Thread(target=fit, args=(names[start::2],)) for start in range(2)]
    drawing = threading.Thread(target=draw)
    for thread in (drawing, *fits):
        thread.start()
    for thread in fits:
        thread.join()
    finished.set()
    drawing.join()
    for name, values in plain.items():
        assert_same(found[name], values)
    assert logger.level == level
    assert list(warnings.filters) == filters


def test_overlapping_changes_end_with_the_last_and_begin_with_the_first():
    seen = []

    @contextmanager
    def change() -> Iterator[None]:
        seen.append("made")
        yield
        seen.append("undone")

    both = Overlapping(change)
    first, second = ExitStack(), ExitStack()
    first.enter_context(both)
    second.enter_context(both)
    first.close()
    assert seen == ["made"]
    second.close()
    assert seen == ["made", "undone"]
    with both:
        assert seen == ["made", "undone", "made"]
