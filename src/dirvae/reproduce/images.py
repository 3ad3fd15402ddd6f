"""MNIST and OMNIGLOT, split as the paper splits them, and a part of SVHN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Bernoulli

from dirvae.data import mnist, omniglot
from dirvae.models.likelihoods import unit_normal
from dirvae.reproduce.semi_supervised import DATA, VALIDATION

__all__ = [
    "IMAGES",
    "PIXELS",
    "Images",
    "all_mnist_images",
    "drawn",
    "mnist_images",
    "omniglot_images",
    "svhn_subset_images",
]


class Images(NamedTuple):
    """Grey values in [0, 1], shapes (N, 784), or principal components of them, with labels.

    Attributes:
        matrix: Which file it is, and how it differs from the paper's.
        num_latent: K in the paper.
        threshold: The paper's, above which the variance of a posterior mean counts as active.
        train: Training images.
        validation: Validation images.
        test: Test images.
        train_labels: Shape (N,): digits or alphabets.
        test_labels: Likewise.
        likelihood: Distribution of an image given the latent.
    """

    matrix: str
    num_latent: int
    threshold: float
    train: Tensor
    validation: Tensor
    test: Tensor
    train_labels: NDArray[Any]
    test_labels: NDArray[Any]
    likelihood: Callable[..., Any] = Bernoulli

    def first(self, train: int | None, validation: int | None, test: int | None) -> Images:
        """Keep the first so many images of each; None for all."""
        return self._replace(
            train=self.train[:train],
            validation=self.validation[:validation],
            test=self.test[:test],
            train_labels=self.train_labels[:train],
            test_labels=self.test_labels[:test],
        )


def mnist_images() -> Images:
    """Return MNIST: 45,000 of the training images train, the next 5,000 validate."""
    x, labels = _grey(mnist("x_train")), mnist("y_train")
    return Images(
        matrix="mnist.npz, 45,000 / 5,000 / 10,000 as the paper",
        num_latent=50,
        threshold=1e-4,
        train=x[:45_000],
        validation=x[45_000:50_000],
        test=_grey(mnist("x_test")),
        train_labels=labels[:45_000],
        test_labels=mnist("y_test"),
    )


def all_mnist_images() -> Images:
    """Return MNIST with all training images, and so without validation (Burda et al. 2016)."""
    x = _grey(mnist("x_train"))
    return mnist_images()._replace(
        matrix="mnist.npz, 60,000 / 0 / 10,000",
        train=x,
        validation=x[:0],
        train_labels=mnist("y_train"),
    )


def omniglot_images() -> Images:
    """Return OMNIGLOT: of the images of 15 drawers of 20 a random 2,250 validate."""
    order = np.random.RandomState(0).permutation(len(omniglot("y_train")))
    x, labels = _grey(omniglot("x_train")[order]), omniglot("y_train")[order]
    return Images(
        matrix="omniglot28: the official drawings averaged over area to 28 x 28, 22,095 / 2,250 / "
        "8,115; the paper has 22,095 / 2,250 / 8,070 of the IWAE's chardata.mat, other pixels",
        num_latent=100,
        threshold=2.5e-5,
        train=x[2_250:],
        validation=x[:2_250],
        test=_grey(omniglot("x_test")),
        train_labels=labels[2_250:],
        test_labels=omniglot("y_test"),
    )


def svhn_subset_images() -> Images:
    """Return 500 principal components of 10,000 of SVHN's test images: 7,000 train."""
    data, (train, validation) = DATA["svhn-subset"](), VALIDATION["svhn-subset"]
    x, known = torch.from_numpy(data.x), slice(train, train + validation)
    return Images(
        matrix="the first 10,000 of SVHN's test images, 7,000 / 1,000 / 2,000; the paper has "
        "73,257 to train and validate, and 26,032 to test",
        num_latent=50,
        threshold=1e-4,
        train=x[:train],
        validation=x[known],
        test=torch.from_numpy(data.x_test),
        train_labels=data.y[:train],
        test_labels=data.y_test,
        likelihood=unit_normal,
    )


IMAGES: dict[str, Callable[[], Images]] = {
    "mnist": mnist_images,
    "mnist-60000": all_mnist_images,
    "omniglot": omniglot_images,
    "svhn-subset": svhn_subset_images,
}
PIXELS = {"svhn-subset": "components"}
"""What stands for the pixels of a data set where they are not binarised or grey."""


def drawn(images: Tensor) -> Tensor:
    """Draw each pixel as 0 or 1 with its grey value as the probability, always the same way.

    Example:
        >>> drawn(torch.tensor([[0.0, 1.0]]))
        tensor([[0., 1.]])
    """
    return torch.bernoulli(images, generator=torch.Generator().manual_seed(0))


def _grey(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).reshape(len(pixels), -1) / 255
