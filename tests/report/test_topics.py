"""The page of topics: every row and figure is of the topic whose number it carries."""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirvae import TopicModel
from dirvae.assessment import WordScores, label_scores, word_scores
from dirvae.report import topics as module
from dirvae.report.examples import document_names, most_of
from dirvae.report.topics import topics_page

THEMES = {"sky": ["moon", "stars", "comet"], "pets": ["cat", "dog", "fur"], "food": ["egg", "oil"]}
LABELS = [*["sky"] * 14, *["pets"] * 9, *["food"] * 5]


def texts_of(labels: list[str]) -> list[str]:
    rng = np.random.default_rng(0)
    others = [[name for name in THEMES if name != label] for label in labels]
    return [
        " ".join([*rng.choice(THEMES[label], 8 + row), *rng.choice(THEMES[other[row % 2]], 2)])
        for row, (label, other) in enumerate(zip(labels, others, strict=True))
    ]


@pytest.fixture(scope="module")
def model() -> TopicModel:
    """No topic stands at the place of its number: by share the columns are 2, 0, 1."""
    fitted = TopicModel(3, max_epochs=15, random_state=0).fit(texts_of(LABELS))
    largest, middle, least = np.argsort(-fitted.topic_prevalence_)
    return fitted.merge([[middle], [least], [largest]])


@pytest.fixture(scope="module")
def theta(model: TopicModel) -> Any:
    return model.transform(texts_of(LABELS))


def page_of(model: TopicModel, theta: Any, **known: Any) -> tuple[list[list[str]], list[Any]]:
    """Header and rows of the page's table, and the traces of its figures."""
    page = topics_page(
        theta,
        model.top_words(min(10, model.n_features_in_)),
        word_scores(model.top_word_ids, model.counts(texts_of(LABELS))),
        num_words=model.n_features_in_,
        seconds=1.0,
        **known,
    )
    (table,) = re.findall(r"<table.*?</table>", page, re.DOTALL)
    rows = [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
    ]
    drawn = re.findall(r'Plotly\.newPlot\("figure-\d-\d", \{\.\.\.(\{.*\}), config', page)
    return rows, [json.loads(figure)["data"][0] for figure in drawn]


def values(drawn: Any) -> Any:
    """Numbers of a trace, which Plotly writes in base 64 from version 6 on."""
    if isinstance(drawn, list):
        return np.array(drawn)
    found = np.frombuffer(base64.b64decode(drawn["bdata"]), drawn["dtype"])
    return found.reshape([int(n) for n in drawn["shape"].split(",")]) if "shape" in drawn else found


def test_rows_and_figures_are_those_of_the_topic_that_they_name(
    model: TopicModel, theta: Any
) -> None:
    names = [f"{number}.txt" for number in np.random.default_rng(1).permutation(len(LABELS))]
    (header, *rows), figures = page_of(model, theta, ids={"file": names}, labels=LABELS)
    assert header == ["topic", "share", "words", "document (file)"]
    words = model.top_words(10 if model.n_features_in_ > 10 else model.n_features_in_)
    assert [row[0] for row in rows] == ["2", "0", "1"]
    for topic, share, shown, document in rows:
        k = int(topic)
        assert share == f"{theta[:, k].mean():.1%}"
        assert shown == ", ".join(words[k])
        assert document == names[max(range(len(theta)), key=lambda row: theta[row, k])]
    shares, heat = figures
    assert shares["x"] == ["2", "0", "1"]
    np.testing.assert_allclose(values(shares["y"]), theta.mean(0)[[2, 0, 1]], atol=1e-4)
    assert heat["x"] == [f"{k}: {words[k][0]}" for k in (2, 0, 1)]
    assert heat["y"] == ["food", "pets", "sky"]
    mean = pd.DataFrame(theta).groupby(LABELS).mean().loc[heat["y"], [2, 0, 1]]
    np.testing.assert_allclose(values(heat["z"]), mean, atol=1e-3)


def test_documents_without_a_name_have_their_row_from_1(model: TopicModel, theta: Any) -> None:
    (header, *rows), _ = page_of(model, theta)
    assert header[-1] == "document (row)"
    assert [int(row[-1]) for row in rows] == [theta[:, int(row[0])].argmax() + 1 for row in rows]


def test_names_and_labels_are_shown_as_text(model: TopicModel, theta: Any) -> None:
    strange = {"sky": "<b>sky</b>\x1b", "pets": "&lt;\u202e", "food": "z"}
    ids = {"<i>id</i>\x07": [f"<script>{row}\x9b" for row in range(len(LABELS))]}
    labels = [strange[label] for label in LABELS]
    (header, *rows), (_, heat) = page_of(model, theta, ids=ids, labels=labels)
    assert header[-1] == "document (<i>id</i>\\x07)"
    assert rows[0][-1] == f"<script>{theta[:, 2].argmax()}\\x9b"
    # Plotly takes some of HTML, so that it is given entities.
    assert heat["y"] == ["&amp;lt;\\u202e", "&lt;b&gt;sky&lt;/b&gt;\\x1b", "z"]


# --- small examples, by hand ------------------------------------------------------------------

SHARES = np.array([[0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
SCORES = WordScores(npmi=0.12345, diversity=0.876, document_frequency=9.0)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Find the title, the introduction and the sections of a page."""
    monkeypatch.setattr(module, "render", lambda *found: found)

    def of(theta: Any = SHARES, words: Any = (["sea"], ["sky", "air"]), **more: Any) -> Any:
        return topics_page(theta, words, SCORES, num_words=1234, seconds=2.6, **more)

    return of


def test_the_introduction_has_the_numbers(parts: Any) -> None:
    title, said, sections = parts()
    assert title == "Topics"
    assert said == (
        "4 documents, 1,234 words, 2 topics, fitted in 3 s. NPMI of the top 10 words over these "
        "documents 0.123, distinct words among the top 25 88%."
    )
    assert [section.heading for section in sections] == [
        *("Topics", "How much of the documents each topic is"),
    ]
    labels = ["a", "b", "a", "b"]
    assert parts(labels=labels)[1].endswith(
        f"25 88%; NMI with the labels {label_scores(SHARES, labels).nmi:.2f}."
    )


def test_topics_are_told_the_largest_first(parts: Any) -> None:
    table, shares = parts()[2]
    assert table.table.rows == [["1", "67.5%", "sky, air", "3"], ["0", "32.5%", "sea", "2"]]
    assert table.table.numbers is False
    [bar] = shares.panels[0].figure.data
    assert (list(bar.x), list(bar.y)) == (["1", "0"], pytest.approx([0.675, 0.325]))


@pytest.mark.parametrize("count", [25, 26])
def test_the_25_largest_labels_are_drawn(parts: Any, count: int) -> None:
    labels = [f"{n:02}" for n in range(count) for _ in range(1 if n == 3 else 2)]
    theta = np.random.default_rng(0).dirichlet([1, 1], len(labels))
    _, shares, by_label = parts(theta, labels=labels)[2]
    [panel] = by_label.panels
    [heat] = panel.figure.data
    drawn = [f"{n:02}" for n in range(count) if n != 3 or count == 25]
    assert list(heat.y) == drawn
    order = np.argsort(-theta.mean(0))
    means = [theta[[label == name for label in labels]].mean(0)[order] for name in drawn]
    np.testing.assert_allclose(heat.z, means, atol=5.1e-4)
    [bar] = shares.panels[0].figure.data
    assert heat.colorscale[1][1] == bar.marker.color
    # Each label has a line of its own.
    margin = panel.figure.layout.margin
    assert 1.2 * 12 < (panel.height - margin.t - margin.b) / 25 < 2.5 * 12


def test_the_first_of_those_that_tie_is_first() -> None:
    theta = [[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.9, 0.1]]
    assert most_of(theta, 0, 3).tolist() == [1, 3, 0]
    assert most_of(theta, 1, 9).tolist() == [0, 2, 1, 3]


def test_documents_are_called_by_all_their_ids_or_by_their_rows() -> None:
    assert document_names({"a": [1, 2], "b": ["x", "y"]}, 2) == ("a, b", ["1, x", "2, y"])
    assert document_names({}, 3) == ("row", ["1", "2", "3"])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        document_names({"a": [1, 2], "b": ["x"]}, 2)


def test_a_document_without_a_name_is_called_by_its_row() -> None:
    ids = {"site": ["a", None, pd.NA], "day": [np.nan, "b", None]}
    assert document_names(ids, 3) == ("site, day", ["a", "b", "row 3"])
