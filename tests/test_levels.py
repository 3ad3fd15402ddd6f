"""One level of intervals, for all that have one and are told none."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dirvae import CompositionModel, TopicModel
from dirvae.assessment import score_intervals
from dirvae.cli.effects import effects
from dirvae.levels import LEVEL, in_percent
from dirvae.topics.curves import trends_of
from dirvae.topics.effects import effects_of, shares_of

ASKED = [score_intervals, effects, effects_of, trends_of]
ASKED += [
    getattr(model, name)
    for model in (TopicModel, CompositionModel)
    for name in ("posterior", "effects", "trends", "topic_pairs", "report")
]
X = np.arange(40.0)
SHARE = 0.4 + 0.005 * X + 0.1 * np.sin(X)
CERTAIN = 1e9 * np.column_stack([SHARE, 1 - SHARE])


@pytest.mark.parametrize("function", ASKED, ids=lambda function: function.__qualname__)
def test_the_default_is_one_everywhere(function):
    assert inspect.signature(function).parameters["level"].default == LEVEL == 0.9


@pytest.mark.parametrize("level", [None, 0.5, 0.975])
@pytest.mark.parametrize("kind", ["effects", "trends", "difference"])
def test_intervals_and_titles_have_the_level_that_was_asked_for(kind, level):
    told = {} if level is None else {"level": level}
    found = {
        "effects": lambda: effects_of(CERTAIN, pd.DataFrame({"x": X}), **told),
        "trends": lambda: trends_of(CERTAIN, X, **told),
        "difference": lambda: shares_of(CERTAIN, ["a", "b"] * 20).difference("a", "b", **told),
    }[kind]()
    half = stats.norm.ppf((1 + (0.9 if level is None else level)) / 2) * found.std_error
    np.testing.assert_allclose(found.upper - found.lower, 2 * half, rtol=1e-6)
    said = {None: "90%", 0.5: "50%", 0.975: "97.5%"}[level]
    assert re.search(rf", {re.escape(said)} intervals$", repr(found).splitlines()[0])


def test_levels_are_told_as_they_are():
    assert [in_percent(level) for level in (0.999, 0.29, 0.05)] == ["99.9%", "29%", "5%"]
