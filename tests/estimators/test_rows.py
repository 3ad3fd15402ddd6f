"""Data far from 0, huge or tiny: estimators see them as they see the same data in other units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch.distributions import Normal

import dirvae
from dirvae.data import ArrayDataset, Corpus
from dirvae.distributions import Dirichlet
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
from dirvae.estimators.rows import corpus_moments, mean_and_std, validated_rows
from dirvae.models.zoo import gaussian
from dirvae.training import fit

SMALL: dict[str, Any] = {
    "hidden_sizes": (8,),
    "decoder_hidden_sizes": (8,),
    "max_epochs": 2,
    "random_state": 0,
    "likelihood": Normal,
}
X = np.random.default_rng(0).normal(size=(60, 4))
CLASSES = np.arange(60) % 2
UNITS = [
    (1e8, 1.0),
    (1e8, 0.1),
    (-1e12, 1.0),
    (0.0, 1e-12),
    (0.0, 1e-30),
    (0.0, 1e-100),
    (0.0, 1e30),
    (0.0, 1e100),
]


def vae() -> DirichletVAE:
    return DirichletVAE(3, **SMALL)


def classifier() -> SemiSupervisedVAE:
    return SemiSupervisedVAE(3, classifier_hidden_sizes=(8,), **SMALL)


@pytest.fixture(scope="module")
def plain() -> tuple[DirichletVAE, SemiSupervisedVAE]:
    return vae().fit(X), classifier().fit(X, CLASSES)


@pytest.mark.parametrize(("offset", "unit"), UNITS)
def test_offset_and_unit_do_not_show(plain, offset, unit, tmp_path):
    moved = X * unit + offset
    model = vae().fit(moved)
    theta = model.transform(moved)
    np.testing.assert_allclose(theta, plain[0].transform(X), atol=1e-3)
    back, expected = model.inverse_transform(theta), plain[0].inverse_transform(theta)
    np.testing.assert_allclose((back - offset) / unit, expected, atol=1e-3)
    drawn, known = (model.sample(2000) - offset) / unit, plain[0].sample(2000)
    np.testing.assert_allclose(drawn.mean(0), known.mean(0), atol=0.16)  # five standard errors
    np.testing.assert_allclose(drawn.std(0), known.std(0), rtol=0.12)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(dirvae.load(tmp_path / "model").transform(moved), theta)
    score = model.score(moved) + 4 * np.log(unit)
    assert score == pytest.approx(plain[0].score(X), abs=0.3)  # each row has noise of its own


@pytest.mark.parametrize(("offset", "unit"), [(1e8, 0.1), (0.0, 1e-30), (0.0, 1e30)])
def test_a_classifier_is_no_other_in_other_units(plain, offset, unit):
    moved = X * unit + offset
    model = classifier().fit(moved, CLASSES)
    expected = plain[1].predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(moved), expected, atol=1e-3)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_sparse_rows_are_dense_ones_in_any_unit(plain, unit):
    rows = sparse.csr_matrix(X * unit)
    np.testing.assert_allclose(vae().fit(rows).transform(rows), plain[0].transform(X), atol=1e-3)


def test_whole_numbers_keep_their_digits(plain):
    """Identifiers of nine digits, which float32 has not."""
    ids = np.round(X * 3).astype(np.int64) + 987_654_321
    assert validated_rows(vae(), ids, reset=True).dtype == np.float64
    near, far = vae().fit(ids - 987_654_321), vae().fit(ids)
    theta = near.transform(ids - 987_654_321)
    np.testing.assert_allclose(far.transform(ids), theta, atol=1e-3)
    assert np.unique(theta.round(6), axis=0).shape[0] == np.unique(ids, axis=0).shape[0]


def test_going_on_with_far_data_keeps_their_precision(plain):
    models = vae().fit(X), vae().fit(X + 1e8)
    theta = [m.partial_fit(X + c).transform(X + c) for m, c in zip(models, (0, 1e8), strict=True)]
    np.testing.assert_allclose(theta[1], theta[0], atol=1e-3)


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 61.0)])
def test_moments_are_those_of_exact_arithmetic(weights):
    far = X * [1, 1e-3, 1e5, 1e-20] + [1e8, -1e5, 0, 0]
    mean, std = mean_and_std(far, weights)
    wide = far.astype(np.longdouble)
    exact = np.average(wide, axis=0, weights=weights)
    spread = np.sqrt(np.average((wide - exact) ** 2, axis=0, weights=weights))
    np.testing.assert_allclose(mean, exact.astype(float), rtol=1e-12, atol=1e-25)
    np.testing.assert_allclose(std, spread.astype(float), rtol=1e-6)


def test_constants_have_a_unit_of_one():
    columns = np.column_stack([np.full(50, c) for c in (0.0, 0.1, 1e8 / 3, 1e-20)])
    for rows in (columns, sparse.csr_matrix(columns), columns.astype(np.float32)):
        assert mean_and_std(rows, None)[1].tolist() == [1, 1, 1, 1]


def test_ordinary_data_stay_in_single_precision():
    assert mean_and_std(X + 1000, None)[0].dtype is torch.float32


def test_values_without_a_square_are_refused():
    with pytest.raises(ValueError, match=r"X has values of up to 1e\+200, must be 1e\+150 at most"):
        vae().fit(X * 1e200 / np.abs(X).max())


def test_a_model_in_double_precision_is_trained_in_it():
    torch.manual_seed(0)
    model = gaussian(4, 2, hidden_sizes=(8,), decoder_hidden_sizes=(8,)).double()
    history = fit(model, torch.eye(4), max_epochs=2, seed=0, verbose=False)
    assert model.embed(torch.eye(4).double()).dtype is torch.float64
    assert np.isfinite(history[-1]["elbo"])


def test_a_data_set_keeps_the_precision_that_it_is_told():
    far = np.array([[1e8 + 1.0], [1e8 + 2.0]])
    for rows in (far, sparse.csr_matrix(far)):
        kept = ArrayDataset(rows, dtype=torch.float64)[[0, 1]].x
        np.testing.assert_array_equal(kept, far)


@pytest.mark.parametrize("scale", [1e38, 1e300])
def test_only_ratios_of_weights_matter(scale: float) -> None:
    x, weights = np.eye(8), np.arange(1.0, 9.0)
    options = {"max_epochs": 2, "hidden_sizes": (4,), "random_state": 0}
    near = DirichletVAE(2, **options).fit(x, sample_weight=weights / 8)
    far = DirichletVAE(2, **options).fit(x, sample_weight=weights * scale)
    np.testing.assert_array_equal(far.transform(x), near.transform(x))


def test_an_estimator_says_no_nan() -> None:
    options = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    model = DirichletVAE(2, latent=Dirichlet, **options).fit(np.eye(8))
    with torch.no_grad():
        next(model.vae_.encoder.parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError, match="NaN or infinite, because the model's weights"):
        model.transform(np.eye(8))


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_a_corpus_are_those_of_its_counts(weighted, tmp_path, monkeypatch):
    monkeypatch.setattr("dirvae.estimators.rows.ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    counts = rng.poisson(2, (60, 4))
    counts[:, 1] = 3  # a constant has the deviation 1
    weight = rng.random(60) if weighted else None
    corpus = Corpus.of_counts(tmp_path / "corpus", [sparse.csr_matrix(counts)])
    for found, expected in zip(
        corpus_moments(corpus, weight), mean_and_std(counts, weight), strict=True
    ):
        torch.testing.assert_close(found, expected)
