"""What may stand in a file, by its name."""

from __future__ import annotations

import torch
from torch.distributions import Normal

from dirvae import distributions
from dirvae.distributions import Dirichlet
from dirvae.persistence import known


def test_laws_have_one_name_each() -> None:
    for law in (Normal, Dirichlet, distributions.GEM, torch.distributions.Dirichlet):
        assert known.law_from_name(known.law_name(law)) is law
    assert known.law_name(Dirichlet) != known.law_name(torch.distributions.Dirichlet)
