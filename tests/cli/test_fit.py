"""`fit vae`: what it does, and that whatever goes wrong ends in one sentence."""

from __future__ import annotations

import errno
import inspect
import json
import os
import shlex
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

import dirvae
from dirvae.cli.fit import (
    _concentration,
    _require_no_parts,
    _show_progress,
    _sizes,
    _summarise,
    fit_vae,
)
from dirvae.models.latents import default_latent
from tests.cli.command import COUNTS, SMALL, X, assert_one_sentence, fit, help_of, limited

WORDS = {
    "concrete": "RelaxedOneHotCategorical",
    "dirichlet": "Dirichlet",
    "inverse-cdf": "InverseCDFDirichlet",
    "scaled-dirichlet": "ScaledDirichlet",
    "standardized-dirichlet": "StandardizedDirichlet",
    "stick-breaking": "StickBreakingKumaraswamy",
    "softmax-gaussian": "SoftmaxNormal",
    "gaussian": "Normal",
}


@pytest.mark.parametrize("latent", WORDS)
def test_every_latent(latent, run):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    assert run(*fit("--latent", latent)).code == 0
    assert json.loads(run("info", "model", "--json").out)["latent"] == WORDS[latent]
    found = json.loads(run("evaluate", "model", "x.npy", "--samples", 2, "--json").out)
    assert found["elbo"] == pytest.approx(dirvae.load("model").score(binary), abs=1e-6)


@pytest.mark.parametrize(
    "likelihood",
    [
        "multinomial",
        "dirichlet-multinomial",
        "negative-binomial",
        "zero-inflated-negative-binomial",
        "gaussian",
    ],
)
def test_every_likelihood_of_sparse_counts(likelihood, run):
    sparse.save_npz("x.npz", sparse.csr_matrix(COUNTS))
    np.save("x.npy", COUNTS)
    options = ["--likelihood", likelihood, "--prior-concentration", "learn"]
    assert run("fit", "vae", "x.npz", "-o", "model", *SMALL, "--max-epochs", 3, *options).code == 0
    found = [json.loads(run("evaluate", "model", f"x.{s}", "--json").out) for s in ("npz", "npy")]
    diagnoses = [f.pop("diagnosis") for f in found]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[1]["elbo"] == pytest.approx(dirvae.load("model").score(COUNTS), rel=1e-6)
    uses, costs = (
        [d["components"][name] for d in diagnoses] for name in ("used_in", "marginal_kl")
    )
    assert uses[0] == uses[1]
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)


def test_rows_of_zeros_have_a_defined_result(run):
    counts = COUNTS.copy()
    counts[::2] = 0
    np.save("x.npy", counts)
    for likelihood in ("multinomial", "negative-binomial", "gaussian"):
        options = ["--likelihood", likelihood, "-o", likelihood]
        assert run(*fit(*options)).code == 0
        assert run("transform", likelihood, "x.npy", "-o", "theta.npy", "--force").code == 0
        theta = np.load("theta.npy")
        np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
        assert (theta[::2] == theta[0]).all()
        found = json.loads(run("evaluate", likelihood, "x.npy", "--json").out)
        diagnosis = found.pop("diagnosis")
        assert np.isfinite(list(found.values())).all()
        assert len(diagnosis["components"]["used_in"]) == found["components"]


def test_data_of_zeros_alone_have_a_defined_result(run):
    np.save("x.npy", np.zeros((20, 4)))
    assert run(*fit()).code == 0
    assert run("transform", "model", "x.npy", "-o", "theta.npy").code == 0
    theta = np.load("theta.npy")
    assert (theta == theta[0]).all()
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
    assert np.isfinite(json.loads(run("evaluate", "model", "x.npy", "--json").out)["elbo"])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--components", 0], "'-k'"),
        (["--device", "cdua"], "; did you mean cuda?"),
        (["--components", 1], "--components is 1"),
        (["--components", "many"], "'-k'"),
        (["--prior-concentration", 0], "--prior-concentration is 0.0, must be"),
        (["--prior-concentration", -1], "--prior-concentration is -1.0, must be"),
        (["--prior-concentration", "nan"], "--prior-concentration is nan, must be"),
        (["--prior-concentration", "high"], "--prior-concentration is 'high'"),
        (
            ["--latent", "gaussian", "--prior-concentration", 2],
            "--prior-concentration does not apply",
        ),
        (["--commitment", -1], "--commitment is -1.0"),
        (["--latent", "gaussian", "--commitment", 1.5], "commitment"),
        (["--components", "many"], "'many' must be a whole number, 1 or more"),
        (["--max-epochs", 0], "'0' must be a whole number, 1 or more"),
        (["--learning-rate", "slow"], "'slow' must be a number"),
        (["--latent", "cauchy"], "'cauchy' is not one of dirichlet, inverse-cdf"),
        (["--latent", "dirichelt"], "gaussian; did you mean dirichlet?"),
        (["--likelihood", "bernouli"], "; did you mean bernoulli?"),
        (["--likelihood", "poison"], "'poison' is not one of"),
        (["--hidden-sizes", "5;5"], "--hidden-sizes is '5;5'"),
        (["--hidden-sizes", "5,0"], "--hidden-sizes is 0, must be"),
        (["--learning-rate", 0], "--learning-rate is 0.0, must be"),
        (["--batch-size", 0], "--batch-size"),
        (["--validation-fraction", 1], "--validation-fraction is 1.0, must be"),
        (["--device", "tpu"], "'tpu' is not one of"),
        (["--resume"], "has no checkpoint"),
        (["--array", "x"], "is not a .npz file"),
        (["--bogus"], "--bogus"),
    ],
)
def test_bad_option_of_fit(options, word, run):
    np.save("x.npy", X)
    assert_one_sentence(run(*fit(*options)), word)
    assert os.listdir() == ["x.npy"]


def test_device_that_is_not_there(run, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    np.save("x.npy", X)
    assert_one_sentence(run(*fit("--device", "cuda")), "--device cuda is not available")


@pytest.mark.parametrize(
    ("values", "options", "word"),
    [
        (X[:0], [], "empty"),
        (X[:, :0], [], "empty"),
        (X[:1], [], "one sample"),
        (X[0], [], "must have rows and columns"),
        (np.where(X > 0.9, np.nan, X), [], "missing values (NaN)"),
        (np.where(X > 0.9, np.inf, X), [], "infinite values"),
        (np.full((5, 2), "word"), [], "must be real numbers"),
        (COUNTS - 5, ["--likelihood", "multinomial"], "negative values"),
        (COUNTS - 5, ["--likelihood", "dirichlet-multinomial"], "negative values"),
        (COUNTS - 5, ["--likelihood", "negative-binomial"], "negative values"),
        (COUNTS - 5, ["--likelihood", "zero-inflated-negative-binomial"], "negative values"),
        (COUNTS, ["--likelihood", "bernoulli"], "probabilities in [0, 1]"),
    ],
)
def test_bad_values(values, options, word, run):
    np.save("x.npy", values)
    assert_one_sentence(run(*fit(*options)), word)
    assert os.listdir() == ["x.npy"]


def test_columns_of_words(run):
    Path("x.csv").write_text("a,b\n1,u\n2,v\n")
    assert_one_sentence(run("fit", "vae", "x.csv", "-o", "model"), "not numbers: 'b'")


def test_output_of_fit_is_checked_before_training(run):
    np.save("x.npy", X)
    Path("other").mkdir()
    Path("other/thesis.tex").touch()
    for output, word in (("x.npy", "is a file"), ("other", "thesis.tex"), ("x.npy/m", "x.npy")):
        assert_one_sentence(run(*fit("-o", output)), word)
    assert sorted(os.listdir()) == ["other", "x.npy"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(run, fitted):
    np.save("x.npy", X)
    Path("closed").mkdir(mode=0o555)
    assert_one_sentence(run(*fit("-o", "closed/model")), "cannot be written to")
    done = run("transform", fitted, "x.npy", "-o", "closed/t.csv")
    assert_one_sentence(done, "cannot be written to")


def test_earlier_model_is_replaced_if_asked_for(run, fitted):
    np.save("x.npy", X)
    shutil.copytree(fitted, "model")
    assert run(*fit("-k", 4, "--force")).code == 0
    assert json.loads(run("info", "model", "--json").out)["components"] == 4


def test_disk_that_is_full_at_saving_keeps_the_checkpoint(run, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    np.save("x.npy", X)
    with monkeypatch.context() as patch:
        patch.setattr("dirvae.persistence.folder._write", full)
        done = run(*fit())
    assert_one_sentence(
        done, "No space left", "the checkpoint is saved, continue with: dirvae fit vae"
    )
    assert sorted(os.listdir()) == ["model.checkpoints", "x.npy"]
    again = shlex.split(done.err.partition("continue with: dirvae ")[2])
    assert run(*again).code == 0
    assert sorted(os.listdir()) == ["model", "x.npy"]


def test_disk_that_is_full_in_training(run):
    np.save("x.npy", X)
    with limited(2000):
        done = run(*fit())
    assert_one_sentence(done, "File too large")


def test_interrupted_run_goes_on_to_the_same_model(run, monkeypatch):
    np.save("my data.npy", X)
    options = [*SMALL, "--max-epochs", 10, "--patience", 10]
    command = ["fit", "vae", "my data.npy", "-o", "model", *options]
    replace, written = os.replace, 0

    def interrupted(old: Any, new: Any) -> None:
        nonlocal written
        replace(old, new)
        written += Path(new).name == "last.ckpt"
        if written == 4:
            signal.raise_signal(signal.SIGINT)

    # A process started from one in the background ignores Ctrl-C, unless it says otherwise.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        ran = run(*command)
    signal.signal(signal.SIGINT, before)
    assert_one_sentence(ran, "the checkpoint is saved, continue with: dirvae", code=130)
    assert not Path("model").exists()

    assert_one_sentence(run(*command), "continue that run with --resume")
    different = [*command, "--resume", "-k", 4]
    assert_one_sentence(run(*different), "n_components 3, not 4")
    again = shlex.split(ran.err.partition("continue with: dirvae ")[2])
    assert again == [*map(str, command), "--resume"]
    assert run(*again).code == 0
    assert not Path("model.checkpoints").exists()

    assert run("fit", "vae", "my data.npy", "-o", "whole", *options).code == 0
    for name in ("model.safetensors", "config.json"):
        assert Path("model", name).read_bytes() == Path("whole", name).read_bytes()


def test_interrupted_before_the_first_checkpoint(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    np.save("x.npy", X)
    monkeypatch.setattr("dirvae.estimators.estimator.fit", interrupt)
    assert_one_sentence(run(*fit()), "nothing is saved", code=130)
    assert os.listdir() == ["x.npy"]


def test_checkpoints_in_a_folder_of_ones_own_are_kept(run):
    np.save("x.npy", X)
    options = ["--checkpoint-dir", "kept", "--validation-fraction", 0]
    assert run(*fit(*options)).code == 0
    assert sorted(os.listdir("kept")) == ["last.ckpt", "settings.json"]
    assert run(*fit(*options, "--resume", "--max-epochs", 5)).code == 0
    assert json.loads(run("info", "model", "--json").out)["epochs"] == 5


def test_damaged_checkpoint(run):
    np.save("x.npy", X)
    folder = Path("kept")
    assert run(*fit("--checkpoint-dir", folder)).code == 0
    (folder / "last.ckpt").write_bytes(b"cut off")
    again = fit("--checkpoint-dir", folder, "--resume")
    assert_one_sentence(run(*again), "the checkpoint in kept is damaged")


def test_loss_that_is_not_finite_leaves_no_checkpoint(run):
    np.save("x.npy", X * np.float32(1e30))
    done = run(*fit("--learning-rate", 1e30, "--likelihood", "gaussian"))
    assert_one_sentence(done, "lower the learning rate")
    assert os.listdir() == ["x.npy"]


def test_defaults_of_the_command_are_those_of_the_estimator():
    command = inspect.signature(fit_vae).parameters
    estimator = inspect.signature(dirvae.DirichletVAE).parameters
    shared = (
        "latent",
        "prior_concentration",
        "commitment",
        "num_samples",
        "max_epochs",
        "batch_size",
        "learning_rate",
        "validation_fraction",
        "patience",
    )
    for name in shared:
        assert command[name].default == estimator[name].default, name


def test_help_names_the_default_latent(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown = help_of(run, "fit", "vae")["--latent"]
    words = [_word_of(default_latent(2, prior)) for prior in (None, torch.tensor(0.5))]
    default = f"{words[0]}; {words[1]} if --prior-concentration is below 1"
    assert shown.endswith(f"[default: ({default})]")
    np.save("x.npy", X)
    assert run(*fit()).code == 0
    assert dirvae.load("model").latent_ is default_latent(3)


def _word_of(Latent: Any) -> str:
    (word,) = (word for word, name in WORDS.items() if name == Latent.__name__)
    return word


@pytest.mark.parametrize("latent", ["gaussian", "standardized-dirichlet"])
def test_a_mixture_prior(latent, run):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    assert run(*fit("--latent", latent, "--prior-components", 3)).code == 0
    assert dirvae.load("model").vae_.prior().component_distribution.batch_shape == (3,)
    found = json.loads(run("evaluate", "model", "x.npy", "--samples", 2, "--json").out)
    assert found["elbo"] == pytest.approx(dirvae.load("model").score(binary), abs=1e-6)


def test_several_draws_train_the_importance_weighted_bound(run):
    np.save("x.npy", X)
    assert run(*fit("--num-samples", 3, "--prior-components", 2)).code == 0
    model = dirvae.load("model")
    assert model.num_samples == 3
    assert all(metrics["val_bound"] > metrics["val_elbo"] for metrics in model.history_)


# --- what options become, and what is said at the end ---------------------------------------------


def test_sizes_and_concentrations_are_numbers():
    assert _sizes("--hidden-sizes", "500, 20") == [500, 20]
    for text in ("", "5,", "5.0", "a"):
        with pytest.raises(ValueError, match=f"--hidden-sizes is '{text}', must be whole numbers"):
            _sizes("--hidden-sizes", text)
    assert [_concentration(word) for word in (None, "learn", "0.5")] == [None, "learn", 0.5]
    with pytest.raises(ValueError, match="--prior-concentration is 'lern', must be a positive"):
        _concentration("lern")


def test_one_component_is_none_of_proportions():
    _require_no_parts(1, "gaussian")
    for latent in (None, "dirichlet"):
        with pytest.raises(ValueError, match="--components is 1, must be 2 or more for a latent"):
            _require_no_parts(1, latent)


def test_the_bound_of_the_epoch_that_was_kept_is_told(capsys):
    history = [{"elbo": -3.0}, {"elbo": -2.005, "val_elbo": -2.5}, {"elbo": -1.0}]
    model = SimpleNamespace(history_=history, best_epoch_=1, n_iter_=3)
    _summarise(model, Path("my model"), " --array x")
    assert capsys.readouterr().err.splitlines() == [
        "my model: 3 epochs, held-out ELBO -2.50 nats a row",
        "Next: dirvae transform 'my model' DATA --array x -o theta.csv",
    ]
    history[1]["val_bound"] = -2.25
    _summarise(model, Path("model"), "")
    assert capsys.readouterr().err.startswith("model: 3 epochs, held-out bound -2.25 nats a row\n")
    model.best_epoch_ = 2
    _summarise(model, Path("model"), "")
    assert capsys.readouterr().err.startswith("model: 3 epochs, ELBO -1.00 nats a row\n")


@pytest.mark.parametrize(("quiet", "is_terminal", "is_shown"), [(0, 1, 1), (1, 1, 0), (0, 0, 0)])
def test_progress_is_shown_on_a_terminal_unless_quiet(monkeypatch, quiet, is_terminal, is_shown):
    monkeypatch.setattr("sys.stdout.isatty", lambda: bool(is_terminal))
    assert _show_progress(bool(quiet)) == bool(is_shown)
