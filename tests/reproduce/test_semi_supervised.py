"""Few labels: splits, and the SVHN study on small files of the same format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from rich.console import Console

from dirvae.reproduce import record, semi_supervised
from dirvae.reproduce.images import svhn_subset_images
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.semi_supervised import (
    DATA,
    ROWS,
    Job,
    jobs,
    labelled,
    labels,
    run_all,
    shares_of,
    unit_normal,
)

SIZES = ("hidden_sizes", "decoder_hidden_sizes", "classifier_hidden_sizes")


def test_as_many_labels_of_each_class() -> None:
    y = np.repeat(np.arange(10), 450)
    kept = labels(y, 0.1, np.random.RandomState(0))
    counts = np.unique(kept, return_counts=True)
    assert dict(zip(*counts, strict=True)) == {-1: 4050} | dict.fromkeys(range(10), 45)
    assert (kept[kept >= 0] == y[kept >= 0]).all()
    rare = labels(np.array([0] * 99 + [1]), 0.01, np.random.RandomState(0))
    assert sorted(set(rare)) == [-1, 0, 1]


def test_unit_normal_is_scipys() -> None:
    x = torch.linspace(-3, 3, 7)
    expected = torch.from_numpy(scipy.stats.norm.logpdf(x.numpy(), 0.5, 1))
    torch.testing.assert_close(unit_normal(torch.full((7,), 0.5)).log_prob(x).double(), expected)


@pytest.fixture
def svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files as SVHN's, of 90 and 30 images in which the class is a brightness."""
    rng = np.random.default_rng(0)
    for part, number in (("train", 90), ("test", 30)):
        y = np.arange(number) % 3 + 1
        x = 80 * (y - 1) + rng.integers(0, 60, (32, 32, 3, number))
        scipy.io.savemat(tmp_path / f"{part}_32x32.mat", {"X": x.astype(np.uint8), "y": y[:, None]})
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    monkeypatch.setitem(semi_supervised.VALIDATION, "svhn", (80, 10))
    monkeypatch.setattr(semi_supervised, "COMPONENTS", 5)
    for row, options in ROWS.items():
        sizes = dict.fromkeys(SIZES, (16,))
        monkeypatch.setitem(ROWS, row, {**options, **sizes})


@pytest.mark.usefixtures("svhn")
def test_svhn_is_reduced_to_principal_components() -> None:
    data = DATA["svhn"]()
    assert (data.x.shape, data.x_test.shape) == ((90, 5), (30, 5))
    pixels = semi_supervised.svhn("x_train").reshape(90, -1) / 255
    _, values, _ = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)
    # The randomized solver is exact where the spectrum falls, and near where it is flat.
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=0)[0], values[0], rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=0), values[:5], rtol=0.1)
    np.testing.assert_allclose(data.x.mean(0), 0, atol=1e-4)
    scatter = data.x.T @ data.x
    np.testing.assert_allclose(scatter, np.diag(np.diag(scatter)), atol=1e-2 * scatter.max())


@pytest.mark.usefixtures("svhn")
@pytest.mark.filterwarnings("ignore::dirvae.training.callbacks.CollapseWarning")
@pytest.mark.parametrize("row", ROWS)
def test_svhn_study_runs_once(row: str, tmp_path: Path) -> None:
    file = tmp_path / "out" / "runs.jsonl"
    wanted = list(jobs("svhn", rows=[row], shares=[0.5], seeds=[3], epochs=40))
    for _ in range(2):
        with Bars(Console(quiet=True)) as bars:
            run_all(wanted, file, bars)
    (run,) = record.done(file)
    assert run["test_error"] < 0.2
    assert (run["row"], run["share"], run["seed"], run["train_rows"]) == (row, 0.5, 3, 80)
    assert run["plan"]["likelihood"] == "unit_normal"
    assert run["plan"]["max_epochs"] == 40


def test_the_subset_is_the_first_of_the_official_test_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 10
    x = (20 * y[:, None, None, None] + rng.integers(0, 40, (40, 32, 32, 3))).astype(np.uint8)
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    with pytest.raises(OSError, match=r"svhn_test10k\.npz cannot be downloaded: put it into"):
        DATA["svhn-subset"]()
    np.savez(tmp_path / "svhn_test10k.npz", x=x, y=y)
    monkeypatch.setitem(semi_supervised.VALIDATION, "svhn-subset", (20, 10))
    monkeypatch.setattr(semi_supervised, "COMPONENTS", 5)
    data = DATA["svhn-subset"]()
    assert (data.x.shape, data.x_test.shape) == ((30, 5), (10, 5))
    np.testing.assert_array_equal(np.r_[data.y, data.y_test], y)
    np.testing.assert_allclose(data.x.mean(0), 0, atol=1e-4)
    brightness = x.reshape(40, -1).mean(1)
    first = np.r_[data.x[:, 0], data.x_test[:, 0]]
    assert abs(np.corrcoef(first, brightness)[0, 1]) > 0.9999
    assert Job("svhn-subset", "dirichlet", 0.1, 0).key["plan"]["likelihood"] == "unit_normal"
    images = svhn_subset_images()
    np.testing.assert_array_equal(images.train.numpy(), data.x[:20])
    np.testing.assert_array_equal(images.validation.numpy(), data.x[20:])
    np.testing.assert_array_equal(images.test.numpy(), data.x_test)
    np.testing.assert_array_equal(images.train_labels, y[:20])
    np.testing.assert_array_equal(images.test_labels, y[30:])
    assert images.likelihood is unit_normal


def test_numbers_of_labels() -> None:
    shares = shares_of("mnist-few")
    y = np.repeat(np.arange(10), 4_500)
    kept = [(labels(y, s, np.random.RandomState(0)) >= 0).sum() for s in shares]
    assert kept == [1_000, 600, 100]
    assert [labelled("mnist-few", share) for share in shares] == ["1,000", "600", "100"]
    assert [job.share for job in jobs("mnist-few", rows=["dirichlet"])] == list(shares)


def test_a_row_that_is_not_smoothed_is_the_same_without_the_term() -> None:
    for name in ("gaussian", "stick_breaking_kumaraswamy", "dirichlet"):
        smoothed, plain = (
            Job("mnist", row, 0.1, 0).estimator() for row in (name, f"{name}_not_smoothed")
        )
        differs = {k for k, v in smoothed.get_params().items() if v != plain.get_params()[k]}
        assert (differs, plain.smoothness) == ({"smoothness"}, 0.0)
    gently = Job("mnist", "dirichlet_gently_smoothed", 0.1, 0).estimator()
    differs = {k for k, v in smoothed.get_params().items() if v != gently.get_params()[k]}
    assert differs == {"smoothness", "perturbation"}
    assert (gently.smoothness, gently.perturbation) == (30.0, 0.04)


@pytest.mark.usefixtures("svhn")
def test_too_few_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(semi_supervised.VALIDATION, "svhn", (65_000, 8_257))
    with pytest.raises(ValueError, match="svhn has 90 training rows, must have 73,257"):
        semi_supervised.run(Job("svhn", "dirichlet", 0.1, 0), DATA["svhn"]())


def test_bad_jobs_are_refused() -> None:
    with pytest.raises(ValueError, match="--shares has 0"):
        list(jobs("mnist", shares=[0.0]))
    with pytest.raises(ValueError, match="'weibull' is unknown"):
        list(jobs("mnist", rows=["weibull"]))
