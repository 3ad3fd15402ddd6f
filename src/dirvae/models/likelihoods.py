"""The likelihoods that have a name, and the decoder heads that are made from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from scipy import sparse
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Normal, Poisson, constraints

from dirvae.distributions import (
    DirichletMultinomial,
    Multinomial,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
)
from dirvae.nn import Head, Log1p, Standardize

__all__ = [
    "LIKELIHOODS",
    "NamedLikelihood",
    "affine_normal",
    "data_features",
    "likelihood_head",
    "require_support",
    "takes_counts",
    "takes_probabilities",
    "unit_normal",
    "warn_of_grey",
]

AnyLikelihood = Callable[..., Distribution]


class NamedLikelihood(NamedTuple):
    """Options of a distribution that is used as a likelihood.

    Attributes:
        takes: Values that data may have: "probabilities" in [0, 1], "counts" of 0 or more, "reals".
        shared: Names of parameters that all rows share, one value for each feature. They are
            learned, but the network does not compute them.
        start: Function of the data's mean, shape (D,). It returns the parameters that a decoder
            starts at.
        has_total: Whether samples and means need a total. The mean total of the data is then used.
    """

    takes: str
    shared: Sequence[str] = ()
    start: Callable[[Tensor], dict[str, Tensor]] = lambda mean: {}
    has_total: bool = False


def affine_normal(
    loc: Tensor, scale: Tensor, *, shift: Tensor, unit: Tensor, validate_args: bool | None = None
) -> Normal:
    """Gaussian with parameters in units of the data: N(shift + unit loc, (unit scale)^2).

    Example:
        >>> one, two = torch.ones(1), torch.full((1,), 2.0)
        >>> affine_normal(one, one, shift=one, unit=two).mean
        tensor([3.])
    """
    return Normal(shift + unit * loc, unit * scale, validate_args=validate_args)


affine_normal.arg_constraints = Normal.arg_constraints  # type: ignore[attr-defined]


def unit_normal(loc: Tensor, *, validate_args: bool | None = None) -> Normal:
    """Gaussian of variance 1: -log p(x|z) is half the squared error plus a constant.

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
    """A decoder that starts with the same prediction for every latent.

    Args:
        net: Module from the latent to features.
        num_features: D.
        likelihood: Distribution of x.
        moments: Mean and standard deviation of the data, each (D,). A Gaussian uses them as units.
            Any other distribution starts at the mean if it can.

    Example:
        >>> head = likelihood_head(nn.Linear(2, 4), 3, Normal, (torch.zeros(3), torch.ones(3)))
        >>> head(torch.zeros(5, 2)).batch_shape
        torch.Size([5])
    """
    row = LIKELIHOODS.get(likelihood, _OTHER)
    if moments is None:
        return Head(net, num_features, likelihood, shared=row.shared)
    mean, std = moments
    if likelihood is Normal:
        return Head(net, num_features, affine_normal, shared=row.shared, shift=mean, unit=std)
    given: dict[str, Any] = {}
    if row.has_total:
        given["total_count"] = mean.sum().round().clamp(min=1)
    return Head(net, num_features, likelihood, shared=row.shared, initial=row.start(mean), **given)


def data_features(
    likelihood: Callable[..., Distribution], moments: tuple[Tensor, Tensor] | None = None
) -> nn.Module | None:
    """Module before the encoder's first layer, for data with this likelihood; None for no module.

    Example:
        >>> data_features(Multinomial)
        Log1p()
    """
    if takes_counts(likelihood):
        return Log1p()
    return Standardize(*moments) if likelihood is Normal and moments is not None else None


def takes_counts(likelihood: AnyLikelihood) -> bool:
    """Whether a likelihood is a distribution of counts.

    Example:
        >>> takes_counts(Multinomial), takes_counts(Normal)
        (True, False)
    """
    return LIKELIHOODS.get(likelihood, _OTHER).takes == "counts"


def takes_probabilities(likelihood: AnyLikelihood) -> bool:
    """Whether a value between 0 and 1 is the probability of a 1 under this likelihood.

    Example:
        >>> takes_probabilities(Bernoulli), takes_probabilities(Normal)
        (True, False)
    """
    return LIKELIHOODS.get(likelihood, _OTHER).takes == "probabilities"


def require_support(x: Any, likelihood: Any, name: str = "X") -> None:
    """Raise ValueError if data have values that are impossible under their distribution.

    Args:
        x: Array, tensor or SciPy sparse matrix of finite numbers.
        likelihood: Distribution of the data. For a Bernoulli, values between 0 and 1 are
            probabilities. Distributions of counts accept fractions too.
        name: Name of the data in the message.

    Example:
        >>> require_support(torch.tensor([[0.5, 16.0]]), Bernoulli, "pixels")
        Traceback (most recent call last):
        ValueError: pixels has values from 0.5 to 16, but a Bernoulli likelihood takes
        probabilities in [0, 1]
    """
    values = x.data if sparse.issparse(x) else x
    if 0 in values.shape:
        return
    if takes_counts(likelihood) and values.min() < 0:
        raise ValueError(
            f"{name} has negative values (least: {values.min():g}), but "
            f"likelihood={likelihood.__name__} is a distribution of counts, 0 or more"
        )
    if takes_probabilities(likelihood) and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"{name} has values from {values.min():g} to {values.max():g}, but a Bernoulli "
            "likelihood takes probabilities in [0, 1]"
        )


def warn_of_grey(x: Tensor, likelihood: Any, mask: Tensor | None = None) -> None:
    """Warn if data of which a log-likelihood is wanted are probabilities of 1, not 0 and 1.

    Args:
        x: Rows.
        likelihood: Distribution of the data.
        mask: True where x is observed, in the shape of x, optional.

    Example:
        >>> warn_of_grey(torch.tensor([0.0, 1.0]), Bernoulli)
    """
    if not takes_probabilities(likelihood):
        return
    seen = x if mask is None else x[mask.bool()]
    if bool(((seen != 0) & (seen != 1)).any()):
        warnings.warn(
            "x has values between 0 and 1, but a Bernoulli is a distribution of 0 and 1, so the "
            "result is not a log-likelihood of x; draw x first: torch.bernoulli(x)",
            stacklevel=3,
        )


# --- the table ------------------------------------------------------------------------------------


def _positive(mean: Tensor) -> Tensor:
    return mean.clamp(min=1e-3)


def _log_shares(mean: Tensor) -> dict[str, Tensor]:
    positive = _positive(mean)
    return {"logits": (positive / positive.sum()).log()}


def _logits(mean: Tensor) -> dict[str, Tensor]:
    return {"logits": mean.clamp(1e-3, 1 - 1e-3).logit()}


_OTHER = NamedLikelihood("reals")  # of which nothing is known
_NEGATIVE_BINOMIAL = NamedLikelihood(
    "counts", ("concentration",), lambda mean: {"mean": _positive(mean)}
)
LIKELIHOODS: dict[Any, NamedLikelihood] = {
    Bernoulli: NamedLikelihood("probabilities", start=_logits),
    Normal: NamedLikelihood("reals", ("scale",)),
    unit_normal: NamedLikelihood("reals", start=lambda mean: {"loc": mean}),
    Multinomial: NamedLikelihood("counts", start=_log_shares, has_total=True),
    DirichletMultinomial: NamedLikelihood("counts", has_total=True),
    NegativeBinomial: _NEGATIVE_BINOMIAL,
    ZeroInflatedNegativeBinomial: _NEGATIVE_BINOMIAL,
    Poisson: NamedLikelihood("counts", start=lambda mean: {"rate": _positive(mean)}),
}
"""Options of each likelihood that has a name; any other distribution is used as it is."""
