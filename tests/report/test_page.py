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


def section(**more: object) -> str:
    page = render("t", "i", [Section("heading", "caption", **more)])
    return page.partition("<section>")[2].partition("</section>")[0]


def test_a_table_has_the_name_of_a_row_first() -> None:
    html = section(table=Table(["a", "b"], [["r", "1", "2"], ["s", "3", "4"]]))
    assert re.findall("<tr>(.*?)</tr>", html) == [
        '<th scope="col">a</th><th scope="col">b</th>',
        '<th scope="row">r</th><td>1</td><td>2</td>',
        '<th scope="row">s</th><td>3</td><td>4</td>',
    ]
    assert '<table class="numbers">' in html
    texts = section(table=Table([], [["r"]], numbers=False))
    assert '<table class="texts"><tbody>' in texts
    assert "<table" not in section()


def test_panels_have_their_shape_and_their_texts() -> None:
    figure = figures.bars([1.0])
    html = section(panels=[Panel(figure, aspect=0.5), Panel(figure, "label", ticks=["x", "y"])])
    first, second = re.findall("<figure>(.*?)</figure>", html)
    assert 'style="aspect-ratio: 0.5000"' in first
    assert "figcaption" not in first
    assert "ticks" not in first
    assert second.startswith("<figcaption>label</figcaption>")
    assert second.endswith('<div class="ticks"><span>x</span><span>y</span></div>')
    [height] = re.findall(r'style="height: (\d+)px"', second)
    assert 200 <= int(height) <= 400  # two of them, with their captions, on a screen of 1000
    assert 'style="height: 99px"' in section(panels=[Panel(figure, height=99)])


def test_panels_are_beside_each_other_where_they_have_a_width() -> None:
    panel = Panel(figures.bars([1.0]))
    wide, narrow = section(panels=[panel]), section(panels=[panel], panel_width=280)
    assert '<div class="panels">' in wide
    assert "repeat(auto-fit, minmax(min(280px, 100%), 1fr))" in narrow
    assert "panels" not in section()
