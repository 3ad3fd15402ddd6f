"""What earlier releases of torch cannot do, and what their compiler says about itself."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.distributions import Distribution

# The default looks at the parameters, which torch 2.6 cannot do under vmap.
LOOKED_AT = pytest.param(
    None,
    marks=pytest.mark.skipif(
        "_is_all_true" not in inspect.getsource(Distribution.__init__),
        reason=f"torch {torch.__version__} takes validate_args=False alone under vmap",
    ),
)
BACKENDS = pytest.mark.parametrize("backend", ["aot_eager", "inductor"])  # of the same graph
OF_THE_COMPILER = (
    "ignore::DeprecationWarning",
    "ignore:Skipping serialization of:UserWarning",
    "ignore:Guards may run slower on Python:RuntimeWarning",
)
