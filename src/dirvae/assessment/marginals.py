"""KL of each component's marginal posterior to its marginal prior."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import Distribution, Independent

from dirvae.assessment.embedding import ROWS_AT_ONCE, as_array, evaluating, posteriors
from dirvae.distributions import Beta, Dirichlet, draw, log_law
from dirvae.evaluation import divergence_from_draws
from dirvae.models.vae import VAE, closed_form_kl

__all__ = ["MarginalDivergence", "marginal_divergence"]

PRIOR_DRAWS = 50_000
DRAWS_A_ROW = 128  # where marginals have no closed form

Array = NDArray[np.float64]


class MarginalDivergence(NamedTuple):
    """KL of each component's marginal posterior from its marginal prior, averaged over rows.

    Attributes:
        value: E_x KL(q(z_k|x) || p(z_k)) in nats, shape (K,).
        prior: The same estimate if the posterior is the prior itself, shape (K,). The true value is
            0, so this shows the error of the estimate. 0 if ``exact``.
        exact: Whether ``value`` is a closed form, not an estimate from draws.
        additive: Whether components are independent in posterior and prior. Then ``value`` sums to
            the whole KL. Components of a Dirichlet are not independent: each value is at most the
            whole KL, and their sum may be below or above the whole KL.

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> found = marginal_divergence(dirichlet(4, torch.ones(3)), torch.eye(4))
        >>> found.exact, found.additive
        (True, False)
    """

    value: Array
    prior: Array
    exact: bool
    additive: bool


def marginal_divergence(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> MarginalDivergence:
    """Mean over rows of KL(q(z_k|x) || p(z_k)) for each component k.

    There is a closed form for independent components with a KL registered in PyTorch. There is
    another for a Dirichlet posterior and prior, whose marginals are Beta(a_k, A - a_k) with A the
    sum of the concentrations. Other divergences are estimated from draws, by
    `evaluation.divergence_from_draws`, on at most 500 evenly spaced rows. The estimate is NaN if
    some draws are equal.

    Args:
        vae: A model, as in `diagnose`.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.
        generator: Random generator. If None, the global one.

    Returns:
        The divergences, and whether they are exact and additive.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> marginal_divergence(gaussian(4, 2), torch.eye(4)).additive
        True
    """
    with evaluating(vae):
        prior = vae.prior()
        found = [_closed_form(q, prior) for q in posteriors(vae, x, covariates)]
        exact = [value for value in found if value is not None]
        if len(exact) == len(found):
            value = np.concatenate(exact).mean(0)
            additive = isinstance(prior, Independent)
            return MarginalDivergence(value, np.zeros_like(value), exact=True, additive=additive)
        few = slice(None, None, math.ceil(len(x) / ROWS_AT_ONCE))
        context = None if covariates is None else covariates[few]
        [q] = posteriors(vae, x[few], context)
        value, own = _from_draws(q, prior, generator)
        additive = isinstance(q, Independent) and isinstance(prior, Independent)
        return MarginalDivergence(value, own, exact=False, additive=additive)


def _closed_form(q: Distribution, p: Distribution) -> Array | None:
    """KL of the marginals, shape (B, K), where both are known and so is their KL."""
    marginals = _marginals(q), _marginals(p)
    if marginals[0] is None or marginals[1] is None:
        return None
    divergence = closed_form_kl(marginals[0], marginals[1])
    return None if divergence is None else as_array(divergence)


def _marginals(law: Distribution) -> Distribution | None:
    """Distributions of the components, batch shape (..., K)."""
    if isinstance(law, Independent) and not law.base_dist.event_shape:
        base: Distribution = law.base_dist
        return base
    if isinstance(law, (Dirichlet, TorchDirichlet)) and law.event_shape[0] > 1:
        own = law.concentration.double()
        return Beta(own, own.sum(-1, keepdim=True) - own, validate_args=False)
    return None


def _from_draws(
    q: Distribution, p: Distribution, generator: torch.Generator | None
) -> tuple[Array, Array]:
    """Marginal KLs of q and, for comparison, of p itself; both shape (K,)."""
    log_q, log_p = log_law(q), log_law(p)
    if log_q is not None and log_p is not None and log_q.event_shape == log_p.event_shape:
        q, p = log_q, log_p  # KL is the same, and nothing underflows to a tie
    components = len(_components(draw(p, generator=generator), p))
    reference = _components(draw(p, torch.Size([PRIOR_DRAWS]), generator), p)
    of_q = _components(draw(q, torch.Size([DRAWS_A_ROW]), generator), q)
    of_p = _components(draw(p, torch.Size([DRAWS_A_ROW, 100]), generator), p)
    value, own = (
        np.array([divergence_from_draws(z[k], reference[k]).mean() for k in range(components)])
        for z in (of_q, of_p)
    )
    return value, own


def _components(z: Tensor, law: Distribution) -> Array:
    """Components first: shape (K, S, ...); of pairs (log z, log(1 - z)) the first."""
    values = z[..., 0] if len(law.event_shape) == 2 else z
    return np.moveaxis(as_array(values), -1, 0)
