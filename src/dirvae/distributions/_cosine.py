"""The cosine to the direction of a von Mises-Fisher law: draws, moments and implicit path."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from dirvae.distributions._quadrature import distance_to_drop, trapezoid_nodes
from dirvae.distributions.beta import Beta
from dirvae.distributions.noise import standard_exponential

__all__ = ["Cosine"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NODES, _WEIGHTS = ((_NODES + 1) / 2).tolist(), (_WEIGHTS / 2).tolist()
# A proposal of Wood's is accepted two times in three or more: all are refused once in 1e22.
_BLOCKS, _PROPOSALS = 6, 8


class Cosine:
    """The marginal of w = loc . x under a von Mises-Fisher distribution, in s = artanh(w), float64.

    The density of s is proportional to exp(-kappa (1 - tanh s)) cosh(s)^(1 - D).
    """

    def __init__(self, concentration: Tensor, dim: int) -> None:
        self.concentration, self.power = concentration, dim - 1

    def log_density(self, s: Tensor) -> Tensor:
        """Log density of s, less that of its normalizer."""
        log_cosh = s.abs() + torch.log1p(torch.exp(-2 * s.abs())) - math.log(2)
        return -self.concentration * _gap(s) - self.power * log_cosh

    @property
    def _nodes(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            kappa, n = self.concentration, self.power
            mode = torch.asinh(2 * kappa / n) / 2
            # The range grows as the dimension falls, what can be resolved does not.
            nodes = 96 + 256 // n
            return trapezoid_nodes(self.log_density, mode, torch.full_like(kappa, 1 / n), nodes)

    def log_integral(self) -> Tensor:
        """Log of the integral of exp(log_density)."""
        nodes, log_weight = self._nodes
        return self.log_density(nodes).logsumexp(0) + log_weight

    def gap(self) -> Tensor:
        """E[1 - w] to full relative precision."""
        nodes, _ = self._nodes
        return (torch.softmax(self.log_density(nodes), 0) * _gap(nodes)).sum(0)

    def moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """E[w], var(w) and E[1 - w^2]."""
        nodes, _ = self._nodes
        shares, gaps = torch.softmax(self.log_density(nodes), 0), _gap(nodes)
        gap = (shares * gaps).sum(0)
        variance = (shares * (gaps - gap) ** 2).sum(0)
        return 1 - gap, variance, (shares * gaps * (2 - gaps)).sum(0)

    def sample(self, generator: torch.Generator | None) -> Tensor:
        """Draw s: the first accepted of a fixed number of Wood's proposals."""
        kappa, n = self.concentration, self.power
        b = n / (2 * kappa + torch.sqrt(4 * kappa**2 + n**2))
        if torch.compiler.is_compiling():
            proposal, fits = self._propose(b, generator, _BLOCKS * _PROPOSALS)
            return _first(proposal, fits)
        s, missing = torch.zeros_like(kappa), torch.ones_like(kappa, dtype=torch.bool)
        for _ in range(_BLOCKS):
            proposal, fits = self._propose(b, generator, _PROPOSALS)
            s = torch.where(missing, _first(proposal, fits), s)
            missing = missing & ~fits.any(0)
            if not bool(missing.any()):
                break
        return s

    def _propose(
        self, b: Tensor, generator: torch.Generator | None, count: int
    ) -> tuple[Tensor, Tensor]:
        """A block of proposals, and which of them are accepted."""
        kappa, n = self.concentration, self.power
        half = torch.full_like(kappa, n / 2).expand(count, *kappa.shape)
        log_e, log_rest = Beta(half, half, validate_args=False).rsample_log(generator=generator)
        proposal = (log_rest - log_e - b.log()) / 2
        level = -standard_exponential(half.shape, kappa, generator)
        return proposal, _log_acceptance(kappa, n, b, _gap(proposal)) >= level

    def slope(self, s: Tensor, mean_gap: Tensor) -> Tensor:
        """Implicit derivative ds / dkappa at fixed probability below s, by Gauss-Legendre."""
        above = _gap(s) < mean_gap
        sign = torch.where(above, 1.0, -1.0).to(s.dtype)
        unit = torch.full_like(s, 1 / self.power)
        reach = distance_to_drop(self.log_density, s, unit, sign, drop=30.0)
        nodes, weights = (s.new_tensor(v).view(-1, *[1] * s.dim()) for v in (_NODES, _WEIGHTS))
        # Squares, since what lies near s counts most.
        t = s + sign * reach * nodes**2
        height = torch.exp(self.log_density(t) - self.log_density(s))
        total = (2 * nodes * weights * height * sign * (mean_gap - _gap(t))).sum(0)
        return total * reach


def _first(proposal: Tensor, fits: Tensor) -> Tensor:
    return proposal.gather(0, fits.double().argmax(0, keepdim=True))[0]


def _gap(s: Tensor) -> Tensor:
    """1 - tanh(s), to full relative precision."""
    return 2 * torch.sigmoid(-2 * s)


def _log_acceptance(kappa: Tensor, n: int, b: Tensor, gap: Tensor) -> Tensor:
    """Log probability with which Wood accepts w = 1 - gap; his x0 is (1 - b) / (1 + b)."""
    center_gap = 2 * b / (1 + b)
    center = 1 - center_gap
    ratio = (center_gap + center * gap) / (center_gap * (1 + center))
    return kappa * (center_gap - gap) + n * torch.log(ratio)
