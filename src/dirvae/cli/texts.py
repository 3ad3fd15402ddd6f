"""Options on texts: which words are counted, which parts are left out, what topics start from."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dirvae.cli.options import integer, numeral

__all__ = [
    "Covariates",
    "Guide",
    "MaxDf",
    "MinDf",
    "Ngrams",
    "StopWords",
    "Strip",
    "TimeColumn",
    "Tokenizer",
    "guide_of",
    "parts_of",
    "vectorizer_settings",
]

WORDS = "Which words are counted"
KNOWN = "What is known of documents"
NO_LIST = "none"
CHARACTER = r"\w"

StopWords = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|CODE",
        rich_help_panel=WORDS,
        help="Words to leave out, in place of the default list: a file of words, the word english "
        "(the default list), or the code of a language such as de. With the word none, no words "
        "are left out. Repeat the option to join several lists.",
        show_default="english",
    ),
]
MinDf = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        parser=numeral,
        rich_help_panel=WORDS,
        help="Leave out words that are in fewer documents than this number. A number with a "
        "decimal point, such as 0.01, is a share of the documents.",
        show_default="5; 2 for fewer than 1,000 documents, 1 for fewer than 100",
    ),
]
MaxDf = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        parser=numeral,
        rich_help_panel=WORDS,
        help="Leave out words that are in more documents than this number. A number with a decimal "
        "point, such as 0.5, is a share of the documents.",
        show_default="0.5; no limit for fewer than 100 documents",
    ),
]
MOST_NGRAMS = 10  # as many as a model may have to be saved
Ngrams = Annotated[
    int, integer(1, rich_help_panel=WORDS, help="Also count sequences of up to N words.")
]
Tokenizer = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATTERN",
        rich_help_panel=WORDS,
        help="Units that are counted: words, characters, or the matches of a regular expression.",
    ),
]
Strip = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        rich_help_panel=WORDS,
        help="Parts of messages to leave out, such as headers,quotes. headers: all lines before "
        "the first blank line; only for texts with a header. footers: all lines after the last "
        "blank line or line of dashes. quotes: lines that begin with > or |, and lines such as "
        "'Ann wrote:'.",
        show_default="none",
    ),
]
Guide = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File with words that topics start from: lines such as 'sport: team, game', or .json.",
    ),
]
Covariates = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=KNOWN,
        help="Column that the shares of topics depend on. Repeat the option for more.",
    ),
]
TimeColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=KNOWN,
        help="Column of years or dates. The shares of topics are a smooth function of the time.",
    ),
]


def parts_of(strip: str) -> list[str]:
    """Parts that ``--strip`` names.

    Example:
        >>> parts_of("headers, quotes")
        ['headers', 'quotes']
    """
    from dirvae.data.stop_words import PARTS
    from dirvae.text import nearest

    parts = [part for word in strip.split(",") if (part := word.strip())]
    for part in parts:
        if part not in PARTS:
            raise ValueError(
                f"--strip has {part!r}, must be some of {', '.join(PARTS)}{nearest(part, PARTS)}"
            )
    return parts


def vectorizer_settings(
    stop_words: Sequence[str] | None,
    min_df: float | None,
    max_df: float | None,
    ngrams: int,
    encoding: str,
    tokenizer: str = "words",
) -> dict[str, Any]:
    """Arguments of `topics.documents.default_vectorizer` that options ask for."""
    if ngrams > MOST_NGRAMS:
        raise ValueError(f"--ngrams is {ngrams}, must be at most {MOST_NGRAMS}")
    settings: dict[str, Any] = {}
    if stop_words:
        settings["stop_words"] = _listed(stop_words, encoding)
    if min_df is not None:
        settings["min_df"] = min_df
    if max_df is not None:
        settings["max_df"] = max_df
    if ngrams > 1:
        settings["ngram_range"] = (1, ngrams)
    if tokenizer == "characters":
        settings.setdefault("stop_words", None)
    if tokenizer != "words":
        settings |= {"tokenizer": None, "token_pattern": _pattern(tokenizer)}
    return settings


def _pattern(tokenizer: str) -> str:
    r"""The regular expression of a word, of those that end in good time in any text.

    Example:
        >>> _pattern("characters")
        '\\w'
    """
    if tokenizer == "characters":
        return CHARACTER
    from dirvae.persistence.patterns import is_plain

    if not is_plain(tokenizer) or re.fullmatch(tokenizer, ""):
        raise ValueError(
            f"--tokenizer is {tokenizer!r}, must be words, characters or a plain regular expression"
            r", such as '\w+' or '[a-z]+(?:-[a-z]+)*', that matches no empty text"
        )
    return tokenizer


def _listed(sources: Sequence[str], encoding: str) -> list[str] | None:
    """Words of all lists, sorted; None for no stop words."""
    if NO_LIST in sources:
        if len(sources) > 1:
            raise ValueError("--stop-words has the word none and a list; give only one of them")
        return None
    from dirvae.data.stop_words import stop_words

    return sorted({word for source in sources for word in stop_words(source, encoding)})


def guide_of(path: Path, encoding: str) -> dict[str, list[str]]:
    """Names and words of topics, from lines ``name: word, word`` or a JSON object of lists.

    Raises:
        ValueError: If the file is neither.
    """
    from dirvae.data.text_files import read_text

    text, _ = read_text(path, encoding)
    if path.suffix.lower() == ".json":
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not valid JSON ({error})") from error
        if not isinstance(found, dict):
            raise ValueError(f'{path} must be a JSON object, such as {{"sport": ["team"]}}')
        return found
    guide: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, words = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip() or name.strip() in guide:
            raise ValueError(
                f"{path} has {line!r} in line {number}, must be a name that no other topic has, "
                "a colon and words, such as 'sport: team, game'"
            )
        guide[name.strip()] = words.replace(",", " ").split()
    return guide
