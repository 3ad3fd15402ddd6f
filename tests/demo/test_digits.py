from __future__ import annotations

import base64
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

import dirvae
from dirvae.demo.digits import run
from dirvae.demo.images import digits
from dirvae.evaluation import Use, knn_error
from dirvae.report.collapse import collapse_table

pytestmark = pytest.mark.learning  # the fixture trains three models


def tables_of(page: str) -> list[list[list[str]]]:
    """Header and rows of each table, as texts."""
    return [
        [
            [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
        ]
        for table in re.findall(r"<table.*?</table>", page, re.DOTALL)
    ]


def edge_names(page: str) -> list[list[str]]:
    """Names of the rows of the walks along edges."""
    return [json.loads(names) for names in re.findall(r'"ticktext":(\[[^\]]+\])', page)]


def numbers(values: Any) -> NDArray[np.float64]:
    """Of a trace, which Plotly writes in base 64."""
    if not isinstance(values, dict):
        return np.array(values)
    found = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return found.reshape([int(n) for n in values.get("shape", str(len(found))).split(",")])


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
    used = model["diagnosis"].counts
    assert used[Use.BOTH] + used[Use.ENCODING] >= 12
    assert model["diagnosis"].marginal_kl.value.max() <= model["diagnosis"].kl
    np.testing.assert_allclose(model["theta_by_class"].sum(1), 1, rtol=1e-5)
    assert model["diagnosis"].means.mean.sum() == pytest.approx(1)


def test_edges_join_corners_and_maps_place_neighbours(demo: dict[str, Any]) -> None:
    model = demo["models"][-1]
    strips = model["edge_images"].reshape(len(model["edges"]), -1, 8, 8)
    for (first, second), strip in zip(model["edges"], strips, strict=True):
        np.testing.assert_allclose(strip[0], model["corners"][first], atol=1e-5)
        np.testing.assert_allclose(strip[-1], model["corners"][second], atol=1e-5)
    for shown in demo["models"]:
        # Of the nearest neighbour in the plane far more than a tenth are of the same digit.
        place = shown["map"]
        error = knn_error(place[:150], demo["labels"][:150], place[150:], demo["labels"][150:])
        assert error < 0.5


def test_collapse_stands_beside_the_prior(demo: dict[str, Any]) -> None:
    rows = collapse_table(demo["models"]).rows
    for row, model in zip(rows, demo["models"], strict=True):
        assert sum(int(text) for text in row[1:5]) == 16
        prior = model["diagnosis"].prior
        assert row[5].endswith(f"({round(float(prior.skewness.mean()), 2) + 0.0:.2f})")
    # Dir(15/16 of 16 parts): marginals Beta(.9375, 14.0625).
    exact = stats.beta(0.9375, 14.0625).stats("sk")
    found = demo["models"][-1]["diagnosis"].prior
    np.testing.assert_allclose(found.skewness.mean(), exact[0], rtol=0.02)
    np.testing.assert_allclose(found.kurtosis.mean(), exact[1], rtol=0.05)


def test_page_shows_all_and_needs_no_network(demo: dict[str, Any]) -> None:
    page = demo["report"].read_text()
    assert "<h2>What each component means</h2>" in page
    assert f"pixels themselves errs on {100 * demo['pixel_knn_error']:.1f} %." in page
    assert not re.search(r"<script[^>]+src=|<link|@import", page.replace("<link>", ""))
    assert len(re.findall(r"Plotly\.newPlot\(\"figure", page)) == 30
    assert len(page.encode()) < 6_500_000


def test_each_row_of_the_page_has_its_models_own_values(demo: dict[str, Any]) -> None:
    scores, uses, _ = tables_of(demo["report"].read_text())
    assert [row[0] for row in scores[1:]] == ["Gaussian", "Stick-breaking", "Dirichlet"]
    for row, model in zip(scores[1:], demo["models"], strict=True):
        counts = model["diagnosis"].counts
        one = counts[Use.ENCODING] + counts[Use.DECODING]
        assert dict(zip(scores[0], row, strict=True)) == {
            "Latent": model["name"],
            "Negative\nELBO": f"{model['negative_elbo']:.2f}",
            "NLL": f"{model['nll']:.2f} ± {model['nll_std_error']:.3f}",
            "k-hat\n> .7": f"{100 * model['unreliable_share']:.1f} %",
            "k-NN\nerror": f"{100 * model['knn_error']:.1f} %",
            "Active\n(prior)": f"{model['active']} ({model['active_prior']})",
            "Both/\none/no": f"{counts[Use.BOTH]}/{one}/{counts[Use.NEITHER]}",
        }
    for row, model in zip(uses[1:], demo["models"], strict=True):
        assert row[:5] == [model["name"], *map(str, model["diagnosis"].counts.values())]
        assert row[7] == f"{model['diagnosis'].kl:.2f}"


def test_components_are_numbered_by_their_column_in_all_figures(demo: dict[str, Any]) -> None:
    page, model = demo["report"].read_text(), demo["models"][-1]
    found, drawn = model["diagnosis"], {}
    for figure in re.findall(r'Plotly\.newPlot\("figure-\d+-\d+", \{\.\.\.(\{.*\}), config', page):
        parsed = json.loads(figure)
        title = parsed["layout"].get("yaxis", {}).get("title", {}).get("text", "")
        drawn.setdefault(title or parsed["data"][0]["type"], []).append(parsed["data"])
    for title, heights in (("Nats", found.marginal_kl.value), ("Norm", found.weight_norms)):
        [bar] = drawn[title][-1]  # the Dirichlet is the last
        assert numbers(bar["x"]).tolist() == list(range(16))
        np.testing.assert_allclose(numbers(bar["y"]), heights, atol=1e-4)
    prior, means = drawn["Value"][-1]
    np.testing.assert_allclose(numbers(prior["x"]), np.arange(16) + 0.16)
    np.testing.assert_allclose(numbers(means["x"]), np.arange(16) - 0.16)
    np.testing.assert_allclose(numbers(means["y"]), found.means.mean, atol=1e-4)
    [shares] = drawn["Digit"][-1]
    assert shares["x"] == [str(k) for k in range(16)]
    np.testing.assert_allclose(numbers(shares["z"]), model["theta_by_class"], atol=1e-3)
    [verdicts] = [traces for traces in drawn["scatter"] if traces[0]["name"] == str(Use.BOTH)]
    for trace, use in zip(verdicts, Use, strict=True):
        placed = zip(numbers(trace["x"]).tolist(), trace["y"], strict=True)
        expected = [k for k, verdict in enumerate(found.uses) if verdict is use]
        assert [k for k, name in placed if name == "Dirichlet"] == expected
    *_, edges = edge_names(page)
    assert edges == [f"{i} to {j}" for i, j in model["edges"]]


def test_saved_model_is_the_one_measured(demo: dict[str, Any]) -> None:
    vae = dirvae.load(demo["model"])
    corners = vae.decoder(torch.eye(16)).mean.detach().numpy().reshape(-1, 8, 8)
    np.testing.assert_allclose(corners, demo["models"][-1]["corners"], atol=1e-6)


def test_an_output_that_cannot_be_written_is_found_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(tmp_path / "file", quick=True)
