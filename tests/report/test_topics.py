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
from dirvae.assessment import word_scores
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
