"""The prior that goes with a latent by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from dirvae.distributions import (
    GEM,
    Dirichlet,
    InverseCDFDirichlet,
    ScaledDirichlet,
    SoftmaxNormal,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
)
from dirvae.nn import Fixed

__all__ = ["default_concentration", "standard_prior"]


def default_concentration(num_latent: int) -> Tensor:
    """1 - 1/K (for K = 1: 1/2) for each of K parts, shape (K,).

    The concentration whose Laplace approximation in the softmax basis has unit-variance Gaussians
    (MacKay 1998; Joo et al. 2020, sec. 4.1).

    Example:
        >>> default_concentration(4)
        tensor([0.7500, 0.7500, 0.7500, 0.7500])
    """
    return torch.full((num_latent,), max(0.5, 1 - 1 / num_latent))


def standard_prior(
    Latent: Callable[..., Distribution], num_latent: int, concentration: Tensor | None = None
) -> Fixed:
    """Return p(z) for a latent of size K.

    Args:
        Latent: Law of q(z|x).
        num_latent: K.
        concentration: Of a Dirichlet, shape (K,) or (); of a GEM, shape (). By default
            `default_concentration` and 5 (Nalisnick & Smyth 2017).

    Raises:
        ValueError: If no prior is known to go with ``Latent``.

    Example:
        >>> standard_prior(Dirichlet, 2)().mean
        tensor([0.5000, 0.5000])
    """
    known = {**_SIMPLEX, **_STICKS, **_STANDARD}
    if Latent not in known:
        names = ", ".join(sorted(law.__name__ for law in known))
        raise ValueError(f"latent must be one of {names}; for any other latent build a dirvae.VAE")
    return known[Latent](num_latent, concentration)


def _dirichlet(num_latent: int, concentration: Tensor | None) -> Fixed:
    if concentration is None:
        concentration = default_concentration(num_latent)
    return Fixed(Dirichlet, concentration=concentration.expand(num_latent).clone())


def _gem(num_latent: int, concentration: Tensor | None) -> Fixed:
    concentration = torch.tensor(5.0) if concentration is None else concentration
    if concentration.dim():
        raise ValueError("prior_concentration of a stick-breaking latent must be one number")
    return Fixed(GEM, concentration=concentration, size=torch.tensor(num_latent))


def _standard(Law: Any) -> Callable[[int, Tensor | None], Fixed]:
    def prior(num_latent: int, concentration: Tensor | None) -> Fixed:
        if concentration is not None:
            raise ValueError(
                f"prior_concentration does not apply to latent={Law.__name__}; leave it None"
            )
        return Fixed(Law, loc=torch.zeros(num_latent), scale=torch.ones(num_latent))

    return prior


_SIMPLEX: dict[Any, Any] = dict.fromkeys(
    (Dirichlet, InverseCDFDirichlet, ScaledDirichlet), _dirichlet
)
_STICKS: dict[Any, Any] = dict.fromkeys((StickBreakingKumaraswamy, StickBreakingBeta), _gem)
_STANDARD: dict[Any, Any] = {law: _standard(law) for law in (Normal, SoftmaxNormal)}
