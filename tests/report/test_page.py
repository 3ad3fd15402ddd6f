from __future__ import annotations

import re

import pytest

from dirvae.report import figures
from dirvae.report.page import Panel, Section, Table, render

AXES = {"color": "#ff0000", "x_title": "x", "y_title": "y"}


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


def test_controls_are_shown_and_not_obeyed() -> None:
    strange = "a\x1b[31m\u202eb"
    table = Table((strange, "two\nlines"), [(strange, strange)])
    section = Section(strange, strange, [Panel(figures.bars([1.0], **AXES), strange)], table)
    page = render(strange, strange, [section]).partition("<script>")[0]
    assert page.count(r"a\x1b[31m\u202eb") == 9
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", page)
    assert "two\nlines</th>" in page
