"""The latent space of a trained model, as arrays: between components, and where rows lie."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from torch import Tensor

from dirvae.assessment.embedding import evaluating
from dirvae.distributions import posterior_mean
from dirvae.models.vae import VAE

__all__ = ["common_edges", "decode_edges", "neighbourhoods"]

MOST_ROWS = 500  # of a map; more take too long and hide each other


def common_edges(theta: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """Pairs (i, j) of components with the largest means of theta_i theta_j over rows.

    Args:
        theta: Proportions, shape (N, K).
        count: Largest number of pairs to return.

    Example:
        >>> common_edges(np.array([[0.5, 0.5, 0.0], [0.0, 0.4, 0.6]]), 2)
        [(0, 1), (1, 2)]
    """
    mixed = theta.T @ theta
    pairs = sorted(combinations(range(len(mixed)), 2), key=lambda pair: -mixed[pair])
    return pairs[:count]


def decode_edges(vae: VAE, edges: list[tuple[int, int]], steps: int) -> Tensor:
    """Mean of p(x|z) at z = (1 - t) e_i + t e_j, for t from 0 to 1.

    Args:
        vae: A model with a latent on the simplex, shape (K,).
        edges: E pairs (i, j) of components.
        steps: Number of values of t, T.

    Returns:
        Decoded means, shape (E, T, D...).

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> decode_edges(dirichlet(4, torch.ones(3)), [(0, 1), (0, 2)], steps=5).shape
        torch.Size([2, 5, 4])
    """
    with evaluating(vae):
        corners = torch.eye(vae.prior().event_shape[0])
        first, second = (corners[[edge[end] for edge in edges]].unsqueeze(1) for end in (0, 1))
        t = torch.linspace(0, 1, steps)[None, :, None]
        z = torch.lerp(first, second, t)
        return posterior_mean(vae.decoder(z.flatten(0, 1))).unflatten(0, (len(edges), steps))


def neighbourhoods(theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map of the first 500 rows in the plane, by t-SNE, in which similar rows are near each other.

    Args:
        theta: Embedding of the rows, shape (N, K).

    Returns:
        Coordinates, shape (min(N, 500), 2). The same rows give the same map.

    References:
        van der Maaten & Hinton 2008.

    Example:
        >>> neighbourhoods(np.eye(12)).shape
        (12, 2)
    """
    rows = theta[:MOST_ROWS]
    # Fewer neighbours than rows, as it must be.
    perplexity = min(30.0, (len(rows) - 1) / 3)
    start = "pca" if rows.shape[1] > 1 else "random"
    # Half of scikit-learn's steps, after which some hundred points hardly move.
    tsne = TSNE(perplexity=perplexity, init=start, max_iter=500, random_state=0)
    return np.asarray(tsne.fit_transform(rows), dtype=np.float64)
