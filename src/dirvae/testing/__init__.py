"""Checks that a distribution is implemented correctly, also one that you wrote yourself."""

from dirvae.testing.conformance import Check, ConformanceError, check_distribution
from dirvae.testing.goodness_of_fit import goodness_of_fit

__all__ = ["Check", "ConformanceError", "check_distribution", "goodness_of_fit"]
