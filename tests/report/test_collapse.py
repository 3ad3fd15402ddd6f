"""What is said of collapse: by numbers, and by figures of each model in its colour."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from dirvae.evaluation import Use
from dirvae.report import figures
from dirvae.report.collapse import collapse_sections, collapse_table
from dirvae.report.figures import COLORS, GREY
from tests.report.example import diagnosis

USES = (Use.ENCODING, Use.ENCODING, Use.BOTH)
MODELS = [
    {"name": "one", "diagnosis": diagnosis()},
    {"name": "two", "diagnosis": diagnosis(USES, additive=False, norms=False)},
]


@cache
def sections():
    return {section.heading: section for section in collapse_sections(MODELS)}


def test_a_row_has_counts_moments_and_information():
    table = collapse_table(MODELS)
    bound = np.log(10)
    shared = ["0.25 (0.00)", "1.00 (0.50)", "3.14", f"0.75 ({bound:.2f})"]
    assert table.rows == [
        ["one", "1", "0", "1", "1", *shared],
        ["two", "1", "2", "0", "0", *shared],
    ]
    assert [text.split("\n")[0] for text in table.header] == [
        *("Latent", "Both", "Encoding", "Decoding", "Neither", "Skewness", "Exc. kurtosis"),
        *("KL", "I(x; z)"),
    ]
    assert table.numbers is True


def test_of_components_that_do_not_vary_there_are_no_moments():
    found = diagnosis()
    none = found.draws._replace(skewness=np.full(3, np.nan))
    [row] = collapse_table([{"name": "a", "diagnosis": found._replace(draws=none)}]).rows
    assert row[5] == "none (0.00)"


def test_verdicts_are_drawn_by_model_and_coloured_by_kind():
    section = sections()["Which components are used"]
    [panel] = section.panels
    both, encoding, decoding, neither = panel.figure.data
    assert [trace.name for trace in panel.figure.data] == [str(use) for use in Use]
    assert list(zip(both.y, both.x, strict=True)) == [("one", 0), ("two", 2)]
    assert list(zip(encoding.y, encoding.x, strict=True)) == [("two", 0), ("two", 1)]
    assert list(zip(decoding.y, decoding.x, strict=True)) == [("one", 2)]
    assert list(zip(neither.y, neither.x, strict=True)) == [("one", 1)]
    assert len({trace.marker.color for trace in panel.figure.data}) == 4
    assert section.table == collapse_table(MODELS)
    assert "No 10 images can show more" in section.caption


@pytest.mark.parametrize("count", [1, 4])
def test_squares_of_models_are_under_each_other(count):
    [panel] = collapse_sections(MODELS[:1] * count)[0].panels
    margin = panel.figure.layout.margin
    a_row = (panel.height - margin.t - margin.b) / count
    assert panel.figure.data[0].marker.size * 1.5 < a_row < 60


def test_each_model_has_its_own_kl_norms_and_latents():
    found = sections()
    kl = found["Marginal KL"]
    assert [panel.label for panel in kl.panels] == [
        "one: adds up to the KL",
        "two: does not add up",
    ]
    for panel, color in zip(kl.panels, COLORS, strict=False):
        [bar] = panel.figure.data
        assert (list(bar.x), list(bar.y)) == ([0, 1, 2], [0.5, 0, 2.5])
        assert bar.marker.color == color
        assert panel.figure.layout.xaxis.title.text == "Component"
        assert panel.figure.layout.yaxis.title.text == "Nats"
    [panel] = found["Decoder weights"].panels  # the other has a first layer of more than z
    assert (panel.label, list(panel.figure.data[0].y)) == ("one", [0.5, 0.25, 2])
    assert panel.figure.data[0].marker.color == COLORS[0]
    latents = found["Latent means and spreads"].panels
    assert [panel.label for panel in latents] == ["one", "two"]
    for panel, color in zip(latents, COLORS, strict=False):
        prior, means = panel.figure.data
        assert (list(means.y), list(means.error_y.array)) == ([1, 2, 3], [0.1, 0.2, 0])
        assert (list(prior.y), list(prior.error_y.array)) == ([0.25, 0.5, 0.75], [1, 1.5, 2])
        assert (means.marker.color, prior.marker.color) == (color, GREY)


def test_panels_are_beside_each_other_on_a_page_of_1000_pixels():
    for heading in ("Marginal KL", "Decoder weights", "Latent means and spreads"):
        section = sections()[heading]
        assert 200 <= section.panel_width <= 330  # three of them
        assert all(200 <= panel.height < 1.2 * section.panel_width for panel in section.panels)


def test_a_section_without_panels_is_left_out():
    assert "Decoder weights" in sections()
    assert [section.heading for section in collapse_sections(MODELS[1:])] == [
        *("Which components are used", "Marginal KL", "Latent means and spreads"),
    ]


def test_every_model_is_shown_however_many_there_are(monkeypatch):
    monkeypatch.setattr(figures, "COLORS", COLORS[:2])
    many = [{**MODELS[0], "name": str(number)} for number in range(3)]
    found = {section.heading: section.panels for section in collapse_sections(many)}
    for heading in ("Marginal KL", "Decoder weights", "Latent means and spreads"):
        assert [panel.label[0] for panel in found[heading]] == ["0", "1", "2"]
    colors = [panel.figure.data[0].marker.color for panel in found["Decoder weights"]]
    assert colors == [*COLORS[:2], COLORS[0]]
