"""Whether each component of a latent is used: by the encoder, and by the decoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.assessment.embedding import (
    DRAWS_AT_ONCE,
    as_array,
    batches,
    evaluating,
    on_simplex,
    posterior_means,
)
from dirvae.distributions.moments import location_and_spread
from dirvae.evaluation import decoding_cost, encoding_variance
from dirvae.models.vae import VAE
from dirvae.objectives import log_likelihood

__all__ = ["decoding_use", "encoding_use"]

Array = NDArray[np.float64]


def encoding_use(vae: VAE, x: Tensor, covariates: Tensor | None = None) -> Array:
    """Var_x(E_q[z_k|x]) divided by the prior variance; above .01 the encoder uses the component.

    Args:
        vae: A model with a latent of shape (K,) and a prior that ignores covariates.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.

    Returns:
        The ratio for each component, shape (K,).

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> encoding_use(gaussian(4, 2), torch.eye(4)).shape
        (2,)
    """
    with evaluating(vae):
        spread = location_and_spread(vae.prior())[1]
        return encoding_variance(
            as_array(posterior_means(vae, x, covariates)), as_array(spread) ** 2
        )


def decoding_use(vae: VAE, x: Tensor, covariates: Tensor | None = None) -> Array:
    """Nats per row that are lost if one component of the latent is set to its mean over rows.

    The latent is the posterior mean. On a simplex, the other components are rescaled so that the
    sum stays 1. Above .01 nats, the decoder uses the component.

    Args:
        vae: A model with a latent of shape (K,).
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.

    Returns:
        The loss for each component, shape (K,).

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> decoding_use(dirichlet(4, torch.ones(3)), torch.eye(4)).shape
        (3,)
    """
    with evaluating(vae):
        embedding = posterior_means(vae, x, covariates)
        simplex = on_simplex(vae.infer(x[:1], *_context(covariates, slice(1))))

        def likelihood(z: Array) -> Array:
            latent = torch.as_tensor(z).to(embedding)
            given = batches(DRAWS_AT_ONCE, x, latent, covariates)
            return as_array(
                torch.cat(
                    [
                        log_likelihood(vae.decoder(here, *_context(context)), rows)
                        for rows, here, context in given
                    ]
                )
            )

        return decoding_cost(likelihood, as_array(embedding), simplex=simplex)


def _context(covariates: Tensor | None, rows: slice = slice(None)) -> tuple[Tensor, ...]:
    return () if covariates is None else (covariates[rows],)
