"""The page of components holds what the model says."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from dirvae.report.explorer import components
from dirvae.report.explorer.components import halves
from tests.report.explorer.example import data_of, digits, flowers

STRANGE = "</script><img src=x onerror=alert(1)>\u2028\x00"


def pixels(coded: str) -> Any:
    return np.frombuffer(base64.b64decode(coded), np.uint8) / 255


def test_images_are_those_of_the_rows_and_of_the_model() -> None:
    model, X = digits()
    theta = model.transform(X)
    found = data_of(model.report(X, ids=[f"digit {row}" for row in range(len(X))]))
    assert found["shape"] == [8, 8]
    prior = model.prior_concentration_ / model.prior_concentration_.sum()
    np.testing.assert_allclose(found["mean"], theta.mean(0), rtol=1e-4)
    np.testing.assert_allclose(found["prior"], prior, rtol=1e-4)
    total = model.prior_concentration_.sum()
    use = theta.var(0) / (prior * (1 - prior) / (total + 1))
    np.testing.assert_allclose(found["use"], use, rtol=1e-3)
    for k, corner in enumerate(found["corners"]):
        near = 0.95 * np.eye(4)[k] + 0.05 * prior
        expected = model.inverse_transform(near[None])[0]
        np.testing.assert_allclose(pixels(corner), expected, atol=0.003)
        order = np.argsort(-theta[:, k], kind="stable")[:8]
        assert [row["id"] for row in found["examples"][k]] == [f"digit {row}" for row in order]
        for row, example in zip(order, found["examples"][k], strict=True):
            np.testing.assert_allclose(pixels(example["image"]), X[row], atol=0.003)
            assert example["share"] == pytest.approx(theta[row, k], abs=5.1e-4)
    made = model.inverse_transform(theta[:16])
    for row, (name, own, again) in enumerate(found["reconstructions"]):
        assert name == f"digit {row}"
        np.testing.assert_allclose(pixels(own), X[row], atol=0.003)
        np.testing.assert_allclose(pixels(again), made[row], atol=0.003)
    assert len(found["reconstructions"]) == 16


def test_shades_are_between_the_least_and_the_largest_value_of_the_rows() -> None:
    rows = np.linspace(2.0, 6.0, 2 * 64).reshape(2, 64)
    one = np.ones(1)
    found = components.components_payload(
        components.Components(
            *(np.ones((2, 1)), one, one, rows[:1], rows, rows[:1], rows[:1], "ab", [""] * 64),
            *((8, 8), None),
        ),
        title="",
    )
    assert found["range"] == [2, 6]
    shown = [row["image"] for row in found["examples"][0]]
    np.testing.assert_allclose(list(map(pixels, shown)), (rows - 2) / 4, atol=0.003)
    np.testing.assert_allclose(pixels(found["corners"][0]), (rows[0] - 2) / 4, atol=0.003)


def test_samples_are_decoded_draws_of_the_prior() -> None:
    model, X = digits()
    found = data_of(model.report(X))["samples"]
    with torch.no_grad():
        prior = model.vae_.prior()
        z = prior.sample((16,), torch.Generator().manual_seed(model._seed)).double().numpy()
    for made, expected in zip(found, model.inverse_transform(z), strict=True):
        np.testing.assert_allclose(pixels(made), expected, atol=0.003)


@pytest.mark.parametrize(("example", "most"), [(digits, 150), (flowers, 600)])
def test_rows_lie_on_the_map_as_their_shares_are_alike(example: Any, most: int) -> None:
    model, X = example()
    theta, found = model.transform(X), data_of(model.report(X))["map"]
    assert len(found) == min(len(X), most)
    places = np.array([row[:2] for row in found])
    assert [row[2] for row in found] == theta.argmax(1).tolist()
    assert places.min() >= 0
    assert np.ptp(places, axis=0).max() == pytest.approx(1, abs=1e-3)
    wanted = PCA(2).fit_transform(np.sqrt(theta))
    wanted /= np.ptp(wanted, axis=0).max()
    np.testing.assert_allclose(pdist(places), pdist(wanted), atol=1e-3)
    if example is digits:
        for row in (0, 77):
            np.testing.assert_allclose(pixels(found[row][4]), np.asarray(X)[row], atol=0.003)


def test_of_many_rows_some_are_on_the_map_evenly_spaced(monkeypatch: Any) -> None:
    monkeypatch.setattr(components, "MAPPED_IMAGES", 4)
    model, X = digits()
    found = data_of(model.report(X[:10], ids=list("abcdefghij")))["map"]
    assert [row[3] for row in found] == ["a", "d", "g", "j"]


def test_columns_are_told_by_how_far_they_are_from_their_mean() -> None:
    model, X = flowers()
    found = data_of(model.report(X))
    assert found["features"] == list(X.columns)
    assert found["shape"] is None
    values, prior = X.to_numpy(), np.array(found["prior"])
    for k, told in enumerate(found["corners"]):
        corner = model.inverse_transform((0.95 * np.eye(3)[k] + 0.05 * prior)[None])[0]
        apart = (corner - values.mean(0)) / values.std(0)
        order = np.argsort(-np.abs(apart))
        assert [row[0] for row in told] == order.tolist()
        np.testing.assert_allclose([row[1] for row in told], corner[order], rtol=1e-3)
        np.testing.assert_allclose([row[2] for row in told], apart[order], rtol=1e-3)


def test_strange_names_are_text() -> None:
    model, X = digits()
    page = model.report(X, ids=[STRANGE] * len(X), title=STRANGE)
    assert "<img" not in page
    assert page.count("</script") == 2
    assert "\u2028" not in page
    name = data_of(page)["examples"][0][0]["id"]
    assert name.startswith("</script><img src=x onerror=alert(1)>\\u2028")


def test_halves_are_near_and_refuse_what_they_cannot_hold() -> None:
    values = np.random.default_rng(0).normal(size=50)
    found = np.frombuffer(base64.b64decode(halves(values)), "<f2")
    np.testing.assert_allclose(found, values, rtol=1e-3)
    with pytest.raises(ValueError, match="values has numbers that 16 bits do not hold"):
        halves([1e6])
