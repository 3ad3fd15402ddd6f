"""Names of topics that a page wrote, or a person."""

from __future__ import annotations

import pytest

from dirvae.report.explorer import names_as_json, read_names
from dirvae.report.explorer.names import checked_names


def test_names_come_back(tmp_path) -> None:
    names = ["", 'a "quoted" name', "名前 \u2028"]
    (tmp_path / "names.json").write_text(names_as_json(names))
    assert checked_names(read_names(tmp_path / "names.json"), 3) == ["", names[1], "名前"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ('["a"]', "must hold names"),
        ('{"0": 1}', "must hold"),
    ],
)
def test_other_files_are_refused(tmp_path, text, said) -> None:
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_names(tmp_path / "names.json")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"3": "a"}, "names has '3', must have numbers from 0 to 2"),
        ({"-1": "a"}, "names has '-1'"),
        ({"one": "a"}, "names has 'one'"),
        (["a"], "names has 1 names, must have one for each topic"),
        ("abc", "names is a str"),
        ({0: 5}, "names has a int at 0, must have texts"),
    ],
)
def test_wrong_names_are_refused(names, said) -> None:
    with pytest.raises(ValueError, match=said):
        checked_names(names, 3)


def test_names_are_short_and_on_one_line() -> None:
    assert checked_names(["a\nb ", None, "x" * 900], 3) == ["a b", "", "x" * 200]


def test_a_file_may_begin_as_some_editors_have_it(tmp_path) -> None:
    (tmp_path / "names.json").write_bytes(b'\xef\xbb\xbf{"1": "a"}')
    assert checked_names(read_names(tmp_path / "names.json"), 2) == ["", "a"]
    (tmp_path / "names.json").write_bytes(b'{"1": "\xff"}')
    with pytest.raises(ValueError, match="is not valid JSON, must be names"):
        read_names(tmp_path / "names.json")


def test_topics_are_those_with_a_number_below_theirs() -> None:
    assert checked_names({0: "a", "2": None}, 3) == ["a", "", ""]
    assert checked_names(None, 2) == checked_names({}, 2) == ["", ""]
    assert checked_names(("a", "b"), 2) == ["a", "b"]
    for key in (3, "٣", "9" * 5000, 1.0, ""):
        with pytest.raises(ValueError, match="must have numbers from 0 to 2"):
            checked_names({key: "a"}, 3)
    with pytest.raises(ValueError, match="names has 3 names"):
        checked_names(["a", "b", "c"], 2)
    with pytest.raises(ValueError, match="names is a int, must be such as"):
        checked_names(5, 2)
