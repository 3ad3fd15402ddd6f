"""The whole diagnosis of collapse: which components a VAE uses, each measure beside the prior's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import Distribution, Independent

from dirvae.distributions import Beta, Dirichlet, draw, kl, log_law
from dirvae.evaluation import (
    Information,
    LatentMoments,
    Use,
    decoder_weight_norms,
    divergence_from_draws,
    latent_moments,
    mutual_information,
    verdicts,
)
from dirvae.evaluation.collapse import ENCODING_THRESHOLD
from dirvae.models.assess import decoding_use, encoding_use
from dirvae.models.embedding import (
    ROWS_AT_ONCE,
    evaluating,
    parts,
    posterior_draws,
    posterior_means,
    posteriors,
)
from dirvae.models.vae import VAE, closed_form_kl

__all__ = ["Diagnosis", "MarginalDivergence", "diagnose", "marginal_divergence"]

PRIOR_DRAWS = 50_000
DRAWS_A_ROW = 128  # where marginals have no closed form
DRAWS_AT_ONCE = 100  # each is scored under all rows

Array = NDArray[np.float64]


class MarginalDivergence(NamedTuple):
    """KL of each component's marginal posterior to its marginal prior, the mean over rows.

    Attributes:
        value: E_x KL(q(z_k|x) || p(z_k)) in nats, shape (K,).
        prior: The same of a posterior that is the prior: 0, but for the error of an estimate, (K,).
        exact: Whether ``value`` is a closed form rather than an estimate from draws.
        additive: Whether components are independent in posterior and prior, so that ``value`` sums
            to the whole KL. Those of a Dirichlet are not: each is at most the whole KL, and their
            sum may lie below or above it.

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


class Diagnosis(NamedTuple):
    """What a VAE does with each of K components, over N rows.

    Attributes:
        uses: Verdict on each component.
        encoding_variance: Var_x(E_q[z_k|x]) as a share of the prior's variance, shape (K,); 1 if
            posterior means were spread as the prior is, used above .01.
        decoding_cost: Nats a row lost without the component, shape (K,); used above .01.
        weight_norms: Columns of the decoder's first layer, shape (K,); None if it has none for z
            alone.
        means: Moments of posterior means.
        draws: Moments of one posterior draw a row.
        prior: Moments of draws from the prior, to be read beside ``draws``.
        marginal_kl: KL of each component's marginal posterior to the prior's.
        kl: Mean KL of the posterior to the prior, in nats.
        information: Mutual information I(x; z); ``kl`` less it is the KL of the aggregate posterior
            to the prior. 0 for an encoder that returns the prior.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> diagnosis = diagnose(gaussian(4, 2), torch.eye(4))
        >>> diagnosis.decoding_cost.shape, sum(diagnosis.counts.values())
        ((2,), 2)
    """

    uses: tuple[Use, ...]
    encoding_variance: Array
    decoding_cost: Array
    weight_norms: Array | None
    means: LatentMoments
    draws: LatentMoments
    prior: LatentMoments
    marginal_kl: MarginalDivergence
    kl: float
    information: Information

    @property
    def counts(self) -> dict[Use, int]:
        """How many components have each verdict, in the order of `evaluation.Use`."""
        counted = Counter(self.uses)
        return {use: counted[use] for use in Use}


def diagnose(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Diagnosis:
    """Measure the use of each component on rows.

    The time grows with N² for the mutual information: a thousand or a few rows are enough.

    Args:
        vae: A model with a latent of shape (K,) and a prior that ignores covariates; it is run in
            evaluation mode.
        x: Shape (N, D...).
        covariates: Shape (N, C), optional.
        generator: Source of the noise; the global one if None.

    Returns:
        All measures, beside the prior's own.

    Raises:
        ValueError: If there are no rows, or the latent is not a vector.

    References:
        Joo et al. 2020, sec. 4.2; Burda, Grosse & Salakhutdinov 2016, sec. 5.2; Hoffman & Johnson
        2016.

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> diagnose(dirichlet(4, torch.ones(3)), torch.eye(4)).means.std.shape
        (3,)
    """
    if not len(x):
        raise ValueError("x has no rows; at least one is needed")
    with evaluating(vae):
        prior = vae.prior()
        if len(prior.event_shape) != 1:
            shape = tuple(prior.event_shape)
            raise ValueError(f"the latent has shape {shape}, must be a vector of components (K,)")
        encoding, decoding = encoding_use(vae, x, covariates), decoding_use(vae, x, covariates)
        laws = list(posteriors(vae, x, covariates))
        return Diagnosis(
            uses=verdicts(encoding > ENCODING_THRESHOLD, decoding),
            encoding_variance=encoding,
            decoding_cost=decoding,
            weight_norms=_weight_norms(vae.decoder, len(encoding)),
            means=latent_moments(_numpy(posterior_means(vae, x, covariates))),
            draws=latent_moments(_numpy(posterior_draws(vae, x, covariates, generator=generator))),
            prior=latent_moments(_numpy(draw(prior, torch.Size([PRIOR_DRAWS]), generator))),
            marginal_kl=marginal_divergence(vae, x, covariates, generator=generator),
            kl=_mean_kl(laws, prior, generator),
            information=_information(laws, generator),
        )


def marginal_divergence(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> MarginalDivergence:
    """Mean over rows of KL(q(z_k|x) || p(z_k)) for each component k.

    In closed form for independent components whose KL is registered, and for a Dirichlet posterior
    and prior, whose marginals are Beta(a_k, A - a_k). Otherwise from draws, by
    `evaluation.divergence_from_draws`, over at most 500 rows that are evenly spaced; NaN where
    draws tie. Args are those of `diagnose`.

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
        told = None if covariates is None else covariates[few]
        [q] = posteriors(vae, x[few], told)
        value, own = _from_draws(q, prior, generator)
        additive = isinstance(q, Independent) and isinstance(prior, Independent)
        return MarginalDivergence(value, own, exact=False, additive=additive)


def _closed_form(q: Distribution, p: Distribution) -> Array | None:
    """KL of the marginals, shape (B, K), where both are known and so is their KL."""
    marginals = _marginals(q), _marginals(p)
    if marginals[0] is None or marginals[1] is None:
        return None
    divergence = closed_form_kl(marginals[0], marginals[1])
    return None if divergence is None else _numpy(divergence)


def _marginals(law: Distribution) -> Distribution | None:
    """Laws of the components, batch shape (..., K)."""
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
    return np.moveaxis(_numpy(values), -1, 0)


def _mean_kl(
    laws: Iterable[Distribution], prior: Distribution, generator: torch.Generator | None
) -> float:
    each = [kl(q, prior, num_samples=DRAWS_A_ROW, generator=generator).value for q in laws]
    return float(torch.cat([value.double() for value in each]).mean())


def _information(laws: list[Distribution], generator: torch.Generator | None) -> Information:
    """One draw for each row, a few at a time, scored under the laws of all rows."""
    scored = [log_law(q) or q for q in laws]
    draws = torch.cat([draw(q, generator=generator) for q in scored])
    rows = torch.arange(len(draws))
    pointwise = []
    for z, own in parts(DRAWS_AT_ONCE, draws, rows):
        log_q = torch.cat([q.log_prob(z.unsqueeze(1)).double() for q in scored], 1)
        pointwise.append(mutual_information(_numpy(log_q), own.numpy()).pointwise)
    return Information(np.concatenate(pointwise), len(draws))


def _weight_norms(decoder: nn.Module, num_latent: int) -> Array | None:
    """Norms of the first linear layer, if z is what it takes."""
    for module in decoder.modules():
        if isinstance(module, nn.Linear):
            fits = module.in_features == num_latent
            return decoder_weight_norms(_numpy(module.weight)) if fits else None
    return None


def _numpy(values: Tensor) -> Array:
    return values.detach().cpu().double().numpy()
