"""The page of a comparison says what was compared, as text, with the numbers of the comparison."""

from __future__ import annotations

import re
from html import unescape

import numpy as np

from dirvae.report.explorer.comparison import Compared, Partners, comparison_page
from dirvae.terms import COUNTS

FIRST = Compared(
    name="one",
    topics=["sea", "sky", "<b>air"],
    shares=np.array([0.2, 0.5, 0.3]),
    words=[["ship", "sail"], ["moon", "star"], ["</script>", "wind"]],
    num_words=9,
    measures={"perplexity": 20.04, "diversity": 0.5, "coherence": float("nan")},
)
SECOND = Compared(
    name="two<i>",
    topics=["stars", "salt"],
    shares=np.array([0.75, 0.25]),
    words=[["star", "comet"], ["salt", "sand"]],
    num_words=8,
    measures={"perplexity": 30.0, "diversity": 0.75, "coherence": 0.125},
)
MATCH = Partners(np.array([-1, 0, -1]), np.array([0, 0.875, 0]), np.array([np.nan, -0.25, np.nan]))


def part(name: str, html: str) -> str:
    [found] = re.findall(rf'<section id="{name}">(.*?)</section>', html, re.S)
    return found


def said(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


def test_each_model_has_its_measures_and_the_best_is_bold() -> None:
    html = comparison_page([FIRST, SECOND], [MATCH], 7, 1200)
    rows = re.findall(r"<tr>(.*?)</tr>", part("worth", html), re.S)
    assert [said(row) for row in rows] == [
        "Model Perplexity Coherence Diversity",
        "one 20.0 not defined 50%",
        "two<i> 30.0 0.125 75%",
    ]
    assert re.findall("<b>(.*?)</b>", rows[1]) == ["20.0"]
    assert re.findall("<b>(.*?)</b>", rows[2]) == ["0.125", "75%"]
    assert "Perplexity: lower is better" in said(html)
    assert "one (3 topics), two<i> (2 topics) on 1,200 documents. All know 7 words" in said(html)


def test_topics_stand_beside_their_partners_the_largest_first() -> None:
    html = part("matched", comparison_page([FIRST, SECOND], [MATCH], 7, 1200))
    assert "1 of 3 topics has a partner in two<i>." in said(html)
    cards = [said(card) for card in html.split('<li class="hue')[1:]]
    assert [card.split("topic ")[1][0] for card in cards] == ["1", "2", "0"]
    assert cards[0].endswith(
        "two<i> stars topic 0, 75.0% star , comet words alike 0.88 documents alike -0.25"
    )
    assert re.findall("<b>(.*?)</b>", html) == ["star"]
    assert cards[1].endswith("No partner.")
    assert "width:0.0%" in html


def test_topics_that_are_left_over_are_listed() -> None:
    html = part("alone", comparison_page([FIRST, SECOND], [MATCH], 7, 1200))
    assert said(html) == "Topics that one has not salt topic 1, 25.0% of two<i> salt, sand"
    none = Partners(np.array([1, 0, -1]), np.ones(3), np.ones(3))
    html = part("alone", comparison_page([FIRST, SECOND], [none], 7, 0))
    assert said(html) == "Topics that one has not None."


def test_text_of_strangers_is_text() -> None:
    html = comparison_page([FIRST, SECOND], [MATCH], 7, 9, title="<script>alert(1)</script>")
    body = html.partition("<body>")[2].partition('<script type="application/json"')[0]
    assert "<i>" not in body
    assert "<b>air" not in body
    assert "<script" not in body
    assert "</script>" not in body


def test_samples_are_called_so() -> None:
    bare = Compared("a", ["x"], np.ones(1), [["b"]], 3, {})
    html = comparison_page([bare, bare], [Partners(*np.zeros((3, 1), int))], 3, 40, COUNTS)
    assert "a (1 component), a (1 component) on 40 samples. All know the same 3 features." in said(
        html
    )
    assert not re.search(
        r"\b(document|topic|word)s?\b", said(html.partition("<body>")[2].partition("<script")[0])
    )
    assert 'id="worth"' not in html
