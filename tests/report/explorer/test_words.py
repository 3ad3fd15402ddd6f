"""Words of topics for the slider, and whose uses a word's uses are."""

from __future__ import annotations

import numpy as np

from dirvae.report.explorer.words import SHOWN, STEPS, listed_words, uses

BETA = np.random.default_rng(0).dirichlet(np.full(60, 0.2), 5)


def test_a_list_has_the_words_of_every_place_of_the_slider():
    frequency = BETA.mean(0) ** 1.5
    lists = listed_words(BETA, frequency)
    for k, row in enumerate(BETA):
        assert (np.diff(row[lists[k]]) <= 0).all()
        for step in range(STEPS + 1):
            weight = step / STEPS
            score = weight * np.log(row) + (1 - weight) * np.log(row / frequency)
            assert set(np.argsort(-score)[:SHOWN]) <= set(lists[k])
        assert len(lists[k]) < 60


def test_a_list_has_no_other_words():
    beta = np.random.default_rng(1).dirichlet(np.full(3000, 5), 10)
    frequency = np.random.default_rng(2).dirichlet(np.full(3000, 2))
    for row, found in zip(beta, listed_words(beta, frequency), strict=True):
        shown = set()
        for weight in np.arange(21) / 20:
            score = weight * np.log(row) + (1 - weight) * np.log(row / frequency)
            shown |= set(np.argsort(-score)[:15].tolist())
        assert sorted(found.tolist()) == sorted(shown)


def test_of_few_words_a_list_has_all():
    found = listed_words([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], [0.4, 0.3, 0.3])
    assert [words.tolist() for words in found] == [[1, 2, 0], [0, 2, 1]]


def test_uses_of_a_word_are_of_topics_by_their_shares():
    beta, shares = np.array([[0.5, 0.5, 0], [0.25, 0.75, 0]]), np.array([0.2, 0.8])
    found = uses(beta, shares)
    np.testing.assert_allclose(found[:, 0], [0.1 / 0.3, 0.2 / 0.3])
    np.testing.assert_allclose(found[:, 1], [0.1 / 0.7, 0.6 / 0.7])
    assert found[:, 2].tolist() == [0, 0]  # a word of no topic
