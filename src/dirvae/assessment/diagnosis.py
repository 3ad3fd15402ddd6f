"""The whole diagnosis of collapse: which components a VAE uses, each measure beside the prior's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from dirvae.assessment.embedding import (
    as_array,
    batches,
    evaluating,
    posterior_draws,
    posterior_means,
    posteriors,
    require_rows,
)
from dirvae.assessment.marginals import (
    DRAWS_A_ROW,
    PRIOR_DRAWS,
    MarginalDivergence,
    marginal_divergence,
)
from dirvae.assessment.use import decoding_use, encoding_use
from dirvae.distributions import draw, kl, location_and_spread, log_law
from dirvae.evaluation import (
    Information,
    LatentMoments,
    Use,
    decoder_weight_norms,
    latent_moments,
    mutual_information,
    verdicts,
)
from dirvae.evaluation.collapse import ENCODING_THRESHOLD
from dirvae.models.vae import VAE

__all__ = ["Diagnosis", "diagnose"]

DRAWS_AT_ONCE = 100  # each is scored under all rows

Array = NDArray[np.float64]


class Diagnosis(NamedTuple):
    """How a VAE uses each of its K components, measured on N rows.

    Attributes:
        uses: Verdict on each component.
        encoding_variance: Var_x(E_q[z_k|x]) divided by the variance of the prior, shape (K,). It is
            1 if posterior means vary as much as the prior does, and above 1 if they vary more.
            Above .01, the encoder uses the component.
        decoding_cost: Nats per row that are lost without the component, shape (K,). Above .01, the
            decoder uses the component.
        weight_norms: Norms of the columns of the decoder's first layer, shape (K,). None if the
            input of this layer is not z alone.
        means: Moments of posterior means over rows.
        draws: Moments of posterior draws, one draw for each row.
        prior: Moments of draws from the prior, to compare with ``draws``.
        prior_location: Mean of the prior, shape (K,). The median if the mean is not finite.
        prior_spread: Standard deviation of the prior, shape (K,); see `location_and_spread`.
        marginal_kl: KL of each component's marginal posterior from its marginal prior.
        kl: Mean KL of the posterior from the prior, in nats.
        information: Mutual information I(x; z), in nats; 0 for an encoder that returns the prior.
            ``kl`` minus this information is the KL of the aggregate posterior from the prior.

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
    prior_location: Array
    prior_spread: Array
    marginal_kl: MarginalDivergence
    kl: float
    information: Information

    @property
    def counts(self) -> dict[Use, int]:
        """Number of components with each verdict, in the order of `evaluation.Use`."""
        counted = Counter(self.uses)
        return {use: counted[use] for use in Use}

    def active(self, threshold: float) -> int:
        """Number of components whose posterior means have a variance above a threshold.

        On a simplex, the variance of the prior itself may be below the threshold: see
        `active_prior`.
        """
        return int((self.means.std**2 > threshold).sum())

    def active_prior(self, threshold: float) -> int:
        """Number of components whose prior variance is above a threshold."""
        return int((self.prior_spread**2 > threshold).sum())

    @property
    def by_component(self) -> dict[str, Array]:
        """All measures with a value for each component, by name; each has shape (K,)."""
        norms = {} if self.weight_norms is None else {"weight_norm": self.weight_norms}
        return {
            "encoding_variance": self.encoding_variance,
            "decoding_cost": self.decoding_cost,
            "marginal_kl": self.marginal_kl.value,
            "prior_marginal_kl": self.marginal_kl.prior,
            **self.draws._asdict(),
            **{f"prior_{name}": values for name, values in self.prior._asdict().items()},
            **norms,
        }


def diagnose(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Diagnosis:
    """Measure how a model uses each component of its latent, on rows of data.

    The time for the mutual information grows with N². One to a few thousand rows are enough.

    Args:
        vae: A model with a latent of shape (K,) and a prior that ignores covariates. It is run in
            evaluation mode.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.
        generator: Random generator. If None, the global one.

    Returns:
        All measures, with those of the prior for comparison.

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
    require_rows(x)
    with evaluating(vae):
        prior = vae.prior()
        if len(prior.event_shape) != 1:
            shape = tuple(prior.event_shape)
            raise ValueError(f"the latent has shape {shape}, must be a vector of components (K,)")
        encoding, decoding = encoding_use(vae, x, covariates), decoding_use(vae, x, covariates)
        prior_location, prior_spread = map(as_array, location_and_spread(prior))
        laws = list(posteriors(vae, x, covariates))
        return Diagnosis(
            uses=verdicts(encoding > ENCODING_THRESHOLD, decoding),
            encoding_variance=encoding,
            decoding_cost=decoding,
            weight_norms=_weight_norms(vae.decoder, len(encoding)),
            means=latent_moments(as_array(posterior_means(vae, x, covariates))),
            draws=latent_moments(
                as_array(posterior_draws(vae, x, covariates, generator=generator))
            ),
            prior=latent_moments(as_array(draw(prior, torch.Size([PRIOR_DRAWS]), generator))),
            prior_location=prior_location,
            prior_spread=prior_spread,
            marginal_kl=marginal_divergence(vae, x, covariates, generator=generator),
            kl=_mean_kl(laws, prior, generator),
            information=_information(laws, generator),
        )


def _mean_kl(
    laws: Iterable[Distribution], prior: Distribution, generator: torch.Generator | None
) -> float:
    each = [kl(q, prior, num_samples=DRAWS_A_ROW, generator=generator).value for q in laws]
    return float(torch.cat([value.double() for value in each]).mean())


def _information(laws: list[Distribution], generator: torch.Generator | None) -> Information:
    """One draw for each row, a few at a time, scored under the distributions of all rows."""
    scored = [log_law(q) or q for q in laws]
    draws = torch.cat([draw(q, generator=generator) for q in scored])
    rows = torch.arange(len(draws))
    pointwise = []
    for z, own in batches(DRAWS_AT_ONCE, draws, rows):
        log_q = torch.cat([q.log_prob(z.unsqueeze(1)).double() for q in scored], 1)
        pointwise.append(mutual_information(as_array(log_q), own.numpy()).pointwise)
    return Information(np.concatenate(pointwise), len(draws))


def _weight_norms(decoder: nn.Module, num_latent: int) -> Array | None:
    """Norms of the first linear layer, if z is what it takes."""
    for module in decoder.modules():
        if isinstance(module, nn.Linear):
            fits = module.in_features == num_latent
            return decoder_weight_norms(as_array(module.weight)) if fits else None
    return None
