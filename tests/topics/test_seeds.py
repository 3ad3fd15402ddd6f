"""Topics of several seeds: planted ones come back, others do not, and the medoid is the nearest."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from dirvae import CompositionModel, DirichletVAE, TopicModel
from dirvae.evaluation import match_topics, stability, topic_stability
from dirvae.topics import compare_sizes, fit_seeds

SMALL = {"hidden_sizes": (16,), "max_epochs": 15, "batch_size": 100}


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(150, 0.05), 4)
    theta = rng.dirichlet(np.full(4, 0.1), 400)
    return rng.multinomial(60, theta @ beta).astype(float), beta


@pytest.fixture(scope="module")
def found(planted):
    return fit_seeds(TopicModel(7, **SMALL), planted[0], (0, 1, 2))


def test_planted_topics_are_the_stable_ones(planted, found):
    """Seven topics for four: those that are planted are found by every seed, spare ones are not."""
    cosine = _cosines(planted[1], found.models[found.best].topic_word_)
    true, own = cosine.argmax(1), found.stability[found.best]
    assert cosine.max(1).min() > 0.9
    spare = [k for k in range(7) if k not in set(true)]
    assert own[true].mean() > own[spare].mean() + 0.1


def test_stability_is_that_of_matched_pairs(found):
    betas = [model.topic_word_ for model in found.models]
    assert found.stability.mean() == pytest.approx(stability(betas))
    own = [match_topics(betas[1], betas[other]).similarity for other in (0, 2)]
    np.testing.assert_allclose(found.stability[1], np.mean(own, axis=0))
    assert found.best == found.stability.mean(1).argmax()


def test_each_model_keeps_its_own_stability(planted, found, tmp_path):
    """Until its topics are others: by more training, or merged; a new order keeps it."""
    for model, own in zip(found.models, found.stability, strict=True):
        np.testing.assert_array_equal(model.stability_, own)
    one = found.models[1]
    one.save(tmp_path / "model")
    loaded = TopicModel.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.stability_, found.stability[1])
    order = [3, 0, 6, 1, 5, 2, 4]
    turned = one.merge([[k] for k in order])
    np.testing.assert_array_equal(turned.stability_, found.stability[1][order])
    assert turned.reduce(7).stability_.tolist() == turned.stability_.tolist()
    assert one.reduce(6).stability_ is None
    assert one.merge([[0, 1]]).stability_ is None
    assert loaded.partial_fit(planted[0]).stability_ is None
    turned.set_params(max_epochs=1)
    assert turned.fit(planted[0]).stability_ is None


def test_a_stability_that_is_none_is_not_loaded(found, tmp_path):
    damaged = copy.deepcopy(found.models[0])
    for wrong in (np.full(7, np.nan), np.full(7, 1.5), np.ones(6)):
        damaged._stability = wrong
        with pytest.raises(ValueError, match=r"stability_? "):
            damaged.save(tmp_path / "model")


def test_alike_topics_have_a_similarity_of_one_at_most():
    beta = np.random.default_rng(0).dirichlet(np.ones(50), 40)
    assert match_topics(beta, beta).similarity.max() == 1.0
    assert topic_stability([beta, beta]).max() == 1.0


def test_each_seed_is_fitted_as_by_itself(planted, found):
    alone = TopicModel(7, **SMALL, random_state=1).fit(planted[0])
    np.testing.assert_array_equal(found.models[1].topic_word_, alone.topic_word_)
    assert [model.random_state for model in found.models] == [0, 1, 2]


def test_words_and_labels_go_to_every_model(planted):
    counts, words = planted[0], [f"w{i}" for i in range(150)]
    y = np.where(counts[:, :75].sum(1) > 30, "left", "right")
    options = {**SMALL, "max_epochs": 1}
    found = fit_seeds(TopicModel(3, **options), counts, (0, 1), y=y, vocabulary=words)
    for model in found.models:
        assert model.classes_.tolist() == ["left", "right"]
        assert model.vocabulary_.tolist() == words


@pytest.mark.parametrize("seeds", [3, (0,), (1, 1), (0, 1.5), (0, -1)])
def test_seeds_are_two_or_more_integers(seeds):
    with pytest.raises(ValueError, match="seeds is"):
        fit_seeds(TopicModel(2), np.eye(4), seeds)


@pytest.mark.parametrize(
    ("model", "given", "error", "message"),
    [
        (CompositionModel(2), {"vocabulary": list("abcd")}, ValueError, "vocabulary is given"),
        (CompositionModel(2), {"smooth": ["year"]}, ValueError, r"smooth is \['year'\], must be"),
        (DirichletVAE(2), {}, TypeError, "model is a DirichletVAE, must be a TopicModel"),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_any_work(
    monkeypatch, model, given, error, message
):
    monkeypatch.setattr(type(model), "fit", lambda *args, **kwargs: pytest.fail("it was fitted"))
    with pytest.raises(error, match=message):
        fit_seeds(model, np.eye(4), (0, 1), **given)


def test_sizes_are_those_of_topic_models():
    with pytest.raises(TypeError, match="model is a DirichletVAE, must be a TopicModel"):
        compare_sizes(DirichletVAE(2, max_epochs=1), np.eye(20), (2, 3))


def _cosines(first, second):
    first, second = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (first, second))
    return first @ second.T


def test_seeds_of_compositions_are_fitted_alike() -> None:
    counts = np.random.default_rng(0).poisson(3, (30, 6))
    model = CompositionModel(2, max_epochs=1)
    found = fit_seeds(model, counts, (3, 4))
    alone = CompositionModel(2, max_epochs=1, random_state=4).fit(counts)
    np.testing.assert_array_equal(found.models[1].topic_word_, alone.topic_word_)
