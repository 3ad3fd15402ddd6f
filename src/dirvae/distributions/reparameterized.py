"""What all laws with a path have in common: a draw without it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

__all__ = ["Reparameterized"]


class Reparameterized(Distribution):
    """A law whose draws are differentiable functions of its parameters and of noise.

    Example:
        >>> from dirvae.distributions import Dirichlet
        >>> issubclass(Dirichlet, Reparameterized)
        True
    """

    has_rsample = True

    def rsample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw, shape S + batch shape + event shape, with a path to the parameters."""
        raise NotImplementedError

    def sample(
        self,
        sample_shape: Any = torch.Size(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw what `rsample` does, without a path."""
        with torch.no_grad():
            return self.rsample(sample_shape, generator)
