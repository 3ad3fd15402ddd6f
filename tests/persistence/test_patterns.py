"""Patterns that end in any text, and those that need not."""

from __future__ import annotations

import time

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from dirvae.persistence.patterns import is_plain

PLAIN = (
    CountVectorizer().token_pattern,
    r"\w+",
    r"\S+",
    r".+",
    r"[^,]+",
    r"[^|]+",
    r"[\w'-]+",
    r"#?\w+",
    r"\w+|[^\w\s]",
    r"[a-z]{3,15}",
    r"(?u)\b[^\W\d_]{2,}\b",
    r"\b\w+(?:'\w+)?\b",
    r"[a-zA-Z]+(?:-[a-zA-Z]+)*",
    r"\bà\d{2}\b",
)
OTHERS = (
    r"(a+)+$",
    r"(?:a|a)*b",
    r"(\w+)\s\1",
    r"\w+(?=!)",
    r"\w*\w*\w*\w*!",
    r"\w{1,99}\w{1,99}\w{1,99}\w{1,99}!",
    r"\w?" * 30 + "!",
    r"[^,]+!",
    r"[^,]+[^;]+",
    r"\s*,",
    r"\w+(?:-[\w-]+)*",
    r"\w+(?:[-\w]\w+)*",
    r"(?:-\w+)*x",
    "(",
    "a{99999999999999999999}",
    "a" * 201,
)


@pytest.mark.parametrize("pattern", PLAIN)
def test_patterns_of_words_are_plain_and_quick(pattern: str) -> None:
    assert is_plain(pattern)
    tokens = CountVectorizer(token_pattern=pattern).build_tokenizer()
    start = time.process_time()
    for text in ("a" * 3000, "a-" * 1500, "'a" * 1500, " " * 3000, "a, " * 1000, "-" * 3000):
        tokens(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("pattern", OTHERS)
def test_patterns_that_may_take_for_ever_are_not(pattern: str) -> None:
    assert not is_plain(pattern)
