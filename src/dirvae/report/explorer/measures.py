"""What measures of a topic model mean, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dirvae.evaluation import Interval
from dirvae.terms import Terms

__all__ = ["Measure", "measures_in_words", "quality_payload"]


class Measure(NamedTuple):
    """How a measure is shown.

    Attributes:
        name: Of the measure.
        digits: How its number is written.
        said: A sentence with the number.
        meaning: How it is measured, and what is a good value.
        low_is_good: Whether less is better.
    """

    name: str
    digits: str
    said: str
    meaning: str
    low_is_good: bool = False

    @property
    def better(self) -> str:
        return f"{'lower' if self.low_is_good else 'higher'} is better"


def measures_in_words(terms: Terms) -> dict[str, Measure]:
    """All measures that pages show, by the names that `topics.measures` uses.

    Args:
        terms: What documents, words and topics are called.

    Example:
        >>> from dirvae.terms import TEXTS
        >>> measures_in_words(TEXTS)["diversity"].said.format("80%")
        "80% of the topics' first 25 words are different ones"
    """
    row, column, part, unit = terms.row, terms.column, terms.part, terms.unit
    return {
        "perplexity": Measure(
            "Perplexity",
            ",.1f",
            f"Hidden {unit}s are guessed as well as by a choice among {{}} equal {column}s",
            f"Half of the {unit}s of each {row} are hidden, and predicted from the other half. "
            f"A perplexity of 500 is as bad as a choice among 500 {column}s that are all alike. "
            f"It depends on the {row}s, so that only models of the same {row}s can be compared.",
            low_is_good=True,
        ),
        "coherence": Measure(
            "Coherence",
            ".3f",
            "Coherence {}, where 0 is chance and 1 is always together",
            f"Whether the first ten {column}s of a {part} occur in the same {row}s: NPMI over "
            f"pairs, 0 by chance, 1 if they only occur together. Mean over {part}s. Good ones "
            "have 0.1 and more.",
        ),
        "diversity": Measure(
            "Diversity",
            ".0%",
            f"{{}} of the {part}s' first 25 {column}s are different ones",
            f"Of the first 25 {column}s of all {part}s, how many are different ones. Low where "
            f"{part}s repeat each other.",
        ),
    }


def quality_payload(
    measures: Mapping[str, float],
    baseline: Mapping[str, float],
    intervals: Mapping[str, Interval],
    terms: Terms,
) -> list[dict[str, Any]]:
    """Return what a page says of a model's quality, as JSON can.

    Args:
        measures: Of the model.
        baseline: Of scikit-learn's LDA; empty for none.
        intervals: Of the measures that have one.
        terms: What documents, words and topics are called.
    """
    return [
        {
            "name": measure.name,
            "said": measure.said.format(format(measures[key], measure.digits)),
            "how": f"{measure.name}; {measure.better}. {measure.meaning}",
            "baseline": format(baseline[key], measure.digits) if key in baseline else None,
            "interval": _ends(intervals[key], measure.digits) if key in intervals else None,
        }
        for key, measure in measures_in_words(terms).items()
        if key in measures
    ]


def _ends(interval: Interval, digits: str) -> str:
    return f"{interval.lower:{digits}} to {interval.upper:{digits}}"
