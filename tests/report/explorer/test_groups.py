"""Labels and times as people have them, and which are refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from dirvae.report.explorer import groups
from dirvae.report.explorer.groups import NONE, OTHER, bins_of, groups_of, labels_of

TO = "\u2013"


def test_the_largest_labels_are_kept() -> None:
    labels = [f"label {n}" for n in range(40) for _ in range(n + 1)] + [None] * 50
    names, place, number = labels_of(labels, len(labels))
    assert names == [f"label {n}" for n in range(39, 9, -1)]
    assert number == 40
    assert {labels[row] for row in np.flatnonzero(place == 3)} == {"label 36"}
    other = {labels[row] for row in np.flatnonzero(place == OTHER)}
    assert other == {f"label {n}" for n in range(10)}
    assert np.flatnonzero(place == NONE).tolist() == [*range(len(labels))][-50:]


@pytest.mark.parametrize("count", [29, 30, 31])
def test_up_to_thirty_labels_are_all_kept(count) -> None:
    names, place, number = labels_of([f"{n:02}" for n in range(count)], count)
    assert names == [f"{n:02}" for n in range(min(count, 30))]  # of one size: by name
    assert place.tolist() == [n if n < 30 else OTHER for n in range(count)]
    assert number == count


def test_labels_that_are_missing_are_of_no_group() -> None:
    labels = ["b", None, float("nan"), np.float64("nan"), pd.NA, pd.NaT, "", "a\n", 3, "a\n", True]
    names, place, number = labels_of(labels, len(labels))
    assert names == ["a\\n", "3", "True", "b"]
    assert place.tolist() == [3, -1, -1, -1, -1, -1, -1, 0, 1, 0, 2]
    assert number == 4


def test_without_labels_and_times_nothing_is_of_a_group() -> None:
    names, place, number = labels_of(None, 3)
    assert (names, place.tolist(), number) == ([], [-1, -1, -1], 0)
    for times in (None, [None, " ", ""]):
        names, at, place = bins_of(times, 3)
        assert (names, at.tolist(), place.tolist()) == ([], [], [-1, -1, -1])


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"]])
def test_there_is_a_label_for_each_document(labels) -> None:
    with pytest.raises(ValueError, match=f"labels has {len(labels)} values, must have one for"):
        labels_of(labels, 2)
    with pytest.raises(ValueError, match="labels is a int, must have one for each document"):
        labels_of(5, 2)


# --- labels by times --------------------------------------------------------------------------


def given(theta, places):
    """Stands for the means of groups: what they would be computed from."""
    return theta.shape, places


def test_documents_are_grouped_by_label_by_time_and_by_both() -> None:
    theta = np.full((5, 2), 0.5)
    found = groups_of(theta, ["a", "b", "b", None, "b"], [7, 5, 7, 5, None], given)
    assert (found.labels, found.num_labels, found.times) == (["b", "a"], 2, ["5", "7"])
    assert found.label.tolist() == [1, 0, 0, -1, 0]
    assert found.time.tolist() == [1, 0, 1, 0, -1]
    assert found.at.tolist() == [5, 7]
    assert found.by_label == ((5, 2), [1, 0, 0, None, 0])
    assert found.by_time == ((5, 2), [1, 0, 1, 0, None])
    assert found.by_both == ((5, 2), [1 * 2 + 1, 0 * 2 + 0, 0 * 2 + 1, None, None])


def test_of_what_is_not_known_there_are_no_groups() -> None:
    theta = np.full((2, 2), 0.5)
    nothing = groups_of(theta, None, None, given)
    assert (nothing.by_label, nothing.by_time, nothing.by_both) == (None, None, None)
    labelled = groups_of(theta, ["a", "b"], None, given)
    assert (labelled.by_label[1], labelled.by_time, labelled.by_both) == ([0, 1], None, None)
    timed = groups_of(theta, None, [1, 2], given)
    assert (timed.by_label, timed.by_time[1], timed.by_both) == (None, [0, 1], None)
    never = groups_of(theta, ["a", None], [None, 2], given)
    assert (never.by_label[1], never.by_time[1], never.by_both) == ([0, None], [None, 0], None)


def test_one_group_of_both_is_a_group() -> None:
    assert groups_of(np.ones((2, 1)), ["a", "a"], [1, None], given).by_both == (
        (2, 1),
        [0, None],
    )


@pytest.mark.parametrize(("topics", "are_shown"), [(3, True), (4, True), (5, False)])
def test_too_many_numbers_of_both_are_not_shown(topics, are_shown, monkeypatch) -> None:
    monkeypatch.setattr(groups, "MOST_NUMBERS", 12)
    found = groups_of(np.ones((4, topics)), list("aabb"), [1, 1, 1, 2], given)  # three groups
    assert (found.by_both is not None) == are_shown


# --- times ------------------------------------------------------------------------------------


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
        (["2024-05-31T23:59:59.5+02:00", "2024-05-30 01:00"], ["2024-05-30", "2024-05-31"], [1, 0]),
        (["2024-05", "2024-06-02"], ["2024-05-01", "2024-06-02"], [0, 1]),
        (
            ["2024-05-31 10:00:00 +0200", "2024-05-30 10:00 UTC"],
            ["2024-05-30", "2024-05-31"],
            [1, 0],
        ),
        (["2024-05-31T10:00:00,5"], ["2024-05-31"], [0]),
        (pd.period_range("2024-05-27", periods=2, freq="W"), ["2024-05-27", "2024-06-03"], [0, 1]),
        (
            [datetime(1900, 1, 2, tzinfo=timezone(timedelta(minutes=20, seconds=-28)))],
            ["1900-01-02"],
            [0],
        ),
    ],
)
def test_times_are_cut_to_steps(times, names, places) -> None:
    found, at, place = bins_of(times, len(times))
    assert found == names
    assert (np.diff(at) > 0).all()
    assert place.tolist() == (places or [(year - 1900) // 5 for year in times])


def test_sixty_whole_numbers_are_each_a_bin_and_more_are_not() -> None:
    names, at, place = bins_of(list(range(60)), 60)
    assert names == [str(n) for n in range(60)]
    assert at.tolist() == place.tolist() == list(range(60))
    names, at, place = bins_of([*range(60), 60], 61)
    assert names == [f"{n}{TO}{n + 1}" for n in range(0, 62, 2)]
    assert at.tolist() == list(range(0, 62, 2))
    assert place.tolist() == [n // 2 for n in range(61)]


def test_numbers_that_are_not_whole_are_cut_to_steps_however_few_they_are() -> None:
    names, at, place = bins_of([-0.5, 7.5, 0.1], 3)
    assert names == [f"-0.6{TO}-0.4", f"0{TO}0.2", f"7.4{TO}7.6"]
    np.testing.assert_allclose(at, [-0.6, 0, 7.4], atol=1e-9)
    assert place.tolist() == [0, 2, 1]


def test_a_number_at_the_start_of_a_step_is_in_it() -> None:
    tenths = np.round(np.arange(0, 3.01, 0.1), 1)  # of which 0.3 / 0.1 is a little below 3
    names, at, place = bins_of(np.tile(tenths, 2), 62)
    assert place.tolist() == [*range(31), *range(31)]
    np.testing.assert_allclose(at, tenths, atol=1e-12)
    assert names[:4] == ["0\u20130.1", "0.1\u20130.2", "0.2\u20130.3", "0.3\u20130.4"]


def test_numbers_beyond_those_that_a_computer_counts_are_cut_to_steps() -> None:
    largest = 10**15
    assert bins_of([largest - 1, 5], 2)[0] == ["5", str(largest - 1)]
    assert bins_of([-largest + 1, 5], 2)[0] == [str(-largest + 1), "5"]
    assert bins_of([largest, 0], 2)[0] == [f"0{TO}50000000000000", f"1e+15{TO}1.05e+15"]


@pytest.mark.parametrize("number", [0.5, 1.7e9 + 0.5, -1.7e9 - 0.5, 1e300, 5e-324])
def test_a_number_alone_is_a_bin_that_begins_there(number) -> None:
    names, at, place = bins_of([number, None, number], 3)
    assert len(names) == 1
    assert "inf" not in names[0]
    np.testing.assert_allclose(at, [number], rtol=1e-14, atol=1e-300)
    assert place.tolist() == [0, -1, 0]


def test_numbers_may_be_as_far_apart_as_there_are_any() -> None:
    _, at, place = bins_of([1e308, -1e308], 2)
    np.testing.assert_allclose(at, [-1e308, 1e308])
    assert place.tolist() == [1, 0]


@pytest.mark.parametrize("width", [0.3, 0.4, 1, 1.7, 4, 7, 8, 10, 20, 21, 50, 79, 80, 81, 3e9])
def test_a_step_is_the_least_round_number_of_which_40_are_enough(width) -> None:
    round_numbers = [digit * 10.0**power for power in range(-6, 12) for digit in (1, 2, 5)]
    expected = min(step for step in round_numbers if 40 * step >= width * (1 - 1e-12))
    low = 0.25
    assert groups._step(np.array([low, low + width]), 0.0) == pytest.approx(expected, rel=1e-12)
    assert groups._step(np.array([low, low]), 3.0) == 5.0


def days_after(day, *numbers):
    """Or months or years after, as the first one has it."""
    first = np.datetime64(day)
    unit, _ = np.datetime_data(first)
    return [str(first + np.timedelta64(n, unit)) for n in numbers]


@pytest.mark.parametrize(
    ("times", "names"),
    [
        (days_after("2020-01-01", 0, 59), ["2020-01-01", "2020-02-29"]),
        (days_after("2020-01-01", 0, 60), ["2020-01", "2020-03"]),
        (days_after("2020-01", 0, 59), ["2020-01", "2024-12"]),
        (days_after("2020-01", 0, 60), ["2020", "2025"]),
        (["1000-01-01", "2020-05-01"], ["1000", "2020"]),
        ([f"{year}-06-01" for year in range(1900, 1960)], [str(y) for y in range(1900, 1960)]),
        (
            [f"{year}-06-01" for year in range(1900, 1961)],
            [f"{year}{TO}{year + 1}" for year in range(1900, 1961, 2)],
        ),
        (["2024-05-31T23:59:59.9999+02:00", " 2024-06-01 "], ["2024-05-31", "2024-06-01"]),
        (["1999", "2024-05-31"], ["1999", "2024"]),
    ],
)
def test_dates_are_cut_to_days_months_or_years(times, names) -> None:
    found, at, place = bins_of(times, len(times))
    assert found == names
    assert len(at) == len(names)
    assert (np.diff(at) > 0).all()
    shown = [names[p].partition(TO)[0] for p in place]
    assert all(time.strip()[: len(name)] >= name for time, name in zip(times, shown, strict=True))
    assert place.tolist() == sorted(place)


def test_years_that_are_too_many_begin_at_their_years() -> None:
    _, at, _ = bins_of([f"{year}-06-01" for year in range(1900, 1961)], 61)
    assert at.tolist() == list(range(1900, 1961, 2))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["yesterday", "2"], "times has 'yesterday', must have numbers, or dates"),
        (["now", "2024"], "times has 'now', must have numbers, or dates"),
        (["2024", "today"], "times has 'today', must have numbers, or dates"),
        (["NaT", "2024-05-31"], "times has 'NaT', must have numbers, or dates"),
        (["2024-05-31garbage", "2024"], "times has '2024-05-31garbage', must have numbers"),
        (["2024-05-311", "2024"], "times has '2024-05-311', must have numbers"),
        (["2024-05-31", "20240531"], "times has '20240531', must have numbers, or dates"),
        (["2024-02-31", "2024"], "times has '2024-02-31', must have numbers, or dates"),
        (["1_000", "2024"], "times has '1_000', must have numbers, or dates"),
        ([1], "times has 1 values, must have one for each of 2 documents"),
        ("ab", "times is a str"),
        (5, "times is a int"),
        ([float("inf"), 1], "times has 'inf', must have numbers, or dates such as 2024-05-31"),
        (["x" * 90, 1], f"times has '{'x' * 40}', must"),
    ],
)
def test_what_is_no_time_is_refused(times, said) -> None:
    with pytest.raises(ValueError, match=said):
        bins_of(times, 2)


def test_groups_and_effects_stay_as_they_are() -> None:
    found = groups_of(np.ones((1, 1)), None, None, given)
    effects = groups.Differences(*(np.ones((1, 1)),) * 3, ["told"], ["words"])
    for thing, name in ((found, "labels"), (effects, "told")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, [])
