"""The digits that the demo trains on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor

__all__ = ["Digits", "digits", "square"]

SIDE = 8


class Digits(NamedTuple):
    """Handwritten digits, 8 x 8 pixels: ink in [0, 1], which is taken as a probability.

    Attributes:
        train: Shape (1297, 64).
        train_labels: Shape (1297,).
        test: Shape (300, 64).
        test_labels: Shape (300,).
        test_drawn: The test images as 0 and 1, drawn once, shape (300, 64).
        validation_drawn: Other images as 0 and 1, drawn once, shape (200, 64).
    """

    train: Tensor
    train_labels: NDArray[np.int64]
    test: Tensor
    test_labels: NDArray[np.int64]
    test_drawn: Tensor
    validation_drawn: Tensor


def digits() -> Digits:
    """Return scikit-learn's digits, split and drawn with fixed seeds.

    Example:
        >>> digits().test.shape
        torch.Size([300, 64])
    """
    images, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(images))
    x, labels = torch.tensor(images[order] / 16, dtype=torch.float32), labels[order]
    generator = torch.Generator().manual_seed(0)
    return Digits(
        train=x[:1297],
        train_labels=labels[:1297],
        test=x[1497:],
        test_labels=labels[1497:],
        test_drawn=torch.bernoulli(x[1497:], generator=generator),
        validation_drawn=torch.bernoulli(x[1297:1497], generator=generator),
    )


def square(x: Tensor) -> NDArray[np.float32]:
    """Rows of 64 pixels as images of 8 x 8.

    Example:
        >>> square(torch.zeros(3, 64)).shape
        (3, 8, 8)
    """
    return x.reshape(-1, SIDE, SIDE).numpy()
