"""The figures of notebooks are those of pages."""

from __future__ import annotations

import inspect

import plotly.graph_objects as go
import pytest

from dirvae import plot


@pytest.mark.parametrize("name", plot.__all__)
def test_each_is_documented_and_returns_a_figure(name):
    function = getattr(plot, name)
    assert "Example:" in inspect.getdoc(function)
    assert inspect.signature(function, eval_str=True).return_annotation is go.Figure


def test_bars_and_heat_need_arrays_alone():
    assert list(plot.bars([3.0, 1.0]).data[0].y) == [3, 1]
    assert plot.heat([[0.5]], ["a"], ["b"]).data[0].z.tolist() == [[0.5]]
