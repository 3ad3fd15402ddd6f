"""Decoder heads for the kinds of data that people bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from scipy import sparse
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Normal, constraints

from dirvae.distributions import (
    DirichletMultinomial,
    Multinomial,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
)
from dirvae.nn import Head, Log1p, Standardize

__all__ = [
    "COUNT_LAWS",
    "affine_normal",
    "data_features",
    "likelihood_head",
    "require_support",
    "unit_normal",
]

COUNT_LAWS: tuple[Callable[..., Distribution], ...] = (
    Multinomial,
    DirichletMultinomial,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
    torch.distributions.Poisson,
)

# What belongs to a feature rather than to a row: learned, but not put out by the network.
_SHARED: dict[Any, Sequence[str]] = {
    Normal: ("scale",),
    NegativeBinomial: ("concentration",),
    ZeroInflatedNegativeBinomial: ("concentration",),
}


def affine_normal(
    loc: Tensor, scale: Tensor, *, shift: Tensor, unit: Tensor, validate_args: bool | None = None
) -> Normal:
    """Gaussian whose parameters are in units of the data: N(shift + unit loc, (unit scale)^2).

    Example:
        >>> one, two = torch.ones(1), torch.full((1,), 2.0)
        >>> affine_normal(one, one, shift=one, unit=two).mean
        tensor([3.])
    """
    return Normal(shift + unit * loc, unit * scale, validate_args=validate_args)


affine_normal.arg_constraints = Normal.arg_constraints  # type: ignore[attr-defined]


def unit_normal(loc: Tensor, *, validate_args: bool | None = None) -> Normal:
    """Gaussian of variance 1: -log p(x|z) is half the squared error, and a constant.

    Example:
        >>> unit_normal(torch.zeros(3)).stddev
        tensor([1., 1., 1.])
    """
    return Normal(loc, torch.ones_like(loc), validate_args=validate_args)


unit_normal.arg_constraints = {"loc": constraints.real}  # type: ignore[attr-defined]


def likelihood_head(
    net: nn.Module,
    num_features: int,
    likelihood: Callable[..., Distribution] = Bernoulli,
    moments: tuple[Tensor, Tensor] | None = None,
) -> Head:
    """A decoder that starts at what a constant would predict.

    Args:
        net: Module from the latent to features.
        num_features: D.
        likelihood: Law of x.
        moments: Mean and standard deviation of the data, each (D,): a Gaussian is in these units,
            and any other law starts at the mean where it can.

    Example:
        >>> head = likelihood_head(nn.Linear(2, 4), 3, Normal, (torch.zeros(3), torch.ones(3)))
        >>> head(torch.zeros(5, 2)).batch_shape
        torch.Size([5])
    """
    shared = _SHARED.get(likelihood, ())
    if moments is None:
        return Head(net, num_features, likelihood, shared=shared)
    mean, std = moments
    if likelihood is Normal:
        return Head(net, num_features, affine_normal, shared=shared, shift=mean, unit=std)
    given: dict[str, Any] = {}
    if likelihood in (Multinomial, DirichletMultinomial):  # what samples and means add up to
        given["total_count"] = mean.sum().round().clamp(min=1)
    initial = _initial(likelihood, mean)
    return Head(net, num_features, likelihood, shared=shared, initial=initial, **given)


def data_features(
    likelihood: Callable[..., Distribution], moments: tuple[Tensor, Tensor] | None = None
) -> nn.Module | None:
    """What the encoder does to data of this kind before its first layer; None for nothing.

    Example:
        >>> data_features(Multinomial)
        Log1p()
    """
    if likelihood in COUNT_LAWS:
        return Log1p()
    return Standardize(*moments) if likelihood is Normal and moments is not None else None


def _initial(likelihood: Callable[..., Distribution], mean: Tensor) -> dict[str, Tensor]:
    positive = mean.clamp(min=1e-3)
    if likelihood is Bernoulli:
        return {"logits": mean.clamp(1e-3, 1 - 1e-3).logit()}
    if likelihood is Multinomial:
        return {"logits": (positive / positive.sum()).log()}
    if likelihood in (NegativeBinomial, ZeroInflatedNegativeBinomial):
        return {"mean": positive}
    if likelihood is torch.distributions.Poisson:
        return {"rate": positive}
    if likelihood is unit_normal:
        return {"loc": mean}
    return {}


def require_support(x: Any, likelihood: Any, name: str = "X") -> None:
    """Raise ValueError if data have values that their law cannot give.

    Args:
        x: Array, tensor or SciPy sparse matrix of finite numbers.
        likelihood: Law of the data. Under a Bernoulli, values between 0 and 1 are probabilities;
            laws of counts take fractions, too.
        name: What the message calls the data.

    Example:
        >>> require_support(torch.tensor([[0.5, 16.0]]), Bernoulli, "pixels")
        Traceback (most recent call last):
        ValueError: pixels has values from 0.5 to 16, but a Bernoulli likelihood takes
        probabilities in [0, 1]
    """
    values = x.data if sparse.issparse(x) else x
    if 0 in values.shape:
        return
    if likelihood in COUNT_LAWS and values.min() < 0:
        raise ValueError(
            f"{name} has negative values (least: {values.min():g}), but "
            f"likelihood={likelihood.__name__} is a law of counts, 0 or more"
        )
    if likelihood is Bernoulli and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"{name} has values from {values.min():g} to {values.max():g}, but a Bernoulli "
            "likelihood takes probabilities in [0, 1]"
        )
