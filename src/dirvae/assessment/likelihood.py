"""How well a VAE fits rows: its bound and its likelihood; memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.assessment.embedding import DRAWS_AT_ONCE, ROWS_AT_ONCE, as_array, batches, evaluating
from dirvae.evaluation import Evidence, importance_sampled
from dirvae.models.likelihoods import warn_of_grey
from dirvae.models.vae import VAE
from dirvae.objectives import Terms, elbo

__all__ = [
    "Bound",
    "bound_of",
    "log_evidence",
    "log_weights",
    "lower_bound",
]

Array = NDArray[np.float64]


class Bound(NamedTuple):
    """Evidence lower bound ``elbo`` of N rows, and its part ``kl``; both shape (N,), in nats.

    Example:
        >>> bound = Bound(np.array([-3.0, -5.0]), np.array([1.0, 2.0]))
        >>> bound.mean, bound.mean_std_error, bound.mean_log_likelihood
        (-4.0, 1.0, -2.5)
    """

    elbo: Array
    kl: Array

    @classmethod
    def concatenate(cls, bounds: Iterable[Bound]) -> Bound:
        """Join several bounds into one, with the rows of all."""
        return cls(*(np.concatenate(column) for column in zip(*bounds, strict=True)))

    @property
    def mean(self) -> float:
        """Mean of ``elbo`` over rows."""
        return float(self.elbo.mean())

    @property
    def mean_std_error(self) -> float:
        """Standard error of `mean` from the variation between rows; NaN for a single row."""
        if len(self.elbo) < 2:
            return float("nan")
        return float(self.elbo.std(ddof=1) / np.sqrt(len(self.elbo)))

    @property
    def mean_kl(self) -> float:
        """Mean of ``kl`` over rows."""
        return float(self.kl.mean())

    @property
    def mean_log_likelihood(self) -> float:
        """Mean of E_q[log p(x|z)] over rows: how well rows are reconstructed."""
        return self.mean + self.mean_kl


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
        vae: The model. It is run in evaluation mode.
        x: Rows, shape (N, D...).
        num_samples: Number of draws for each row, S.
        covariates: Covariates of the rows, shape (N, C), optional.
        mask: True where x is observed, in the shape of x, optional.
        draws_at_once: Largest number of latents decoded at a time, which bounds memory.
        generator: Random generator, on the model's device. If None, the global one.

    Returns:
        Log weights, shape (S, N), in nats, in the model's precision.

    Raises:
        ValueError: If ``num_samples`` or ``draws_at_once`` is below 1, or x has no rows.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> log_weights(gaussian(4, 2), torch.zeros(3, 4), num_samples=5).shape
        torch.Size([5, 3])
    """
    _require_positive(num_samples=num_samples, draws_at_once=draws_at_once)
    columns = []
    with evaluating(vae):
        for batch in batches(min(ROWS_AT_ONCE, draws_at_once), x, covariates, mask):
            sizes = _sizes(num_samples, max(1, draws_at_once // len(batch[0])))
            columns.append(
                torch.cat(
                    [_weights(vae, *batch, num_samples=size, generator=generator) for size in sizes]
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

    The arguments are those of `log_weights`. Rows are handled in parts, which bounds memory.

    A warning says so if the decoder is a Bernoulli and x has values between 0 and 1: the result is
    then not a log-likelihood.

    Returns:
        Estimate, standard error, effective sample size and Pareto shape (k-hat) of each row, each
        of shape (N,).

    References:
        Burda, Grosse & Salakhutdinov 2016, eq. 8.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> log_evidence(gaussian(4, 2), torch.zeros(3, 4), num_samples=5).value.shape
        (3,)
    """
    warn_of_grey(x, getattr(vae.decoder, "Law", None), mask)
    found = []
    for rows, context, seen in batches(ROWS_AT_ONCE, x, covariates, mask):
        weights = log_weights(
            vae,
            rows,
            num_samples,
            context,
            mask=seen,
            draws_at_once=draws_at_once,
            generator=generator,
        )
        found.append(importance_sampled(as_array(weights)))
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
    """Evidence lower bound of each row, for a model trained with any objective.

    The arguments have the same meaning as in `log_weights`.

    Returns:
        The bounds, shape (N,), in nats.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> lower_bound(gaussian(4, 2), torch.zeros(3, 4)).shape
        torch.Size([3])
    """
    parts_of_x = _terms(vae, x, covariates, mask, num_samples, generator)
    return torch.cat([elbo(terms) for terms in parts_of_x])


def bound_of(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    num_samples: int = 8,
    generator: torch.Generator | None = None,
) -> Bound:
    """Evidence lower bound of each row, and the KL that is part of the bound.

    The arguments are those of `log_weights`.

    Returns:
        Bound and KL of each row, each of shape (N,), in nats.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> bound_of(gaussian(4, 2), torch.zeros(3, 4)).kl.shape
        (3,)
    """
    parts_of_x = _terms(vae, x, covariates, mask, num_samples, generator)
    return Bound.concatenate(
        Bound(as_array(elbo(terms)), as_array(terms.kl)) for terms in parts_of_x
    )


def _terms(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None,
    mask: Tensor | None,
    num_samples: int,
    generator: torch.Generator | None,
) -> Iterator[Terms]:
    _require_positive(num_samples=num_samples)
    with evaluating(vae):
        for rows, context, seen in batches(
            max(1, DRAWS_AT_ONCE // num_samples), x, covariates, mask
        ):
            yield vae.terms(rows, context, mask=seen, num_samples=num_samples, generator=generator)


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


def _sizes(total: int, most: int) -> Iterator[int]:
    return (min(most, total - start) for start in range(0, total, most))


def _require_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, must be 1 or more")
