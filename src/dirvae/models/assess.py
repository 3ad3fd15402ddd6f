"""Running a VAE to get the arrays that `dirvae.evaluation` scores; memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.distributions.moments import location_and_spread
from dirvae.evaluation import Evidence, decoding_cost, encoding_variance, importance_sampled
from dirvae.models.embedding import ROWS_AT_ONCE, evaluating, on_simplex, parts, posterior_means
from dirvae.models.vae import VAE
from dirvae.objectives import elbo, log_likelihood

__all__ = [
    "decoding_use",
    "encoding_use",
    "log_evidence",
    "log_weights",
    "lower_bound",
]

DRAWS_AT_ONCE = 10_000

Array = NDArray[np.float64]


def log_weights(
    vae: VAE,
    x: Tensor,
    num_samples: int,
    covariates: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    draws_at_once: int = DRAWS_AT_ONCE,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Log importance weights of each row: log p(x|z) + log p(z) - log q(z|x) with z ~ q(z|x).

    Args:
        vae: The model; it is run in evaluation mode.
        x: Shape (N, D...).
        num_samples: S.
        covariates: Shape (N, C), optional.
        mask: Shape of x, True where observed, optional.
        draws_at_once: Most latents that are decoded at a time, which bounds memory.
        generator: Source of the noise, on the model's device; the global one if None.

    Returns:
        Shape (S, N), in nats, in the model's precision.

    Raises:
        ValueError: If ``num_samples`` or ``draws_at_once`` is below 1.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> log_weights(gaussian(4, 2), torch.zeros(3, 4), num_samples=5).shape
        torch.Size([5, 3])
    """
    _require_positive(num_samples=num_samples, draws_at_once=draws_at_once)
    columns = []
    with evaluating(vae):
        for part in parts(min(ROWS_AT_ONCE, draws_at_once), x, covariates, mask):
            sizes = _sizes(num_samples, max(1, draws_at_once // len(part[0])))
            columns.append(
                torch.cat(
                    [_weights(vae, *part, num_samples=size, generator=generator) for size in sizes]
                )
            )
    return torch.cat(columns, 1)


def log_evidence(
    vae: VAE,
    x: Tensor,
    num_samples: int,
    covariates: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    draws_at_once: int = DRAWS_AT_ONCE,
    generator: torch.Generator | None = None,
) -> Evidence:
    """Importance-sampled log p(x) of each row; its negative is the NLL.

    Args are those of `log_weights`; no more than ``ROWS_AT_ONCE`` rows of weights are kept.

    Returns:
        Estimate, standard error, effective sample size and Pareto shape of each row, shapes (N,).

    References:
        Burda, Grosse & Salakhutdinov 2016, eq. 8.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> log_evidence(gaussian(4, 2), torch.zeros(3, 4), num_samples=5).value.shape
        (3,)
    """
    found = []
    for rows, told, seen in parts(ROWS_AT_ONCE, x, covariates, mask):
        weights = log_weights(
            vae,
            rows,
            num_samples,
            told,
            mask=seen,
            draws_at_once=draws_at_once,
            generator=generator,
        )
        found.append(importance_sampled(_numpy(weights)))
    return Evidence.concatenate(found)


def lower_bound(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    num_samples: int = 8,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Evidence lower bound of each row, whatever objective the model was trained with.

    Args are those of `log_weights`.

    Returns:
        Shape (N,), in nats.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> lower_bound(gaussian(4, 2), torch.zeros(3, 4)).shape
        torch.Size([3])
    """
    _require_positive(num_samples=num_samples)
    bounds = []
    with evaluating(vae):
        for rows, told, seen in parts(max(1, DRAWS_AT_ONCE // num_samples), x, covariates, mask):
            terms = vae.terms(rows, told, mask=seen, num_samples=num_samples, generator=generator)
            bounds.append(elbo(terms))
    return torch.cat(bounds)


def encoding_use(vae: VAE, x: Tensor, covariates: Tensor | None = None) -> Array:
    """Var_x(E_q[z_k|x]) as a share of the prior's variance; above .01 a component counts as used.

    Args:
        vae: A model with a latent of shape (K,) and a prior that ignores covariates.
        x: Shape (N, D...).
        covariates: Shape (N, C), optional.

    Returns:
        Shape (K,).

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> encoding_use(gaussian(4, 2), torch.eye(4)).shape
        (2,)
    """
    with evaluating(vae):
        spread = location_and_spread(vae.prior())[1]
        return encoding_variance(_numpy(posterior_means(vae, x, covariates)), _numpy(spread) ** 2)


def decoding_use(vae: VAE, x: Tensor, covariates: Tensor | None = None) -> Array:
    """Nats a row lost if a component of the posterior mean is replaced by its mean over rows.

    On a simplex the rest is renormalised; above .01 nat a component counts as used in decoding.

    Args:
        vae: A model with a latent of shape (K,).
        x: Shape (N, D...).
        covariates: Shape (N, C), optional.

    Returns:
        Shape (K,).

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
            pieces = parts(DRAWS_AT_ONCE, x, latent, covariates)
            return _numpy(
                torch.cat(
                    [
                        log_likelihood(vae.decoder(here, *_context(told)), rows)
                        for rows, here, told in pieces
                    ]
                )
            )

        return decoding_cost(likelihood, _numpy(embedding), simplex=simplex)


def _weights(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None,
    mask: Tensor | None,
    *,
    num_samples: int,
    generator: torch.Generator | None,
) -> Tensor:
    terms = vae.terms(
        x, covariates, mask=mask, num_samples=num_samples, importance=True, generator=generator
    )
    assert terms.log_ratio is not None
    return terms.log_likelihood + terms.log_ratio


def _context(covariates: Tensor | None, rows: slice = slice(None)) -> tuple[Tensor, ...]:
    return () if covariates is None else (covariates[rows],)


def _sizes(total: int, most: int) -> Iterator[int]:
    return (min(most, total - start) for start in range(0, total, most))


def _numpy(values: Tensor) -> Array:
    return values.detach().cpu().double().numpy()


def _require_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, must be 1 or more")
