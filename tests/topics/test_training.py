"""Supervised topics: labels teach them, unknown ones say nothing, those of no weight neither."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from dirvae import TopicModel
from dirvae.data.counts import sparse_rows
from dirvae.distributions import InverseCDFDirichlet, SoftmaxNormal
from dirvae.estimators.labels import class_indicators
from dirvae.nn.counts import WordFeatures
from dirvae.topics.decoders import EmbeddedDecoder, MixtureDecoder, ProductDecoder
from dirvae.topics.encoder import TopicWeights
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.prior import PrevalencePrior

SMALL = {"hidden_sizes": (8,), "max_epochs": 2, "batch_size": 50, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    """Four loud topics, and two quiet ones that make the label: too few words to be found."""
    rng = np.random.default_rng(0)
    loud = rng.dirichlet(np.full(80, 0.05), 4)
    quiet = np.kron(np.eye(2), np.full(10, 0.1))
    label = rng.integers(2, size=600)
    counts = np.stack(
        [
            np.r_[rng.multinomial(50, rng.dirichlet(np.full(4, 0.1)) @ loud), extra]
            for extra in (rng.multinomial(6, quiet[k]) for k in label)
        ]
    ).astype(float)
    return counts, np.array(["cold", "warm"])[label]


@pytest.fixture(scope="module")
def supervised(data):
    options = {**SMALL, "max_epochs": 20}
    return TopicModel(6, **options).fit(data[0][:400], data[1][:400])


@pytest.mark.learning
def test_labels_teach_topics_what_they_would_not_find(data, supervised):
    (kept, scored), (y, y_scored) = ((a[:400], a[400:]) for a in data)
    plain = TopicModel(6, **{**SMALL, "max_epochs": 20}).fit(kept)
    probe = LogisticRegression().fit(plain.transform(kept), y)
    found = (supervised.predict(scored) == y_scored).mean()
    assert found > 0.9
    assert found > probe.score(plain.transform(scored), y_scored) + 0.1


def test_probabilities_are_those_of_a_linear_softmax(data, supervised):
    logits = supervised.transform(data[0]) @ supervised.coef_.T + supervised.intercept_
    probability = supervised.predict_proba(data[0])
    np.testing.assert_allclose(probability, softmax(logits, 1), atol=1e-12)
    assert supervised.classes_.tolist() == ["cold", "warm"]
    np.testing.assert_array_equal(
        supervised.predict(data[0]), supervised.classes_[probability.argmax(1)]
    )


def test_saved_and_loaded_predictions_are_the_same(data, supervised, tmp_path):
    supervised.save(tmp_path / "model")
    again = TopicModel.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(data[0]), supervised.predict_proba(data[0]))
    np.testing.assert_array_equal(again.predict(data[0]), supervised.predict(data[0]))


@pytest.mark.learning
@pytest.mark.parametrize("unknown", [-1, None, np.nan, pd.NA])
def test_unknown_labels_say_nothing(data, supervised, unknown):
    y = [*data[1][:400], *[unknown] * 200]
    model = TopicModel(4, **SMALL).fit(data[0], y)
    whole = TopicModel(4, **SMALL).fit(data[0], pd.Series(y, dtype=object))
    np.testing.assert_array_equal(model.topic_word_, whole.topic_word_)
    assert model.classes_.tolist() == ["cold", "warm"]
    classes, rows = class_indicators(y, 600)
    np.testing.assert_array_equal(rows.sum(1), [1] * 400 + [0] * 200)
    np.testing.assert_array_equal(classes[rows[:400].argmax(1)], data[1][:400])


@pytest.mark.parametrize(
    "y", [[np.int64(3), 1, -1], np.array([3.0, 1.0, np.nan]), pd.Series([3, 1, None])]
)
def test_whole_numbers_are_classes(y):
    classes, rows = class_indicators(y, 3)
    assert classes.tolist() == [1, 3]
    assert rows.tolist() == [[0, 1], [1, 0], [0, 0]]


def test_labels_of_no_weight_change_nothing(data):
    plain, weightless = (
        TopicModel(4, **SMALL, label_weight=weight).fit(data[0], y)
        for weight, y in ((30.0, None), (0, data[1]))
    )
    np.testing.assert_array_equal(plain.topic_word_, weightless.topic_word_)
    np.testing.assert_array_equal(plain.transform(data[0]), weightless.transform(data[0]))
    for model in (plain, weightless):
        assert not hasattr(model, "predict")
        with pytest.raises(AttributeError, match="predict_proba"):
            model.predict_proba(data[0])


@pytest.mark.learning
def test_pipelines_give_labels_to_topics(data):
    counts, y = data
    topics = TopicModel(4, **SMALL)
    fitted = make_pipeline(topics, LogisticRegression()).fit(counts, y)
    alone = TopicModel(4, **SMALL).fit(counts, y)
    np.testing.assert_array_equal(fitted[0].topic_word_, alone.topic_word_)
    rating = np.random.default_rng(0).normal(size=len(y))
    with pytest.raises(ValueError, match="label_weight=0 leaves y out"):
        make_pipeline(topics, Ridge()).fit(counts, rating)
    topics.set_params(label_weight=0)
    np.testing.assert_array_equal(
        make_pipeline(topics, Ridge()).fit(counts, rating)[0].topic_word_,
        TopicModel(4, **SMALL).fit(counts).topic_word_,
    )


@pytest.mark.learning
@pytest.mark.parametrize(
    ("decoder", "latent"),
    [
        (MixtureDecoder, SoftmaxNormal),
        (ProductDecoder, InverseCDFDirichlet),
        (EmbeddedDecoder, None),
    ],
)
def test_any_decoder_learns_labels(data, decoder, latent):
    options = {} if latent is None else {"latent": latent, "prior_concentration": None}
    model = TopicModel(6, decoder=decoder, **options, **{**SMALL, "learning_rate": 0.02})
    model.set_params(max_epochs=8, label_weight=100).fit(*data)
    assert (model.predict(data[0]) == data[1]).mean() > 0.7


def test_labels_and_covariates_go_together(data):
    covariates = np.random.default_rng(0).normal(size=(600, 2))
    model = TopicModel(4, **SMALL).fit(*data, covariates=covariates)
    assert model.vae_.prior.weight.shape == (2, 5)  # the background's is the last
    assert model.coef_.shape == (2, 4)


def test_merged_topics_have_the_mean_say(data, supervised):
    merged = supervised.merge([[0, 2]])
    share = supervised.topic_prevalence_[[0, 2]] / supervised.topic_prevalence_[[0, 2]].sum()
    np.testing.assert_allclose(merged.coef_[:, 0], supervised.coef_[:, [0, 2]] @ share)
    np.testing.assert_allclose(merged.coef_[:, 1:], supervised.coef_[:, [1, 3, 4, 5]])
    np.testing.assert_allclose(merged.predict_proba(data[0]).sum(1), 1)


def test_further_passes_forget_labels(data):
    model = TopicModel(4, **SMALL).fit(*data)
    assert not hasattr(model.partial_fit(data[0]), "predict")
    assert not hasattr(model, "classes_")


def test_labels_have_a_gradient_to_topics():
    torch.manual_seed(0)
    encoder = TopicWeights(WordFeatures(5, 8), 3)
    vae = MixtureVAE(encoder, MixtureDecoder(3, 5), PrevalencePrior(3)).double().eval()
    counts = sparse.csr_matrix([[3.0, 0, 1, 0, 2], [0, 1, 0, 4, 0]])
    x = sparse_rows(counts, torch.float64)
    torch.testing.assert_close(vae.infer_by_topics(x).mean, vae.embed(x), rtol=0, atol=0)
    weight = vae.decoder.weight
    (grad,) = torch.autograd.grad(vae.infer_by_topics(x).mean[0, 0], weight)
    step = 1e-5
    for place in [(0, 0), (1, 2), (2, 4)]:
        found = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
                found.append(float(vae.embed(x)[0, 0]))
                weight[place] -= sign * step
        assert float(grad[place]) == pytest.approx((found[0] - found[1]) / (2 * step), abs=1e-8)
    assert torch.autograd.grad(vae.embed(x)[0, 0], weight, allow_unused=True) == (None,)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (["a"] * 8, "y has one class only, 'a'"),
        ([-1] * 8, "y is -1 or missing in every row"),
        (["a", "b"], "inconsistent numbers of samples"),
        (["a", 2] * 4, "y has words and numbers"),
        (["a", "-1"] * 4, "y has the word '-1': give the number -1"),
        ([0.5, 1] * 4, "y has 0.5, must be classes"),
        ([[1, 2], [3, 4]] * 4, r"y has \[1, 2\], must be classes"),
        ([(1, 2), (3, 4)] * 4, r"y has \(1, 2\), must be classes"),
        (np.eye(8), "y should be a 1d array"),
    ],
)
def test_bad_labels_are_told_in_one_sentence(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        TopicModel(2, **SMALL).fit(np.eye(8), y)


@pytest.mark.parametrize("weight", [-1, "much", np.inf])
def test_label_weight_is_a_number(weight):
    with pytest.raises(ValueError, match=r"label_weight is .*, must be 0 or more"):
        TopicModel(2, **SMALL, label_weight=weight).fit(np.eye(8))
