"""Numbers of very different sizes, for tests of identities; the same ones in every run."""

from __future__ import annotations

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

__all__ = ["EPS", "EXAMPLES", "magnitudes", "reals"]

EXAMPLES = settings(max_examples=25, derandomize=True, deadline=None)
EPS = torch.finfo(torch.float64).eps


def reals(reach: float, size: int) -> st.SearchStrategy[Tensor]:
    """Vectors of float64 from -reach to reach."""
    numbers = st.floats(-reach, reach, allow_subnormal=False)
    return st.lists(numbers, min_size=size, max_size=size).map(
        lambda values: torch.tensor(values, dtype=torch.float64)
    )


def magnitudes(low: float, high: float, size: int) -> st.SearchStrategy[Tensor]:
    """Vectors of float64 from low to high, whose logarithms are spread evenly."""
    start, span = torch.tensor([low, high / low], dtype=torch.float64).log().tolist()
    return reals(1.0, size).map(lambda v: (start + span * (v + 1) / 2).exp())
