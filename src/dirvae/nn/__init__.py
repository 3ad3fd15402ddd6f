"""Conditionals (modules that return distributions) and networks."""

from dirvae.nn.conditional import Conditional, Fixed, Head, Learned
from dirvae.nn.counts import WordFeatures
from dirvae.nn.networks import (
    MLP,
    ConvDecoder,
    ConvEncoder,
    Log1p,
    LogRatios,
    SideBySide,
    Standardize,
)
from dirvae.nn.parameters import inverse_softplus

__all__ = [
    "MLP",
    "Conditional",
    "ConvDecoder",
    "ConvEncoder",
    "Fixed",
    "Head",
    "Learned",
    "Log1p",
    "LogRatios",
    "SideBySide",
    "Standardize",
    "WordFeatures",
    "inverse_softplus",
]
