"""What a page says of a model's quality."""

from __future__ import annotations

import pytest

from dirvae.evaluation import Interval
from dirvae.report.explorer.measures import measures_in_words, quality_payload
from dirvae.terms import COUNTS, TEXTS

FOUND = {"perplexity": 1234.56, "coherence": 0.12345, "diversity": 0.815}


def test_each_measure_has_its_number_its_interval_and_that_of_lda():
    baseline = {"perplexity": 2000.0, "diversity": 0.5}
    intervals = {"perplexity": Interval(9, 1000.04, 1500), "coherence": Interval(9, 0.1, 0.15)}
    perplexity, coherence, diversity = quality_payload(FOUND, baseline, intervals, TEXTS)
    assert perplexity["name"] == "Perplexity"
    assert perplexity["said"].endswith("by a choice among 1,234.6 equal words")
    assert (perplexity["baseline"], perplexity["interval"]) == ("2,000.0", "1,000.0 to 1,500.0")
    assert coherence["said"].startswith("Coherence 0.123, where")
    assert (coherence["baseline"], coherence["interval"]) == (None, "0.100 to 0.150")
    assert diversity["said"].startswith(("81% of", "82% of"))
    assert (diversity["baseline"], diversity["interval"]) == ("50%", None)


@pytest.mark.parametrize("name", FOUND)
def test_only_what_was_measured_is_said(name):
    [told] = quality_payload({name: FOUND[name]}, {}, {}, TEXTS)
    assert (told["name"], told["baseline"], told["interval"]) == (name.capitalize(), None, None)


def test_of_perplexity_alone_less_is_better():
    for name, measure in measures_in_words(COUNTS).items():
        assert measure.low_is_good == (name == "perplexity")
        better = "lower" if name == "perplexity" else "higher"
        [told] = quality_payload({name: 0.5}, {}, {}, COUNTS)
        assert told["how"] == f"{measure.name}; {better} is better. {measure.meaning}"
