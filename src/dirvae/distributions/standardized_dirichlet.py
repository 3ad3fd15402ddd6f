"""The scaled Dirichlet with parameters place and certainty, relative to a Dirichlet."""

from __future__ import annotations

import torch
from torch import Tensor

from dirvae.distributions._vectors import positive_vector, real_vector
from dirvae.distributions.base import OfProportions
from dirvae.distributions.scaled_dirichlet import ScaledDirichlet

__all__ = ["StandardizedDirichlet"]


class StandardizedDirichlet(ScaledDirichlet):
    r"""A `ScaledDirichlet` whose two parameters mean what a Gaussian's mean and precision mean.

    In a `ScaledDirichlet` the mean of log z_k is loc_k + psi(concentration_k), plus a term that all
    components share. So a component moves when it becomes more certain. Here ``place`` and
    ``certainty`` do not affect each other. Both are in units of a Dirichlet with concentration b,
    the ``reference``. The reference of a posterior is the prior:

    .. math:: a_k = b_k \, \mathrm{certainty}_k, \quad
              \mathrm{loc}_k = \sqrt{\psi'(b_k)} \, \mathrm{place}_k - (\psi(a_k) - \psi(b_k))

    z is a vector of scaled gammas, normalised. The mean of the log of gamma k is the reference's
    mean plus ``place_k`` times the reference's standard deviation. With place 0 and certainty 1
    the distribution is the reference. As b grows, the log ratios become those of Gaussians with
    means ``place`` and precisions ``certainty``, in these units.

    Args:
        place: Shape (..., K), real, in standard deviations of the reference.
        certainty: Shape (..., K), positive, in units of the reference's concentration.
        reference: Concentration b of a Dirichlet, shape (..., K), positive.
        validate_args: Whether to check parameters and values.

    Raises:
        ValueError: If there are fewer than two components, or a parameter is not valid.

    Example:
        >>> b = torch.tensor([0.5, 0.5, 1.0])
        >>> StandardizedDirichlet(torch.zeros(3), torch.ones(3), b).mean
        tensor([0.2500, 0.2500, 0.5000])
    """

    arg_constraints = {
        "place": real_vector,
        "certainty": positive_vector,
        "reference": positive_vector,
    }
    batched = ("place", "certainty", "reference", "concentration", "loc")
    place: Tensor
    certainty: Tensor
    reference: Tensor

    def __init__(
        self,
        place: Tensor,
        certainty: Tensor,
        reference: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        OfProportions.__init__(self, place, certainty, reference, validate_args=validate_args)
        self.concentration = self.reference * self.certainty
        self.loc = self._std() * self.place - self._moved_by_certainty()

    def _std(self) -> Tensor:
        """Standard deviation of the logarithms of the reference's gammas."""
        return torch.polygamma(1, self.reference).sqrt()

    def _moved_by_certainty(self) -> Tensor:
        return torch.digamma(self.concentration) - torch.digamma(self.reference)
