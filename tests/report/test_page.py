from __future__ import annotations

import re

import numpy as np
import pytest

from dirvae.report import figures
from dirvae.report.page import Panel, Section, Table, render


@pytest.fixture(scope="module")
def page() -> str:
    figure = figures.bars([1.0, 2.0], color="red", x_title="</script><b>", y_title="y")
    section = Section(
        "A & B", "1 < 2", [Panel(figure, "label <i>")], Table(("", "n"), [("r", "1")])
    )
    return render("Title <x>", "Introduction", [section, section])


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(r"<script[^>]+src=", page)
    assert not re.search(r"<(link|iframe|img)\b", page.partition("<script>")[0])
    assert "@import" not in page.partition("<script>")[0]


def test_plotly_is_inlined_once_and_draws_each_figure(page: str) -> None:
    assert page.count("<script>") == 2
    drawn = re.findall(r'Plotly\.newPlot\("(figure-\d-\d)"', page)
    assert drawn == ["figure-0-0", "figure-1-0"]
    assert all(page.count(f'id="{identity}"') == 1 for identity in drawn)


def test_text_is_escaped(page: str) -> None:
    assert "<h2>A &amp; B</h2>" in page
    assert "1 &lt; 2" in page
    assert "label &lt;i&gt;" in page
    assert "Title &lt;x&gt;" in page
    assert "</script><b>" not in page


def test_tiles_are_where_they_should_be() -> None:
    images = np.arange(3)[:, None, None] + np.zeros((3, 2, 3))
    canvas = figures.tile(images, columns=2)
    assert canvas.shape == (5, 7)
    assert (canvas[:2, :3] == 0).all()
    assert (canvas[:2, 4:] == 1).all()
    assert (canvas[3:, :3] == 2).all()
    assert np.isnan(canvas[2]).all()
    assert np.isnan(canvas[:, 3]).all()
    assert np.isnan(canvas[3:, 4:]).all()


def test_a_dotted_curve_has_the_colour_of_the_one_before() -> None:
    lines = {"a": ([0], [0]), "a, training *": ([0], [0]), "b": ([0], [0])}
    first, dotted, second = figures.curves(lines, x_title="x", y_title="y").data
    assert first.line.color == dotted.line.color != second.line.color
    assert (first.line.dash, dotted.line.dash) == ("solid", "dot")
