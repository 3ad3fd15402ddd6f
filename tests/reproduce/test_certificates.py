"""Runs of the certificates: of the density study's own models, and true to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console

from dirvae.assessment import log_evidence
from dirvae.persistence import load
from dirvae.reproduce import density, record, tables
from dirvae.reproduce.certificates import Amounts, Job, certificate, jobs, run_all
from dirvae.reproduce.images import drawn
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.rows import ROWS
from dirvae.reproduce.settings import SETTINGS, build
from tests.reproduce.test_density import tiny

AMOUNTS = Amounts(images=5, drawn=2, chains=2, temperatures=3, samples=30)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(density.IMAGES, "tiny", tiny)


def job(seed: int = 0) -> Job:
    how = {"rows": ["gaussian"], "settings": ["ours"], "seeds": [seed], "epochs": 2}
    (found,) = jobs("tiny", **how)
    return found._replace(amounts=AMOUNTS)


def made(wanted: list[Job], file: Path) -> list[record.Run]:
    with Bars(Console(quiet=True)) as bars:
        run_all(wanted, file, bars)
    return record.done(file)


def test_bounds_are_of_the_model_that_the_density_study_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bars(Console(quiet=True)) as bars:
        model = job().model._replace(
            amounts=density.QUICK_AMOUNTS._replace(samples=30, annealed_images=2)
        )
        density.run_all([model], tmp_path / "density-tiny.jsonl", bars)
    monkeypatch.setattr(density, "fit", None)
    file = tmp_path / "certificates-tiny.jsonl"
    (run,) = made([job()], file)
    torch.manual_seed(0)
    images = tiny()
    vae = build(ROWS["gaussian"], SETTINGS["ours"], 4, images.train)
    load(tmp_path / "runs" / model.name / "model", into=vae)
    direct = certificate(vae.eval(), drawn(images.test)[:5], AMOUNTS)
    assert direct.items() <= run.items()
    assert (run["amounts"]["images"], run["test_images"]) == (5, 5)
    assert made([job()], file) == [run]
    with pytest.raises(TypeError):  # the model of another seed is not there, and would be trained
        made([job(seed=1)], file)


def test_the_number_of_temperatures_can_be_chosen() -> None:
    (found,) = jobs("tiny", rows=["gaussian"], settings=["ours"], temperatures=7)
    assert found.amounts == Amounts(temperatures=7)
    assert found.key["amounts"]["temperatures"] == 7


def test_bounds_hold_the_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    images = tiny()
    torch.manual_seed(0)
    vae = build(ROWS["dirichlet"], SETTINGS["ours"], 4, images.train).eval()
    x = drawn(images.test)
    amounts = Amounts(images=len(x), drawn=20, chains=4, temperatures=120, samples=500)
    whole = certificate(vae, x, amounts)
    monkeypatch.setattr("dirvae.reproduce.certificates.ROWS", 7)  # five parts, drawn anew in each
    for found in (whole, certificate(vae, x, amounts)):
        exact = log_evidence(vae, x, 20_000, generator=torch.Generator().manual_seed(1)).mean
        assert found["below"] - 3 * found["below_std_error"] < exact < found["below"] + found["gap"]
        assert found["sampled"] == pytest.approx(exact, abs=5 * found["sampled_std_error"] + 0.02)
        assert found["sampled"] != found["below"]  # an estimate of its own
        assert found["gap"] == found["drawn_upper"] - found["drawn_lower"]
        assert 0 < found["gap"] < 0.5


def test_the_table_says_nats_of_minus_the_log_likelihood() -> None:
    run = {"row": "gaussian", "setting": "paper", "pixels": "binarised", "seed": 0}
    figures = {"below": -90.0, "gap": 0.5, "sampled": -89.75, "drawn_lower": -88.5}
    figures |= {"begin": "encoder"}
    amounts = {"amounts": AMOUNTS._asdict(), "drawn_upper": -88.0}
    table = tables.certificates_table("mnist", [run | figures | amounts])
    (cells,) = table.rows
    assert dict(zip(table.header, cells, strict=True)) == {
        "model": "gaussian",
        "training": "paper",
        "NLL at least": "89.50",
        "NLL at most": "90.00",
        "gap": "0.50",
        "NLL sampled": "89.75",
        "drawn images, at least": "88.00",
        "at most": "88.50",
        "number": "2",
        "temperatures": "3",
        "chains begin at": "encoder",
        "seeds": "1",
    }
    assert "the first 5 test images" in table.note
