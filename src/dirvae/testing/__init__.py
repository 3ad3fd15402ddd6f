"""Checks that a distribution is what it says it is: run them on a distribution of your own."""

from dirvae.testing.conformance import Check, ConformanceError, check_distribution
from dirvae.testing.goodness_of_fit import goodness_of_fit

__all__ = ["Check", "ConformanceError", "check_distribution", "goodness_of_fit"]
