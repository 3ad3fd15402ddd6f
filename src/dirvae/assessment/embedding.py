"""Where a VAE puts rows: posterior means and draws, a bounded number of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, VonMises, constraints

from dirvae.distributions import draw
from dirvae.models.vae import VAE

__all__ = [
    "as_array",
    "batches",
    "evaluating",
    "on_simplex",
    "posterior_draws",
    "posterior_means",
    "posteriors",
    "require_rows",
    "support_of",
]

ROWS_AT_ONCE = 500
DRAWS_AT_ONCE = 10_000  # that are decoded


def posterior_means(vae: VAE, x: Tensor, covariates: Tensor | None = None) -> Tensor:
    """Posterior mean E_q[z|x] of each row, in evaluation mode and without gradients.

    Args:
        vae: The model.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.

    Returns:
        Posterior means, shape (N, K).

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> posterior_means(gaussian(4, 2), torch.eye(4)).shape
        torch.Size([4, 2])
    """
    with evaluating(vae):
        given = batches(ROWS_AT_ONCE, x, covariates)
        return torch.cat([vae.embed(rows, context) for rows, context in given])


def posterior_draws(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """One draw of q(z|x) for each row. All N draws together are draws of the aggregate posterior.

    Args:
        vae: The model. It is run in evaluation mode.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.
        generator: Random generator. If None, the global one.

    Returns:
        The draws, shape (N, K).

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> posterior_draws(gaussian(4, 2), torch.eye(4)).shape
        torch.Size([4, 2])
    """
    with evaluating(vae):
        return torch.cat([draw(q, generator=generator) for q in posteriors(vae, x, covariates)])


def posteriors(vae: VAE, x: Tensor, covariates: Tensor | None = None) -> Iterator[Distribution]:
    """q(z|x) of ``ROWS_AT_ONCE`` rows at a time, in whatever mode the model is.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> [q.batch_shape for q in posteriors(gaussian(4, 2), torch.zeros(600, 4))]
        [torch.Size([500]), torch.Size([100])]
    """
    for rows, context in batches(ROWS_AT_ONCE, x, covariates):
        yield vae.infer(rows, *(() if context is None else (context,)))


def on_simplex(law: Distribution) -> bool:
    """Whether draws of ``law`` are proportions that sum to 1.

    Example:
        >>> on_simplex(torch.distributions.Dirichlet(torch.ones(3)))
        True
    """
    return isinstance(support_of(law), type(constraints.simplex))


def support_of(law: Distribution) -> Any:
    """The support of ``law``; all real vectors if it names none, as normalizing flows do.

    Example:
        >>> support_of(torch.distributions.Dirichlet(torch.ones(3)))
        Simplex()
    """
    base = law
    while isinstance(base, Independent):
        base = base.base_dist
    if isinstance(base, VonMises):  # torch says all reals, over which its density has no integral
        return constraints.independent(
            constraints.interval(-math.pi, math.pi), len(law.event_shape)
        )
    try:
        return law.support
    except NotImplementedError:
        return constraints.real_vector


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients for a while.

    Example:
        >>> layer = nn.Dropout()
        >>> with evaluating(layer):
        ...     print(layer.training, torch.is_grad_enabled())
        False False
        >>> layer.training
        True
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:  # each its own: some may have been set apart
            part.training = training


def batches(size: int, x: Tensor, *others: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """The same ``size`` rows of each tensor at a time; what is None stays None.

    Raises:
        ValueError: If there are no rows, or tensors have different numbers of them.

    Example:
        >>> [rows.tolist() for rows, nothing in batches(2, torch.arange(3), None)]
        [[0, 1], [2]]
    """
    require_rows(x)
    for values in others:
        if values is not None and len(values) != len(x):
            raise ValueError(
                f"x has {len(x)} rows and what belongs to them, such as covariates, has "
                f"{len(values)}; must be as many"
            )
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        yield tuple(None if values is None else values[rows] for values in (x, *others))


def require_rows(x: Tensor) -> None:
    """Raise ValueError if there are no rows.

    Example:
        >>> require_rows(torch.zeros(0, 4))
        Traceback (most recent call last):
        ValueError: x has no rows; at least one is needed
    """
    if not len(x):
        raise ValueError("x has no rows; at least one is needed")


def as_array(values: Tensor) -> NDArray[np.float64]:
    """Values in double precision, wherever they are.

    Example:
        >>> as_array(torch.ones(1, requires_grad=True))
        array([1.])
    """
    return values.detach().cpu().double().numpy()
