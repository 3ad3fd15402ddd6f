"""The page that compares models of images: what is shown is of the model that is named."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from dirvae.evaluation import Use
from dirvae.report import comparison, figures
from dirvae.report.comparison import comparison_page, comparison_table, table_note
from dirvae.report.figures import COLORS, tile
from tests.report.example import diagnosis

RNG = np.random.default_rng(0)


def pictures(count):
    return RNG.random((count, 2, 3)).round(2)


def measured(name, shift, **more):
    history = [
        {"epoch": epoch, "elbo": -40 - shift + 5 * epoch, "val_elbo": -38 - shift + 4 * epoch}
        for epoch in range(3)
    ]
    return {
        "name": name,
        "negative_elbo": 30.126 + shift,
        "nll": 29.0 + shift,
        "nll_std_error": 0.0126,
        "unreliable_share": 0.0256,
        "knn_error": 0.123,
        "active": 2,
        "active_prior": 3,
        "threshold": 0.0278,
        "diagnosis": diagnosis(),
        "history": history,
        "reconstructions": pictures(16),
        "samples": pictures(24),
        "map": RNG.random((4, 2)).round(2),
        **more,
    }


SIMPLEX = {
    "corners": pictures(3),
    "users": pictures(3),
    "theta_by_class": np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]),
    "edges": [(0, 2), (1, 0)],
    "edge_images": pictures(10),
}
MODELS = [measured("plain", 0), measured("other", 2, **SIMPLEX)]
RESULTS = {
    "title": "A title",
    "introduction": "What it is.",
    "images": pictures(16),
    "drawn": pictures(16),
    "labels": list("abaab"),
    "classes": ["a", "b"],
    "class_name": "letter",
    "pixel_means_nats": 45.678,
    "pixel_knn_error": 0.0456,
    "models": MODELS,
    "settings": {"epochs": "3", "rows": "16"},
}


@cache
def sections():
    """The sections of the page, by their headings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "render", lambda *parts: parts)
        title, introduction, found = comparison_page(RESULTS)
    assert (title, introduction) == (RESULTS["title"], RESULTS["introduction"])
    return {section.heading: section for section in found}


def require_strip(panel, images, columns):
    """The images, in rows of so many, in a place of their shape."""
    [heat] = panel.figure.data
    np.testing.assert_array_equal(heat.z, np.round(tile(images, columns), 2))
    height, width = heat.z.shape
    assert panel.aspect == pytest.approx(width / height)


def test_a_page_has_its_sections_in_order():
    assert list(sections()) == [
        *("How well each fits", "Training", "Reconstructions", "Samples"),
        *("What each component means", "Along the edges of the simplex", "Where the images lie"),
        *("Which components are used", "Marginal KL", "Decoder weights"),
        *("Latent means and spreads", "Settings"),
    ]


def test_a_row_has_the_measures_of_its_model():
    worse = measured("w", 1, unreliable_share=float("nan"))
    found = diagnosis((Use.ENCODING, Use.DECODING, Use.BOTH))
    table = comparison_table({"models": [*MODELS, {**worse, "diagnosis": found}]})
    assert table.rows == [
        ["plain", "30.13", "29.00 ± 0.013", "2.6 %", "12.3 %", "2 (3)", "1/1/1"],
        ["other", "32.13", "31.00 ± 0.013", "2.6 %", "12.3 %", "2 (3)", "1/1/1"],
        ["w", "31.13", "30.00 ± 0.013", "", "12.3 %", "2 (3)", "1/2/0"],
    ]
    assert len(table.header) == 7


def test_what_no_model_reaches_is_told_beside_the_measures():
    note = table_note(RESULTS)
    assert "of 3 components, those whose" in note
    assert "a variance above 0.028 (" in note
    assert note.endswith("alone cost 45.7 nats; k-NN on the pixels themselves errs on 4.6 %.")
    one = {**RESULTS, "models": MODELS[:1]}
    assert table_note(one) == note
    section = sections()["How well each fits"]
    assert (section.caption, section.table) == (note, comparison_table(RESULTS))


def test_training_is_drawn_by_epoch_from_1_with_the_loss_above():
    [panel] = sections()["Training"].panels
    lines = {(line.name, line.line.dash): line for line in panel.figure.data}
    assert list(lines) == [
        *(("plain", "solid"), ("plain, training", "dot")),
        *(("other", "solid"), ("other, training", "dot")),
    ]
    assert all(list(line.x) == [1, 2, 3] for line in lines.values())
    assert list(lines["plain", "solid"].y) == [38, 34, 30]
    assert list(lines["plain, training", "dot"].y) == [40, 35, 30]
    assert list(lines["other", "solid"].y) == [40, 36, 32]
    assert list(lines["other, training", "dot"].y) == [42, 37, 32]
    assert panel.figure.layout.xaxis.title.text == "Epoch"
    assert "ELBO" in panel.figure.layout.yaxis.title.text


@pytest.mark.parametrize("better", [0, 9])
def test_the_ends_of_all_lines_of_training_are_seen(better):
    """Of the first epochs, which are far above, only what is near the end."""
    history = [
        {**metrics, "val_elbo": metrics["val_elbo"] + better} for metrics in MODELS[0]["history"]
    ]
    history.insert(0, {"epoch": -1, "elbo": -900, "val_elbo": -900})
    models = [{**MODELS[0], "history": history}, MODELS[1]]
    [panel] = comparison._training(models).panels
    low, high = panel.figure.layout.yaxis.range
    lowest = min(min(line.y) for line in panel.figure.data)
    highest_end = max(line.y[-1] for line in panel.figure.data)
    assert lowest - 1 < low < lowest
    assert highest_end + 2 < high < highest_end + 10


def test_images_stand_above_what_models_make_of_them():
    panels = sections()["Reconstructions"].panels
    assert [panel.label for panel in panels] == [
        *("Image", "As drawn: what the models see", "plain", "other"),
    ]
    shown = [RESULTS["images"], RESULTS["drawn"], *(model["reconstructions"] for model in MODELS)]
    for panel, images in zip(panels, shown, strict=True):
        require_strip(panel, images, 16)


def test_samples_are_those_of_the_model_that_is_named():
    section = sections()["Samples"]
    assert [panel.label for panel in section.panels] == ["plain", "other"]
    for panel, model in zip(section.panels, MODELS, strict=True):
        require_strip(panel, model["samples"], 8)
    assert "Where they look like no letter," in section.caption


def test_components_are_shown_by_corners_users_and_shares():
    corners, users, shares = sections()["What each component means"].panels
    require_strip(corners, SIMPLEX["corners"], 3)
    require_strip(users, SIMPLEX["users"], 3)
    assert corners.label == "other: decoded corners"
    assert list(users.ticks) == ["0", "1", "2"]
    assert corners.ticks == ()
    [heat] = shares.figure.data
    assert (list(heat.x), list(heat.y)) == (["0", "1", "2"], ["a", "b"])
    np.testing.assert_array_equal(heat.z, SIMPLEX["theta_by_class"])
    assert heat.colorscale[1][1] == COLORS[1]  # of the second model, as in all figures
    assert shares.figure.layout.yaxis.title.text == "Letter"
    assert shares.figure.layout.xaxis.title.text == "Component"
    assert shares.label.endswith("in the images of each letter")


def test_a_walk_along_an_edge_is_a_row_with_its_name():
    [panel] = sections()["Along the edges of the simplex"].panels
    assert panel.label == "other"
    require_strip(panel, SIMPLEX["edge_images"], 5)
    assert list(panel.figure.layout.yaxis.ticktext) == ["0 to 2", "1 to 0"]


def test_images_lie_where_the_model_puts_them_in_the_colour_of_their_class():
    section = sections()["Where the images lie"]
    assert [panel.label for panel in section.panels] == ["plain", "other"]
    for panel, model in zip(section.panels, MODELS, strict=True):
        a, b = panel.figure.data
        assert (a.name, b.name) == ("a", "b")
        np.testing.assert_array_equal(np.column_stack([a.x, a.y]), model["map"][[0, 2, 3]])
        np.testing.assert_array_equal(np.column_stack([b.x, b.y]), model["map"][[1]])
        assert panel.aspect == 1
    assert "coloured by letter, which" in section.caption


def test_settings_are_a_table_of_texts():
    table = sections()["Settings"].table
    assert table.rows == [["epochs", "3"], ["rows", "16"]]
    assert (list(table.header), table.numbers) == ([], False)


def test_pictures_and_figures_have_their_place_on_a_page_of_1000_pixels():
    found = sections()
    for heading, beside in (
        ("Samples", 3),
        ("Along the edges of the simplex", 2),
        ("Where the images lie", 3),
    ):
        assert 1000 / (beside + 1) < found[heading].panel_width < 1000 / beside - 20
    [training] = found["Training"].panels
    *_, shares = found["What each component means"].panels
    assert 250 < shares.height < 500
    assert 250 < training.height < 500


def test_every_model_is_shown_however_many_there_are(monkeypatch):
    monkeypatch.setattr(figures, "COLORS", COLORS[:1])
    panels = comparison._components(RESULTS).panels
    assert len(panels) == 3
    assert panels[-1].figure.data[0].colorscale[1][1] == COLORS[0]
