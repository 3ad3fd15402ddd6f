from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dirvae
from dirvae.report.demo import digits, run


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    results = run(tmp_path_factory.mktemp("demo") / "new" / "folder", quick=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    return results


def test_splits_are_disjoint_and_fixed() -> None:
    data = digits()
    assert len(data.train) + len(data.validation_drawn) + len(data.test) == 1797
    assert set(data.test_drawn.unique().tolist()) == {0.0, 1.0}
    again = digits()
    assert all(np.array_equal(a, b) for a, b in zip(data, again, strict=True))
    # Each pixel is drawn with its ink as the probability: 19,200 draws.
    drawn, ink = data.test_drawn.mean(), data.test.mean()
    error = (data.test * (1 - data.test)).sum().sqrt() / data.test.numel()
    assert abs(float(drawn - ink)) < 4 * float(error)


def test_every_model_beats_the_pixel_means(demo: dict[str, Any]) -> None:
    for model in demo["models"]:
        assert model["nll"] < demo["pixel_means_nats"] - 1
        # The bound may pass the estimate by the errors of both, which 100 draws a row keep small.
        assert model["negative_elbo"] > model["nll"] - 0.1
        assert model["nll_std_error"] < 0.05
        assert model["knn_error"] < 0.3


def test_dirichlet_components_are_used(demo: dict[str, Any]) -> None:
    model = demo["models"][-1]
    assert model["name"] == "Dirichlet"
    assert model["encoding"].sum() >= 12
    np.testing.assert_allclose(model["theta_by_class"].sum(1), 1, rtol=1e-5)
    assert model["mean"].sum() == pytest.approx(1)


def test_page_shows_all_and_needs_no_network(demo: dict[str, Any]) -> None:
    page = demo["report"].read_text()
    assert not re.search(r"<script[^>]+src=|<link|@import", page.replace("<link>", ""))
    for model in demo["models"]:
        assert page.count(model["name"]) >= 5
        assert f"{model['nll']:.2f} ± " in page
    assert len(re.findall(r"Plotly\.newPlot\(\"figure", page)) == 21
    assert len(page.encode()) < 6_500_000


def test_saved_model_is_the_one_measured(demo: dict[str, Any]) -> None:
    vae = dirvae.load(demo["model"])
    corners = vae.decoder(torch.eye(16)).mean.detach().numpy().reshape(-1, 8, 8)
    np.testing.assert_allclose(corners, demo["models"][-1]["corners"], atol=1e-6)


def test_an_output_that_cannot_be_written_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(tmp_path / "file", quick=True)
