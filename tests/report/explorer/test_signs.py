"""Signs of topics: what is counted, and from which number on it speaks against a topic."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dirvae.evaluation.matching import STABLE
from dirvae.report.explorer import signs
from dirvae.report.explorer.signs import carriers, half_of, signs_of
from dirvae.terms import COUNTS, TEXTS

BETA = np.array([[0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.2, 0.6]])
SHARES = np.array([0.5, 0.5])
TOP = np.array([[0, 1], [3, 2]])
OVERLAP = np.array([[1.0, 0.4], [0.4, 1.0]])


def found(kind, terms=TEXTS, *, beta=BETA, shares=SHARES, top=TOP, overlap=OVERLAP, **more):
    """Whether each topic is fine by a sign, and what is said."""
    rows = signs_of(beta, shares, top, overlap, terms, **more)
    return [(sign.fine, sign.text) for row in rows for sign in row if sign.kind == kind]


def kinds(**more):
    rows = signs_of(BETA, SHARES, TOP, OVERLAP, **more)
    assert len({tuple(sign.kind for sign in row) for row in rows}) == 1
    return [sign.kind for sign in rows[0]]


def documents_with(*present):
    """Counts of 60 documents, in which words are so often present."""
    return (np.arange(60)[:, None] < np.array(present)) * 3.0


def test_signs_are_those_that_can_be_measured_in_one_order():
    theta, counts = np.full((3, 2), 0.5), np.ones((3, 4))
    one = {"top_words": TOP[:, :1]}
    assert kinds() == ["exclusive", "overlap"]
    assert kinds(stability=np.ones(2)) == ["stable", "exclusive", "overlap"]
    known = {"theta": theta, "counts": counts}
    assert kinds(**known) == ["carried", "half", "frequent", "coherent", "exclusive", "overlap"]
    assert kinds(stability=np.ones(2), **known)[3:5] == ["coherent", "stable"]
    assert "coherent" not in kinds(terms=COUNTS, **known)
    alone = signs_of(BETA, SHARES, one["top_words"], OVERLAP, **known)
    assert "coherent" not in [sign.kind for sign in alone[0]]  # one word has no pairs


def test_a_tenth_of_a_document_carries_a_topic():
    theta = np.array([[0.1, 0.9], [0.0999, 0.9001], [0.5, 0.5], [0.95, 0.05]])
    assert carriers(theta).tolist() == [3, 3]


def test_half_of_a_topic_lies_in_the_fewest_documents():
    theta = np.array([[0.5, 0.25], [0.25, 0.25], [0.25, 0.25], [0, 0.25]])
    assert half_of(theta).tolist() == [1, 2]
    assert half_of(theta[::-1] * 8).tolist() == [1, 2]
    assert half_of(np.array([[0.5, 1, 0.4], [0.3, 0, 0.4], [0.1, 0, 0.4]])).tolist() == [1, 1, 2]


@pytest.mark.parametrize(("number", "fine"), [(19, False), (20, True), (21, True)])
def test_a_topic_should_be_in_20_documents(number, fine):
    theta = np.zeros((60, 2))
    theta[:number, 0] = 0.1
    theta[0, 1] = 1
    told = found("carried", theta=theta, counts=documents_with(9, 9, 9, 9))
    assert told == [
        (fine, f"It makes up a tenth or more of {number} documents"),
        (False, "It makes up a tenth or more of 1 document"),
    ]


@pytest.mark.parametrize(("number", "fine"), [(9, False), (10, True), (11, True)])
def test_half_of_a_topic_should_not_lie_in_fewer_than_10_documents(number, fine):
    theta = np.zeros((60, 2))
    theta[: 2 * number, 0] = 0.5
    theta[7, 1] = 1
    told = found("half", COUNTS, theta=theta, counts=documents_with(9, 9, 9, 9))
    assert told == [
        (fine, f"Half of it lies in {number} samples"),
        (False, "Half of it lies in 1 sample"),
    ]


@pytest.mark.parametrize(("number", "fine"), [(9, False), (10, True), (11, True)])
def test_words_of_a_topic_should_be_in_10_documents(number, fine):
    counts = documents_with(number - 3, number + 3, 50, 32)
    told = found("frequent", theta=np.full((60, 2), 0.5), counts=counts)
    assert told == [
        (fine, f"Its words are in {number} documents each"),
        (True, "Its words are in 41 documents each"),
    ]


@pytest.mark.parametrize(
    ("npmi", "told"),
    [
        (0.0499, (False, "Its words hardly occur together: 0.05")),
        (0.05, (True, "Its words occur together: 0.05")),
        (0.3, (True, "Its words occur together: 0.30")),
        (-0.2, (False, "Its words hardly occur together: -0.20")),
    ],
)
def test_words_of_a_topic_should_occur_together(npmi, told, monkeypatch):
    monkeypatch.setattr(signs, "topic_coherence", lambda ids, counts: np.array([npmi, 1]))
    known = {"theta": np.full((60, 2), 0.5), "counts": documents_with(9, 9, 9, 9)}
    assert found("coherent", **known) == [told, (True, "Its words occur together: 1.00")]


def test_coherence_is_that_of_the_first_words():
    together = np.array([[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 5]])
    known = {"theta": np.full((4, 2), 0.5), "counts": together}
    (first, one), (second, other) = found("coherent", **known)
    assert (first, one[-4:]) == (True, "1.00")
    assert second is False
    assert float(other.rpartition(" ")[2]) < 0


@pytest.mark.parametrize(("own", "fine"), [(0.25, False), (0.3, True), (0.5, True)])
def test_words_of_a_topic_should_be_its_own(own, fine):
    beta = np.array([[own, 1 - own], [1 - own, own]])
    (one, other) = found("exclusive", beta=beta, top=np.array([[0], [0]]))
    assert one == (fine, f"{own:.0%} of the uses of its words are its own")
    assert other == (True, f"{1 - own:.0%} of the uses of its words are its own")


def test_uses_are_those_of_the_first_words_by_the_shares_of_topics():
    (one, other) = found("exclusive", COUNTS, shares=np.array([0.25, 0.75]))
    # Of word 0: 1/8 to 3/40; of word 1: 3/40 to 3/40; of word 2: 1/20 to 3/20; word 3 is all its.
    assert one == (True, f"{(5 / 8 + 1 / 2) / 2:.0%} of the uses of its features are its own")
    assert other == (True, f"{(1 + 3 / 4) / 2:.0%} of the uses of its features are its own")


@pytest.mark.parametrize(("common", "fine"), [(0.49, True), (0.5, False), (0.51, False)])
def test_topics_should_not_have_half_of_their_words_in_common(common, fine):
    overlap = np.array([[1, 0.1, common], [0.1, 1, 0], [common, 0, 1]])
    beta = np.full((3, 4), 0.25)
    told = found("overlap", beta=beta, shares=np.ones(3), top=TOP[[0, 1, 1]], overlap=overlap)
    assert told == [
        (fine, f"{common:.0%} of its words in common with topic 2"),
        (True, "10% of its words in common with topic 0"),
        (fine, f"{common:.0%} of its words in common with topic 0"),
    ]


def test_a_topic_alone_and_two_that_have_nothing_in_common():
    told = found("overlap", beta=BETA[:1], shares=np.ones(1), top=TOP[:1], overlap=np.ones((1, 1)))
    assert told == [(True, "It is the only topic")]
    told = found("overlap", COUNTS, overlap=np.eye(2))
    assert told == [
        (True, "0% of its counts in common with component 1"),
        (True, "0% of its counts in common with component 0"),
    ]


def test_other_seeds_should_find_a_topic():
    told = found("stable", stability=np.array([STABLE - 0.01, STABLE]))
    assert told == [
        (False, f"Other seeds find it only in part: {STABLE - 0.01:.2f}"),
        (True, f"Other seeds find it, too: {STABLE:.2f}"),
    ]
    assert found("stable", stability=np.array([0.9, 0.1]))[0][0] is True


def test_signs_are_of_the_first_ten_words():
    beta = np.vstack([np.r_[np.full(10, 0.1), 0, 0], np.r_[np.zeros(10), 0.5, 0.5]])
    (one, _) = found("exclusive", beta=beta, top=np.vstack([np.arange(12), np.arange(12)[::-1]]))
    assert one[1].startswith("100%")


def test_signs_are_told_in_the_words_of_the_data():
    known = {"theta": np.full((3, 2), 0.5), "counts": np.ones((3, 4)), "stability": np.ones(2)}
    for sign in signs_of(BETA, SHARES, TOP, OVERLAP, COUNTS, **known)[0]:
        assert not re.search(r"\b(document|word|topic)s?\b", sign.how.lower())
