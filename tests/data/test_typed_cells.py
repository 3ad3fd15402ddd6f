"""Cells of text as numbers, dates or words."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from dirvae.data.typed_cells import require_times, typed


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["2001", "-1.5e3"], [2001.0, -1500.0]),
        (["2001-02-03", "1999-12-31"], [date(2001, 2, 3), date(1999, 12, 31)]),
        (["2001-02-03T04:05", "1999-12-31"], [datetime(2001, 2, 3, 4, 5), datetime(1999, 12, 31)]),
        (["2001", "2001-02-03"], ["2001", "2001-02-03"]),
        (["sea", "7"], ["sea", "7"]),
        ([1, 2.5], [1, 2.5]),
        (["1_000", "2"], ["1_000", "2"]),
        (["1,5", "-2", "1,250"], [1.5, -2.0, 1.25]),
        (["1,5", "2.5"], ["1,5", "2.5"]),
        (["now", "today"], ["now", "today"]),
        (["NA", "sea"], ["NA", "sea"]),  # the word of a country, say
        (["NA", "NA"], ["NA", "NA"]),
    ],
)
def test_all_cells_are_of_the_first_kind_that_takes_all(cells, found):
    assert typed("a", cells, "x.csv") == found


def test_a_comma_that_may_part_thousands_is_refused():
    with pytest.raises(ValueError, match=r"^x.csv: column 'a' has '1,250', which may mean two"):
        typed("a", ["7", "1,250"], "x.csv")


@pytest.mark.parametrize("missing", ["", None, float("nan")])
def test_a_missing_cell_is_named(missing):
    with pytest.raises(ValueError, match=r"x.csv has nothing in row 2 of 'year'"):
        typed("year", ["1", missing], "x.csv")


@pytest.mark.parametrize("cells", [["1", "NA"], ["2001-02-03", "nan"], ["2001-02-03T04:05", "NA"]])
def test_a_missing_number_or_date_is_named(cells):
    said = f"x.csv has '{cells[1]}' in row 2 of 'year', where other cells are numbers or dates"
    with pytest.raises(ValueError, match=said):
        typed("year", cells, "x.csv")


@pytest.mark.parametrize(
    ("cells", "row", "cell"),
    [
        (["Jan 2001", "2001"], 1, "Jan 2001"),
        (["2001", "2002", "May"], 3, "May"),
        (["2001,5", "2002", "2003,25", "May", "June"], 4, "May"),
        (["2001,5", "2002.5"], 2, "2002.5"),
        (["2001", "2001-01-01"], 2, "2001-01-01"),
        (["2001-01-01", "2001-13-01"], 2, "2001-13-01"),
        (["now", "now"], 1, "now"),
        (["20240531", "2024-05-31", "May"], 3, "May"),
        (["2024-05-30", "2024-05-31T10:00", "May"], 3, "May"),
    ],
)
def test_a_cell_that_is_no_time_is_named(cells, row, cell):
    message = f"--time-column has '{cell}' in row {row} of x.csv, must have only numbers, or"
    with pytest.raises(ValueError, match=message):
        require_times("--time-column", typed("at", cells, "x.csv"), "x.csv")


@pytest.mark.parametrize("cells", [["2001", "1e3"], ["2001-02-03"], ["2001-02-03T04:05"]])
def test_times_pass(cells):
    require_times("--time-column", typed("at", cells, "x.csv"), "x.csv")
