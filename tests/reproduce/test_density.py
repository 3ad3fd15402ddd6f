"""Runs of the density study: complete, not repeated, and taken up where they were broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch.distributions import Independent, Normal

from dirvae.assessment import log_evidence
from dirvae.models.likelihoods import unit_normal
from dirvae.persistence import load
from dirvae.reproduce import density, measures, record
from dirvae.reproduce.density import Job, jobs, run_all
from dirvae.reproduce.images import Images, all_mnist_images, drawn, mnist_images
from dirvae.reproduce.measures import Amounts
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.rows import ROWS
from dirvae.reproduce.settings import SETTINGS, build
from studies import RESULTS

AMOUNTS = Amounts(
    samples=30, annealed_images=4, annealed_chains=2, annealed_temperatures=5, probe_rows=30
)
_PIXELS = np.random.default_rng(0).integers(0, 256, (60_010, 1, 2), dtype=np.uint8)
MNIST = {
    "x_train": _PIXELS[:60_000],
    "x_test": _PIXELS[60_000:],
    "y_train": np.arange(60_000) % 10,
    "y_test": np.arange(10),
}
TIMES = ("training_seconds", "measuring_seconds")


def tiny() -> Images:
    """Two kinds of images of 16 pixels: the left or the right half is bright."""
    generator = torch.Generator().manual_seed(1)
    labels = np.arange(100) % 2
    bright = torch.where(torch.arange(16) % 4 < 2, 0.9, 0.1)
    x = torch.where(torch.from_numpy(labels)[:, None] == 0, bright, 1 - bright)
    x = (x + 0.05 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    parts = {"train": x[:60], "validation": x[60:70], "test": x[70:]}
    classes = {"train_labels": labels[:60], "test_labels": labels[70:]}
    return Images("tiny", 4, 1e-3, **parts, **classes)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(density.IMAGES, "tiny", tiny)


def job(row: str = "dirichlet", setting: str = "ours", epochs: int = 2, **options: Any) -> Job:
    (found,) = jobs("tiny", rows=[row], settings=[setting], epochs=epochs, **options)
    return found._replace(amounts=AMOUNTS)


def made(wanted: list[Job], file: Path) -> list[record.Run]:
    with Bars(Console(quiet=True)) as bars:
        run_all(wanted, file, bars)
    return record.done(file)


def figures(run: record.Run) -> record.Run:
    return {name: value for name, value in run.items() if name not in TIMES}


@pytest.mark.learning
@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_trained_and_measured(row: str, tmp_path: Path) -> None:
    runs = made([job(row, setting) for setting in SETTINGS], tmp_path / "runs.jsonl")
    assert [run["setting"] for run in runs] == list(SETTINGS)
    for run in runs:
        assert run["negative_elbo"] == pytest.approx(run["reconstruction"] + run["kl"])
        # The estimate may pass the bound by the errors of both only.
        assert 0 < run["nll"] < run["negative_elbo"] + 0.5
        assert run["annealed_nll"] > 0
        assert ("doubtful_nll" in run) == row.startswith("inverse_cdf")
        for errors in ("knn_error", "knn_error_as_decoded", "knn_error_of_samples"):
            assert set(run[errors]) == {"3", "5", "10"}
        if run["setting"] == "paper":  # there the decoder sees the latent as it is
            assert run["knn_error_as_decoded"] == run["knn_error"]
        assert {len(values) for values in run["components"].values()} == {4}
        assert run["seed"] == 0
        release = torch.__version__.partition("+")[0]  # that of the package may have no build tag
        assert run["versions"]["torch"].partition("+")[0] == release
        assert run["plan"]["epochs"] == run["epochs"] == 2


def test_honest_and_doubtful_estimates_are_of_one_model() -> None:
    images, many = tiny(), AMOUNTS._replace(samples=2_000)
    torch.manual_seed(0)
    vae = build(ROWS["inverse_cdf_dirichlet"], SETTINGS["paper"], 4, images.train)
    torch.nn.init.constant_(vae.encoder.projection.bias, 5.0)  # there both estimates lie far apart
    x = drawn(images.test)
    found = measures.measure(vae, images, x, many, multi_gamma=True)
    direct = log_evidence(vae.eval(), x, 2_000)
    error = 5 * (found["nll_std_error"] ** 2 + direct.mean_std_error**2) ** 0.5
    assert found["nll"] == pytest.approx(-direct.mean, abs=error)
    assert abs(found["doubtful_nll"] - found["nll"]) > error


def test_more_draws_are_another_measurement_of_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.jsonl"
    made([job()], file)
    monkeypatch.setattr(density, "fit", None)
    few, many = made([job()._replace(amounts=AMOUNTS._replace(samples=60))], file)
    assert (few["amounts"]["samples"], many["amounts"]["samples"]) == (30, 60)
    assert many["negative_elbo"] == few["negative_elbo"]
    (wanted,) = jobs("tiny", rows=["dirichlet"], settings=["ours"], samples=60)
    assert wanted.amounts.samples == 60


def test_precision_is_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, given = density.fit, []
    monkeypatch.setattr(density, "fit", lambda *a, **o: given.append(o) or fit(*a, **o))
    made([job(setting="iwae"), job(setting="iwae", precision="32-true")], tmp_path / "runs.jsonl")
    assert [options["precision"] for options in given] == ["bf16-mixed", "32-true"]


def test_small_batches_are_the_papers_training_else() -> None:
    plan, small = SETTINGS["paper"], SETTINGS["paper-15"]
    assert (plan.batch_size, small.batch_size) == (100, 15)
    assert small._replace(batch_size=100) == plan
    assert {found.setting for found in jobs("mnist", rows=["dirichlet"])} == {
        "paper",
        "ours",
        "iwae",
    }


def test_networks_of_the_field_and_records_of_before() -> None:
    """Runs on file are found again although settings have got more fields since."""
    wanted = job("gaussian", "iwae-200")
    vae = build(ROWS["gaussian"], wanted.plan, 4, tiny().train)
    widths = [m.out_features for m in vae.modules() if isinstance(m, torch.nn.Linear)]
    assert widths == [200, 200, 8, 200, 200, 16]
    assert sum(isinstance(m, torch.nn.Tanh) for m in vae.modules()) == 4
    assert wanted.key["plan"]["hidden_sizes"] == [200, 200]
    (on_file,) = record.done(RESULTS / "density-svhn-subset.jsonl")[:1]
    told = {name: on_file[name] for name in ("row", "setting", "seed")}
    (again,) = jobs("svhn-subset", **{f"{name}s": [value] for name, value in told.items()})
    assert again.key == {name: on_file[name] for name in again.key}


def test_all_images_train_and_none_validate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tiny()
    monkeypatch.setitem(density.IMAGES, "tiny", lambda: images._replace(validation=images.test[:0]))
    fit, given = density.fit, []
    monkeypatch.setattr(density, "fit", lambda *a, **o: given.append(o) or fit(*a, **o))
    (run,) = made([job("gaussian", "iwae-200", epochs=3)], tmp_path / "runs.jsonl")
    assert given[0]["validation"] is None
    assert run["epochs"] == 3
    # Real pixels: 60,000 train in the order of the file.
    monkeypatch.setattr("dirvae.reproduce.images.mnist", lambda part: MNIST[part])
    found, usual = all_mnist_images(), mnist_images()
    assert (len(found.train), len(found.validation), len(found.test)) == (60_000, 0, 10)
    assert torch.equal(found.train[:45_000], usual.train)
    assert torch.equal(found.train[45_000:50_000], usual.validation)
    assert len(found.train_labels) == 60_000


def test_a_released_commitment_is_gone_in_the_end(tmp_path: Path) -> None:
    row = "standardized_dirichlet_mixture_500_released"
    wanted = job(row, epochs=3)
    made([wanted], tmp_path / "runs.jsonl")
    vae = load(tmp_path / "runs" / wanted.name / "model")
    assert vae.encoder.bounds["certainty"].tolist() == [0.0] * 4
    assert not vae.prior.less_certain
    kept = build(ROWS["standardized_dirichlet_mixture_committed"], wanted.plan, 4, tiny().train)
    assert kept.encoder.bounds["certainty"].tolist() == [1.5] * 4
    assert kept.prior.less_certain


def test_a_model_that_has_learned_the_images(tmp_path: Path) -> None:
    gaussian = job("gaussian", epochs=10)
    slowly = AMOUNTS._replace(samples=500, annealed_chains=8, annealed_temperatures=100)
    quickly = gaussian._replace(plan=gaussian.plan._replace(batch_size=10), amounts=slowly)
    (run,) = made([quickly], tmp_path / "runs.jsonl")
    # One bit of class and 16 pixels of .33 nats make 6.0; independent pixels have 11.1.
    assert 5 < run["nll"] < 8
    assert abs(run["annealed_nll"] - run["nll_of_annealed_images"]) < 0.3
    assert run["linear_probe_error"] == run["svm_error"] == run["knn_error"]["5"] == 0
    assert run["used_in_both"] >= 1


def test_what_is_on_file_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "runs.jsonl"
    first = made([job(), job(seeds=[1])], file)
    monkeypatch.setattr(density, "fit", None)
    assert made([job(), job(seeds=[1])], file) == first
    with pytest.raises(TypeError):  # another plan is another run
        made([job(epochs=3)], file)
    with pytest.raises(TypeError):
        made([job(pixels="grey")], file)
    with pytest.raises(TypeError):
        made([job(precision="bf16-mixed")], file)


def test_components_are_neither_drawn_nor_taken_for_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def components() -> Images:
        images = tiny()
        parts = {name: 4 * getattr(images, name) - 2 for name in ("train", "validation", "test")}
        return images._replace(likelihood=unit_normal, **parts)

    monkeypatch.setitem(density.IMAGES, "tiny", components)
    monkeypatch.setitem(density.PIXELS, "tiny", "components")
    fit, given = density.fit, []
    monkeypatch.setattr(density, "fit", lambda *a, **o: given.append((*a, o)) or fit(*a, **o))
    measure, scored = density.measure, []
    monkeypatch.setattr(
        density,
        "measure",
        lambda vae, i, x, *a, **o: scored.append(x) or measure(vae, i, x, *a, **o),
    )
    (run,) = made([job("gaussian", epochs=20)], tmp_path / "runs.jsonl")
    ((_, train, options),) = given
    images = components()
    torch.testing.assert_close(scored, [images.test])
    torch.testing.assert_close(train[torch.arange(60)].x, images.train)
    torch.testing.assert_close(options["validation"], images.validation)
    assert run["pixels"] == "components"
    # 16 values of variance 1 have at least 14.7 nats; by the mean of all images it is 35.2.
    at_mean = Independent(Normal(images.train.mean(0), 1.0), 1).log_prob(images.test).mean()
    assert 14.7 < run["nll"] < -float(at_mean) - 5
    with pytest.raises(
        ValueError, match="--pixels is for images of pixels, but tiny has components"
    ):
        job(pixels="grey")


@pytest.mark.parametrize(("row", "setting"), [("inverse_cdf_dirichlet_learned", "paper")])
def test_a_run_broken_off_in_training_goes_on(
    row: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made([job(row, setting, epochs=6)], tmp_path / "whole.jsonl")
    fit = density.fit

    class BreakOff(density.MethodOfMoments):
        def on_train_epoch_start(self, trainer: Any, training: Any) -> None:
            if trainer.current_epoch == 4:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(density, "MethodOfMoments", BreakOff)
        with pytest.raises(KeyboardInterrupt):
            made([job(row, setting, epochs=6)], tmp_path / "broken" / "runs.jsonl")
    resumed = []
    monkeypatch.setattr(density, "fit", lambda *a, **o: resumed.append(o["resume"]) or fit(*a, **o))
    again = made([job(row, setting, epochs=6)], tmp_path / "broken" / "runs.jsonl")
    assert resumed == [True]
    assert [figures(run) for run in again] == [figures(run) for run in whole]
    assert not list((tmp_path / "broken").rglob("*.ckpt"))


def test_a_trained_model_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = "dirichlet_learned_by_gradient"
    whole = made([job(row)], tmp_path / "whole.jsonl")
    with monkeypatch.context() as patched:
        patched.setattr(density, "measure", None)
        with pytest.raises(TypeError):
            made([job(row)], tmp_path / "broken" / "runs.jsonl")
    monkeypatch.setattr(density, "fit", None)
    again = made([job(row)], tmp_path / "broken" / "runs.jsonl")
    assert [figures(run) for run in again] == [figures(run) for run in whole]


def test_a_run_that_diverges_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*args: Any, **options: Any) -> None:
        raise FloatingPointError("the training loss at step 7 is nan")

    monkeypatch.setattr(density, "fit", diverge)
    (run,) = made([job()], tmp_path / "runs.jsonl")
    assert run["failed"] == "the training loss at step 7 is nan"
    assert len(made([job()], tmp_path / "runs.jsonl")) == 1


def test_test_images_are_drawn_once() -> None:
    x = torch.full((200, 50), 0.3)
    assert torch.equal(drawn(x), drawn(x))
    assert abs(float(drawn(x).mean()) - 0.3) < 5 * (0.3 * 0.7 / 10_000) ** 0.5
