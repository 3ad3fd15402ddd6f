"""Text from outside: every character that a terminal obeys is escaped, and no other."""

from __future__ import annotations

import io
import json
import unicodedata

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from dirvae.text import as_json, literal, nearest, visible

EVERY = "".join(map(chr, range(0x10000)))
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def obeyed(character: str) -> bool:
    """Whether a terminal may do something else with a character than to show it."""
    directs = unicodedata.bidirectional(character) in DIRECTIONS
    return directs or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


OBEYED = "".join(filter(obeyed, EVERY))


def test_what_is_obeyed_is_escaped_and_all_else_stays() -> None:
    assert {"\x1b", "\x9b", "\x07", "\n", "\u202e", "\u2067", "\udcff"} <= set(OBEYED)
    stays = "".join(sorted(set(EVERY) - set(OBEYED)))
    assert visible(stays) == stays
    assert visible(OBEYED) == ascii(OBEYED)[1:-1]


@pytest.mark.parametrize(
    "text", ["हिन्दी", "مي\u200cكنم", "Gro\u0308ße", "שלום\u200f", "👩\u200d🔬", "\\x1b"]
)
def test_letters_joiners_and_marks_stay(text: str) -> None:
    assert visible(text) == text


def test_markup_and_emoji_codes_are_text() -> None:
    text = "[red]not red[/red] [/quote] :cat: https://a.b 12 \x1b[31m"
    table = Table(title=literal(text), caption=literal(text))
    table.add_column(literal(text))
    table.add_row(literal(text))
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    console.print(literal(text))
    console.print(table)
    assert out.getvalue().count("[red]not red[/red] [/quote] :cat: https://a.b 12 \\x1b[31m") == 5


def test_json_is_exact_and_has_nothing_that_is_obeyed() -> None:
    facts = {"\x1b": [*OBEYED, "é 中 👩", 1, 0.5, None, True, []]}
    for ascii_only in (False, True):
        text = as_json(facts, ascii_only=ascii_only)
        assert json.loads(text) == facts
        assert not set(OBEYED) & set(text.replace("\n", ""))
        assert text.isascii() == ascii_only
    others = [np.int64(3), np.float32(0.5), np.datetime64("2001-02-03")]
    assert json.loads(as_json(others)) == [3, 0.5, "2001-02-03"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json([float("nan")])


def test_the_nearest_word() -> None:
    known = ["dirichlet", "inverse-cdf", "scaled-dirichlet", "gaussian"]
    assert nearest("dirichelt", known) == "; did you mean dirichlet?"
    assert nearest("gausian", known) == "; did you mean gaussian?"
    assert nearest("cauchy", known) == ""
