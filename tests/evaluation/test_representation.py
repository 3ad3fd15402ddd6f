from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs, make_circles
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from dirvae.evaluation import knn_error, knn_errors, linear_probe_accuracy, svm_accuracy


@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_knn_error_against_distances_and_votes_by_hand(k: int) -> None:
    X, y = load_digits(return_X_y=True)
    train, test = slice(0, 600), slice(600, 900)
    distances = ((X[test][:, None] - X[train][None]) ** 2).sum(-1)
    nearest = y[train][np.argsort(distances, axis=1, kind="stable")[:, :k]]
    # Of classes with equally many votes the lowest wins, as with argmax.
    votes = np.stack([np.bincount(row, minlength=10) for row in nearest]).argmax(1)
    assert knn_error(X[train], y[train], X[test], y[test], k) == (votes != y[test]).mean()


def test_knn_refuses_more_neighbours_than_rows() -> None:
    with pytest.raises(ValueError, match="k is 3"):
        knn_error([[0.0], [1.0]], [0, 1], [[0.0]], [0], k=3)


def test_linear_probe_does_not_depend_on_units() -> None:
    X, y = make_blobs(400, n_features=4, centers=3, cluster_std=4.0, random_state=0)
    parts = (X[:200], y[:200], X[200:], y[200:])
    accuracy = linear_probe_accuracy(*parts)
    units = np.array([1e-3, 1.0, 10.0, 1e3])
    rescaled = linear_probe_accuracy(X[:200] * units, y[:200], X[200:] * units, y[200:])
    assert rescaled == accuracy
    plain = LogisticRegression(max_iter=2000).fit(X[:200], y[:200]).score(X[200:], y[200:])
    assert accuracy == pytest.approx(plain, abs=0.03)


def test_knn_errors_are_those_of_each_k() -> None:
    X, y = load_digits(return_X_y=True)
    names = np.array(list("jihgfedcba"))[y]
    parts = (X[:600], names[:600], X[600:900], names[600:900])
    found = knn_errors(*parts)
    assert list(found) == [3, 5, 10]
    assert found == {k: knn_error(*parts, k=k) for k in (3, 5, 10)}
    assert len(set(found.values())) > 1


def test_a_class_that_is_only_in_the_test_rows_is_always_wrong() -> None:
    assert knn_errors([[0.0], [1.0]], [0, 1], [[0.0], [1.0]], [0, 2], ks=(1,)) == {1: 0.5}


def test_svm_separates_what_no_line_does() -> None:
    X, y = make_circles(400, noise=0.05, factor=0.5, random_state=0)
    parts = (X[:200], y[:200], X[200:], y[200:])
    assert linear_probe_accuracy(*parts) < 0.7
    assert svm_accuracy(*parts) > 0.97
    scaled = [(part - X[:200].mean(0)) / X[:200].std(0) for part in (X[:200], X[200:])]
    by_hand = SVC().fit(scaled[0], y[:200]).score(scaled[1], y[200:])
    assert svm_accuracy(*parts) == by_hand
    units = np.array([1e-3, 1e3])
    assert svm_accuracy(X[:200] * units, y[:200], X[200:] * units, y[200:]) == by_hand


@pytest.mark.parametrize("score", [knn_error, linear_probe_accuracy, svm_accuracy])
@pytest.mark.parametrize("part", ["train", "test"])
def test_labels_must_be_one_a_row(score: Any, part: str) -> None:
    X, y = make_blobs(40, random_state=0)
    for labels in (y[:, None], y[:1], y[0], np.eye(3)[y]):
        arguments = {"train": y, "test": y, part: labels}
        with pytest.raises(ValueError, match=rf"{part}_labels has shape .*, must be \(40,\)"):
            score(X, arguments["train"], X, arguments["test"])
    for labels in ([None, *y[1:]], np.array([np.nan, *y[1:]])):
        arguments = {"train": y, "test": y, part: labels}
        with pytest.raises(ValueError, match=f"{part}_labels is missing in 1 of 40 rows"):
            score(X, arguments["train"], X, arguments["test"])
