"""Words of texts in any script that puts something between words, and which texts do not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

__all__ = ["UnspacedScript", "as_given", "unspaced", "words_of"]

# Saved models name `words_of` and `as_given`: a rule that counts otherwise needs a name of its own.
_LETTERS = re.compile(r"\b[^\W\d_][^\W\d_]+\b")
_MARK = "\u115f"  # a letter that no text writes, in the place of each mark
_LETTERS_AND_MARKS = re.compile(rf"\b{_MARK}*([^\W\d_{_MARK}][^\W\d_]+)\b")
_JOINERS = "\u200c\u200d"  # they are inside words of Persian and of Indian scripts
_UNSEEN = "\u00ad\u200e\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
_UNSEEN_SIGNS = re.compile(f"[{_UNSEEN}]+")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or character in _JOINERS


class _Marks(dict[int, int]):
    """`str.translate` by this puts the same letter in the place of each mark."""

    def __missing__(self, point: int) -> int:
        self[point] = ord(_MARK) if _is_mark(chr(point)) else point
        return self[point]


_MARKS = _Marks()


@cache
def _unusual() -> re.Pattern[str]:
    """Marks, unseen signs and what is beyond 16 bits: most texts have none, and are done sooner."""
    marks = "".join(filter(_is_mark, map(chr, range(0x300, 0x10000))))
    return re.compile(f"[{marks}{_UNSEEN}\U00010000-\U0010ffff]")


def words_of(text: str) -> list[str]:
    """Words of two letters or more, without digits; marks belong to their letter and count as one.

    Marks are accents that are no part of their letter, and the vowel signs of Hindi, Arabic and the
    like. The text is composed first (Unicode's NFC). Signs that are not seen, such as soft hyphens,
    are left out. So is the dot that lower case leaves of the Turkish capital.

    Args:
        text: In lower case, where that is wanted.

    References:
        Unicode Standard Annex 29, "Unicode text segmentation", rule WB4: marks go with what is
        before them.

    Example:
        >>> words_of("Gro\u0308ße, हिन्दी, x2 and 3 more")
        ['Größe', 'हिन्दी', 'and', 'more']
    """
    if text.isascii():
        return _LETTERS.findall(text)
    text = unicodedata.normalize("NFC", text)
    if not _unusual().search(text):
        return _LETTERS.findall(text)
    text = _UNSEEN_SIGNS.sub("", text).replace("i\u0307", "i")
    found = _LETTERS_AND_MARKS.finditer(text.translate(_MARKS))
    return [text[slice(*match.span(1))] for match in found]


def as_given(words: Sequence[str]) -> Sequence[str]:
    """Return the words of a document that is a list of them already.

    Example:
        >>> as_given(["New York", "as", "given"])
        ['New York', 'as', 'given']
    """
    return words


class UnspacedScript(NamedTuple):
    """A script that puts no space between words.

    Attributes:
        name: Of the script or its language.
        tokenizer: An example of what splits its texts.
        run: Letters in a row that are more than a long word has.
    """

    name: str
    tokenizer: str
    run: re.Pattern[str]


def _script(name: str, tokenizer: str, letters: str, longest: int) -> UnspacedScript:
    return UnspacedScript(name, tokenizer, re.compile(f"[{letters}]{{{longest + 1},}}"))


_HAN = "\u3005\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u30ff"
_THAI, _LAO, _KHMER, _BURMESE = "\u0e01-\u0e4e", "\u0e81-\u0ece", "\u1780-\u17d3", "\u1000-\u103f"
_LONG = 5  # letters of a long word of Chinese or Japanese; most have 1 or 2
_LONG_WITH_VOWELS = 12  # letters and vowel signs of one in the others; most have 3 to 6
_JANOME = "janome.tokenizer.Tokenizer(wakati=True).tokenize"
_UNSPACED = (
    _script("Chinese", "jieba.lcut", _HAN, _LONG),
    _script("Japanese", _JANOME, _HAN + _KANA, _LONG),
    _script("Thai", "pythainlp.word_tokenize", _THAI, _LONG_WITH_VOWELS),
    _script("Lao", "laonlp.tokenize.word_tokenize", _LAO, _LONG_WITH_VOWELS),
    _script("Khmer", "khmernltk.word_tokenize", _KHMER, _LONG_WITH_VOWELS),
    _script("Burmese", "pyidaungsu.tokenize", _BURMESE, _LONG_WITH_VOWELS),
)
_ANY_UNSPACED = re.compile(f"[{_HAN}{_KANA}{_THAI}{_LAO}{_KHMER}{_BURMESE}]")


def unspaced(text: str) -> UnspacedScript | None:
    """Return the script of a text most of which is in longer runs than words; otherwise None.

    A text that was split already, by spaces or by zero-width ones, has words and is not meant.

    Example:
        >>> unspaced("我喜欢学习机器学习和自然语言处理").name
        'Chinese'
        >>> unspaced("我 喜欢 学习 机器 学习 和 自然 语言 处理") is None
        True
    """
    if text.isascii() or not _ANY_UNSPACED.search(text):
        return None
    length = len("".join(text.split()))
    for script in _UNSPACED:
        if 2 * sum(map(len, script.run.findall(text))) > length:
            return script
    return None
