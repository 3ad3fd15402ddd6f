"""Labels and times as people have them, and which are refused."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from dirvae.report.explorer.groups import bins_of, labels_of


def test_the_largest_labels_are_kept() -> None:
    labels = [f"label {n}" for n in range(40) for _ in range(n + 1)]
    names, place, number = labels_of(labels, len(labels))
    assert names == [f"label {n}" for n in range(39, 9, -1)]
    assert number == 40
    assert {labels[row] for row in np.flatnonzero(place == 3)} == {"label 36"}
    assert {labels[row] for row in np.flatnonzero(place == -1)} == {f"label {n}" for n in range(10)}


@pytest.mark.parametrize(
    ("times", "names", "places"),
    [
        ([2003, 2001, 2003], ["2001", "2003"], [1, 0, 1]),
        (["2003", "", "2001"], ["2001", "2003"], [1, -1, 0]),
        ([date(2020, 1, 31), datetime(2020, 2, 1, 5)], ["2020-01-31", "2020-02-01"], [0, 1]),
        (pd.to_datetime(["2020-01-31", None, "2020-06-01"]), ["2020-01", "2020-06"], [0, -1, 1]),
        (np.array(["1990-05-01", "2020-01-01"], "M8[s]"), ["1990", "2020"], [0, 1]),
        ([0.05, 0.0, 1.0], ["0\u20130.05", "0.05\u20130.1", "1\u20131.05"], [1, 0, 2]),
        (list(range(1900, 2000)), [f"{y}\u2013{y + 4}" for y in range(1900, 2000, 5)], None),
        ([None, float("nan")], [], [-1, -1]),
    ],
)
def test_times_are_cut_to_steps(times, names, places) -> None:
    found, at, place = bins_of(times, len(times))
    assert found == names
    assert (np.diff(at) > 0).all()
    assert place.tolist() == (places or [(year - 1900) // 5 for year in times])


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["yesterday", "2"], "times has 'yesterday', must have numbers, or dates"),
        ([1], "times has 1 values, must have one for each of 2 documents"),
        ("ab", "times is a str"),
        (5, "times is a int"),
    ],
)
def test_what_is_no_time_is_refused(times, said) -> None:
    with pytest.raises(ValueError, match=said):
        bins_of(times, 2)
