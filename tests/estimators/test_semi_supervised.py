"""SemiSupervisedVAE as scikit-learn has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.distributions import Bernoulli, Normal, Poisson

import dirvae
from dirvae.alignment import is_missing
from dirvae.distributions import InverseCDFDirichlet
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
from dirvae.estimators.labels import categories_of, class_indicators
from dirvae.estimators.semi_supervised import _half_axes, _MixedBatches
from dirvae.models.likelihoods import unit_normal
from dirvae.persistence import ModelFormatError

SMALL = {
    "n_components": 4,
    "hidden_sizes": (16,),
    "decoder_hidden_sizes": (16,),
    "classifier_hidden_sizes": (16,),
    "max_epochs": 2,
    "batch_size": 50,
    "random_state": 0,
}


def small(**options):
    return SemiSupervisedVAE(**{**SMALL, **options})


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def few_rows(digits):
    """100 labels of 400 rows, where it is not the learning that is tested."""
    y = digits[1][:400].copy()
    y[100:] = -1
    return digits[0][:400], y


@pytest.fixture(scope="module")
def few_labels(digits):
    """100 labels of 1,000 rows; the classes of the others are not looked at."""
    y = digits[1][:1000].copy()
    y[100:] = -1
    return digits[0][:1000], y


def expected_failures(estimator):
    return {
        "check_classifiers_classes": "-1, which it takes for a class, says that a row has none",
    }


# Its data are whatever numbers: whole ones for a Gaussian, fractions for counts.
@pytest.mark.filterwarnings("ignore:X has (whole numbers|fractions|rows that sum):UserWarning")
@parametrize_with_checks(
    [SemiSupervisedVAE(**{k: v for k, v in SMALL.items() if k != "random_state"})],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_estimator_contract(estimator, check):
    check(estimator)


@pytest.mark.learning
@pytest.mark.parametrize("label_in_encoder", [False, True])
def test_digits_from_a_hundred_labels(digits, few_labels, label_in_encoder):
    X, y = few_labels
    model = SemiSupervisedVAE(
        10,
        label_in_encoder=label_in_encoder,
        hidden_sizes=(100,),
        decoder_hidden_sizes=(100,),
        classifier_hidden_sizes=(100,),
        max_epochs=30,
        random_state=0,
    ).fit(X, y)
    assert model.score(digits[0][1000:], digits[1][1000:]) > 0.8
    assert model.history_[-1]["elbo"] > model.history_[0]["elbo"]


def test_fully_labelled_and_names(digits):
    X, y = digits[0][:300], np.array([f"digit {c}" for c in digits[1][:300]])
    model = small(max_epochs=20, learning_rate=1e-2).fit(X, y)
    assert set(model.predict(X)) <= set(y)
    assert model.score(X, y) > 0.8
    objects = y.astype(object)
    objects[150:] = -1
    assert list(small().fit(X, objects).classes_) == list(model.classes_)
    first = small().fit(X, objects).predict(X)
    for unknown in (None, np.nan):
        objects[150:] = unknown
        np.testing.assert_array_equal(small().fit(X, objects.tolist()).predict(X), first)


@pytest.mark.parametrize("latent", [Normal, InverseCDFDirichlet])
def test_output_of_a_row_does_not_depend_on_its_batch(few_rows, latent):
    X, y = few_rows
    model = small(latent=latent, label_in_encoder=True).fit(X, y)
    for method in (model.predict_proba, model.transform):
        together = method(X[:7])
        alone = np.concatenate([method(X[i : i + 1]) for i in range(7)])
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)


def test_same_seed_same_model_and_sparse_is_dense(few_rows):
    X, y = few_rows
    first, second = (small().fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (small(random_state=1).fit(X, y).predict_proba(X) != first).any()
    rows = small().fit(sparse.csr_matrix(X), y).predict_proba(sparse.csr_matrix(X))
    np.testing.assert_allclose(rows, first, atol=1e-4)


@pytest.mark.learning
def test_samples_are_of_the_class_that_was_asked(few_labels):
    model = SemiSupervisedVAE(
        5,
        hidden_sizes=(64,),
        decoder_hidden_sizes=(64,),
        classifier_hidden_sizes=(64,),
        smoothness=20,
        max_epochs=30,
        batch_size=50,
        learning_rate=5e-3,
        random_state=0,
    ).fit(*few_labels)
    wanted = np.repeat(np.arange(10), 20)
    drawn = model.sample(wanted)
    assert drawn.shape == (200, 64)
    assert (model.predict(drawn) == wanted).mean() > 0.5
    pictures = drawn.reshape(10, 20, 64).mean(1)
    assert (model.predict(pictures) == np.arange(10)).sum() >= 9
    with pytest.raises(ValueError, match="y has 11, must be of classes_"):
        model.sample([1, 11])


def test_half_axes_are_those_of_the_data(digits):
    X = digits[0]
    distance = np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    for rows in (X, sparse.csr_matrix(X)):
        np.testing.assert_allclose(_half_axes(rows, Bernoulli), distance, rtol=1e-5)
    std = X.std(0)
    axes = _half_axes(X, Normal).numpy()
    np.testing.assert_allclose(axes[std > 0], 8 * std[std > 0], rtol=1e-5)


@pytest.mark.parametrize("likelihood", [Normal, unit_normal, Poisson])
def test_other_likelihoods(tmp_path, few_rows, likelihood):
    X, y = few_rows
    X = np.round(16 * X) if likelihood is Poisson else 3 * X - 1
    model = small(likelihood=likelihood, max_epochs=10, learning_rate=1e-2).fit(X, y)
    assert model.history_[-1]["elbo"] > model.history_[0]["elbo"]
    assert model.score(X[:100], y[:100]) > 0.8
    model.save(tmp_path / "model")
    loaded = dirvae.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    if likelihood is unit_normal:
        z = torch.from_numpy(model.transform(X[:2]).astype(np.float32))
        law = model.vae_.decoder(z, torch.eye(10)[:2])
        torch.testing.assert_close(law.variance, torch.ones(2, 64))


def test_a_class_that_is_not_known_has_no_samples(few_rows):
    model = small(max_epochs=1).fit(*few_rows)
    assert model.sample([3, 3]).shape == (2, 64)
    with pytest.raises(ValueError, match=r"y has 11, must be of classes_ \[0, 1, 2, 3, 4, 5, 6, 7"):
        model.sample([3, 11])


@pytest.mark.parametrize("kind", ["numbers", "words"])
def test_saved_and_loaded(tmp_path, few_rows, kind):
    X, y = few_rows
    if kind == "words":
        y = np.array([-1 if c == -1 else f"n{c}" for c in y], dtype=object)
    model = small(label_in_encoder=True).fit(X, y)
    model.save(tmp_path / "model")
    loaded = dirvae.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert loaded.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    with pytest.raises(ModelFormatError, match="holds a SemiSupervisedVAE, not a DirichletVAE"):
        DirichletVAE.load(tmp_path / "model")
    clone(loaded).fit(X, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.full(1000, -1), "y is -1 or missing in every row"),
        (np.r_[np.zeros(10, int), np.full(990, -1)], "y has one class only"),
        (np.zeros(5, int), "inconsistent numbers of samples"),
        (np.array(["a", "b", "-1", "a"] * 250), "y has the word '-1': give the number -1, or None"),
        (np.array([0.5, 1.0, np.nan, -1.0] * 250), "Unknown label type: continuous"),
        (np.array([0.0, 1.0, np.inf, -1.0] * 250), "contains infinity"),
    ],
)
def test_bad_labels(few_labels, y, message):
    with pytest.raises(ValueError, match=message):
        small().fit(few_labels[0], y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components is 0, must be an integer of 1 or more"),
        ({"smoothness": -1}, "smoothness is -1, must be a number of 0 or more"),
        ({"perturbation": 0.0}, "perturbation is 0.0, must be a positive number"),
        ({"label_weight": -1.0}, "label_weight is -1.0, must be a positive number"),
        ({"classifier_hidden_sizes": 3}, "classifier_hidden_sizes is 3, must be a sequence"),
        ({"latent": dirvae.VAE}, "latent must be one of"),
    ],
)
def test_bad_arguments(few_labels, options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(*few_labels)


@pytest.mark.parametrize(("labels", "share"), [(3, 0.15), (60, 0.6), (100, 1.0)])
def test_batches_have_enough_labels_and_an_epoch_every_row(labels, share):
    known = torch.zeros(100, dtype=torch.bool)
    known[torch.randperm(100)[:labels]] = True
    batches = _MixedBatches(known, 20)
    drawn = list(batches)
    assert len(drawn) == len(batches)
    assert batches.share == pytest.approx(share)
    seen = torch.cat(drawn)
    assert set(seen.tolist()) >= set((~known).nonzero()[:, 0].tolist())
    assert known[torch.cat(drawn[:-1])].float().mean() >= 0.125
    if share > 0.15:
        assert sorted(seen.tolist()) == list(range(100))


@pytest.mark.parametrize(
    ("labels", "size", "share", "extra", "lengths"),
    [
        (12, 20, 3 / 20, 3, [20] * 5 + [6]),  # 88 others, 17 in a batch
        (13, 20, 0.13, 0, [20] * 5),  # enough by themselves
        (1, 1, 1 / 2, 1, [2] * 99),  # one of each at least
        (2, 2, 1 / 2, 1, [2] * 98),
        (5, 8, 1 / 8, 1, [8] * 13 + [5]),  # 95 others, 7 in a batch
        (100, 20, 1.0, 0, [20] * 5),
    ],
)
def test_an_eighth_of_each_batch_has_labels(labels, size, share, extra, lengths):
    known = torch.arange(100) < labels
    batches = _MixedBatches(known, size, torch.Generator().manual_seed(0))
    assert (batches.share, batches.extra) == (pytest.approx(share), extra)
    drawn = list(batches)
    assert [len(batch) for batch in drawn] == lengths
    assert all(known[batch[len(batch) - extra :]].all() for batch in drawn)
    gone_through = torch.cat([batch[: len(batch) - extra] for batch in drawn]).tolist()
    assert sorted(gone_through) == list(range(labels if extra else 0, 100))


def test_an_eighth_is_enough():
    known = torch.arange(16) < 2
    assert _MixedBatches(known, 8).extra == 0
    assert _MixedBatches(torch.arange(17) < 2, 8).extra == 1


@pytest.mark.parametrize(
    ("y", "classes", "places"),
    [
        ([3, -1, 1, 3], [1, 3], [1, None, 0, 1]),
        ([3, None, 1, float("nan")], [1, 3], [1, None, 0, None]),
        ([-2, 0, -1, 0], [-2, 0], [0, 1, None, 1]),
        (["b", None, "a", "c"], ["a", "b", "c"], [1, None, 0, 2]),
        ([True, False, -1, True], [False, True], [1, 0, None, 1]),
        ([2.0, 1.0, -1.0, 1.0], [1, 2], [1, 0, None, 0]),
    ],
)
def test_classes_are_sorted_and_rows_say_which(y, classes, places):
    found, rows = class_indicators(y, 4)
    assert found.tolist() == classes
    expected = [[float(place == k) for k in range(len(classes))] for place in places]
    assert rows.tolist() == expected


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([1, 1, -1], "y has one class only, 1; it must have two classes or more"),
        ([-1, None, -1], "y is -1 or missing in every row, must name two classes or more"),
        ([1, "a", 2], "y has words and numbers, must be of one kind, except -1 where unknown"),
        (["-1", "a", "b"], "y has the word '-1': give the number -1, or None, where unknown"),
        ([1.5, 1, 2], "y has 1.5, must be classes, words or whole numbers"),
        ([1j, 1, 2], "y has 1j, must be classes"),
        ([1, 2], "inconsistent numbers of samples"),
    ],
)
def test_labels_that_are_no_classes_are_refused(y, said):
    with pytest.raises(ValueError, match=said):
        class_indicators(y, 3)


def test_labels_alone_are_missing_as_pandas_and_numpy_say():
    missing = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "D")]
    assert [is_missing(value) for value in missing] == [True] * 6
    assert not any(map(is_missing, (0, "", "nan", -1, np.ones(2), False)))
    assert categories_of(pd.Series(["b", "a"], dtype="category")) == ["a", "b"]
    assert categories_of(pd.Series(["b", "a"])) is None
    assert categories_of(["b", "a"]) is None


def test_half_axes_of_a_gaussian_are_in_the_unit_of_each_column():
    x = np.array([[1.0, 10.0], [3.0, 50.0]])  # deviations 1 and 20
    assert _half_axes(x, Normal).tolist() == pytest.approx([2**0.5, 20 * 2**0.5])
    for rows in (x, sparse.csr_matrix(x)):
        assert _half_axes(rows, Poisson).item() == pytest.approx(401**0.5)


@pytest.mark.parametrize(
    ("smoothness", "is_right"),
    [(0, True), (200.0, True), (-1e-9, False), (np.inf, False), ("1", False)],
)
def test_smoothness_is_a_number_of_0_or_more(smoothness, is_right):
    if is_right:
        small(smoothness=smoothness)._check_arguments()
    else:
        with pytest.raises(ValueError, match=r"smoothness is .*, must be a number of 0 or more"):
            small(smoothness=smoothness)._check_arguments()


def test_a_class_is_known_by_its_place_and_the_first_unknown_is_named(few_rows):
    model = small().fit(*few_rows)
    probability = model.predict_proba(few_rows[0][:20])
    np.testing.assert_allclose(probability.sum(1), 1)
    assert (
        model.predict(few_rows[0][:20]).tolist()
        == model.classes_[[row.tolist().index(row.max()) for row in probability]].tolist()
    )
    with pytest.raises(ValueError, match="y has 12, must be of classes_ "):
        model.sample([3, 12, 13])


def test_rows_of_unknown_class_do_not_count_in_the_score():
    X = np.random.default_rng(0).random((40, 8))
    y = np.array([1, 2, -1, 2] * 10)
    weight = np.random.default_rng(1).random(40)
    model = small(max_epochs=1).fit(X, y)
    right = (model.predict(X) == y)[y > 0]
    assert model.score(X, y) == pytest.approx(right.mean())
    weighted = np.average(right, weights=weight[y > 0])
    assert model.score(X, y, sample_weight=weight) == pytest.approx(weighted)
    assert model.score(X[y > 0], y[y > 0]) == pytest.approx(right.mean())
    for wrong in (weight[:30], np.ones(50)):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.score(X, y, sample_weight=wrong)
    with pytest.raises(ValueError, match="y is -1 or missing in every row, so there is no accur"):
        model.score(X, np.full(40, -1))


@pytest.mark.parametrize(
    "unknown",
    [
        lambda y: pd.Series(y, dtype="object").replace(-1, None),
        lambda y: pd.Series(y, dtype="Int64").replace(-1, pd.NA),
        lambda y: [None if label == -1 else label for label in y.tolist()],
    ],
)
def test_whole_numbers_beside_missing_ones_stay_whole(unknown):
    X = np.random.default_rng(0).random((40, 8))
    y = np.array([1, 2, -1, 2] * 10)
    model, same = small(max_epochs=1).fit(X, unknown(y)), small(max_epochs=1).fit(X, y)
    assert model.classes_.dtype.kind == "i"
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    assert model.score(X, unknown(y)) == same.score(X, y)
