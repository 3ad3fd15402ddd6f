"""Coherence, against gensim and against the formulas written out."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from dirvae.evaluation import topic_coherence
from dirvae.evaluation.coherence import npmi_of_weights
from tests.magnitudes import EXAMPLES

# gensim 4.4.0, CoherenceModel(topics, texts, corpus, dictionary, coherence=..., processes=1) on 60
# texts of 5 to 145 distinct words: no word is twice in a window, where gensim's counts are right.
GENSIM = json.loads((Path(__file__).parent / "gensim_coherence.json").read_text())


def counts_of(documents: list[list[int]], size: int) -> np.ndarray:
    return np.array([np.bincount(d, minlength=size) for d in documents])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("umass", "u_mass"),
        ("uci_window10", "c_uci"),
        ("npmi_window10", "c_npmi"),
        ("cv_window110", "c_v"),
    ],
)
def test_equals_gensim(ours: str, theirs: str) -> None:
    documents = GENSIM["documents"]
    given = counts_of(documents, 150) if ours == "umass" else documents
    found = topic_coherence(GENSIM["topics"], given, ours)
    np.testing.assert_allclose(found, GENSIM["coherence"][theirs], rtol=1e-12)


def shares(windows: list[set[int]], words: tuple[int, ...]) -> float:
    return sum(set(words) <= window for window in windows) / len(windows)


@pytest.mark.parametrize("seed", range(5))
def test_windows_with_repeated_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    documents = [rng.integers(0, 12, rng.integers(0, 40)).tolist() for _ in range(20)]
    topic = rng.permutation(12)[:5].tolist()
    windows = [
        set(d[start : start + 10]) for d in documents if d for start in range(max(1, len(d) - 9))
    ]
    expected = np.mean(
        [
            math.log(
                (shares(windows, (a, b)) + 1e-12) / (shares(windows, (a,)) * shares(windows, (b,)))
            )
            for a, b in combinations(topic, 2)
        ]
    )
    assert topic_coherence([topic], documents, "uci_window10")[0] == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("seed", range(5))
def test_npmi_over_documents_is_its_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.3, (60, 15))
    topic = rng.permutation(15)[:6]
    present = [set(np.flatnonzero(row).tolist()) for row in counts]
    values = []
    for a, b in combinations(topic.tolist(), 2):
        both = shares(present, (a, b))
        product = shares(present, (a,)) * shares(present, (b,))
        values.append(math.log(both / product) / -math.log(both) if both else -1.0)
    found = topic_coherence(topic[None], sparse.csr_matrix(counts))
    assert found[0] == pytest.approx(np.mean(values), rel=1e-9)
    np.testing.assert_array_equal(found, topic_coherence(topic[None], counts))


@EXAMPLES
@given(first=st.integers(1, 29), second=st.integers(1, 29))
def test_independent_words_have_an_npmi_of_0(first: int, second: int) -> None:
    """Each of 30 x 30 documents has the one by its row, the other by its column."""
    row, column = np.divmod(np.arange(900), 30)
    counts = np.stack([row < first, column < second], 1).astype(int)
    assert topic_coherence([[0, 1]], counts)[0] == pytest.approx(0, abs=1e-12)


def test_documents_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = topic_coherence(GENSIM["topics"], GENSIM["documents"], "cv_window110")
    monkeypatch.setattr("dirvae.evaluation.coherence.ENTRIES_AT_ONCE", 500)
    pieces = topic_coherence(GENSIM["topics"], iter(GENSIM["documents"]), "cv_window110")
    np.testing.assert_allclose(pieces, whole, rtol=1e-12)


def test_unseen_words_and_words_everywhere_give_numbers() -> None:
    counts = [[1, 1, 0, 0, 1], [1, 1, 1, 0, 0]]
    np.testing.assert_array_equal(topic_coherence([[3, 4], [0, 1], [0, 3]], counts), [-1, 1, -1])
    assert topic_coherence([[3, 0]], counts, "umass")[0] == 0
    documents = [[0, 1, 2], [0, 1]]
    for measure, expected in (("npmi_window10", -1), ("uci_window10", 0), ("cv_window110", 0.5)):
        found = topic_coherence([[0, 7]], documents, measure)
        assert np.isfinite(found).all()
        if measure != "cv_window110":
            assert found[0] == expected


@pytest.mark.parametrize(
    ("topics", "documents", "measure", "message"),
    [
        ([[0, 1]], [[1, 0]], "c_v", "measure is 'c_v', must be one of npmi_document"),
        ([[0]], [[1, 0]], "umass", "n of at least 2 words"),
        ([[0.0, 1.0]], [[1, 0]], "umass", "must be integers"),
        ([[0, -1]], [[1, 0]], "umass", "topics has column -1, must be 0 or more"),
        ([[0, 9]], [[1, 0]], "umass", "at least 10 columns"),
        ([[0, 1]], np.zeros((0, 2)), "umass", "must have a row or more"),
        ([[0, 1]], [[1, np.nan]], "umass", "must be counts"),
        ([[0, 1]], [[-1.0, 1.0]], "umass", "must be counts"),
        ([[0, 1]], [[]], "uci_window10", "documents has no tokens"),
        ([[0, 1]], np.ones((2, 2)), "uci_window10", "give the tokens of each document in order"),
    ],
)
def test_bad_input(topics, documents, measure, message) -> None:
    with pytest.raises(ValueError, match=message):
        topic_coherence(topics, documents, measure)


def test_weights_of_documents_are_how_often_they_are_there() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.4, (40, 9)) * (rng.random((40, 1)) < 0.8)
    counts[:, 8], counts[:, 7] = 0, counts[:, 6]  # a word in no document; two always together
    topics = [[0, 3, 5], [5, 1, 0], [6, 7, 2], [8, 4, 3]]
    npmi = npmi_of_weights(topics, sparse.csr_matrix(counts))
    for _ in range(5):
        rows = rng.integers(40, size=40)
        found = npmi(np.bincount(rows, minlength=40).astype(float))
        np.testing.assert_allclose(found, topic_coherence(topics, counts[rows]), rtol=1e-12)
