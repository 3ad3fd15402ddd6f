"""Topics and what is known of documents: effects, shares, merging."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dirvae import TopicModel, load
from dirvae.estimators.topic_effects import covariate_matrix, effects_of, shares_of
from dirvae.models.topic_decoders import OverdispersedDecoder
from dirvae.models.topics import merged_topics

LEFT, RIGHT = np.repeat([0.25, 0.0], 4), np.repeat([0.0, 0.25], 4)


@pytest.fixture(scope="module")
def data():
    """Two topics of four words each; a covariate moves their shares from .2 to .8."""
    rng = np.random.default_rng(0)
    covariate = rng.integers(0, 2, 300)
    share = rng.beta(2 + 6 * covariate, 8 - 6 * covariate)
    theta = np.column_stack([share, 1 - share])
    counts = rng.multinomial(60, theta @ np.stack([LEFT, RIGHT])).astype(float)
    return counts, theta, covariate


@pytest.fixture(scope="module")
def fitted(data):
    options = {"hidden_sizes": (16,), "max_epochs": 30, "batch_size": 50}
    model = TopicModel(2, random_state=0, **options)
    return model.fit(data[0], covariates=data[2][:, None])


def test_effect_of_a_covariate_is_the_planted_one(data, fitted):
    counts, theta, covariate = data
    left = int(fitted.topic_word_[:, :4].sum(1).argmax())
    found = fitted.effects(counts, pd.DataFrame({"group": covariate}))
    assert found.names == ["intercept", "group"]
    truth = theta[covariate == 1, 0].mean() - theta[covariate == 0, 0].mean()
    assert found.effect[1, left] == pytest.approx(truth, abs=0.06)
    assert found.lower[1, left] < found.effect[1, left] < found.upper[1, left]
    prior = fitted.vae_.prior
    high, low = (prior(c).mean[0, left].detach() for c in (_row(1.0), _row(0.0)))
    assert float(high) > float(low) + 0.2


def _row(value):
    import torch

    return torch.tensor([[value]])


def test_standard_errors_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    share = np.clip(0.5 + 0.1 * x[:, 0] + rng.normal(0, 0.05, 200), 0.05, 0.95)
    certain = 1e7 * np.column_stack([share, 1 - share])  # posteriors without width
    found = effects_of(certain, x)
    design = np.column_stack([np.ones(200), x])
    coefficients, residual, *_ = np.linalg.lstsq(design, share, rcond=None)
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * residual / 198)
    np.testing.assert_allclose(found.effect[:, 0], coefficients, atol=1e-4)
    np.testing.assert_allclose(found.std_error[:, 0], error, rtol=0.02)
    wide = effects_of(5 * np.column_stack([share, 1 - share]), x)
    assert (wide.std_error > found.std_error).all()


def test_shares_of_groups(data, fitted):
    found = fitted.shares(data[0], data[2])
    assert found.groups == [0, 1]
    np.testing.assert_allclose(found.share.sum(1), 1)
    assert found.documents.sum() == 300
    with pytest.raises(ValueError, match="groups has shape"):
        shares_of(np.eye(3), [1])


def test_merged_topics_are_sums(data, tmp_path):
    counts = data[0]
    model = TopicModel(4, hidden_sizes=(16,), max_epochs=10, random_state=0).fit(counts)
    merged = model.merge([[0, 2]])
    assert merged.topic_word_.shape == (3, 8)
    np.testing.assert_allclose(merged.topic_word_[1], model.topic_word_[1], rtol=1e-5)
    np.testing.assert_allclose(merged.transform(counts).sum(1), 1)
    assert merged.topic_prevalence_.sum() == pytest.approx(1)
    merged.save(tmp_path / "model")
    again = load(tmp_path / "model").transform(counts)
    np.testing.assert_array_equal(again, merged.transform(counts))
    two = model.reduce(2)
    masses = np.sort(two.topic_word_[:, :4].sum(1))
    assert masses[0] < 0.2
    assert masses[1] > 0.8
    with pytest.raises(ValueError, match="each at most once"):
        model.merge([[0, 0]])


@pytest.mark.parametrize(
    ("covariates", "sentence"),
    [
        (np.full((300, 1), np.nan), "must be .* with finite values only"),
        (np.zeros((3, 1)), "covariates has 3 rows"),
        (np.zeros((300, 1)), "columns that follow from the others"),
    ],
)
def test_bad_covariates_are_told_in_one_sentence(data, fitted, covariates, sentence):
    with pytest.raises(ValueError, match=sentence):
        fitted.effects(data[0], covariates)


def test_what_cannot_be_merged_is_told_in_one_sentence(data, fitted):
    with pytest.raises(ValueError, match="cannot be merged in a model with covariates"):
        fitted.merge([[0, 1]])
    model = TopicModel(2, hidden_sizes=(8,), max_epochs=1, random_state=0).fit(data[0])
    with pytest.raises(ValueError, match="a group of topics is empty"):
        model.merge([[], [0, 1]])


@pytest.mark.parametrize("size", [1, 2])
def test_reducing_to_as_many_topics_changes_nothing(data, size):
    model = TopicModel(size, hidden_sizes=(8,), max_epochs=1, random_state=0).fit(data[0])
    same = model.reduce(size)
    np.testing.assert_array_equal(same.transform(data[0]), model.transform(data[0]))


def test_a_merged_model_is_its_own(data):
    model = TopicModel(3, hidden_sizes=(8,), max_epochs=1, random_state=0).fit(data[0])
    before = model.transform(data[0])
    vae = merged_topics(model.vae_, [(0, 2), (1,)], model.topic_prevalence_)
    merged = model.merge([[0, 2]])
    np.testing.assert_allclose(vae.decoder.topics.detach(), merged.topic_word_, rtol=1e-5)
    merged.partial_fit(data[0])
    np.testing.assert_array_equal(model.transform(data[0]), before)


def test_what_is_merged_keeps_its_law_of_counts_and_its_prior(data, tmp_path):
    options = {"hidden_sizes": (8,), "max_epochs": 1, "random_state": 0}
    model = TopicModel(3, decoder=OverdispersedDecoder, prior_concentration=0.3, **options)
    merged = model.fit(data[0]).merge([[0, 2]])
    decoder = merged.vae_.decoder
    assert type(decoder) is OverdispersedDecoder
    assert decoder.precision == model.vae_.decoder.precision
    alpha = [0.6, 0.3, 0.2 * 0.9]  # the last is the background's
    np.testing.assert_allclose(merged.vae_.prior().concentration, alpha, rtol=1e-6)
    np.testing.assert_allclose(merged.background_, model.background_, rtol=1e-5)
    merged.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(data[0]), merged.transform(data[0]))
    merged.partial_fit(data[0])
    np.testing.assert_allclose(merged.vae_.prior().concentration, alpha, rtol=1e-6)


def test_guided_topics_that_are_merged_can_be_loaded(data, tmp_path):
    words, options = list("abcdefgh"), {"hidden_sizes": (8,), "max_epochs": 1, "random_state": 0}
    model = TopicModel(2, guide={"left": ["a"], "right": ["h"]}, **options)
    merged = model.fit(data[0], vocabulary=words).reduce(1)
    merged.save(tmp_path / "model")
    assert load(tmp_path / "model").guide is None
    assert set(model.guide) == {"left", "right"}


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_of_effects_is_a_share(data, level):
    with pytest.raises(ValueError, match=f"level is {level}, must be in"):
        effects_of(1 + data[0][:, :2], data[2][:, None], level=level)


@pytest.mark.parametrize("values", [["a", None, "b"], [0.0, np.nan, 1.0]])
def test_missing_covariates_are_named(values):
    with pytest.raises(ValueError, match="missing values in column 'kind'"):
        covariate_matrix(pd.DataFrame({"whole": [1, 2, 3], "kind": values}))


@pytest.fixture(scope="module")
def grouped(data):
    """The same documents with the covariate as a word; the second column says nothing."""
    frame = pd.DataFrame({"group": np.where(data[2], "many", "few"), "age": np.arange(300) % 7})
    options = {"hidden_sizes": (16,), "max_epochs": 30, "batch_size": 50}
    return TopicModel(2, random_state=0, **options).fit(data[0], covariates=frame), frame


def test_new_documents_are_told_their_covariates(data, grouped, tmp_path):
    model, frame = grouped
    assert model.covariate_names_.tolist() == ["age", "group_few", "group_many"]
    left = int(model.topic_word_[:, :4].sum(1).argmax())
    told = model.transform(data[0], covariates=frame)
    np.testing.assert_allclose(model.topic_prevalence_, told.mean(0), rtol=1e-9)
    nothing = model.transform(np.zeros((300, 8)), covariates=frame)
    values = np.column_stack([frame["age"], data[2] == 0, data[2] == 1])
    standard = (values - values.mean(0)) / values.std(0)
    prior = {name: value.double().numpy() for name, value in model.vae_.prior.state_dict().items()}
    alpha = np.exp(prior["log_concentration"] + standard @ prior["weight"])
    oracle = alpha[:, :2] / alpha[:, :2].sum(1, keepdims=True)
    np.testing.assert_allclose(nothing, oracle, rtol=1e-5)  # without words the prior is all
    assert nothing[data[2] == 1, left].min() > nothing[data[2] == 0, left].max() + 0.2
    few_words = np.random.default_rng(1).binomial(data[0].astype(int), 0.03)
    told, untold = model.transform(few_words, covariates=frame), model.transform(few_words)
    off, before = (np.abs(theta[:, left] - data[1][:, 0]) for theta in (told, untold))
    error = (off - before).std() / np.sqrt(300)
    assert (off - before).mean() < -5 * error
    assert model.perplexity(few_words, covariates=frame) < model.perplexity(few_words)
    one = frame.iloc[[5]]  # which has one of the two levels only
    posterior = model.posterior(few_words[[5]], covariates=one)
    np.testing.assert_allclose(posterior.mean[0, left], told[5, left], rtol=1e-6)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model").transform(few_words[[5]], covariates=one)
    np.testing.assert_allclose(again[0, left], told[5, left], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.assign(group="none"), "levels that fit did not see, .'group_none'"),
        (lambda f: f.drop(columns="age"), "lacks some, .'age'"),
        (lambda f: f.iloc[:3], "covariates has 3 rows, must be the 300 of X"),
        (lambda f: f.to_numpy()[:, [1]].astype(float), "must have those of fit"),
    ],
)
def test_other_covariates_than_those_of_fit_are_refused(data, grouped, change, sentence):
    model, frame = grouped
    with pytest.raises(ValueError, match=sentence):
        model.transform(data[0], covariates=change(frame))


def test_a_numeric_covariate_that_is_left_out_is_no_level_of_another(data):
    frame = pd.DataFrame({"age": np.arange(300) % 7, "age_group": np.arange(300) % 2})
    model = TopicModel(2, hidden_sizes=(8,), max_epochs=1, random_state=0)
    model.fit(data[0], covariates=frame)
    with pytest.raises(ValueError, match=r"lacks some, .'age_group'"):
        model.transform(data[0], covariates=frame[["age"]])


def test_covariates_need_a_model_with_covariates(data):
    model = TopicModel(2, hidden_sizes=(8,), max_epochs=1, random_state=0).fit(data[0])
    with pytest.raises(ValueError, match="the model was fitted without any"):
        model.transform(data[0], covariates=data[2][:, None])
