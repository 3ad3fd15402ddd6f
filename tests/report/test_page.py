from __future__ import annotations

import re

import numpy as np
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


def test_figures_take_names_for_text() -> None:
    strange, shown = "<b>a</b> & \x1b", r"&lt;b&gt;a&lt;/b&gt; &amp; \x1b"
    (bar,) = figures.bars([3.0, 1.0], names=[strange, 7], **AXES).data
    assert list(bar.x) == [shown, "7"]
    assert list(bar.y) == [3, 1]
    (heat,) = figures.heatmap([[0.5]], [strange], [strange], **AXES).data
    assert (list(heat.x), list(heat.y)) == ([shown], [shown])
    (line,) = figures.curves({strange: ([0], [0])}, x_title="x", y_title="y").data
    assert line.name == shown
    names = [trace.name for trace in figures.classes([[0, 0], [1, 1]], [strange, "b"]).data]
    assert sorted(names) == sorted([shown, "b"])
    strip = figures.image_strip(np.zeros((1, 2, 2)), 1, row_names=[strange])
    assert list(strip.layout.yaxis.ticktext) == [shown]
    figure = figures.verdicts({strange: ["yes"]}, {"yes": "#00ff00"})
    assert list(figure.data[0].y) == list(figure.layout.yaxis.categoryarray) == [shown]


def test_components_are_numbered_from_0() -> None:
    (bar,) = figures.bars([3.0, 1.0, 2.0], **AXES).data
    assert (list(bar.x), list(bar.y)) == ([0, 1, 2], [3, 1, 2])
    prior, means = figures.means_and_spreads([3, 1], [1, 1], [0, 0], [1, 1], **AXES).data
    assert (list(prior.x), list(means.x)) == ([0.16, 1.16], [-0.16, 0.84])
    assert list(means.y) == [3, 1]
    uses = {"a": ["no", "yes", "no"], "b": ["yes", "no", "no"]}
    yes, no = figures.verdicts(uses, {"yes": "#00ff00", "no": "#ff0000"}).data
    assert list(zip(yes.x, yes.y, strict=True)) == [(1, "a"), (0, "b")]
    assert list(zip(no.x, no.y, strict=True)) == [(0, "a"), (2, "a"), (1, "b"), (2, "b")]


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
