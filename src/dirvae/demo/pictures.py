"""What the demo's page shows of one model of digits, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.assessment.embedding import evaluating, on_simplex, posterior_means
from dirvae.assessment.latent_space import common_edges, decode_edges, neighbourhoods
from dirvae.demo.images import square
from dirvae.distributions import draw, posterior_mean
from dirvae.models.vae import VAE

__all__ = ["pictures"]

NUM_USERS = 20  # images that a component's picture is the mean of
NUM_EDGES, NUM_STEPS = 8, 16


def pictures(vae: VAE, images: Tensor, drawn: Tensor, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return what the page shows of one model.

    Args:
        vae: Trained on images of 8 x 8 pixels.
        images: Ink in [0, 1], shape (N, 64).
        drawn: The same as 0 and 1, shape (N, 64).
        labels: Classes from 0 to 9, shape (N,).

    Returns:
        Reconstructions, samples and a map of the rows. Of a latent on the simplex also decoded
        corners and edges, the images that use each component, and shares by class.

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
