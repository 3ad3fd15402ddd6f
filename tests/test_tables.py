"""Results as tables: what they show of themselves, and as frames."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest
import sklearn

from dirvae.tables import ResultTable

STRANGE = '<script>alert(1)</script> & "quoted" \u202e \u2028 \x00 \x1b[31m 😀'


def test_frames_have_the_columns_with_lists_as_texts():
    columns = {"topic": [1, 0], "words": [["a", "b"], []], "share": [0.25, float("nan")]}
    frame = ResultTable(columns).to_frame()
    expected = pd.DataFrame({**columns, "words": ["a, b", ""]})
    pd.testing.assert_frame_equal(frame, expected)
    other = ResultTable(columns, frames="polars").to_frame()
    assert isinstance(other, pl.DataFrame)
    assert other["words"].to_list() == ["a, b", ""]
    with sklearn.config_context(transform_output="polars"):
        assert isinstance(ResultTable(columns).to_frame(), pl.DataFrame)
        assert isinstance(ResultTable(columns, frames="pandas").to_frame(), pd.DataFrame)


def test_it_says_which_package_it_lacks(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(ImportError, match="to_frame needs polars: pip install polars"):
        ResultTable({"a": [1]}, frames="polars").to_frame()


def test_what_came_from_data_is_shown_as_text():
    table = ResultTable({STRANGE: [STRANGE], "b": [[STRANGE]]})
    html = table._repr_html_()
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;"
    assert html.count(escaped) == 3
    assert "<script" not in html
    for shown in (html, repr(table)):
        assert not set("\u202e\u2028\x00\x1b") & set(shown)
        assert r"\u202e \u2028 \x00 \x1b[31m" in shown


def test_it_is_short_and_says_how_much_it_leaves_out():
    table = ResultTable({"n": range(1250), "text": ["x" * 10**6] * 1250})
    lines = repr(table).splitlines()
    assert len(lines) == 12
    assert lines[-1] == "... 1,240 more rows"
    assert max(map(len, lines)) < 80
    assert len(table._repr_html_()) < 10_000
    assert "1,240 more rows" in table._repr_html_()


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"columns have lengths .*must be of one length"):
        ResultTable({"a": [1], "b": [1, 2]})
