"""Diversity and labels, against what their papers write."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import entropy

from dirvae.evaluation import (
    diversity,
    inverted_rank_overlap,
    mean_document_frequency,
    normalized_mutual_information,
    pairwise_distinctness,
    purity,
    uniqueness,
)


def test_diversities(rng: np.random.Generator) -> None:
    topics = np.stack([rng.permutation(20)[:6] for _ in range(5)])
    words = topics.ravel().tolist()
    assert diversity(topics) == len(set(words)) / 30
    assert uniqueness(topics) == pytest.approx(np.mean([1 / words.count(w) for w in words]))
    jaccard = [len({*a} & {*b}) / len({*a} | {*b}) for a, b in combinations(topics.tolist(), 2)]
    assert pairwise_distinctness(topics) == pytest.approx(1 - np.mean(jaccard))
    overlaps = []
    for a, b in combinations(topics.tolist(), 2):
        seen = [len({*a[:d]} & {*b[:d]}) / d for d in range(1, 7)]
        total = 0.1 * sum(0.9 ** (d - 1) * seen[d - 1] for d in range(1, 7))
        overlaps.append(total + 0.9**6 * seen[-1])
    assert inverted_rank_overlap(topics) == pytest.approx(1 - np.mean(overlaps))
    same = np.tile(np.arange(6), (3, 1))
    assert diversity(same) == pytest.approx(1 / 3)
    assert inverted_rank_overlap(same) == pytest.approx(0, abs=1e-12)
    assert pairwise_distinctness(same) == 0


def test_against_labels(rng: np.random.Generator) -> None:
    theta, labels = rng.dirichlet(np.ones(4), 200), rng.integers(0, 3, 200)
    largest = theta.argmax(1)
    groups = [labels[largest == k] for k in range(4)]
    expected = sum(np.bincount(g).max() for g in groups) / 200
    assert purity(theta, labels) == pytest.approx(expected)
    table = np.histogram2d(labels, largest, bins=(np.arange(4), np.arange(5)))[0] / 200
    a, b = table.sum(1), table.sum(0)
    information = entropy(a) + entropy(b) - entropy(table.ravel())
    expected = information / ((entropy(a) + entropy(b)) / 2)
    assert normalized_mutual_information(theta, labels) == pytest.approx(expected)


@pytest.mark.parametrize("score", [purity, normalized_mutual_information])
def test_labels_must_be_known(score: Any) -> None:
    theta = np.eye(3)
    unknown = [["a", None, "a"], [0.0, np.nan, 0.0], ["a", np.nan, "a"]]
    for labels in (*unknown, pd.Series([0, None, 0], dtype="Int64")):
        with pytest.raises(ValueError, match="labels is missing in 1 of 3 rows, must be known"):
            score(theta, labels)
    assert score(theta[[0, 1, 1]], [-1, 1, 1]) == pytest.approx(1)  # a class as any other
    with pytest.raises(ValueError, match=r"labels has shape \(2,\), must be \(3,\)"):
        score(theta, ["a", "b"])


def test_document_frequency(rng: np.random.Generator) -> None:
    counts = rng.poisson(0.5, (40, 10))
    topics = np.array([[0, 3, 5], [3, 8, 9]])
    expected = np.mean([(counts[:, w] > 0).sum() for w in topics.ravel()])
    assert mean_document_frequency(topics, sparse.csr_matrix(counts)) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diversity([[0.5]]), "must be integers"),
        (lambda: pairwise_distinctness([[0, 1]]), "K of at least 2"),
        (lambda: inverted_rank_overlap([[0, 1], [1, 2]], 1.0), "persistence is 1.0"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
