"""How much of the labels an embedding holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["knn_error", "linear_probe_accuracy"]


def knn_error(
    train_embedding: ArrayLike,
    train_labels: ArrayLike,
    test_embedding: ArrayLike,
    test_labels: ArrayLike,
    k: int = 5,
) -> float:
    """Share of test rows that their k nearest training rows (Euclidean, majority vote) get wrong.

    Args:
        train_embedding: Shape (N, K).
        train_labels: Shape (N,).
        test_embedding: Shape (M, K).
        test_labels: Shape (M,).
        k: Neighbours that vote, from 1 to N.

    Returns:
        Error in [0, 1].

    References:
        Joo et al. 2020, table 3, with k = 3, 5 and 10.

    Example:
        >>> knn_error([[0.0], [1.0]], ["a", "b"], [[0.1], [0.2]], ["a", "b"], k=1)
        0.5
    """
    if not 1 <= k <= len(np.asarray(train_labels)):
        raise ValueError(f"k is {k}, must be from 1 to the number of training rows")
    votes = KNeighborsClassifier(k).fit(train_embedding, train_labels).predict(test_embedding)
    return float((votes != np.asarray(test_labels)).mean())


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
        inverse_penalty: scikit-learn's C, positive; larger fits closer.

    Returns:
        Accuracy in [0, 1].

    Example:
        >>> linear_probe_accuracy([[0.0], [1.0]], [0, 1], [[-1.0], [2.0]], [0, 1])
        1.0
    """
    regression = LogisticRegression(C=inverse_penalty, max_iter=2000)
    probe = make_pipeline(StandardScaler(), regression).fit(train_embedding, train_labels)
    return float((probe.predict(test_embedding) == np.asarray(test_labels)).mean())
