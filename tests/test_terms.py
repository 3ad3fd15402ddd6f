"""What things are called, in messages, tables and notebooks."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from dirvae.terms import COUNTS, TEXTS
from tests.report.explorer.example import composition, model, samples


def test_one_and_many() -> None:
    assert [TEXTS.many(n, "column") for n in (0, 1, 2000)] == ["0 words", "1 word", "2,000 words"]
    assert COUNTS.many(1, "unit") == "1 count"


@cache
def results() -> dict[str, Any]:
    counts, known = samples()
    posterior = composition().posterior(counts)
    shares = composition().shares(counts, known["diet"])
    return {
        "model": composition(),
        "posterior": posterior,
        "share": posterior.share([0]),
        "effects": composition().effects(counts, known),
        "shares": shares,
        "difference": shares.difference("home", "swap"),
        "trends": composition().trends(counts, known["age"]),
        "info": composition().topic_info(),
        "examples": composition().representative_documents(counts, 1),
        "explain": composition().explain(counts.iloc[[0]]),
        "hierarchy": composition().hierarchy(),
        "found": composition().find_topics("taxon a"),
    }


def test_results_of_samples_speak_of_samples() -> None:
    for name, result in results().items():
        shown = result._repr_html_().partition("<style")[0]
        assert "component" in shown, name
        assert not re.search(r"\b(document|topic|word)s?\b", shown), name


def test_notebooks_show_a_model_in_its_own_words() -> None:
    assert "3 components of 12 features" in composition()._repr_html_()
    assert list(composition().topic_info().columns) == ["component", "name", "share", "features"]
    assert f"4 topics of {model().n_features_in_} words" in model()._repr_html_()
