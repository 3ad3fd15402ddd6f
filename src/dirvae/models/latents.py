"""The latents that have a name, with the prior and the options of each, in one table.

A `VAE` accepts any latent. The estimators, ``dirvae.models.zoo`` and the command line know
those in the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal, RelaxedOneHotCategorical

from dirvae.distributions import (
    GEM,
    Dirichlet,
    InverseCDFDirichlet,
    ScaledDirichlet,
    SoftmaxNormal,
    StandardizedDirichlet,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    laplace_softmax_normal,
    location_and_spread,
)
from dirvae.nn import Fixed, LogRatios, SideBySide, Standardize

__all__ = [
    "LATENTS",
    "NamedLatent",
    "decoder_view",
    "default_commitment",
    "default_concentration",
    "default_latent",
    "has_dirichlet_prior",
    "has_learnable_prior",
    "head_options",
    "prior_like_dirichlet",
    "standard_prior",
]

AnyLatent = Callable[..., Distribution]
MOST_COMMITTED = 50  # components, by default


class NamedLatent(NamedTuple):
    """The prior and the options of one kind of latent.

    Attributes:
        prior: Function of K and a concentration (None for the default) that returns p(z).
        prior_like_dirichlet: The same, but p(z) is as close as this latent allows to a Dirichlet of
            the given concentration.
        has_dirichlet_prior: Whether the prior is a Dirichlet and the posterior has a concentration.
            Then a commitment is possible, and the prior can be learned from moments.
        head: Function of the prior and the commitment that returns the options of the posterior's
            `Head`.
        has_learnable_prior: Whether a topic model can learn the prior by gradient.
        view: Function of the prior that returns a module. The decoder applies it to z first.
        commitment: The commitment that works best with the default prior.
    """

    prior: Callable[[int, Tensor | None], Fixed]
    prior_like_dirichlet: Callable[[int, Tensor], Fixed]
    has_dirichlet_prior: bool = False
    head: Callable[[Fixed, float], dict[str, Any]] = lambda prior, commitment: {}
    has_learnable_prior: bool = False
    view: Callable[[Fixed], nn.Module] | None = None
    commitment: float = 0.0


def default_latent(num_latent: int, concentration: Tensor | None = None) -> AnyLatent:
    """The default latent of the estimators; docs/choosing.md says how it was chosen.

    It is `StandardizedDirichlet`, except in two cases. It is `Dirichlet` if the prior has a
    concentration below 1, because log ratios then have long tails. It is also `Dirichlet` if K = 1,
    because one component has no log ratios.

    Args:
        num_latent: K.
        concentration: Concentration of the Dirichlet prior, shape (K,) or (), if one is given.

    Example:
        >>> default_latent(10).__name__, default_latent(10, torch.tensor(0.1)).__name__
        ('StandardizedDirichlet', 'Dirichlet')
    """
    sparse = concentration is not None and bool((concentration < 1).any())
    return Dirichlet if sparse or num_latent == 1 else StandardizedDirichlet


def default_commitment(Latent: AnyLatent, num_latent: int) -> float:
    """The default commitment of a latent of size K; 0 for most latents.

    A commitment is the smallest concentration of a posterior, as a multiple of the prior's. With
    the default of 1.5, each component that is out of use costs .036 nats. A hundred such components
    would cost more nats than many data sets have to say. So for K above 50 the default is 0.

    Example:
        >>> [default_commitment(StandardizedDirichlet, k) for k in (50, 51)]
        [1.5, 0.0]
    """
    known = Latent in LATENTS and num_latent <= MOST_COMMITTED
    return LATENTS[Latent].commitment if known else 0.0


def default_concentration(num_latent: int) -> Tensor:
    """1 - 1/K (for K = 1: 1/2) for each of K components, shape (K,).

    With this concentration, the Laplace approximation in the softmax basis has Gaussians of
    variance 1 (MacKay 1998; Joo et al. 2020, sec. 4.1).

    Example:
        >>> default_concentration(4)
        tensor([0.7500, 0.7500, 0.7500, 0.7500])
    """
    return torch.full((num_latent,), max(0.5, 1 - 1 / num_latent))


def standard_prior(
    Latent: AnyLatent, num_latent: int, concentration: Tensor | None = None
) -> Fixed:
    """Return p(z) for a latent of size K.

    Args:
        Latent: Distribution of q(z|x).
        num_latent: K.
        concentration: Concentration of the prior: shape (K,) or () for a Dirichlet, shape () for a
            GEM. The default is `default_concentration` for a Dirichlet, but 10 if ``Latent`` is
            `StandardizedDirichlet`. For a GEM it is 5 (Nalisnick & Smyth 2017).

    Raises:
        ValueError: If ``Latent`` is not one of the named latents.

    Example:
        >>> standard_prior(Dirichlet, 2)().mean
        tensor([0.5000, 0.5000])
    """
    return _row(Latent).prior(num_latent, concentration)


def prior_like_dirichlet(Latent: AnyLatent, num_latent: int, concentration: Tensor) -> Fixed:
    """Return the prior that is as close to a Dirichlet as the latent allows.

    A Gaussian and a relaxed one-hot latent have no such prior. They get their standard prior.

    Args:
        Latent: Distribution of q(z|x).
        num_latent: K.
        concentration: Concentration of the Dirichlet, shape (K,) or ().

    Raises:
        ValueError: As `standard_prior` does.

    Example:
        >>> prior_like_dirichlet(SoftmaxNormal, 3, torch.tensor(1.0))().scale
        tensor([0.8165, 0.8165, 0.8165])
    """
    return _row(Latent).prior_like_dirichlet(num_latent, concentration)


def has_dirichlet_prior(Latent: AnyLatent) -> bool:
    """Whether the posterior of a latent has a concentration, and its prior is a Dirichlet.

    Example:
        >>> has_dirichlet_prior(ScaledDirichlet), has_dirichlet_prior(Normal)
        (True, False)
    """
    return Latent in LATENTS and LATENTS[Latent].has_dirichlet_prior


def has_learnable_prior(Latent: AnyLatent) -> bool:
    """Whether a topic model can learn the prior of a latent.

    Example:
        >>> has_learnable_prior(Dirichlet), has_learnable_prior(SoftmaxNormal)
        (True, False)
    """
    return Latent in LATENTS and LATENTS[Latent].has_learnable_prior


def head_options(Latent: AnyLatent, prior: Fixed, commitment: float = 0.0) -> dict[str, Any]:
    """Options of the `Head` that returns q(z|x) for a given prior; empty for most latents.

    Args:
        Latent: Distribution of q(z|x).
        prior: p(z), of shape (K,).
        commitment: The smallest concentration of a posterior, as a multiple of the prior's. It is
            for latents with a Dirichlet prior.

    Raises:
        ValueError: If ``commitment`` is negative or infinite. Or if it is not 0 and the latent or
            its prior is not a Dirichlet.

    Example:
        >>> options = head_options(StandardizedDirichlet, standard_prior(StandardizedDirichlet, 2))
        >>> options["exponential"], options["initial"], options["reference"]
        (('certainty',), {'certainty': 1.0}, tensor([10., 10.]))
    """
    foreign = Latent not in LATENTS or (has_dirichlet_prior(Latent) and prior.Law is not Dirichlet)
    commits = not foreign and has_dirichlet_prior(Latent)
    if commitment != 0 and not (commits and 0 < commitment < math.inf):
        raise ValueError(
            f"commitment is {commitment}, must be a finite number of 0 or more, and 0 unless "
            "latent and prior are Dirichlets"
        )
    return {} if foreign else LATENTS[Latent].head(prior, commitment)


def decoder_view(Latent: AnyLatent, prior: Fixed, with_proportions: bool = False) -> nn.Module:
    """Module that the decoder applies to z first; by default it standardizes z by the prior.

    Args:
        Latent: Distribution of q(z|x).
        prior: p(z), of shape (K,).
        with_proportions: Whether log ratios have z itself beside them, standardized.

    Raises:
        ValueError: If ``with_proportions`` is given for a latent whose view is not log ratios.

    Example:
        >>> decoder_view(Dirichlet, standard_prior(Dirichlet, 2))(torch.tensor([0.5, 0.5]))
        tensor([0., 0.])
    """
    view = LATENTS[Latent].view if Latent in LATENTS else None
    if not with_proportions:
        return _in_units_of(prior) if view is None else view(prior)
    if view is None:
        raise ValueError(
            "with_proportions is for latents whose log ratios the decoder sees, such as "
            "StandardizedDirichlet"
        )
    return SideBySide(view(prior), _in_units_of(prior))


def _row(Latent: AnyLatent) -> NamedLatent:
    if Latent not in LATENTS:
        names = ", ".join(sorted(law.__name__ for law in LATENTS))
        raise ValueError(
            f"latent must be one of {names}; for any other latent build a dirvae.VAE, such as by "
            "dirvae.models.zoo.mlp_vae"
        )
    return LATENTS[Latent]


# --- priors ---------------------------------------------------------------------------------------


def _dirichlet(num_latent: int, concentration: Tensor | None) -> Fixed:
    if concentration is None:
        concentration = default_concentration(num_latent)
    return Fixed(Dirichlet, concentration=concentration.expand(num_latent).clone())


def _flat_dirichlet(num_latent: int, concentration: Tensor | None) -> Fixed:
    """By default 10 a part: log ratios are near a Gaussian's, and a commitment is cheap."""
    return _dirichlet(num_latent, torch.tensor(10.0) if concentration is None else concentration)


def _gem(num_latent: int, concentration: Tensor | None) -> Fixed:
    concentration = torch.tensor(5.0) if concentration is None else concentration
    if concentration.dim():
        shape = tuple(concentration.shape)
        raise ValueError(
            f"prior_concentration has shape {shape}, must be one number for a stick-breaking latent"
        )
    return Fixed(GEM, concentration=concentration, size=torch.tensor(num_latent))


def _standard(Law: Any, num_latent: int, concentration: Tensor | None = None) -> Fixed:
    if concentration is not None:
        raise ValueError(
            f"prior_concentration does not apply to latent={Law.__name__}; leave it out"
        )
    return Fixed(Law, loc=torch.zeros(num_latent), scale=torch.ones(num_latent))


def _concrete(num_latent: int, concentration: Tensor | None = None) -> Fixed:
    """One-hot vectors of equal probability, relaxed; Maddison et al. use 1/2 and 2/3."""
    if concentration is not None:
        raise ValueError(
            "prior_concentration does not apply to latent=RelaxedOneHotCategorical; leave it out"
        )
    temperature, logits = torch.tensor(0.5), torch.zeros(num_latent)
    return Fixed(RelaxedOneHotCategorical, temperature=temperature, logits=logits)


def _laplace(num_latent: int, concentration: Tensor) -> Fixed:
    law = laplace_softmax_normal(concentration.expand(num_latent), diagonal=num_latent > 2)
    return Fixed(SoftmaxNormal, loc=law.loc, scale=law.scale)


# --- how the encoder puts out a posterior ---------------------------------------------------------


def _concentrations(prior: Fixed, commitment: float) -> dict[str, Any]:
    """A concentration ranges from far below 1 to hundreds in one posterior: it is an exponential.

    It starts halfway, on a log scale, between 1 and the prior's: from 1 itself, training under a
    sparse prior often ends with a posterior that is the prior. A bound from below comes on top.
    """
    concentration = prior.parameter("concentration").detach()
    least = commitment * concentration
    options = {"least": {"concentration": least}} if commitment else {}
    initial = {"concentration": least + concentration.sqrt()}
    return {"exponential": ("concentration",), "initial": initial, **options}


def _units_of_the_prior(prior: Fixed, commitment: float) -> dict[str, Any]:
    """Place and certainty, which start at the prior's own; a commitment comes on top."""
    reference = prior.parameter("concentration").detach()
    options: dict[str, Any] = {"exponential": ("certainty",), "reference": reference}
    least = {"least": {"certainty": commitment}} if commitment else {}
    return {**options, "initial": {"certainty": commitment + 1.0}, **least}


def _temperature(prior: Fixed, commitment: float) -> dict[str, Any]:
    return {"temperature": prior.parameter("temperature")}


# --- what the decoder sees ------------------------------------------------------------------------


def _in_units_of(prior: Fixed) -> Standardize:
    return Standardize(*(moment.detach() for moment in location_and_spread(prior())))


def _log_ratios(prior: Fixed) -> LogRatios:
    concentration = prior.parameter("concentration").detach()
    mean, var = torch.digamma(concentration), torch.polygamma(1, concentration)
    size = len(mean)
    return LogRatios(mean - mean.mean(), (var * (1 - 2 / size) + var.mean() / size).sqrt())


def _gumbel_ratios(prior: Fixed) -> LogRatios:
    """Log ratios are differences of Gumbels, of variance pi^2 / 6 each, over the temperature."""
    logits, temperature = (prior.parameter(name).detach() for name in ("logits", "temperature"))
    std = math.pi / 6**0.5 * (1 - 1 / len(logits)) ** 0.5 / temperature
    return LogRatios((logits - logits.mean()) / temperature, std.expand(logits.shape))


# --- the table ------------------------------------------------------------------------------------

_STICKS = NamedLatent(_gem, _gem)
LATENTS: dict[Any, NamedLatent] = {
    Dirichlet: NamedLatent(_dirichlet, _dirichlet, True, _concentrations, True),
    InverseCDFDirichlet: NamedLatent(_dirichlet, _dirichlet, True, _concentrations, True),
    ScaledDirichlet: NamedLatent(_dirichlet, _dirichlet, True, _concentrations, view=_log_ratios),
    StandardizedDirichlet: NamedLatent(
        _flat_dirichlet,
        _flat_dirichlet,
        True,
        _units_of_the_prior,
        view=_log_ratios,
        commitment=1.5,
    ),
    StickBreakingKumaraswamy: _STICKS,
    StickBreakingBeta: _STICKS,
    SoftmaxNormal: NamedLatent(partial(_standard, SoftmaxNormal), _laplace),
    Normal: NamedLatent(partial(_standard, Normal), lambda size, _: _standard(Normal, size)),
    RelaxedOneHotCategorical: NamedLatent(
        _concrete, lambda size, _: _concrete(size), head=_temperature, view=_gumbel_ratios
    ),
}
