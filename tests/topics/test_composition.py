"""CompositionModel: the over-dispersed topic model in words of samples and features."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from dirvae import CompositionModel, TopicModel, load
from dirvae.evaluation import match_topics
from dirvae.topics import OverdispersedDecoder, compare_sizes

TAXA = [f"taxon {place}" for place in range(12)]
SMALL = {"hidden_sizes": (8,), "random_state": 0}


@pytest.fixture(scope="module")
def data():
    """Two components over twelve taxa, in samples of 1,000 reads that stray from their mixtures."""
    rng = np.random.default_rng(0)
    beta = np.stack([[*[5] * 4, *[0.1] * 4, *[1] * 4], [*[0.1] * 4, *[3] * 4, *[2] * 4]])
    beta /= beta.sum(1, keepdims=True)
    theta = rng.dirichlet([0.5, 0.5], 120)
    probs = np.stack([rng.dirichlet(80 * row) for row in theta @ beta])
    return rng.multinomial(1000, probs).astype(float), theta, beta


@pytest.fixture(scope="module")
def fitted(data):
    counts = pd.DataFrame(data[0], columns=TAXA)
    return CompositionModel(2, **SMALL).fit(counts)


@pytest.mark.filterwarnings("ignore:X has (whole numbers|fractions|rows that sum):UserWarning")
@pytest.mark.slow
@parametrize_with_checks([CompositionModel(2, max_epochs=1, hidden_sizes=(4,))])
def test_scikit_learn_estimator_contract(estimator, check):
    check(estimator)


def test_it_is_the_topic_model_with_other_defaults_to_the_bit(data):
    options = {"decoder": OverdispersedDecoder, "background": False, "batch_size": 100}
    same = TopicModel(2, max_epochs=2, **options, **SMALL).fit(data[0])
    model = CompositionModel(2, max_epochs=2, **SMALL).fit(data[0])
    np.testing.assert_array_equal(model.transform(data[0]), same.transform(data[0]))
    np.testing.assert_array_equal(model.components_, same.topic_word_)
    np.testing.assert_array_equal(model.prevalence_, same.topic_prevalence_)
    assert model.precision_ == float(same.vae_.decoder.precision.detach())


def test_by_default_as_many_passes_are_made_as_take_forty_thousand_samples(fitted):
    assert fitted.n_iter_ == 334  # of 120
    epochs = [CompositionModel()._num_epochs(rows) for rows in (4_000, 15_000, 20_000, 10**6)]
    assert epochs == [10, 3, 2, 1]


def fitted_rows(data, rows=slice(None)):
    return pd.DataFrame(data[0][rows], columns=TAXA)


def test_what_was_planted_is_found(data, fitted):
    _, theta, beta = data
    order = match_topics(beta, fitted.components_).order
    assert np.abs(fitted.components_[order] - beta).max() < 0.04
    assert np.abs(fitted.transform(fitted_rows(data))[:, order] - theta).mean() < 0.05
    assert 60 < fitted.precision_ < 110
    first, second = (set(fitted.top_features(4)[k]) for k in order)
    assert (first, second) == (set(TAXA[:4]), set(TAXA[4:8]))


def test_intervals_hold_the_planted_proportions():
    """By the ELBO, the intervals held 60 % of these, and 64 % with as many passes."""
    rng = np.random.default_rng(102)
    beta = rng.dirichlet(np.full(30, 0.3), 3)
    theta = rng.dirichlet(np.full(3, 0.5), 200)
    probs = np.stack([rng.dirichlet(50 * row) for row in theta @ beta])
    counts = rng.multinomial(5_000, probs).astype(float)
    model = CompositionModel(3, random_state=1).fit(counts)
    matched = match_topics(beta, model.components_)
    assert matched.similarity.min() > 0.99
    assert model.precision_ == pytest.approx(50, rel=0.1)
    found = model.posterior(counts)
    low, high = found.lower[:, matched.order], found.upper[:, matched.order]
    assert ((low <= theta) & (theta <= high)).mean() > 0.82


def test_the_intervals_of_a_sample_are_the_same_among_many(data, fitted):
    rows = fitted_rows(data)
    many = pd.concat([rows] * 5, ignore_index=True)  # more than are taken at once
    for one, found in zip(fitted.posterior(rows), fitted.posterior(many), strict=True):
        np.testing.assert_array_equal(found, np.concatenate([one] * 5))


def test_a_decoder_may_take_the_counts_themselves_for_some_samples(data, fitted, monkeypatch):
    whole, calls = OverdispersedDecoder.information, []

    def some(self, x, theta):
        calls.append(x)
        return x if len(calls) == 1 else whole(self, x, theta)

    rows = fitted_rows(data)
    alone = fitted.posterior(rows)
    monkeypatch.setattr(OverdispersedDecoder, "information", some)
    found = fitted.posterior(pd.concat([rows] * 5, ignore_index=True))
    assert len(calls) == 2  # of 500 samples and of 100
    np.testing.assert_array_equal(found.std[500:], alone.std[20:])
    surer = found.std[:120] < alone.std  # as if all reads were independent
    assert surer.mean() > 0.6
    assert (surer | np.isclose(found.std[:120], alone.std, rtol=1e-12)).all()


def test_names_of_features_are_those_of_the_frame_or_given(data, fitted):
    assert fitted.features_.tolist() == TAXA
    plain = CompositionModel(2, max_epochs=1, **SMALL)
    assert plain.fit(sparse.csc_array(data[0]), features=TAXA).features_.tolist() == TAXA
    plain.fit(data[0])
    assert plain.top_features(1)[0][0] in range(12)
    for weight in (0.0, 1.0):
        ids = plain.top_word_ids(12, frequency_weight=weight)
        assert plain.top_features(12, frequency_weight=weight) == ids.tolist()
    with pytest.raises(AttributeError, match="was fitted without names of features"):
        plain.features_  # noqa: B018
    with pytest.raises(ValueError, match="features has 'a' twice, in columns 0 and 1"):
        plain.fit(data[0], features=["a", "a", *TAXA[2:]])


def test_names_of_features_are_those_of_a_frame_of_polars(data):
    frame = pl.DataFrame(data[0], schema=TAXA)
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip("this scikit-learn does not read the names of this polars")
    assert CompositionModel(2, max_epochs=1, **SMALL).fit(frame).features_.tolist() == TAXA


def test_scikit_learn_finds_what_it_looks_for(data, fitted):
    assert fitted.get_feature_names_out().tolist() == ["compositionmodel0", "compositionmodel1"]
    assert clone(fitted).get_params() == fitted.get_params()
    assert "decoder" not in fitted.get_params()
    frame = clone(fitted).set_params(max_epochs=1).set_output(transform="pandas")
    found = frame.fit_transform(fitted_rows(data))
    assert found.columns.tolist() == ["compositionmodel0", "compositionmodel1"]
    np.testing.assert_array_equal(found, load_free(frame).transform(fitted_rows(data)))


def load_free(model):
    return model.set_output(transform="default")


def test_saved_and_loaded_it_answers_to_the_bit(data, fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert type(again) is CompositionModel
    assert again.get_params() == fitted.get_params()
    rows = fitted_rows(data)
    for one, two in zip(fitted.posterior(rows), again.posterior(rows), strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.features_.tolist() == TAXA
    assert CompositionModel.load(tmp_path / "model").precision_ == fitted.precision_


@pytest.mark.parametrize(
    ("X", "said"),
    [
        ([["a", "b"], ["c", "d"]], "could not convert string to float"),
        (["a text", "another"], "could not convert string|Expected 2D array"),
        (np.ones((1, 3)), "X has one sample"),
        (np.ones((3, 1)), "X has one feature"),
        (np.zeros((3, 2)), "X has no features: every count is 0"),
        (np.ones((3, 2)), "n_components is 8, must be at most the number of samples, 3"),
        (np.array([[1, -1], [1, 2]]), "Negative values"),
        (np.array([[1, np.nan], [1, 2]]), "NaN"),
        (sparse.csr_matrix([[1.0, np.inf], [1, 2]]), "X has infinite values, the first in row 0"),
    ],
)
def test_what_is_no_samples_is_refused(X, said):
    with pytest.raises(ValueError, match=said):
        CompositionModel().fit(X)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"max_epochs": 0}, "max_epochs is 0"),
        ({"prior_concentration": "large"}, "prior_concentration is 'large'"),
        ({"batch_size": None}, "batch_size is None"),
    ],
)
def test_arguments_out_of_range_are_named(argument, said):
    with pytest.raises(ValueError, match=said):
        CompositionModel(2, **argument).fit(np.ones((4, 3)))


def test_warnings_and_refusals_speak_of_samples(data):
    told = pd.DataFrame({"diet": ["home", "swap"] * 60})
    model = CompositionModel(2, max_epochs=1, **SMALL).fit(data[0], covariates=told)
    with pytest.warns(UserWarning, match="the prior of each sample is the one at their mean"):
        model.transform(data[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.transform(data[0], covariates=told)
    with pytest.raises(AttributeError, match="this CompositionModel was fitted without covariates"):
        clone(model).fit(data[0]).covariate_names_  # noqa: B018


# --- hidden features ------------------------------------------------------------------------------


def test_of_one_component_hidden_features_have_the_known_law(data):
    """With K = 1 there is nothing to infer: what is left is a Dirichlet-multinomial of a part."""
    model = CompositionModel(1, max_epochs=2, **SMALL).fit(data[0])
    hidden = np.random.default_rng(5).permutation(12) >= 6
    law = model.precision_ * model.components_[0, hidden]
    x = data[0][:, hidden]
    expected = stats.dirichlet_multinomial(law, x.sum(1).astype(int)).logpmf(x.astype(int))
    np.testing.assert_allclose(model.completion_log_prob(data[0], seed=5), expected, rtol=1e-6)


def test_theta_comes_from_the_shown_features_alone(data, fitted):
    """With theta known, too, the law is SciPy's; with all counts hidden theta is the prior's."""
    counts, theta, beta = data
    hidden = np.random.default_rng(0).permutation(12) >= 6
    changed = counts.copy()
    changed[:, hidden] = np.roll(counts[:, hidden], 1, axis=0)
    rows = pd.DataFrame(changed, columns=TAXA)
    law = 80 * (theta @ beta)[:, hidden]
    x = counts[:, hidden].astype(int)
    best = [
        stats.dirichlet_multinomial(a, row.sum()).logpmf(row) for a, row in zip(law, x, strict=True)
    ]
    found = fitted.completion_log_prob(fitted_rows(data))
    assert np.mean(best) - 1.5 < found.mean() < np.mean(best)
    assert fitted.completion_log_prob(rows).mean() < np.mean(best) - 5  # others' hidden counts


def test_hidden_features_of_a_sample_do_not_depend_on_the_other_samples(data):
    """Also where covariates tell the prior: each sample alone has what it has among others."""
    counts, theta, _ = data
    told = pd.DataFrame({"site": np.where(theta[:, 0] > 0.5, "gut", "skin"), "depth": theta[:, 1]})
    model = CompositionModel(2, **SMALL, max_epochs=5).fit(counts, covariates=told)
    found = model.completion_log_prob(counts, covariates=told)
    rows = [slice(row, row + 1) for row in range(0, 120, 7)]
    alone = [model.completion_log_prob(counts[row], covariates=told[row]) for row in rows]
    np.testing.assert_allclose(found[::7], np.concatenate(alone), rtol=1e-9)


def test_sizes_are_compared_by_hidden_features(data):
    model = CompositionModel(max_epochs=8, **SMALL)
    found = compare_sizes(model, fitted_rows(data), (1, 2), num_splits=2)
    assert found.best == found.chosen == 2
    held = np.random.default_rng([0, 1]).permutation(120)[:12]
    kept = np.random.default_rng([0, 1]).permutation(120)[12:]
    again = clone(model).set_params(n_components=2).fit(fitted_rows(data, kept))
    nats = -again.completion_log_prob(fitted_rows(data, held)).mean()
    assert found.nats[1, 1] == pytest.approx(nats, rel=1e-12)
    of_mean = -again.mean_log_prob(fitted_rows(data, held)).mean()
    assert found.mean_composition[1, 1] == pytest.approx(of_mean, rel=1e-12)
    np.testing.assert_allclose(found.mean_composition[0], found.nats[0])  # one: it is the mean
    assert (found.mean_composition[1] > found.nats[1] + 5).all()


def test_names_that_are_numbers_are_names(data):
    """Such as those of taxa in a database: columns in another order are refused."""
    numbered = pd.DataFrame(data[0], columns=range(100, 112))
    model = CompositionModel(2, **SMALL, max_epochs=2).fit(numbered)
    assert model.features_.tolist() == [str(name) for name in range(100, 112)]
    with pytest.raises(ValueError, match="The feature names should match"):
        model.transform(numbered.iloc[:, ::-1])
    named = CompositionModel(2, **SMALL, max_epochs=2).fit(data[0], features=TAXA)
    with pytest.raises(ValueError, match="X has other columns than the fit, such as '100'"):
        named.transform(numbered)
    with pytest.raises(ValueError, match="X lacks columns of the fit, such as 'taxon 11'; it must"):
        named.transform(pd.DataFrame(data[0][:, :11], columns=TAXA[:11]))
    plain = pd.DataFrame(data[0])  # 0, 1, 2 and so on are no names
    np.testing.assert_array_equal(named.transform(plain), named.transform(data[0]))
    assert not hasattr(CompositionModel(2, **SMALL, max_epochs=1).fit(plain), "feature_names_in_")
