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
from dirvae.estimators.rows import (
    batches,
    corpus_moments,
    finite,
    generator_of,
    is_on_disk,
    mean_and_std,
    split_rows,
    taken,
    validated_corpus,
    validated_rows,
    weighted,
)
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
    (0.0, 1e-139),
    (0.0, 1e30),
    (0.0, 1e100),
    (0.0, 1e149),
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


@pytest.mark.parametrize("unit", [1e-141, 1e-162, 1e-200, 1e-300])
@pytest.mark.parametrize("build", [vae, classifier])
def test_columns_that_vary_by_too_little_are_refused_and_constants_taken(build, unit):
    x = X / np.ptp(X, axis=0)
    x[:, 1] *= unit
    given = {"y": CLASSES}
    said = f"X has values that differ by {unit:g} at most in column 1, must be by 1e-140 at"
    for rows in (x, sparse.csr_matrix(x)):
        with pytest.raises(ValueError, match=said):
            build().fit(rows, **given)
    x[:, 1] = unit
    x[0, 1] *= 1 + 8 * np.finfo(float).eps  # which rounding may make of a constant
    assert np.isfinite(build().fit(x, **given).transform(x)).all()


def test_tiny_probabilities_are_taken():
    x = np.column_stack([np.arange(8) % 2, np.linspace(0, 1e-200, 8)])
    assert DirichletVAE(2, max_epochs=1, random_state=0).fit(x).transform(x).shape == (8, 2)


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


@pytest.mark.parametrize("likelihood", [Normal, "bernoulli"])
@pytest.mark.parametrize("scale", [1e-300, 1e-45, 1e-44, 1e38, 1e300])
def test_only_ratios_of_weights_matter(scale: float, likelihood: Any) -> None:
    x, weights = np.eye(8), np.arange(1.0, 9.0)
    options = {"max_epochs": 2, "hidden_sizes": (4,), "random_state": 0, "likelihood": likelihood}
    near = DirichletVAE(2, **options).fit(x, sample_weight=weights / 8)
    far = DirichletVAE(2, **options).fit(x, sample_weight=weights * scale)
    np.testing.assert_allclose(far.transform(x), near.transform(x), rtol=1e-5)


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
    counts[:, 2] = counts[:, 0] > 2  # and others may have less
    weight = rng.random(60) if weighted else None
    corpus = Corpus.of_counts(tmp_path / "corpus", [sparse.csr_matrix(counts)])
    for found, expected in zip(
        corpus_moments(corpus, weight), mean_and_std(counts, weight), strict=True
    ):
        torch.testing.assert_close(found, expected)


# --- rows in memory and on disk, of small numbers -------------------------------------------------


@pytest.mark.parametrize("num_rows", [1, 3, 4, 7])
def test_rows_come_some_at_a_time_in_double_precision(monkeypatch, num_rows):
    monkeypatch.setattr("dirvae.estimators.rows.ROWS_AT_ONCE", 3)
    x = np.arange(1, 2 * num_rows + 1, dtype=np.float32).reshape(-1, 2)
    for given in (x, sparse.csr_matrix(x)):
        parts = list(batches(given))
        assert [len(part) for part in parts] == [3] * (num_rows // 3) + [1] * (num_rows % 3 > 0)
        assert torch.cat(parts).dtype is torch.float64
        assert torch.cat(parts).tolist() == x.tolist()
    parts[0].zero_()
    next(batches(x)).zero_()
    assert x.all()  # what a function of rows does to them is not seen in X


@pytest.mark.parametrize(
    ("mean", "std", "dtype"),
    [
        (0.0, 2e-12, torch.float32),
        (0.0, 0.5e-12, torch.float64),
        (0.0, 0.9e15, torch.float32),
        (0.0, 1.1e15, torch.float64),
        (9_990.0, 1.0, torch.float32),
        (-9_990.0, 1.0, torch.float32),
        (10_010.0, 1.0, torch.float64),
        (-10_010.0, 1.0, torch.float64),
        (0.0, 0.0, torch.float32),
        (9_000.0, 0.0, torch.float32),
        (11_000.0, 0.0, torch.float64),  # of which single precision would have fewer digits
    ],
)
def test_moments_are_in_single_precision_where_it_tells_values_apart(mean, std, dtype):
    column = np.array([mean - std, mean + std])
    for x in (column[:, None], np.stack([[0.0, 1.0], column], 1)):
        found = mean_and_std(x, None)
        assert [part.dtype for part in found] == [dtype, dtype]
        assert found[0][-1].item() == pytest.approx(mean)
        assert found[1][-1].item() == pytest.approx(std or 1.0)


def test_what_rounding_makes_of_a_constant_is_no_deviation():
    eps = np.finfo(np.float64).eps
    for step, std in ((1, 1.0), (8, 4 * eps)):
        assert mean_and_std(np.array([[1.0], [1 + step * eps]]), None)[1].tolist() == [std]


def test_the_largest_value_that_has_a_square_is_taken():
    mean_and_std(np.array([[-1e150], [1e150]]), None)
    for value in (1.0001e150, -1.0001e150):
        with pytest.raises(ValueError, match=r"X has values of up to 1\.0001e\+150, must be"):
            mean_and_std(np.array([[0.0], [value]]), None)


def test_weighted_moments_are_those_of_repeated_rows():
    x, weight = np.array([[1.0, 0.0], [3.0, 5.0], [8.0, 0.0]]), np.array([1.0, 3.0, 2.0])
    repeated = np.repeat(x, [1, 3, 2], axis=0)
    for given in (x, sparse.csr_matrix(x), sparse.csr_matrix(x.astype(np.float32))):
        mean, std = mean_and_std(given, weight)
        np.testing.assert_allclose(mean, repeated.mean(0), rtol=1e-6)
        np.testing.assert_allclose(std, repeated.std(0), rtol=1e-6)


def test_rows_of_weight_zero_are_left_out_and_the_largest_weight_is_one():
    x = np.eye(3)
    assert weighted(x, None)[0] is x
    assert weighted(x, None)[1] is None
    kept, weight = weighted(x, [2.0, 0.0, 4.0])
    assert (kept.tolist(), weight.tolist()) == (x[[0, 2]].tolist(), [0.5, 1])
    np.testing.assert_allclose(weighted(x, [1.5e30, 0.75e30, 0.3e30])[1], [1, 0.5, 0.2])
    kept, weight = weighted(x, [0.25, 0, 1e-300])
    assert (kept.tolist(), weight.tolist()) == (x[[0, 2]].tolist(), [1, 4e-300])
    tiny = np.array([1e-45, 0, 4.2e-45], np.float32)  # whole multiples of the least
    np.testing.assert_array_equal(weighted(x, tiny)[1], [1 / 3, 1])
    assert weighted(sparse.csr_matrix(x), [0, 0, 1])[0].toarray().tolist() == [[0, 0, 1]]
    with pytest.raises(ValueError, match="sample_weight is zero in every row"):
        weighted(x, [0, 0, 0])


@pytest.mark.parametrize("num_shards", [10, 11])
def test_rows_of_many_shards_are_split_in_their_order(tmp_path, monkeypatch, num_shards):
    monkeypatch.setattr("dirvae.data.corpus.matrices.ROWS", 2)
    counts = np.arange(1, 2 * num_shards + 1).reshape(-1, 1)
    corpus = Corpus.of_counts(tmp_path / "corpus", [counts])
    order = np.random.RandomState(3).permutation(2 * num_shards)
    drawn = [order[5:].tolist(), order[:5].tolist()]
    assert [part.tolist() for part in split_rows(counts, 5, 3)] == drawn
    on_disk = [part.tolist() for part in split_rows(corpus, 5, 3)]
    assert on_disk == (drawn if num_shards == 10 else list(map(sorted, drawn)))


def test_rows_of_a_corpus_are_taken_by_number_or_mask(tmp_path):
    corpus = Corpus.of_counts(tmp_path / "corpus", [np.arange(1, 6).reshape(-1, 1)])
    some = taken(corpus, np.array([4, 1, 2]))
    assert some[:].toarray().ravel().tolist() == [5, 2, 3]
    assert taken(some, np.array([True, False, True]))[:].toarray().ravel().tolist() == [5, 3]
    assert taken(some, np.array([2, 0]))[:].toarray().ravel().tolist() == [3, 5]
    assert taken(np.arange(5), np.array([3, 0])).tolist() == [3, 0]
    assert [is_on_disk(x) for x in (corpus, some, np.eye(2))] == [True, True, False]


def test_the_words_of_a_corpus_are_names_of_features(tmp_path):
    def corpus(name, words, width=2):
        return Corpus.of_counts(tmp_path / name, [np.eye(width)], vocabulary=words)

    named, other, bare = corpus("a", ["x", "y"]), corpus("b", ["y", "x"]), corpus("c", None)
    model = vae()
    assert validated_corpus(model, named, reset=True) is named
    assert model.feature_names_in_.tolist() == ["x", "y"]
    validated_corpus(model, bare, reset=False)
    with pytest.raises(ValueError, match="has other words than the model, must have the same"):
        validated_corpus(model, other, reset=False)
    with pytest.raises(ValueError, match="X has 3 features, but DirichletVAE is expecting 2"):
        validated_corpus(model, corpus("d", None, 3), reset=False)
    assert model.feature_names_in_.tolist() == ["x", "y"]
    validated_corpus(model, bare, reset=True)
    assert not hasattr(model, "feature_names_in_")
    validated_corpus(model, other, reset=False)


def test_noise_of_a_row_is_seeded_by_its_values():
    def drawn(*values):
        return torch.rand(3, generator=generator_of(torch.tensor(values))).tolist()

    assert drawn(0.0, 1.0) == drawn(-0.0, 1.0)
    assert drawn(0.5, 1.0) != drawn(1.0, 0.5)
    assert (
        drawn(0.5) == torch.rand(3, generator=generator_of(torch.tensor([0.5]).double())).tolist()
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_said_to_have_diverged(wrong):
    with pytest.raises(FloatingPointError, match=r"^theta is NaN or infinite, because"):
        finite("theta", np.array([0.0, wrong]))
    assert finite("theta", [0.0, 1.0]) == [0.0, 1.0]
