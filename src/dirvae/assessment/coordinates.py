"""Unconstrained coordinates of a latent, in which chains have no boundaries to mind."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily, biject_to, constraints

from dirvae.assessment.embedding import support_of
from dirvae.distributions import draw, log_law
from dirvae.distributions.log_space import log_proportions

__all__ = ["Coordinates", "Placed", "coordinates_of"]


class Coordinates(Protocol):
    """Numbers u of shape (..., M) that stand for z of shape (..., K)."""

    def latent(self, u: Tensor) -> Tensor:
        """Return z."""

    def place(self, law: Distribution) -> Placed:
        """Return the distribution of u where z has the distribution ``law``."""


class Placed(Protocol):
    """A distribution of coordinates."""

    def log_prob(self, u: Tensor) -> Tensor:
        """Log density of ``u``, shape (...)."""

    def sample(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Draws in double precision, shape (*shape, N..., M)."""


def coordinates_of(prior: Distribution) -> Coordinates:
    """Return those of a prior's events, of shape (K,), in which any law of them can be placed.

    On the simplex they are isometric log ratios: K - 1 of them, that are near Gaussians where a law
    is a Dirichlet, and exact where proportions are as small as floats can be. Else they are what
    torch's bijection to the prior's support takes. A law that names no support, such as a
    normalizing flow, counts as one of all real vectors.

    Raises:
        ValueError: If there is no bijection to the support, as of discrete laws.

    References:
        Egozcue, Pawlowsky-Glahn, Mateu-Figueras & Barcelo-Vidal 2003, "Isometric logratio
        transformations for compositional data analysis".

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> prior = Dirichlet(torch.ones(2, 3))
        >>> found = coordinates_of(prior)
        >>> placed = found.place(prior)
        >>> u = placed.sample(torch.Size([4]), None)
        >>> u.shape, placed.log_prob(u).shape, found.latent(u).shape
        (torch.Size([4, 2, 2]), torch.Size([4, 2]), torch.Size([4, 2, 3]))
    """
    parts = prior.component_distribution if isinstance(prior, MixtureSameFamily) else prior
    support = support_of(parts)
    if support is constraints.simplex:
        return _LogRatios(_contrasts(prior.event_shape[0]))
    try:
        return _Bijection(biject_to(support))
    except NotImplementedError as error:
        raise ValueError(
            f"the prior's support is {support}, onto which torch.distributions.biject_to has no "
            "map; chains need one, so the latent must be continuous"
        ) from error


class _Bijection(NamedTuple):
    transform: Any

    def latent(self, u: Tensor) -> Tensor:
        z: Tensor = self.transform(u)
        return z

    def place(self, law: Distribution) -> Placed:
        return _Bijected(law, self.transform)


class _Bijected(NamedTuple):
    law: Distribution
    transform: Any

    def log_prob(self, u: Tensor) -> Tensor:
        z = self.transform(u)
        log_prob: Tensor = self.law.log_prob(z) + self.transform.log_abs_det_jacobian(u, z)
        return log_prob

    def sample(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        # Some draws are of the default type whatever the model's is, as of a uniform sphere.
        u: Tensor = self.transform.inv(draw(self.law, shape, generator).double())
        return u


class _LogRatios(NamedTuple):
    contrasts: Tensor  # (K - 1, K), orthonormal rows that sum to 0

    def latent(self, u: Tensor) -> Tensor:
        return torch.softmax(u @ self.contrasts.to(u), -1)

    def place(self, law: Distribution) -> Placed:
        return _Ratios(law, log_law(law), self.contrasts)


class _Ratios(NamedTuple):
    law: Distribution
    log_law: Distribution | None  # of log z, its density on log z_1 .. log z_{K-1}
    contrasts: Tensor

    def log_prob(self, u: Tensor) -> Tensor:
        log_z = torch.log_softmax(u @ self.contrasts.to(u), -1)
        log_prob: Tensor
        if self.log_law is None:
            log_prob = self.law.log_prob(log_z.exp()) + log_z[..., :-1].sum(-1)
        else:
            log_prob = self.log_law.log_prob(log_z)
        # d log z_k / d log(z_j / z_K), j, k < K, has determinant z_K; to ratios that are sqrt(K).
        return log_prob + log_z[..., -1] + math.log(self.contrasts.shape[1]) / 2

    def sample(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        drawn = draw(self.log_law or self.law, shape, generator).double()
        log_z = log_proportions(drawn) if self.log_law is None else drawn
        return log_z @ self.contrasts.to(log_z).T


def _contrasts(size: int) -> Tensor:
    """Helmert's: each part against the mean of those before it."""
    rows = torch.tril(torch.ones(size - 1, size).double())
    counts = torch.arange(1, size).double()
    rows[torch.arange(size - 1), torch.arange(1, size)] = -counts
    return rows / (counts * (counts + 1)).sqrt().unsqueeze(-1)
