"""Texts on a page: how they are cut, and whose words their words are."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from dirvae.report.explorer.documents import (
    Shown,
    chosen_documents,
    marks_of,
    per_topic,
    short,
    speaking,
    text_length,
)


@pytest.mark.parametrize(
    ("topics", "documents"),
    [(1, 20), (49, 20), (50, 20), (51, 19), (100, 10), (333, 3), (334, 3), (5000, 3)],
)
def test_a_page_of_many_topics_has_fewer_documents_of_each(topics, documents) -> None:
    assert per_topic(topics) == documents


@pytest.mark.parametrize(
    ("documents", "letters"), [(0, 1500), (1, 1500), (400, 1500), (401, 1496), (6000, 100)]
)
def test_a_page_of_many_documents_has_less_of_each(documents, letters) -> None:
    assert text_length(documents) == letters


def test_documents_are_chosen_once_and_in_order() -> None:
    theta = [[0.2, 0.2, 0.6], [0.5, 0.4, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]]
    assert chosen_documents(theta, 1).tolist() == [0, 1, 2]
    assert chosen_documents(theta, 2).tolist() == [0, 1, 2, 3]
    assert chosen_documents([[0.9, 0.1], [0.1, 0.1], [0.8, 0.8]], 1).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        ("one two", 7, "one two"),
        ("one two", 6, "one …"),
        ("one two", 5, "one …"),
        ("one two", 4, "one…"),  # there was no room to see that a word ends
        ("abcdefg", 7, "abcdefg"),
        ("abcdefgh", 7, "abcdef…"),
        ("a" + " " * 26 + "b", 7, "a b"),
        ("a" + " " * 27 + "b", 7, "a…"),  # of more than four times the letters no more is read
        ("", 5, ""),
        ("x" * 59, 200, "x" * 59),
        ("x" * 60, 200, "x" * 59 + "…"),
        (f"a {'x' * 100} b", 200, f"a {'x' * 59}… b"),
    ],
)
def test_a_text_is_as_long_as_it_may_be(text, length, shown) -> None:
    found, was_cut = short(text, length)
    assert found == shown
    assert len(found) <= length
    assert was_cut == (shown.endswith("…") and "x" not in text)


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


def by_hand(counts, shares, beta, frequency, num_topics, most):
    """What `speaking` returns, word by word."""
    named = {k: [] for k in range(num_topics)}
    clear = {}
    for word, count in enumerate(counts):
        if count:
            joint = [share * law[word] for share, law in zip(shares, beta, strict=True)]
            phi = [value / sum(joint) for value in joint]
            best = phi.index(max(phi))
            if best < num_topics and phi[best] >= 0.5 and beta[best][word] >= 2 * frequency[word]:
                clear[word] = best
            for k in range(num_topics):
                told = np.log(beta[k][word] / frequency[word]) if beta[k][word] else -np.inf
                if count * phi[k] >= 0.1 and told > 0:
                    named[k].append((count * phi[k] * told, word, count * phi[k]))
    ranked = {
        k: [(word, round(n, 1)) for _, word, n in sorted(found, key=lambda f: (-f[0], f[1]))[:most]]
        for k, found in named.items()
    }
    return ranked, clear


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [2, 6])
def test_words_speak_as_they_do_by_hand(seed, most) -> None:
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(25, 0.3), 4)
    frequency = beta.mean(0)
    shares = rng.dirichlet(np.ones(4), 3)
    counts = rng.poisson(0.8, (3, 25)).astype(float)
    named, clear = speaking(counts, shares, beta, frequency, 3, most)
    wanted = [by_hand(c, s, beta, frequency, 3, most) for c, s in zip(counts, shares, strict=True)]
    assert clear == [found for _, found in wanted]
    assert named == [found for found, _ in wanted]
    assert any(clear)


def test_six_words_speak_for_a_topic_where_nothing_else_is_asked_for() -> None:
    beta, known = np.full((1, 9), 1 / 9), np.full(9, 1 / 18)
    [named], _ = speaking(np.arange(9.0)[None], [[1.0]], beta, known, 1)
    assert named == {0: [(8, 8.0), (7, 7.0), (6, 6.0), (5, 5.0), (4, 4.0), (3, 3.0)]}


@pytest.mark.parametrize(
    ("count", "named"), [(1.0, []), (1.98, []), (2.0, [(0, 0.1)]), (4.0, [(0, 0.2)])]
)
def test_a_tenth_of_a_token_is_named(count, named) -> None:
    shares = np.array([[0.05, 0.95]])
    [found], _ = speaking([[count, 0.0]], shares, [[0.5, 0.5]] * 2, [0.25, 0.75], 1)
    assert found[0] == named


@pytest.mark.parametrize(
    ("known", "share", "marked"),
    [(0.25, 0.5, True), (0.25, 0.49, False), (0.2501, 0.5, False), (0.5, 1.0, False)],
)
def test_a_word_is_marked_from_a_half_on_if_it_is_twice_as_frequent(known, share, marked) -> None:
    shares = np.array([[share, (1 - share) / 2, (1 - share) / 2]])
    _, [found] = speaking([[1.0, 0.0]], shares, [[0.5, 0.5]] * 3, [known, 0.5], 2)
    assert found == ({0: 0} if marked else {})


def test_a_word_of_the_background_is_of_no_topic() -> None:
    shares = np.array([[0.1, 0.9]])
    [named], [found] = speaking([[1.0, 1.0]], shares, [[0.5, 0.5]] * 2, [0.1, 0.1], 1)
    assert (named, found) == ({0: [(0, 0.1), (1, 0.1)]}, {})


def test_a_document_without_words_says_nothing() -> None:
    assert speaking([[0.0, 0.0]], [[1.0]], [[0.5, 0.5]], [0.5, 0.5], 1) == ([{0: []}], [{}])


def test_letters_are_of_one_unit_up_to_the_last_that_fits() -> None:
    assert marks_of("\uffff moon", {"moon": 1}.get, {1: 0}) == [(2, 4, 0)]
    assert marks_of("\U00010000 moon", {"moon": 1}.get, {1: 0}) == [(3, 4, 0)]
    assert marks_of("\U00010000", {"\U00010000": 1}.get, {1: 0}) == [(0, 2, 0)]
    assert marks_of("moon sun cat", {"moon": 1, "sun": 0, "cat": 2}.get, {0: 5, 2: 6}) == [
        *((5, 3, 5), (9, 3, 6))
    ]


def test_what_a_page_shows_stays_as_it_is() -> None:
    shown = Shown(*(np.empty(0), [], np.empty(0), None, None, None), [], [], np.empty(0))
    with pytest.raises(FrozenInstanceError):
        shown.rows = np.ones(1)
