"""Labels, covariates, groups and weights: by index where both sides have one, else by position."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dirvae import CompositionModel, DirichletVAE, SemiSupervisedVAE, TopicModel
from dirvae.alignment import matched, require_plain
from dirvae.data.arrays import ArrayDataset
from dirvae.data.counts import CountDataset
from dirvae.distributions import Multinomial
from dirvae.evaluation import (
    knn_error,
    linear_probe_accuracy,
    normalized_mutual_information,
    purity,
    svm_accuracy,
)
from dirvae.topics import fit_seeds

TINY = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}
N = 24
WITHOUT = (
    "fitted with covariates .'age', 'group'., but is used without them: the prior of each document"
)


@pytest.fixture(scope="module")
def documents():
    """Counts, and what is known of them, with one index."""
    rng = np.random.default_rng(0)
    index = [f"doc{i}" for i in range(N)]
    counts = pd.DataFrame(rng.poisson(2, (N, 6)).astype(float), index=index).add_prefix("w")
    known = pd.DataFrame(
        {"group": rng.choice(["a", "b"], N), "age": rng.normal(size=N)}, index=index
    )
    return counts, known, pd.Series(rng.choice(["no", "yes"], N), index=index)


@pytest.fixture(scope="module")
def model(documents):
    counts, known, y = documents
    return TopicModel(2, **TINY).fit(counts, y, covariates=known)


def shuffled(given):
    return given.iloc[np.random.default_rng(1).permutation(len(given))]


def test_entries_go_to_the_rows_of_their_index():
    X = pd.DataFrame({"x": [0.0, 1.0, 2.0]}, index=["a", "b", "c"])
    given = pd.Series([3, 1, 2], index=["c", "a", "b"])
    assert matched("y", given, X).tolist() == [1, 2, 3]
    frame = matched("covariates", given.to_frame("known"), X["x"])
    assert frame["known"].tolist() == [1, 2, 3]
    times = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    y = pd.Series([1, 2, 3, 4], index=times)
    assert matched("y", y[::-1], pd.Series(0, index=times)).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("to", [list, np.asarray, pl.Series, pl.DataFrame])
def test_what_has_no_index_stays_in_its_order(to):
    X, y = pd.Series(["t", "u"], index=[1, 0]), pd.Series([5, 6], index=[0, 1])
    np.testing.assert_array_equal(np.ravel(matched("y", to(y.to_numpy()), X)), [5, 6])
    np.testing.assert_array_equal(matched("y", y, to(X.to_numpy())), [5, 6])
    assert matched("y", None, X) is None


def test_equal_indexes_may_repeat():
    twice = pd.Series([1, 2, 3], index=["a", "a", "b"])
    assert matched("y", twice, pd.Series(["t", "u", "v"], index=twice.index)) is twice


@pytest.mark.parametrize(
    ("given", "X", "sentence"),
    [
        (["a", "c"], ["a", "b"], "^X has 'b' in its index and y has not, .* matched by index"),
        (["a", "b", "c"], ["a", "b"], "^y has 'c' in its index and X has not"),
        (["a"], ["a", "b"], "^X has 'b' in its index and y has not"),
        (["0", "1"], [0, 1], "^X has 0 in its index and y has not"),
        (["a", "a"], ["a", "b"], "^y has 'a' in its index more than once"),
        (["a", "b", "b"], ["b", "a", "b"], "^y has 'b' in its index more than once"),
        (["a", "b"], ["b", "b"], "^X has 'b' in its index more than once"),
    ],
)
def test_indexes_that_differ_are_refused_with_an_example(given, X, sentence):
    with pytest.raises(ValueError, match=sentence):
        matched("y", pd.Series(0, index=given), pd.Series("", index=X))


def test_topics_are_fitted_to_each_documents_own(documents, model):
    counts, known, y = documents
    again = TopicModel(2, **TINY).fit(counts, shuffled(y), covariates=shuffled(known))
    np.testing.assert_array_equal(again.coef_, model.coef_)
    np.testing.assert_array_equal(again.topic_word_, model.topic_word_)
    prior, first = again.vae_.prior.state_dict(), model.vae_.prior.state_dict()
    assert all(bool((prior[name] == first[name]).all()) for name in prior)


def test_topics_are_asked_of_each_documents_own(documents, model):
    counts, known, _ = documents
    other = {"covariates": shuffled(known)}
    same = {"covariates": known}
    theta = model.transform(counts, **same)
    np.testing.assert_array_equal(model.transform(counts, **other), theta)
    by_position = {"covariates": pl.from_pandas(shuffled(known))}
    assert np.abs(model.transform(counts, **by_position) - theta).max() > 1e-4
    lower = [model.posterior(counts, **told).lower for told in (same, other)]
    np.testing.assert_array_equal(*lower)
    assert model.perplexity(counts, **other) == model.perplexity(counts, **same)
    effects = [model.effects(counts, told["covariates"]).effect for told in (same, other)]
    np.testing.assert_array_equal(*effects)
    shares = [
        model.shares(counts, groups, **told).share
        for groups, told in ((known["group"], same), (shuffled(known["group"]), other))
    ]
    np.testing.assert_array_equal(*shares)
    np.testing.assert_allclose(shares[0][0], theta[known["group"] == "a"].mean(0), rtol=1e-12)


def test_seeds_are_fitted_to_each_documents_own(documents, model):
    counts, known, y = documents
    found = fit_seeds(
        TopicModel(2, **TINY), counts, (0, 1), y=shuffled(y), covariates=shuffled(known)
    )
    np.testing.assert_array_equal(found.models[0].coef_, model.coef_)


def test_classes_go_to_their_rows(documents):
    counts, _, y = documents
    sizes = {"decoder_hidden_sizes": (4,), "classifier_hidden_sizes": (4,)}
    options = {**TINY, **sizes, "likelihood": Multinomial}
    models = [SemiSupervisedVAE(2, **options).fit(counts, labels) for labels in (y, shuffled(y))]
    first, second = (model.predict_proba(counts) for model in models)
    np.testing.assert_array_equal(first, second)
    weight = pd.Series(np.arange(N), index=y.index)
    right = np.average(models[0].predict(counts) == y, weights=weight)
    score = models[0].score(counts, shuffled(y), shuffled(weight)[::-1])
    assert score == pytest.approx(right, abs=1e-12)
    with pytest.raises(ValueError, match="X has 'doc3' in its index and y has not"):
        models[0].score(counts, y.drop("doc3"))


def test_weights_go_to_their_rows(documents):
    counts = documents[0]
    weight = pd.Series(np.arange(N) % 5.0, index=counts.index)
    sizes = {"decoder_hidden_sizes": (4,), "validation_fraction": 0}
    options = {**TINY, **sizes, "likelihood": Multinomial}
    first, second = (
        DirichletVAE(2, **options).fit(counts, sample_weight=w).partial_fit(counts, None, w)
        for w in (weight, shuffled(weight))
    )
    np.testing.assert_array_equal(first.transform(counts), second.transform(counts))
    for method in (first.fit, first.partial_fit):
        with pytest.raises(ValueError, match="sample_weight has 'doc0' in its index more than"):
            method(counts, sample_weight=pd.concat([weight[:-1], weight[:1]]))


@pytest.mark.parametrize("name", ["fit", "transform", "posterior", "perplexity", "shares"])
def test_covariates_of_other_documents_are_refused(documents, model, name):
    counts, known, _ = documents
    groups = (known["group"],) if name == "shares" else ()
    estimator = TopicModel(2, **TINY) if name == "fit" else model
    with pytest.raises(ValueError, match="X has 'doc0' in its index and covariates has not"):
        getattr(estimator, name)(counts, *groups, covariates=known[1:])


@pytest.mark.parametrize(("method", "name"), [("fit", "y"), ("shares", "groups")])
def test_labels_and_groups_of_other_documents_are_refused(documents, model, method, name):
    counts, known, y = documents
    extra = pd.concat([y, pd.Series(["no"], index=["doc99"])])
    estimator = TopicModel(2, **TINY) if method == "fit" else model
    with pytest.raises(ValueError, match=f"{name} has 'doc99' in its index and X has not"):
        getattr(estimator, method)(counts, extra, covariates=known)
    with pytest.raises(ValueError, match="covariates has 'doc99' in its index and X has not"):
        model.effects(counts, extra)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, X, y: model.transform(X),
        lambda model, X, y: model.posterior(X),
        lambda model, X, y: model.perplexity(X),
        lambda model, X, y: model.shares(X, y),
        lambda model, X, y: copy.deepcopy(model).partial_fit(X),
    ],
)
def test_a_model_that_is_asked_without_its_covariates_says_so_once(documents, model, ask):
    counts, _, y = documents
    with pytest.warns(UserWarning, match=WITHOUT) as told:
        ask(model, counts, y)
    assert len(told) == 1


def test_labels_are_told_without_covariates_and_without_a_word(documents, model):
    counts, known, _ = documents
    assert set(model.predict(counts)) <= {"no", "yes"}
    assert model.effects(counts, known).names == ["intercept", "age", "group_b"]


def test_fitting_and_transforming_tells_both_of_the_covariates(documents):
    counts, known, y = documents
    model = TopicModel(2, **TINY)
    theta = model.fit_transform(counts, y, covariates=known)
    np.testing.assert_array_equal(theta, model.transform(counts, covariates=known))


def test_labels_go_to_their_rows_in_evaluation(documents):
    _, known, y = documents
    z = pd.DataFrame({"x": known["age"], "y": known["age"] ** 2})
    theta = z.abs().div(z.abs().sum(axis=1), axis=0)
    for measure in (purity, normalized_mutual_information):
        assert measure(theta, shuffled(y)) == measure(theta, y.to_numpy())
        with pytest.raises(ValueError, match="theta has 'doc0' in its index and labels has not"):
            measure(theta, y[1:])
    for measure in (knn_error, linear_probe_accuracy, svm_accuracy):
        assert measure(z, shuffled(y), z, shuffled(y)) == measure(z, y, z, y.to_numpy())
        with pytest.raises(ValueError, match="test_embedding has 'doc0' in its index"):
            measure(z, y, z, y[1:])


def test_what_goes_with_rows_goes_by_index_in_datasets(documents):
    counts, known, _ = documents
    covariates = known[["age"]].astype(np.float32)
    weight = known["age"].abs()
    mask = counts > 1
    options = {"mask": shuffled(mask), "weight": shuffled(weight)}
    batch = ArrayDataset(counts, shuffled(covariates), **options)[list(range(N))]
    np.testing.assert_array_equal(batch.covariates, covariates)
    np.testing.assert_array_equal(batch.mask, mask)
    np.testing.assert_allclose(batch.weight, weight / weight.mean(), rtol=1e-5)
    told = CountDataset(counts, shuffled(covariates))[list(range(N))].covariates
    np.testing.assert_array_equal(told, covariates)


def test_entries_of_a_mapping_go_by_index():
    X = pd.Series(["t", "u"], index=["a", "b"])
    given = {"age": pd.Series([2, 1], index=["b", "a"]), "group": ["x", "y"]}
    found = matched("covariates", given, X)
    assert (found["age"].tolist(), found["group"]) == ([1, 2], ["x", "y"])


def test_covariates_of_a_mapping_have_the_effects_of_a_frame(documents):
    counts, known, _ = documents
    model = TopicModel(2, **TINY).fit(counts)
    right = model.effects(counts, known).effect
    columns = {name: shuffled(known[name]) for name in known}
    np.testing.assert_array_equal(model.effects(counts, columns).effect, right)


@pytest.mark.parametrize("level", [None, 0.9])
def test_classes_that_are_scored_go_by_index(level):
    index = [f"doc{row}" for row in range(N)]
    half = np.arange(N) % 2
    rates = np.where(half[:, None] == 0, [5, 5, 5, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 5, 5, 5])
    counts = pd.DataFrame(np.random.default_rng(0).poisson(rates), index).add_prefix("w")
    y = pd.Series(np.where(half, "yes", "no"), index)
    model = TopicModel(2, **{**TINY, "max_epochs": 20}).fit(counts, y)
    right = model.evaluate(counts, y, level=level)
    assert (right.labels.purity, right.labels.accuracy) == (1, 1)
    assert model.evaluate(counts, shuffled(y), level=level) == right
    assert model.evaluate(counts, y.to_numpy()[:, None], level=level) == right
    assert model.evaluate(counts, shuffled(y).to_frame(), level=level) == right
    assert model.evaluate(counts, shuffled(y).tolist()).labels.purity < 1
    with pytest.raises(ValueError, match="X has 'doc0' in its index and y has not"):
        model.evaluate(counts, y.rename(index={"doc0": "doc0x"}))


def test_there_is_a_class_for_each_document(documents, model):
    counts, known, y = documents
    with pytest.raises(ValueError, match=r"1d array, got an array of shape \(24, 2\)"):
        model.evaluate(counts, np.column_stack([y, y]), covariates=known)
    with pytest.raises(ValueError, match="labels has 23 values, must have one for each of 24"):
        model.evaluate(counts, y.tolist()[1:], covariates=known)


def test_unknown_classes_are_scored_as_they_are_fitted(documents):
    counts, _, y = documents
    numbers = [-1 if row % 3 == 0 else int(word == "yes") for row, word in enumerate(y)]
    model = TopicModel(2, **TINY).fit(counts, numbers)
    missing = [None if number == -1 else number for number in numbers]
    assert model.evaluate(counts, numbers).labels == model.evaluate(counts, missing).labels


# --- what is no number ----------------------------------------------------------------------------

MASKED = np.ma.masked_array(np.eye(4), np.eye(4))  # its ones
DAYS = np.arange(16).reshape(4, 4).astype("datetime64[D]")
NOT_PLAIN = [
    (MASKED, "masked values"),
    (DAYS, "dates or durations"),
    (DAYS - DAYS[0], "dates or durations"),
    (pd.DataFrame(DAYS).add_prefix("c"), "dates or durations"),
    (pd.DataFrame(DAYS).apply(pd.to_datetime, utc=True), "dates or durations"),
    (pl.DataFrame({"a": DAYS[0], "b": DAYS[1]}), "dates or durations"),
    (pl.DataFrame({"a": DAYS[0], "b": DAYS[1]}).to_arrow(), "dates or durations"),
    (list(MASKED), "masked values"),
    (list(DAYS), "dates or durations"),
    ([list(row) for row in DAYS], "dates or durations"),
]


@pytest.mark.parametrize(("X", "said"), NOT_PLAIN, ids=range(len(NOT_PLAIN)))
def test_what_is_no_number_is_not_taken_for_one(X, said):
    vae = DirichletVAE(2, likelihood="gaussian", max_epochs=1)
    for ask in (vae.fit, SemiSupervisedVAE(2).fit, TopicModel(2, **TINY).fit, ArrayDataset):
        arguments = (X, [0, 1, 0, 1]) if "SemiSupervised" in repr(ask) else (X,)
        with pytest.raises(ValueError, match=f"^[Xx] has {said}"):
            ask(*arguments)


def test_an_anndata_object_is_refused_by_all_that_take_a_matrix():
    """NumPy made an array of 64 axes of it, and said so."""
    adata = pytest.importorskip("anndata").AnnData(np.eye(4, dtype=np.float32))
    topics, vae = TopicModel(2, **TINY).fit(np.eye(4) + 1), DirichletVAE(2, max_epochs=1)
    for ask in (topics.fit, topics.transform, CompositionModel(2).fit, vae.fit, vae.partial_fit):
        with pytest.raises(ValueError, match=r"^X is of type AnnData, must be a matrix"):
            ask(adata)


def test_latents_are_plain_numbers(documents):
    vae = DirichletVAE(4, likelihood="gaussian", max_epochs=1).fit(np.eye(4))
    with pytest.raises(ValueError, match="X has masked values"):
        vae.inverse_transform(MASKED)


def test_a_masked_covariate_is_missing(documents):
    counts, _, _ = documents
    ages = np.ma.masked_array(np.arange(float(N)), np.arange(N) == 3)
    for covariates in ({"age": ages}, ages[:, None]):
        with pytest.raises(ValueError, match=r"missing values in column '.*row 3"):
            TopicModel(2, **TINY).fit(counts, covariates=covariates)


def test_weights_are_plain_numbers():
    for weights, said in ((MASKED[0], "masked values"), (DAYS[0] - DAYS[0][0], "dates or dura")):
        with pytest.raises(ValueError, match=f"^sample_weight has {said}"):
            DirichletVAE(2, max_epochs=1).fit(np.eye(4), sample_weight=weights)
        with pytest.raises(ValueError, match=f"^weight has {said}"):
            ArrayDataset(np.eye(4), weight=weights)


def test_numbers_in_any_form_are_plain():
    column = pd.DataFrame({"_mask": [1, 2]})
    require_plain("X", pd.DataFrame({"obsm": [1, 2]}))
    for values in ([[1]], np.ma.masked_array([[1]]), column, column["_mask"], pl.DataFrame(column)):
        require_plain("X", values)
    require_plain("X", pl.DataFrame(column).to_arrow())


def test_a_masked_class_is_not_known(documents):
    counts, _, y = documents
    hidden = np.arange(len(y)) % 3 == 0
    numbers = np.where(y == "yes", 1, 0)
    masked = np.ma.masked_array(np.where(hidden, 7, numbers), hidden)
    rows = np.random.default_rng(0).random((len(y), 4))
    few = SemiSupervisedVAE(2, max_epochs=1, hidden_sizes=(4,)).fit(rows, masked[:, None])
    assert few.classes_.tolist() == [0, 1]
    model = TopicModel(2, **TINY).fit(counts, masked)
    assert model.classes_.tolist() == [0, 1]
    unknown = TopicModel(2, **TINY).fit(counts, np.where(hidden, -1, numbers))
    assert (model.transform(counts) == unknown.transform(counts)).all().all()
