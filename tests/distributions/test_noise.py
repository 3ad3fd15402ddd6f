"""Noise that other distributions are made of: the generator's, digit for digit."""

from __future__ import annotations

import torch

from dirvae.distributions.noise import standard_exponential, standard_normal


def test_exponentials_are_logs_of_uniforms_in_float64() -> None:
    like = torch.ones((), dtype=torch.float32)
    found = standard_exponential(torch.Size([1000]), like, torch.Generator().manual_seed(3))
    uniform = torch.rand(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.equal(found, -torch.log1p(-uniform).float())
    assert found.dtype == torch.float32


def test_normals_are_those_of_the_generator() -> None:
    like = torch.ones((), dtype=torch.float64)
    found = standard_normal(torch.Size([1000]), like, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(found, torch.randn(1000, dtype=torch.float64, generator=generator))
