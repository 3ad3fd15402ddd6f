"""Cells of text as numbers, dates or words."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from dirvae.data.typed_cells import typed


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["2001", "-1.5e3"], [2001.0, -1500.0]),
        (["2001-02-03", "1999-12-31"], [date(2001, 2, 3), date(1999, 12, 31)]),
        (["2001-02-03T04:05", "1999-12-31"], [datetime(2001, 2, 3, 4, 5), datetime(1999, 12, 31)]),
        (["2001", "2001-02-03"], ["2001", "2001-02-03"]),
        (["sea", "7"], ["sea", "7"]),
        ([1, 2.5], [1, 2.5]),
    ],
)
def test_all_cells_are_of_the_first_kind_that_takes_all(cells, found):
    assert typed("a", cells, "x.csv") == found


@pytest.mark.parametrize("missing", ["", None, float("nan")])
def test_a_missing_cell_is_named(missing):
    with pytest.raises(ValueError, match=r"x.csv has nothing in row 2 of 'year'"):
        typed("year", ["1", missing], "x.csv")
