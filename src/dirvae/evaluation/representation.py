"""How well an embedding predicts labels; pandas objects are matched by their index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from dirvae.evaluation._labels import labels_of

__all__ = ["knn_error", "knn_errors", "linear_probe_accuracy", "svm_accuracy"]


def knn_error(
    train_embedding: ArrayLike,
    train_labels: ArrayLike,
    test_embedding: ArrayLike,
    test_labels: ArrayLike,
    k: int = 5,
) -> float:
    """Error of a k-nearest-neighbour classifier (Euclidean distance, majority vote).

    Args:
        train_embedding: Shape (N, K).
        train_labels: Shape (N,).
        test_embedding: Shape (M, K).
        test_labels: Shape (M,).
        k: Number of nearest training rows that vote, from 1 to N.

    Returns:
        Share of test rows that are classified wrongly, in [0, 1].

    Raises:
        ValueError: If k is out of range, labels are missing, or their number is not that of rows.

    References:
        Joo et al. 2020, table 3, with k = 3, 5 and 10.

    Example:
        >>> knn_error([[0.0], [1.0]], ["a", "b"], [[0.1], [0.2]], ["a", "b"], k=1)
        0.5
    """
    return knn_errors(train_embedding, train_labels, test_embedding, test_labels, ks=(k,))[k]


def knn_errors(
    train_embedding: ArrayLike,
    train_labels: ArrayLike,
    test_embedding: ArrayLike,
    test_labels: ArrayLike,
    ks: Sequence[int] = (3, 5, 10),
) -> dict[int, float]:
    """`knn_error` for several numbers of neighbours, with a single search for neighbours.

    If classes have equally many votes, the first class in sorted order wins.

    Args:
        train_embedding: Shape (N, K).
        train_labels: Shape (N,).
        test_embedding: Shape (M, K).
        test_labels: Shape (M,).
        ks: Numbers of neighbours that vote, each from 1 to N.

    Returns:
        Mapping from each k to the error, in [0, 1].

    Raises:
        ValueError: If a k is out of range, labels are missing, or their number is not that of rows.

    Example:
        >>> knn_errors([[0.0], [1.0], [1.1]], list("abb"), [[0.1]], ["a"], ks=(1, 3))
        {1: 0.0, 3: 1.0}
    """
    known = _known("train", train_labels, train_embedding)
    truth = _known("test", test_labels, test_embedding)
    classes, labels = np.unique(known, return_inverse=True)
    for k in ks:
        if not 1 <= k <= len(labels):
            raise ValueError(f"k is {k}, must be from 1 to the number of training rows")
    nearest = labels[
        NearestNeighbors(n_neighbors=max(ks))
        .fit(train_embedding)
        .kneighbors(test_embedding, return_distance=False)
    ]
    errors = {}
    for k in ks:
        votes = np.zeros((len(nearest), len(classes)), dtype=np.intp)
        np.add.at(votes, (np.arange(len(nearest))[:, None], nearest[:, :k]), 1)
        errors[k] = float((classes[votes.argmax(1)] != truth).mean())
    return errors


def linear_probe_accuracy(
    train_embedding: ArrayLike,
    train_labels: ArrayLike,
    test_embedding: ArrayLike,
    test_labels: ArrayLike,
    inverse_penalty: float = 1.0,
) -> float:
    """Accuracy of multinomial logistic regression on the standardized embedding.

    Args:
        train_embedding: Shape (N, K).
        train_labels: Shape (N,), at least two classes.
        test_embedding: Shape (M, K).
        test_labels: Shape (M,).
        inverse_penalty: scikit-learn's C, positive. A larger value means less regularisation.

    Returns:
        Accuracy in [0, 1].

    Raises:
        ValueError: If labels are missing, or their number is not that of rows.

    Example:
        >>> linear_probe_accuracy([[0.0], [1.0]], [0, 1], [[-1.0], [2.0]], [0, 1])
        1.0
    """
    regression = LogisticRegression(C=inverse_penalty, max_iter=2000)
    return _accuracy(regression, train_embedding, train_labels, test_embedding, test_labels)


def svm_accuracy(
    train_embedding: ArrayLike,
    train_labels: ArrayLike,
    test_embedding: ArrayLike,
    test_labels: ArrayLike,
    inverse_penalty: float = 1.0,
) -> float:
    """Accuracy of a support vector machine (RBF kernel) on the standardized embedding.

    The time grows with the square of the number of training rows. Some tens of thousands of rows
    take a minute.

    Args:
        train_embedding: Shape (N, K).
        train_labels: Shape (N,), at least two classes.
        test_embedding: Shape (M, K).
        test_labels: Shape (M,).
        inverse_penalty: scikit-learn's C, positive. A larger value means less regularisation.

    Returns:
        Accuracy in [0, 1].

    Raises:
        ValueError: If labels are missing, or their number is not that of rows.

    Example:
        >>> svm_accuracy([[0.0], [1.0], [2.0]], [0, 1, 0], [[0.1], [1.0], [2.1]], [0, 1, 0])
        1.0
    """
    machine = SVC(C=inverse_penalty)
    return _accuracy(machine, train_embedding, train_labels, test_embedding, test_labels)


def _accuracy(
    classifier: Any,
    train_embedding: ArrayLike,
    train_labels: ArrayLike,
    test_embedding: ArrayLike,
    test_labels: ArrayLike,
) -> float:
    known = _known("train", train_labels, train_embedding)
    truth = _known("test", test_labels, test_embedding)
    fitted = make_pipeline(StandardScaler(), classifier).fit(train_embedding, known)
    return float((fitted.predict(test_embedding) == truth).mean())


def _known(part: str, labels: ArrayLike, embedding: ArrayLike) -> NDArray[Any]:
    return labels_of(embedding, labels, name=f"{part}_labels", rows_name=f"{part}_embedding")
