"""The page of components holds what the model says."""

from __future__ import annotations

import base64
import re
from dataclasses import FrozenInstanceError
from html import unescape
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from dirvae.report.explorer import components
from dirvae.report.explorer.components import (
    Components,
    Layer,
    components_page,
    components_payload,
    halves,
    image_shape_of,
)
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
    for value in (65504.0, -65504.0):
        assert np.frombuffer(base64.b64decode(halves([value])), "<f2") == [value]
    for value in (65520.0, -65520.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="must be within 65504 of 0"):
            halves([0.0, value])


# --- small examples, by hand ------------------------------------------------------------------

THETA = np.array([[0.9, 0.1], [0.25, 0.75], [0.123456, 0.876544]])
ROWS = np.array([[1.0, 10, 5], [2, 30, 5], [6, 20, 5]])


def small(**more: Any) -> Components:
    known = {
        "theta": THETA,
        "prior_mean": np.array([0.123456, 0.876544]),
        "use": np.array([0.01, 0.0100001]),
        "near_corners": np.array([[1.0, 40, 7], [5, 20, 5]]),
        "rows": ROWS,
        "reconstructions": ROWS[:2] + 1,
        "samples": ROWS[:1] + 0.5,
        "ids": ["a", "b" * 61, "c"],
        "features": ["x", "y", "z" * 61],
        "image_shape": None,
        "decoder": None,
    }
    return Components(**(known | more))


def shades(coded: str) -> list[int]:
    return list(base64.b64decode(coded))


def places(theta: Any) -> list[list[float]]:
    """Principal components of the roots, with their largest weights above 0, in a square."""
    root = np.sqrt(np.clip(theta, 0, None))
    _, axes = np.linalg.eigh(np.cov(root.T, bias=True).reshape(theta.shape[1], -1))
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    at = (root - root.mean(0)) @ axes
    at = np.pad(at, ((0, 0), (0, 2 - at.shape[1])))
    middle = (at.min(0) + at.max(0)) / 2
    return (0.5 + (at - middle) / np.ptp(at, axis=0).max()).tolist()


def test_a_page_of_columns_holds_all_that_is_known() -> None:
    found = components_payload(small(), title="T\n")
    shown = found.pop("map")
    std = [np.std([1, 2, 6]), np.std([10, 30, 20]), 0]
    apart = [[(1 - 3) / std[0], (40 - 20) / std[1]], [(5 - 3) / std[0], 0]]

    def digits(value: float) -> float:
        return float(f"{value:.5g}")

    assert found == {
        "title": "T\\n",
        "sentence": "3 rows, 2 components, 1 of them in use.",
        "shape": None,
        "range": [1, 30],
        "mean": [0.42449, 0.57551],
        "prior": [0.12346, 0.87654],
        "use": [0.01, 0.01],
        "features": ["x", "y", "z" * 59 + "…"],
        "average": [3, 20, 5],
        "spread": [digits(std[0]), digits(std[1]), 0],
        # By how far they are from the mean in standard deviations; of a constant, not at all.
        "corners": [
            [[1, 40, digits(apart[0][1])], [0, 1, digits(apart[0][0])], [2, 7, 0]],
            [[0, 5, digits(apart[1][0])], [1, 20, 0], [2, 5, 0]],
        ],
        "examples": [
            [
                {"id": "a", "share": 0.9, "image": None},
                {"id": "b" * 59 + "…", "share": 0.25, "image": None},
                {"id": "c", "share": 0.123, "image": None},
            ],
            [
                {"id": "c", "share": 0.877, "image": None},
                {"id": "b" * 59 + "…", "share": 0.75, "image": None},
                {"id": "a", "share": 0.1, "image": None},
            ],
        ],
        "reconstructions": [],
        "samples": [],
        "decoder": None,
        "total": 3,
    }
    assert [row[2:] for row in shown] == [[0, "a"], [1, "b" * 59 + "…"], [1, "c"]]
    np.testing.assert_allclose([row[:2] for row in shown], places(THETA), atol=6e-5)
    assert all(at == round(at, 4) for row in shown for at in row[:2])


def test_a_page_of_images_holds_them_in_256_shades() -> None:
    found = components_payload(small(rows=ROWS[:, :2], image_shape=(1, 2)), title="")

    def shade(*values: float) -> list[int]:
        return [int(np.rint(255 * min(max((value - 1) / 29, 0), 1))) for value in values]

    assert found["shape"] == [1, 2]
    assert (found["features"], found["average"], found["spread"]) == ([], [], [])
    assert [shades(corner) for corner in found["corners"]] == [shade(1, 40, 7), shade(5, 20, 5)]
    images = [[shades(row["image"]) for row in rows] for rows in found["examples"]]
    assert images[0] == [shade(1, 10), shade(2, 30), shade(6, 20)]
    assert images[1] == images[0][::-1]
    (one, *first), (two, *second) = found["reconstructions"]
    assert (one, two) == ("a", "b" * 59 + "…")
    assert [shades(image) for image in first] == [shade(1, 10), shade(2, 11, 6)]
    assert [shades(image) for image in second] == [shade(2, 30), shade(3, 31, 6)]
    assert [shades(image) for image in found["samples"]] == [shade(1.5, 10.5, 5.5)]
    assert [shades(row[4]) for row in found["map"]] == images[0]


def test_images_of_one_shade_are_paper() -> None:
    found = components_payload(small(rows=np.full((3, 2), 7.0), image_shape=(1, 2)), title="")
    assert found["range"] == [7, 7]
    assert [shades(row["image"]) for row in found["examples"][0]] == [[0, 0]] * 3
    assert shades(found["corners"][0]) == [0, 255, 0]  # of 1, 40 and 7


def test_eight_examples_and_eight_columns_are_told() -> None:
    rng = np.random.default_rng(0)
    known = {"theta": rng.dirichlet([1, 1], 20), "rows": rng.random((20, 11)), "ids": range(20)}
    corners = rng.random((2, 11))
    found = components_payload(small(**known, near_corners=corners), title="")
    for k in range(2):
        order = np.argsort(-known["theta"][:, k])[:8]
        assert [row["id"] for row in found["examples"][k]] == [str(row) for row in order]
        apart = np.abs(corners[k] - known["rows"].mean(0)) / known["rows"].std(0)
        assert [column for column, *_ in found["corners"][k]] == np.argsort(-apart)[:8].tolist()


@pytest.mark.parametrize(
    ("shape", "count", "shown"),
    [
        *((None, 599, 599), (None, 600, 600), (None, 700, 600)),
        *(((1, 3), 150, 150), ((1, 3), 299, 150)),
    ],
)
def test_a_map_has_600_rows_or_150_images_evenly_spaced(shape: Any, count: int, shown: int) -> None:
    theta = np.random.default_rng(0).dirichlet([1, 1, 1], count)
    rows = np.arange(3.0 * count).reshape(count, 3)
    known = {"theta": theta, "rows": rows, "ids": range(count), "image_shape": shape}
    found = components_payload(small(**known), title="")["map"]
    numbers = [int(row[3]) for row in found]
    assert len(numbers) == shown
    assert (numbers[0], numbers[-1]) == (0, count - 1)
    assert np.ptp(np.diff(numbers)) <= 1
    np.testing.assert_allclose(
        [row[:2] for row in found], np.array(places(theta))[numbers], atol=6e-5
    )


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_a_map_has_the_same_side_up_each_time(size: int, seed: int) -> None:
    theta = np.random.default_rng(seed).dirichlet(np.ones(size), 12)
    theta[0] *= -1e-9  # as rounding may leave it
    found = [at for _, at in components._map(theta, 12)]
    np.testing.assert_allclose(found, places(theta), atol=6e-5)


def test_rows_that_are_alike_are_in_the_middle_of_the_map() -> None:
    for theta in (np.full((3, 2), 0.5), np.ones((1, 4)) / 4, np.ones((2, 1))):
        assert [at for _, at in components._map(theta, 9)] == [[0.5, 0.5]] * len(theta)


@pytest.mark.parametrize(
    ("pixels", "side"),
    [(1, None), (49, None), (63, None), (64, 8), (65, None), (81, 9), (72, None)],
)
def test_squares_of_64_pixels_and_more_are_images(pixels: int, side: int | None) -> None:
    assert image_shape_of(pixels) == (None if side is None else (side, side))


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ([0.01, 0.01], "0 of them in use"),
        ([0.5, 0.0], "1 of them in use"),
        ([0.011, 0.9], "all in use"),
    ],
)
def test_components_are_in_use_from_a_hundredth_of_the_prior_on(use: Any, said: str) -> None:
    found = components_payload(small(use=np.array(use)), title="")["sentence"]
    assert found == f"3 rows, 2 components, {said}."


# --- the decoder ------------------------------------------------------------------------------


def written(*layers: Layer) -> Any:
    return components_payload(small(decoder=layers), title="")["decoder"]


def test_a_decoder_has_its_matrices_in_half_and_the_rest_in_single_precision() -> None:
    weight, bias = np.array([[1.5, -2], [0.25, 3], [4, 5]]), np.array([0.1, 1e6])
    linear, gelu = written(Layer("linear", {"weight": weight, "bias": bias}), Layer("gelu", {}))
    assert gelu == {"kind": "gelu"}
    assert linear.keys() == {"kind", "weight", "bias"}
    assert (linear["kind"], linear["weight"]["shape"], linear["bias"]["shape"]) == (
        *("linear", [3, 2], [2]),
    )
    half = np.frombuffer(base64.b64decode(linear["weight"]["half"]), "<f2")
    assert half.reshape(3, 2).tolist() == weight.tolist()
    single = np.frombuffer(base64.b64decode(linear["bias"]["single"]), "<f4")
    assert single.tolist() == bias.astype(np.float32).tolist()


def test_a_decoder_that_cannot_be_written_is_not(monkeypatch: Any) -> None:
    monkeypatch.setattr(components, "MOST_NUMBERS", 6)
    six = [
        Layer("linear", {"weight": np.ones((2, 2)), "bias": np.ones(1)}),
        Layer("norm", {"a": 1}),
    ]
    assert written(*six) is not None
    assert written(*six, Layer("norm", {"a": 1})) is None
    assert written(Layer("linear", {"weight": np.full((1, 1), 1e6)})) is None
    assert written(Layer("linear", {"bias": np.full(1, 1e6)})) is not None
    assert written() == []


def test_a_page_holds_decoders_of_a_megabyte() -> None:
    """Of 16 bits, as base64 has them: a last layer from 128 units to images of 64 by 64 fits."""
    assert components.MOST_NUMBERS > 128 * 64 * 64
    assert components.MOST_NUMBERS * 2 * 4 / 3 < 2**21


# --- without the script -----------------------------------------------------------------------


def test_a_page_reads_without_its_script() -> None:
    theta = np.array([[0.1, 0.9], [0.4, 0.6], [0.2, 0.8], *[[0.3, 0.7]] * 4])
    known = {"theta": theta, "rows": np.ones((7, 3)), "ids": list("abcde<g")}
    page = components_page(small(**known), title="A <b>")
    [items] = re.findall("<ul>(.*?)</ul>", page, re.S)
    texts = [unescape(re.sub("<[^>]*>", "", item)) for item in items.strip().split("\n")]
    assert texts == ["Component 1, 72.9%: a, c, d, e, <", "Component 0, 27.1%: b, d, e, <, g"]
    assert "<h1>A &lt;b&gt;</h1>" in page
    assert "7 rows, 2 components, 1 of them in use." in page
    assert re.search('<main id="parts" hidden>', page)
    assert data_of(page)["total"] == 7


def test_what_a_page_shows_stays_as_it_is() -> None:
    for thing, name in ((small(), "theta"), (Layer("gelu", {}), "kind")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, None)
