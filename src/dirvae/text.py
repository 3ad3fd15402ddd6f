"""Words from outside, such as documents, labels and names of files: shown as the text they are."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["as_json", "literal", "nearest", "some_of", "visible"]

# C0 and C1 controls, breaks of lines and paragraphs, embeddings, overrides and isolates of the
# bidirectional algorithm, and surrogates, which stand for bytes of file names and have no encoding.
_ACTED_ON = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: object) -> str:
    r"""Return text on one line, with escapes for what a terminal obeys instead of showing it.

    Marks of single letters and joiners, which many scripts are written with, stay.

    Args:
        text: Of any origin; what is no text is taken as `str` gives it.

    Example:
        >>> visible("red \x1b[31m, two\nlines")
        'red \\x1b[31m, two\\nlines'
    """
    return _ACTED_ON.sub(lambda found: repr(found[0])[1:-1], str(text))


def some_of(names: Iterable[object], most: int = 8) -> str:
    r"""Return names of any origin for a sentence, on one line and of bounded length.

    Args:
        names: Texts, or what `str` makes texts of.
        most: How many to name; how many more there are is said.

    Example:
        >>> some_of(["age", "a\nb", "sex"]), some_of("abcd", most=2)
        ('age, a\\nb, sex', 'a, b and 2 more')
    """
    words = list(names)
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(_shortened(visible(word)) for word in words[:most]) + more


def literal(text: object) -> Text:
    """Return `visible` text for Rich, which takes what looks like markup for text, too.

    Example:
        >>> literal("[red] and [/quote]").plain
        '[red] and [/quote]'
    """
    from rich.text import Text

    return Text(visible(text))


def as_json(facts: Any, *, ascii_only: bool = False) -> str:
    r"""Return JSON, in which everything that `visible` escapes is escaped as JSON has it.

    Args:
        facts: What JSON can hold; of other values, those of NumPy become numbers, the rest texts.
        ascii_only: Whether to escape all other letters than those of ASCII, too.

    Raises:
        ValueError: If a number is NaN or infinite.

    Example:
        >>> print(as_json({"café": "\x9b"}))
        {
          "café": "\u009b"
        }
    """
    options: dict[str, Any] = {"indent": 2, "allow_nan": False, "ensure_ascii": ascii_only}
    lines = json.dumps(facts, default=_plain, **options).split("\n")
    return "\n".join(_ACTED_ON.sub(lambda found: f"\\u{ord(found[0]):04x}", s) for s in lines)


def nearest(word: str, words: Iterable[str]) -> str:
    """Return "did you mean" with the known word nearest to an unknown one; "" if none is near.

    Args:
        word: The unknown one.
        words: The known ones.

    Example:
        >>> nearest("dirichelt", ["dirichlet", "gaussian"]), nearest("cauchy", ["gaussian"])
        ('; did you mean dirichlet?', '')
    """
    found = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _shortened(name: str, most: int = 80) -> str:
    return name if len(name) <= most else f"{name[:most]}..."


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
