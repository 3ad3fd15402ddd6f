"""`--logger` and `--precision`: what reaches the trainer, and what is refused before work."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import dirvae
from tests.cli.command import COUNTS, X, assert_one_sentence, fit

COUNTED = ["fit", "counts", "x.csv", "-o", "model", "-k", 2, "--max-epochs", 2, "--id-column", "id"]
TOPICS = ["fit", "topics", "x.npy", "-o", "model", "-k", 2, "--max-epochs", 2]


def write_samples() -> None:
    lines = [
        "id,a,b,c,d,e,f",
        *(f"s{i}," + ",".join(map(str, row)) for i, row in enumerate(COUNTS)),
    ]
    Path("x.csv").write_text("\n".join(lines))
    np.save("x.npy", COUNTS)


@pytest.mark.parametrize("command", [fit(), COUNTED, TOPICS], ids=["vae", "counts", "topics"])
def test_each_run_writes_its_metrics_to_a_folder_of_its_own(run, command):
    write_samples()
    if command[1] == "vae":
        np.save("x.npy", X)
    for version in ("version_0", "version_1"):
        assert run(*command, "--logger", "csv", "logs", "--force").code == 0
        with open(f"logs/{version}/metrics.csv") as file:
            elbos = [float(row["elbo"]) for row in csv.DictReader(file) if row["elbo"]]
        history = dirvae.load("model").history_
        assert elbos == pytest.approx([metrics["elbo"] for metrics in history])
        assert len(elbos) == 2


def test_the_precision_reaches_the_trainer_and_is_that_of_a_resumed_run(run):
    np.save("x.npy", X)
    kept = ["--checkpoint-dir", "kept"]
    assert run(*fit("--precision", "64-true", *kept)).code == 0
    double = dirvae.load("model")
    again = run(*fit("--resume", "--max-epochs", 3, *kept))
    assert_one_sentence(again, "the interrupted run had precision 64-true, not 32-true")
    assert run(*fit("--force")).code == 0
    single = dirvae.load("model")
    told = {"precision": "64-true"}
    expected = dirvae.DirichletVAE(**double.get_params()).fit(X, trainer=told)
    np.testing.assert_array_equal(double.transform(X), expected.transform(X))
    assert (double.transform(X) != single.transform(X)).any()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["text", "logs"], "--logger is text, must be csv or tensorboard, then a folder"),
        (["csv", "model/logs"], "--logger model/logs is in --output model"),
        (["csv", "x.npy"], "x.npy is the input x.npy; choose another --logger"),
        (["csv", "file"], "--logger file is a file, must be a folder"),
    ],
)
def test_a_log_that_cannot_be_is_refused_before_work(run, chosen, message):
    np.save("x.npy", X)
    Path("file").touch()
    assert_one_sentence(run(*fit("--logger", *chosen)), message)
    assert sorted(path.name for path in Path().iterdir()) == ["file", "x.npy"]


def test_tensorboard_is_asked_for_where_it_is_missing(run, monkeypatch):
    np.save("x.npy", X)
    monkeypatch.setattr("dirvae.cli.trainer.find_spec", lambda name: None)
    told = run(*fit("--logger", "tensorboard", "logs"))
    assert_one_sentence(told, "--logger tensorboard needs tensorboard: pip install tensorboard")
    assert not Path("logs").exists()
