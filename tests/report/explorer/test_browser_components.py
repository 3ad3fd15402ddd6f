"""The page of components in Chromium: the latent that is played with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dirvae import DirichletVAE
from tests.report.explorer.example import (
    data_of,
    digits,
    flowers,
    reads,
)
from tests.report.explorer.tab import (
    IN_CHROMIUM,
    assert_answers_at_once,
    assert_usable_by_all,
    settle,
    texts,
)

pytestmark = IN_CHROMIUM


@pytest.fixture
def played(opened: Any, tmp_path: Path) -> Any:
    def open_(example: Any, address: str = "", **options: Any) -> Any:
        fitted, X = example()
        fitted.report(X, tmp_path / "page.html")
        tab = opened(tmp_path / "page.html", address, app="#parts", **options)
        settle(tab)
        return tab

    return open_


def shades(tab: Any) -> Any:
    return np.array(
        tab.evaluate(
            """() => { const c = document.querySelector("canvas.decoded");
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            return Array.from(d).filter((_, i) => i % 4 === 0); }"""
        )
    )


def test_page_decodes_as_the_model_does(played: Any) -> None:
    z = [0.4, 0.1, 0.2, 0.3]
    tab = played(digits, f"#z={','.join(map(str, z))}")
    expected = digits()[0].inverse_transform([z])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)
    tab.fill("#z2", "0.6")
    moved = [0.4 * 0.5, 0.1 * 0.5, 0.6, 0.3 * 0.5]
    expected = digits()[0].inverse_transform([moved])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)
    numbers = {
        int(item.locator("input").get_attribute("id")[1:]): item.locator(".number").inner_text()
        for item in tab.locator(".sliders li").all()
    }
    assert numbers == {k: f"{v:.1%}" for k, v in enumerate(moved)}
    tab.click("text=Go to component 1")
    expected = digits()[0].inverse_transform([[0.0, 1.0, 0.0, 0.0]])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)


def test_triangle_is_dragged(played: Any) -> None:
    tab = played(digits)
    box = tab.locator(".triangle").bounding_box()
    corners = [int(text) for text in tab.locator(".triangle text").all_text_contents()]
    x, y = 40, 60  # in the drawing, whose corners are (0, 86.6), (100, 86.6) and (50, 0)
    tab.mouse.move(*at(box, 50, 50))
    tab.mouse.down()
    tab.mouse.move(*at(box, x, y), steps=3)
    tab.mouse.up()
    top = 1 - y / 86.6
    right = (x - 50 * top) / 100
    z = np.zeros(4)
    z[corners] = 1 - top - right, right, top
    shown = [float(v) for v in tab.url.partition("#z=")[2].split(",")]
    np.testing.assert_allclose(shown, z, atol=0.01)
    expected = digits()[0].inverse_transform([shown])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)


def at(box: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the triangle's drawing is on the screen."""
    return box["x"] + (x + 12) / 124 * box["width"], box["y"] + (y + 12) / 112 * box["height"]


def test_rows_lie_where_the_map_has_them(played: Any) -> None:
    tab = played(digits)
    rows = data_of(digits()[0].report(digits()[1]))["map"]
    boxes = [drawn.bounding_box() for drawn in tab.locator(".rows .at").all()]
    at = np.array([[b["x"] + b["width"] / 2, -b["y"] - b["height"] / 2] for b in boxes])
    wanted = np.array([row[:2] for row in rows])
    width = np.ptp(at[:, 0]) / np.ptp(wanted[:, 0])
    np.testing.assert_allclose(at - at[0], width * (wanted - wanted[0]), atol=1)
    assert tab.locator(".rows .at canvas").count() == len(rows)
    assert tab.locator(".samples canvas").count() == 16


@pytest.mark.parametrize(("example", "z"), [(flowers, [0.2, 0.5, 0.3]), (reads, [0.7, 0.3])])
def test_page_decodes_columns(played: Any, example: Any, z: list[float]) -> None:
    tab = played(example, f"#z={','.join(map(str, z))}")
    fitted, X = example()
    x, values = fitted.inverse_transform([z])[0], np.asarray(X)
    found = data_of(fitted.report(X))["features"]
    numbers = iter(texts(tab, ".decoded .number"))
    apart = (x - values.mean(0)) / values.std(0)
    for name in texts(tab, ".decoded li span:first-child"):
        column = found.index(name)
        assert float(next(numbers)) == pytest.approx(x[column], rel=1e-2)
        told = next(numbers).removesuffix(" sd").replace("\u2212", "-")
        assert float(told) == pytest.approx(apart[column], abs=0.06)
    assert next(numbers, None) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("example", "width"), [(digits, 390), (digits, 1440), (flowers, 390)])
def test_components_fit_and_can_be_used_by_all(
    played: Any, example: Any, width: int, dark: bool
) -> None:
    tab = played(example, width=width, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert_usable_by_all(tab)


def test_a_large_decoder_and_many_pictures_answer_at_once(opened: Any, tmp_path: Path) -> None:
    """The built-in networks on images of 28 x 28: a decoder of 400,000 weights."""
    X = np.random.default_rng(0).random((600, 784), dtype=np.float32)
    fitted = DirichletVAE(10, max_epochs=1, random_state=0).fit(X)
    fitted.report(X, tmp_path / "page.html")
    z = ",".join(["0.1"] * 10)
    assert_answers_at_once(lambda: opened(tmp_path / "page.html", app="#play"), f"#z={z}")
    tab = opened(tmp_path / "page.html", f"#z={z}", app="#parts")
    settle(tab)
    expected = fitted.inverse_transform(np.full((1, 10), 0.1))[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)
