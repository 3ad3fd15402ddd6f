"""The command in this process, and a fitted model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer.main

import dirvae
from dirvae.cli import app
from dirvae.distributions import Dirichlet
from tests.cli.command import Ran, X


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: Any) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([str(a) for a in arguments], prog_name="dirvae")
        return Ran(int(stop.value.code or 0), *capsys.readouterr())

    return ran


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A model of six columns."""
    folder = tmp_path_factory.mktemp("fitted")
    sizes = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,)}
    model = dirvae.DirichletVAE(3, latent=Dirichlet, max_epochs=2, random_state=0, **sizes)
    model.fit(X).save(folder / "model")
    return folder / "model"
