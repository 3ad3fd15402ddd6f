"""Words that say nothing of a text's topics, by language or of one's own; and lines that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from dirvae.data.text_files import UTF8, read_text
from dirvae.data.words import words_of
from dirvae.text import nearest

__all__ = ["PARTS", "stop_words", "stripped"]

PARTS = ("headers", "footers", "quotes")
"""Parts of a message that `stripped` takes off."""


def stop_words(source: str, encoding: str = UTF8) -> list[str]:
    r"""Return stop words, sorted, as `words_of` finds them in texts.

    Args:
        source: A language's code, such as ``de``, for the list of the package ``stopwordsiso``; or
            a file of words, parted by blanks or on lines of their own.
        encoding: Of the file.

    Raises:
        ValueError: If there is no such list, or it has no words.
        ImportError: If ``stopwordsiso`` is needed and not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "words.txt").write_text("the\nDon't\n")
        ...     stop_words(str(Path(folder, "words.txt")))
        ['don', 'the']
    """
    path = Path(source)
    words = read_text(path, encoding)[0].split() if path.is_file() else _of_language(source)
    found = sorted({part for word in words for part in words_of(word.lower())})
    if not found:
        raise ValueError(f"{source} has no stop words of two letters or more")
    return found


def _of_language(code: str) -> Iterable[str]:
    if not code.isalpha() or len(code) != 2:
        raise ValueError(
            f"stop words are {code!r}, must be a file that exists or a language's code of two "
            "letters, such as en or de"
        )
    try:
        lists: Any = import_module("stopwordsiso")
    except ImportError as error:
        raise ImportError(
            f"stop words of the language {code!r} need stopwordsiso: pip install 'dirvae[texts]'"
        ) from error
    if not lists.has_lang(code.lower()):
        known = ", ".join(sorted(lists.langs()))
        raise ValueError(
            f"stopwordsiso has no language {code!r}{nearest(code, lists.langs())}; it has {known}"
        )
    words: Iterable[str] = lists.stopwords(code.lower())
    return words


def stripped(texts: Sequence[str], parts: Iterable[str]) -> list[str]:
    r"""Return texts of messages without some parts, by scikit-learn's rules for 20 Newsgroups.

    Args:
        texts: N strings.
        parts: Of `PARTS`: headers end at the first empty line; footers are what is after the last
            empty or dashed line; quotes are lines that begin with ``>`` or ``|`` and the like.

    Raises:
        ValueError: If there is no such part.

    Example:
        >>> stripped(["From: me\n\n> a quote\nan answer"], ["headers", "quotes"])
        ['an answer']
    """
    from sklearn.datasets import _twenty_newsgroups as newsgroups  # the rules that its corpus has

    rules: dict[str, Callable[[str], str]] = {
        "headers": newsgroups.strip_newsgroup_header,
        "footers": newsgroups.strip_newsgroup_footer,
        "quotes": newsgroups.strip_newsgroup_quoting,
    }
    wanted = set(parts)
    for part in sorted(wanted - rules.keys()):
        raise ValueError(f"parts has {part!r}, must be some of {', '.join(PARTS)}")
    kept = list(texts)
    for part in PARTS:
        if part in wanted:
            kept = [rules[part](text) for text in kept]
    return kept
