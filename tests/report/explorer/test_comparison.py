"""The page of a comparison says what was compared, as text, with the numbers of the comparison."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from html import unescape
from importlib.resources import files

import numpy as np
import pytest

from dirvae.report.explorer.comparison import HUES, Compared, Partners, comparison_page
from dirvae.terms import COUNTS, TEXTS

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


def test_words_that_some_do_not_know_are_left_out_of_the_comparison() -> None:
    same = [replace(model, num_words=7) for model in (FIRST, SECOND)]
    assert "). All know the same 7 words." in said(comparison_page(same, [MATCH], 7, 0))
    text = said(comparison_page([same[0], FIRST], [MATCH], 7, 1))
    assert "on 1 document. All know 7 words, of up to 9; they are compared by these." in text
    large = replace(FIRST, num_words=1234)
    assert "of up to 1,234; they" in said(comparison_page([large, SECOND], [MATCH], 7, 1))


def test_hues_are_those_of_the_page_and_begin_again() -> None:
    style = files("dirvae.report.explorer").joinpath("explorer.css").read_text()
    assert {int(hue) for hue in re.findall(r"\.hue(\d+)", style)} == set(range(HUES))
    size = HUES + 1
    many = Compared("m", [""] * size, np.arange(size) / 36.0, [["w"]] * size, 1, {})
    html = comparison_page([many, many], [Partners(np.arange(size), *np.ones((2, size)))], 1, 0)
    assert [int(hue) for hue in re.findall('<li class="hue(.)">', html)] == [*range(HUES), 0]
    assert [int(k) for k in re.findall(r"<h3>.*?topic (\d)", html)] == list(range(size))[::-1]


def test_a_bar_is_as_long_as_topics_are_alike() -> None:
    match = Partners(np.array([0, 1, -1]), np.array([1.0, 0.5, 0]), np.array([-0.5, np.nan, 1]))
    html = part("matched", comparison_page([FIRST, SECOND], [match], 7, 9))
    assert "2 of 3 topics have partners in two<i>." in said(html)
    cards = html.split('<li class="hue')[1:]  # of topics 1, 2 and 0
    assert re.findall("width:(.*?)%", cards[0]) == ["50.0"]
    assert "alike" not in said(cards[1])
    assert re.findall("width:(.*?)%", cards[2]) == ["100.0", "0.0"]
    assert said(cards[2]).endswith("words alike 1.00 documents alike -0.50")


def test_of_measures_that_are_not_all_known_the_best_is_bold() -> None:
    third = replace(FIRST, measures={"diversity": 0.75, "perplexity": float("inf")})
    html = part("worth", comparison_page([FIRST, SECOND, third], [MATCH, MATCH], 7, 9))
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>.*?</tr>", html)[1:]]
    assert rows == [
        ["<b>20.0</b>", "not defined", "50%"],
        ["30.0", "<b>0.125</b>", "<b>75%</b>"],
        ["not defined", "not defined", "<b>75%</b>"],
    ]


def test_topics_without_a_partner_are_listed_by_model_the_largest_first() -> None:
    wide = replace(FIRST, name="three")
    nothing = Partners(np.full(3, -1), np.zeros(3), np.zeros(3))
    html = part("alone", comparison_page([FIRST, SECOND, wide], [MATCH, nothing], 7, 9))
    shown = re.findall(r"(topic \d, [\d.]+%) of (\S+)", said(html))
    assert shown == [
        ("topic 1, 25.0%", "two<i>"),
        ("topic 1, 50.0%", "three"),
        ("topic 2, 30.0%", "three"),
        ("topic 0, 20.0%", "three"),
    ]


def test_a_page_has_the_title_that_it_is_given() -> None:
    for title, terms, shown in (
        (None, TEXTS, "Topics compared"),
        (None, COUNTS, "Components compared"),
        ("Mine", TEXTS, "Mine"),
    ):
        html = comparison_page([FIRST, SECOND], [MATCH], 7, 9, terms, title=title)
        assert f"<title>{shown}</title>" in html
        assert f"<h1>{shown}</h1>" in html


def test_each_model_after_the_first_has_its_partners() -> None:
    for partners in ([], [MATCH, MATCH]):
        with pytest.raises(ValueError, match="argument 2 is"):
            comparison_page([FIRST, SECOND], partners, 7, 9)


def test_what_is_compared_stays_as_it_is() -> None:
    with pytest.raises(FrozenInstanceError):
        FIRST.name = "two"
