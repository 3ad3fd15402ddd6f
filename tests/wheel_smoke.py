"""What an installed wheel must do, far from the repository: `make wheel` runs this file.

It has no fixtures of the suite, and no packages but those of the wheel and its extra `data`.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dirvae

COMMAND = Path(sysconfig.get_path("scripts"), "dirvae")
TEXTS = ["the cat and the dog", "a dog, a cat", "stars and the moon", "the moon, a star"] * 5


def run(*arguments: Any) -> str:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_installed_package_is_the_one_imported() -> None:
    assert dirvae.__version__ == importlib.metadata.version("dirvae")
    assert "site-packages" in dirvae.__file__
    assert (Path(dirvae.__file__).parent / "py.typed").is_file()
    assert run("--version") == f"dirvae {dirvae.__version__}\n"
    files = [str(file) for file in importlib.metadata.files("dirvae") or []]
    assert not [name for name in files if name.startswith(("tests", "benchmarks", "studies"))]


def test_all_public_names_are_there() -> None:
    for name in dirvae.__all__:
        assert getattr(dirvae, name) is not None


def test_rows_are_fitted_saved_and_loaded(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((40, 6))
    model = dirvae.DirichletVAE(3, max_epochs=2, hidden_sizes=(8,), random_state=0).fit(X)
    theta = model.transform(X)
    assert theta.shape == (40, 3)
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(dirvae.load(tmp_path / "model").transform(X), theta)


def test_topics_of_texts_are_fitted_saved_and_loaded(tmp_path: Path) -> None:
    model = dirvae.TopicModel(2, max_epochs=2, random_state=0).fit(TEXTS)
    model.save(tmp_path / "model")
    again = dirvae.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(TEXTS), model.transform(TEXTS))
    assert {word for words in again.top_words(3) for word in words} <= {
        *("cat", "dog", "moon", "star", "stars", "the", "and")
    }


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_command_line_from_a_table_to_a_table(suffix: str, tmp_path: Path) -> None:
    import pandas

    table = pandas.DataFrame(np.random.default_rng(0).random((30, 4)), columns=list("abcd"))
    getattr(table, f"to_{suffix}")(tmp_path / f"x.{suffix}", index=False)
    model, output = tmp_path / "model", tmp_path / f"theta.{suffix}"
    run("fit", "vae", tmp_path / f"x.{suffix}", "-k", 2, "--max-epochs", 2, "-o", model)
    run("transform", model, tmp_path / f"x.{suffix}", "-o", output)
    theta = getattr(pandas, f"read_{suffix}")(output)
    np.testing.assert_allclose(theta.iloc[:, -2:].sum(axis=1), 1, rtol=1e-5)
    assert len(theta) == 30
    assert json.loads(run("info", model, "--json"))["dirvae"] == dirvae.__version__
