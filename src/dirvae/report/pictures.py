"""Pictures of a trained model's latent space, as arrays: what components mean, where rows lie."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from torch import Tensor

from dirvae.distributions import draw, posterior_mean
from dirvae.models.embedding import evaluating, on_simplex, posterior_means
from dirvae.models.vae import VAE

__all__ = ["common_edges", "decode_edges", "neighbourhoods", "pictures", "square"]

SIDE = 8
NUM_USERS = 20  # images that a component's picture is the mean of
NUM_EDGES, NUM_STEPS = 8, 16
MOST_ROWS = 500  # of a map; more take too long and hide each other


def pictures(vae: VAE, images: Tensor, drawn: Tensor, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return what the page shows of one model.

    Args:
        vae: Trained on images of 8 x 8 pixels.
        images: Ink in [0, 1], shape (N, 64).
        drawn: The same as 0 and 1, shape (N, 64).
        labels: Classes from 0 to 9, shape (N,).

    Returns:
        Reconstructions, samples and a map of the rows; for a latent on the simplex, also its
        decoded corners and edges, the images that use each component, and shares by class.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> x = torch.rand(40, 64, generator=torch.Generator().manual_seed(0))
        >>> shown = pictures(gaussian(64, 2), x, x.round(), np.arange(40) % 10)
        >>> sorted(shown)
        ['map', 'reconstructions', 'samples']
    """
    with evaluating(vae):
        prior = vae.prior()
        z = draw(prior, torch.Size([32]), torch.Generator().manual_seed(1))
        theta = posterior_means(vae, images).double().numpy()
        shown: dict[str, Any] = {
            "reconstructions": square(vae.reconstruct(drawn[:16])),
            "samples": square(posterior_mean(vae.decoder(z))),
            "map": neighbourhoods(theta),
        }
        if on_simplex(prior):
            shown |= _components(vae, images, labels, theta)
    return shown


def _components(
    vae: VAE, images: Tensor, labels: NDArray[np.int64], theta: NDArray[np.float64]
) -> dict[str, Any]:
    users = np.argsort(-theta, axis=0)[:NUM_USERS]
    edges = common_edges(theta, NUM_EDGES)
    corners = torch.eye(theta.shape[1])
    return {
        "corners": square(posterior_mean(vae.decoder(corners))),
        "users": square(images[torch.from_numpy(users)].mean(0)),
        "edges": edges,
        "edge_images": square(decode_edges(vae, edges, NUM_STEPS).flatten(0, 1)),
        "theta_by_class": np.stack([theta[labels == label].mean(0) for label in range(10)]),
    }


def common_edges(theta: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """Pairs of components that rows mix most: those with the largest mean of theta_i theta_j.

    Args:
        theta: Proportions, shape (N, K).
        count: Most pairs to return.

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
        edges: Pairs (i, j) of components, E of them.
        steps: T, values of t.

    Returns:
        Shape (E, T, D...).

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
    """Map of the first rows in the plane, by t-SNE: rows that are near stay near.

    Args:
        theta: Embedding, shape (N, K).

    Returns:
        Shape (min(N, 500), 2); the same rows give the same map.

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


def square(x: Tensor) -> NDArray[np.float32]:
    """Rows of 64 pixels as images of 8 x 8.

    Example:
        >>> square(torch.zeros(3, 64)).shape
        (3, 8, 8)
    """
    return x.reshape(-1, SIDE, SIDE).numpy()
