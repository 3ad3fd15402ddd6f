"""Topics and what is known of documents: effects, shares, merging."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dirvae import TopicModel, load
from dirvae.topics.columns import columns_of
from dirvae.topics.decoders import OverdispersedDecoder
from dirvae.topics.effects import effects_of, shares_of
from dirvae.topics.merging import merged_topics

WITHOUT = "is used without them: the prior of each document is the one at their mean"
X1, X2 = np.random.default_rng(3).normal(size=(2, 20))
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


def certain(share):
    """Posteriors without width, of two topics."""
    return 1e13 * np.column_stack([share, 1 - share])


@pytest.mark.parametrize("unit", [1e-9, 1.0, 8.64e7], ids=["GDP", "days", "unix milliseconds"])
def test_effects_are_of_the_unit_and_origin_that_is_given(unit):
    days = 18_000 + np.random.default_rng(0).uniform(0, 100, 50)
    share = 0.1 + 0.004 * (days - 18_000)
    found = effects_of(certain(share), unit * days)
    np.testing.assert_allclose(found.effect[1] * unit, [0.004, -0.004], rtol=1e-5)
    np.testing.assert_allclose(found.effect[0, 0], 0.1 - 0.004 * 18_000, rtol=1e-5)
    dates = pd.to_datetime(days, unit="D", utc=True)
    same = effects_of(certain(share), pd.DataFrame({"day": dates}))
    np.testing.assert_allclose(same.effect[1] / unit, found.effect[1], rtol=1e-5)
    np.testing.assert_allclose(same.std_error[1] / unit, found.std_error[1], rtol=1e-3)


def test_powers_of_a_year_are_told_apart():
    year = np.repeat(np.arange(2000.0, 2020), 3)
    late = year - 2010
    share = 0.4 + 0.01 * late - 0.001 * late**2 + 0.0001 * late**3
    found = effects_of(certain(share), np.column_stack([year, year**2, year**3]))
    # Of a cubic in year - 2010, expanded by the binomial theorem.
    linear, square, cube = 0.01, -0.001, 0.0001
    expected = [
        linear - 2 * 2010 * square + 3 * 2010**2 * cube,
        square - 3 * 2010 * cube,
        cube,
    ]
    np.testing.assert_allclose(found.effect[1:, 0], expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"a": X1, "b": 2 * X1 + 1, "c": X2}, "'b' is determined by 'a'; leave one"),
        ({"a": X1, "c": X2, "b": 1e3 * X1 - X2}, "'b' is determined by 'a' and 'c'; leave one"),
        ({"a": X1, "age": 2020 - X2, "born": X2}, "'born' is determined by 'age'; leave one"),
        ({"a": X1, "k": ["u", "v"] * 10, "l": ["x", "y"] * 10}, "'l_y' is determined by 'k_v'"),
        (
            {**dict(zip("abcdef", np.eye(20), strict=False)), "all": (np.arange(20) < 6) * 1.0},
            "'all' is determined by 'a' and 'b' and 'c' and 3 others; leave one",
        ),
        ({"a": X1, "one": 0.1}, "'one' is the same in every row; leave it out"),
        ({"a": X1, "k": "u"}, "'k' is the same in every row; leave it out"),
    ],
)
def test_a_covariate_that_follows_is_named_with_what_it_follows_from(columns, sentence):
    frame = pd.DataFrame(columns, index=range(20))
    with pytest.raises(ValueError, match=f"columns that are determined by the others: {sentence}"):
        effects_of(np.ones((20, 2)), frame)


def test_effects_of_categories_are_beside_their_first():
    sizes = pd.Categorical(["mid", "high", "low", "mid"] * 10, ["low", "mid", "high", "none"])
    share = np.array([0.5, 0.7, 0.2, 0.5] * 10)
    found = effects_of(certain(share), pd.DataFrame({"size": sizes}))
    assert found.names == ["intercept", "size_mid", "size_high"]
    np.testing.assert_allclose(found.effect[:, 0], [0.2, 0.3, 0.5], atol=1e-5)


def test_shares_of_groups(data, fitted):
    with pytest.warns(UserWarning, match=WITHOUT):
        found = fitted.shares(data[0], data[2])
    assert found.groups == [0, 1]
    np.testing.assert_allclose(found.share.sum(1), 1)
    assert found.documents.sum() == 300
    with pytest.raises(ValueError, match="groups has shape"):
        shares_of(np.eye(3), [1])


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT, ""])
@pytest.mark.parametrize("to", [list, pd.Series, lambda g: np.array(g, dtype=object)])
@pytest.mark.parametrize(
    "known", [["b", "a"], [2001, -1], [True, False], [datetime(2021, 1, 1), datetime(2020, 1, 1)]]
)
def test_documents_of_no_group_are_in_none(missing, to, known):
    theta = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    found = shares_of(theta, to([known[0], missing, known[1], known[0], missing, missing]))
    assert found.groups == sorted(known)
    assert found.documents.tolist() == [1, 2]
    np.testing.assert_allclose(found.share, [theta[2], theta[[0, 3]].mean(0)], rtol=1e-15)


@pytest.mark.parametrize(
    "groups",
    [
        pl.Series([2001, None, 2000, 2001, None, None]),
        pd.Series([2001, None, 2000, 2001, None, None]),
        pd.Series([2001, None, 2000, 2001, None, None], dtype="Int64"),
        pd.Series([2001, None, 2000, 2001, None, None], dtype="category"),
        np.array([2001, np.nan, 2000, 2001, np.nan, np.nan]),
    ],
)
def test_missing_years_are_no_group(groups):
    found = shares_of(np.eye(6), groups)
    assert found.groups == [2000, 2001]
    np.testing.assert_array_equal(
        found.share * [[1], [2]], np.eye(6)[[2, 0]] + [[0], [1]] * np.eye(6)[3]
    )


def test_groups_keep_the_order_of_their_category_and_the_type_of_their_time():
    months = ["Jan", "Feb", "Mar", "Apr"]
    for groups in (
        pd.Series(pd.Categorical(["Mar", "Jan", "Feb"], months, ordered=True)),
        pl.Series(["Mar", "Jan", "Feb"], dtype=pl.Enum(months)),
    ):
        found = shares_of(np.eye(3), groups)
        assert found.groups == months[:3]
        np.testing.assert_array_equal(found.share, np.eye(3)[[1, 2, 0]])
    times = np.array(["2021", "NaT", "2020"], dtype="datetime64[ns]")
    assert shares_of(np.eye(3), times).groups == [datetime(2020, 1, 1), datetime(2021, 1, 1)]


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([None, np.nan, pd.NA], "groups is missing in every row, must name one group or more"),
        (["a", 1, None], "groups cannot be sorted, must be of one kind"),
        ("abc", "groups has shape .., must have a value for each"),
    ],
)
def test_bad_groups_are_told_in_one_sentence(groups, sentence):
    with pytest.raises(ValueError, match=sentence):
        shares_of(np.eye(3), groups)


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
        (np.zeros((300, 1)), "columns that are determined by the others"),
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
        columns_of(pd.DataFrame({"whole": [1, 2, 3], "kind": values}))


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
    told = model.transform(few_words, covariates=frame)
    with pytest.warns(UserWarning, match=WITHOUT):
        untold = model.transform(few_words)
    with pytest.warns(UserWarning, match=WITHOUT):
        perplexity = model.perplexity(few_words)
    off, before = (np.abs(theta[:, left] - data[1][:, 0]) for theta in (told, untold))
    error = (off - before).std() / np.sqrt(300)
    assert (off - before).mean() < -5 * error
    assert model.perplexity(few_words, covariates=frame) < perplexity
    one = frame.iloc[[5]]  # which has one of the two levels only
    posterior = model.posterior(few_words[[5]], covariates=one)
    np.testing.assert_allclose(posterior.mean[0, left], told[5, left], rtol=1e-6)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model").transform(few_words[[5]], covariates=one)
    np.testing.assert_allclose(again[0, left], told[5, left], rtol=1e-6)


def test_effects_know_what_they_are_of_and_compared_with():
    """Words in alphabetical order, a category in its own; dates are no words."""
    frame = pd.DataFrame(
        {
            "diet": ["swap", "home", "fast"] * 6,
            "day": pd.date_range("2020-01-01", periods=18),
            "size": pd.Categorical(["big", "small"] * 9, ["small", "big", "none"]),
        }
    )
    theta = np.full((18, 2), 5.0) + np.arange(36).reshape(18, 2) % 5
    found = effects_of(theta, frame)
    assert [tuple(of) for of in found.coefficients] == [
        ("intercept", "intercept", None, None),
        ("day", "dates", None, None),
        ("diet", "words", "home", "fast"),
        ("diet", "words", "swap", "fast"),
        ("size", "words", "big", "small"),
    ]
    assert found.names == ["intercept", "day", "diet_home", "diet_swap", "size_big"]
    assert str(found.coefficients[3]) == "diet: swap, not fast"
    assert str(found.coefficients[1]) == "day"
    assert found.table()["reference"][::2] == ["", "", "fast", "fast", "small"]
    title = found.plot("size_big").layout.xaxis.title.text
    assert title == "effect of size: big, not small on the share"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.assign(group="none"), "levels that were not in fit, .'group_none'"),
        (lambda f: f.drop(columns="age"), "lacks columns, .'age'"),
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
    with pytest.raises(ValueError, match=r"lacks columns, .'age_group'"):
        model.transform(data[0], covariates=frame[["age"]])


def test_covariates_need_a_model_with_covariates(data):
    model = TopicModel(2, hidden_sizes=(8,), max_epochs=1, random_state=0).fit(data[0])
    with pytest.raises(ValueError, match="the model was fitted without any"):
        model.transform(data[0], covariates=data[2][:, None])


def test_a_group_of_one_document_has_no_band(data, fitted):
    years = [2000, *[2001] * 299]
    found = fitted.shares(data[0], years, covariates=data[2][:, None])
    assert np.isnan(found.std_error[0]).all()
    band, line = found.plot([1]).data
    assert list(band.x) == [2001, 2001]
    np.testing.assert_allclose(line.y, found.share[:, 1])


@pytest.mark.parametrize("topics", [[2], [-1], [0.5], [True]])
def test_topics_that_are_not_there_are_not_drawn(data, fitted, topics):
    found = fitted.shares(data[0], np.arange(300) % 3, covariates=data[2][:, None])
    with pytest.raises(ValueError, match=r"topics has .*, must be from 0 to 1"):
        found.plot(topics)
