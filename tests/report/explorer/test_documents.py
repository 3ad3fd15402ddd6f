"""Texts on a page: how they are cut, and whose words their words are."""

from __future__ import annotations

import numpy as np
import pytest

from dirvae.report.explorer.documents import marks_of, short, speaking


@pytest.mark.parametrize(
    ("text", "shown", "cut"),
    [
        ("a\n\n b\u2028c", "a b c", False),
        ("one two three", "one two …", True),
        ("x" * 500, "x" * 11 + "…", True),
        ("\u202etext\x00", "\\u202etext\\x00", True),
    ],
)
def test_texts_are_cut_between_words(text, shown, cut) -> None:
    found, was_cut = short(text, 12)
    assert len(found) <= 12
    assert was_cut == cut
    assert found == shown or found.startswith(shown[:8])


def test_marks_are_counted_as_javascript_does() -> None:
    text = "🚀🚀 moon, «MOON»! émoon"
    found = marks_of(text, lambda piece: {"moon": 3}.get(piece.lower()), {3: 7})
    units = text.encode("utf-16-le")
    shown = [units[2 * start : 2 * (start + size)].decode("utf-16-le") for start, size, _ in found]
    assert shown == ["moon", "MOON"]
    assert {k for _, _, k in found} == {7}


def test_words_speak_for_topics_as_bayes_has_it() -> None:
    beta = np.array([[0.5, 0.3, 0.2, 0.0], [0.1, 0.3, 0.1, 0.5], [0.25, 0.25, 0.25, 0.25]])
    shares, frequency = np.array([[0.6, 0.3, 0.1]]), np.array([0.2, 0.3, 0.25, 0.25])
    named, clear = speaking([[4.0, 2.0, 0.0, 1.0]], shares, beta, frequency, 2)
    phi = beta * shares.T / (beta * shares.T).sum(0)
    assert named == [{0: [(0, round(4 * phi[0, 0], 1))], 1: [(3, round(phi[1, 3], 1))]}]
    assert clear == [{0: 0, 3: 1}]  # word 1 is as frequent in its topic as anywhere
