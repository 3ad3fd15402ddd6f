"""Figures for notebooks, made from arrays: each function returns a Plotly figure.

The figures have no background and no title, so that they fit light and dark pages.

Example:
    >>> from dirvae import plot
    >>> figure = plot.bars([0.2, 0.8], names=["a", "b"])
    >>> figure.data[0].y.tolist()
    [0.2, 0.8]
"""

from dirvae.report.figures import bars
from dirvae.report.figures import heatmap as heat
from dirvae.report.intervals import bands, calibration, forest
from dirvae.report.mixtures import simplex, stack, topic_map

__all__ = ["bands", "bars", "calibration", "forest", "heat", "simplex", "stack", "topic_map"]
