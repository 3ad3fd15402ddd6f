"""SemiSupervisedVAE as scikit-learn has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.distributions import Bernoulli, Normal, Poisson

import dirvae
from dirvae.distributions import InverseCDFDirichlet
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
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
