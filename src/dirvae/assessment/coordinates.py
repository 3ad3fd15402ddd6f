"""Unconstrained coordinates of a latent, in which chains have no boundaries to mind."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily, biject_to, constraints

from dirvae.assessment.embedding import support_of
from dirvae.distributions import draw, log_law

__all__ = ["Coordinates", "coordinates_of"]


_FOR_SCALE = 1000  # draws of all rows' priors together; the scale only speeds chains up


class Coordinates(Protocol):
    """Numbers u of shape (..., M) that stand for z of shape (..., K)."""

    def latent(self, u: Tensor) -> Tensor:
        """Return z."""

    def log_prob(self, u: Tensor) -> Tensor:
        """Log density of ``u`` under the prior, shape (...)."""

    def sample(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Draws of the prior, shape (*shape, N..., M)."""


def coordinates_of(prior: Distribution) -> Coordinates:
    """Return those of a prior of batch shape (N,), or () for all rows, and event shape (K,).

    Of a law on the simplex that gives the one of log z they are isometric log ratios: K - 1 of them
    in units of the prior's spread, that are near a Gaussian where the prior is a Dirichlet. Of
    every other law they are what torch's bijection to its support takes. A law that names no
    support, such as a normalizing flow, counts as one of all real vectors.

    Raises:
        ValueError: If there is no bijection to the support, as of discrete laws.

    References:
        Egozcue, Pawlowsky-Glahn, Mateu-Figueras & Barcelo-Vidal 2003, "Isometric logratio
        transformations for compositional data analysis".

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> found = coordinates_of(Dirichlet(torch.ones(2, 3)))
        >>> u = found.sample(torch.Size([4]), None)
        >>> u.shape, found.log_prob(u).shape, found.latent(u).shape
        (torch.Size([4, 2, 2]), torch.Size([4, 2]), torch.Size([4, 2, 3]))
    """
    parts = prior.component_distribution if isinstance(prior, MixtureSameFamily) else prior
    log, support = log_law(prior), support_of(parts)
    if support is constraints.simplex and log is not None:
        return _log_ratios(log)
    try:
        return _Bijection(prior, biject_to(support))
    except NotImplementedError as error:
        raise ValueError(
            f"the prior's support is {support}, onto which torch.distributions.biject_to has no "
            "map; chains need one, so the latent must be continuous"
        ) from error


class _Bijection(NamedTuple):
    prior: Distribution
    transform: Any

    def latent(self, u: Tensor) -> Tensor:
        z: Tensor = self.transform(u)
        return z

    def log_prob(self, u: Tensor) -> Tensor:
        z = self.transform(u)
        log_prob: Tensor = self.prior.log_prob(z) + self.transform.log_abs_det_jacobian(u, z)
        return log_prob

    def sample(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        u: Tensor = self.transform.inv(draw(self.prior, shape, generator))
        return u


class _LogRatios(NamedTuple):
    log_prior: Distribution  # of log z, its density on log z_1 .. log z_{K-1}
    contrasts: Tensor  # (K - 1, K), orthonormal rows that sum to 0
    std: Tensor  # of each ratio under the prior, about, (K - 1)

    def latent(self, u: Tensor) -> Tensor:
        return torch.softmax((u * self.std) @ self.contrasts, -1)

    def log_prob(self, u: Tensor) -> Tensor:
        log_z = torch.log_softmax((u * self.std) @ self.contrasts, -1)
        # d log z_k / d log(z_j / z_K), j, k < K, has determinant z_K; to ratios that are sqrt(K).
        constant = math.log(self.contrasts.shape[1]) / 2 + self.std.log().sum()
        log_prob: Tensor = self.log_prior.log_prob(log_z) + log_z[..., -1] + constant
        return log_prob

    def sample(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        log_z = draw(self.log_prior, shape, generator).double()
        return log_z @ self.contrasts.T / self.std


def _log_ratios(log_prior: Distribution) -> _LogRatios:
    each = max(2, _FOR_SCALE // max(1, log_prior.batch_shape.numel()))
    # Double, also of a prior that is made of constants which no model holds, and so never turns to.
    draws = draw(log_prior, torch.Size([each]), torch.Generator().manual_seed(0)).double()
    contrasts = _contrasts(log_prior.event_shape[0]).to(draws)
    return _LogRatios(log_prior, contrasts, (draws @ contrasts.T).flatten(0, -2).std(0))


def _contrasts(size: int) -> Tensor:
    """Helmert's: each part against the mean of those before it."""
    rows = torch.tril(torch.ones(size - 1, size).double())
    counts = torch.arange(1, size).double()
    rows[torch.arange(size - 1), torch.arange(1, size)] = -counts
    return rows / (counts * (counts + 1)).sqrt().unsqueeze(-1)
