"""The models of the paper's tables, and the exact ones beside them: each a latent and its prior."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch.distributions import Distribution, Normal, RelaxedOneHotCategorical

from dirvae.distributions import (
    Dirichlet,
    InverseCDFDirichlet,
    ScaledDirichlet,
    SoftmaxNormal,
    StandardizedDirichlet,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    WeibullDirichlet,
)
from dirvae.models.latents import default_concentration, standard_prior
from dirvae.nn import Fixed, Learned

__all__ = ["QUICK_ROWS", "ROWS", "Row"]


class Row(NamedTuple):
    """A model of the density table.

    Attributes:
        Latent: Distribution of q(z|x).
        prior: From K to p(z).
        learning_rate: Adam's in the paper.
        by_moments: Whether the prior is learned by the method of moments, in three stages.
        as_multi_gamma: Whether the paper trains and scores it as if it drew true gammas.
        commitment: The posterior's least concentration, in units of the prior's.
        released: Whether the commitment falls to 0 in training. A mixture prior is then free.
        with_proportions: Whether the decoder sees proportions beside log ratios.
        prior_components: Laws of a prior that is a learned mixture around ``prior``; None for none.

    Example:
        >>> ROWS["dirichlet"].prior(4)().concentration
        tensor([0.7500, 0.7500, 0.7500, 0.7500])
    """

    Latent: Callable[..., Distribution]
    prior: Callable[[int], Fixed]
    learning_rate: float = 5e-4
    by_moments: bool = False
    as_multi_gamma: bool = False
    commitment: float = 0.0
    released: bool = False
    with_proportions: bool = False
    prior_components: int | None = None


def _learned_dirichlet(num_latent: int) -> Fixed:
    return Learned(Dirichlet, concentration=default_concentration(num_latent))


def _flat_dirichlet(num_latent: int) -> Fixed:
    """At 5, found on validation images, parts are less extreme than at 1 - 1 / K."""
    return Fixed(Dirichlet, concentration=torch.full((num_latent,), 5.0))


_dirichlet = partial(standard_prior, Dirichlet)
_gem = partial(standard_prior, StickBreakingKumaraswamy)

ROWS = {
    "gaussian": Row(Normal, partial(standard_prior, Normal)),
    "softmax_gaussian": Row(SoftmaxNormal, partial(standard_prior, SoftmaxNormal)),
    "stick_breaking_kumaraswamy": Row(StickBreakingKumaraswamy, _gem, 3e-4),
    "stick_breaking_beta": Row(StickBreakingBeta, _gem, 3e-4),
    "weibull": Row(WeibullDirichlet, _dirichlet),
    "inverse_cdf_dirichlet": Row(InverseCDFDirichlet, _dirichlet, as_multi_gamma=True),
    "inverse_cdf_dirichlet_learned": Row(
        InverseCDFDirichlet, _dirichlet, by_moments=True, as_multi_gamma=True
    ),
    "dirichlet": Row(Dirichlet, _dirichlet),
    "dirichlet_learned_by_moments": Row(Dirichlet, _dirichlet, by_moments=True),
    "dirichlet_learned_by_gradient": Row(Dirichlet, _learned_dirichlet),
    "scaled_dirichlet": Row(ScaledDirichlet, _dirichlet),
    "scaled_dirichlet_learned_by_gradient": Row(ScaledDirichlet, _learned_dirichlet),
    "scaled_dirichlet_committed": Row(ScaledDirichlet, _flat_dirichlet, commitment=1.5),
    "standardized_dirichlet": Row(StandardizedDirichlet, _dirichlet),
    "standardized_dirichlet_committed": Row(StandardizedDirichlet, _dirichlet, commitment=1.0),
    "standardized_dirichlet_mixture": Row(StandardizedDirichlet, _dirichlet, prior_components=100),
    "standardized_dirichlet_mixture_committed": Row(
        StandardizedDirichlet, _flat_dirichlet, commitment=1.5, prior_components=100
    ),
    "standardized_dirichlet_mixture_500": Row(
        StandardizedDirichlet, _flat_dirichlet, prior_components=500
    ),
    "standardized_dirichlet_mixture_500_released": Row(
        StandardizedDirichlet, _flat_dirichlet, commitment=1.5, released=True, prior_components=500
    ),
    "standardized_dirichlet_mixture_500_with_proportions": Row(
        StandardizedDirichlet, _flat_dirichlet, with_proportions=True, prior_components=500
    ),
    "standardized_dirichlet_mixture_500_committed_with_proportions": Row(
        StandardizedDirichlet,
        _flat_dirichlet,
        commitment=1.5,
        with_proportions=True,
        prior_components=500,
    ),
    "standardized_dirichlet_mixture_500_slightly_committed_with_proportions": Row(
        StandardizedDirichlet,
        _flat_dirichlet,
        commitment=1.25,
        with_proportions=True,
        prior_components=500,
    ),
    "concrete": Row(RelaxedOneHotCategorical, partial(standard_prior, RelaxedOneHotCategorical)),
    "gaussian_mixture": Row(Normal, partial(standard_prior, Normal), prior_components=100),
    "gaussian_mixture_500": Row(Normal, partial(standard_prior, Normal), prior_components=500),
}

QUICK_ROWS = ("gaussian", "stick_breaking_kumaraswamy", "inverse_cdf_dirichlet", "dirichlet")
