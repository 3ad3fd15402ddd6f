"""Words and lines that say nothing of topics."""

from __future__ import annotations

import sys

import pytest
import stopwordsiso
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from dirvae.data.stop_words import stop_words, stripped
from dirvae.data.words import words_of


def test_a_language_has_the_list_of_the_package_as_words_are_counted():
    found = stop_words("de")
    assert set(found) == {part for word in stopwordsiso.stopwords("de") for part in words_of(word)}
    assert {"und", "für"} <= set(found)
    assert "house" not in found


def test_the_default_list_has_a_name() -> None:
    assert stop_words("english") == sorted(ENGLISH_STOP_WORDS - {"a", "i"})


def test_a_file_is_one_s_own_list(tmp_path):
    (tmp_path / "de").write_text("Über don't\n\nx two\n", encoding="cp1252")
    assert stop_words(str(tmp_path / "de"), "cp1252") == ["don", "two", "über"]
    (tmp_path / "empty").write_text("1 2 x")
    with pytest.raises(ValueError, match="has no stop words of two letters or more"):
        stop_words(str(tmp_path / "empty"))


def test_what_is_no_list_is_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"stop words are 'stop.txt', must be a file that exists"):
        stop_words("stop.txt")
    with pytest.raises(ValueError, match="stopwordsiso has no language 'xx'"):
        stop_words("xx")
    monkeypatch.setitem(sys.modules, "stopwordsiso", None)
    with pytest.raises(ImportError, match=r"pip install 'dirvae\[texts\]'"):
        stop_words("de")


def test_parts_of_messages_are_left_out_as_in_20_newsgroups():
    message = "From: me\nSubject: it\n\nHe writes:\n> a quote\nan answer\n\n--\nMy name"
    assert stripped([message], ["headers"]) == [message.partition("\n\n")[2]]
    assert stripped([message], ["quotes", "headers", "footers"]) == ["an answer\n"]
    assert stripped([message], []) == [message]
    with pytest.raises(ValueError, match="parts has 'footer', must be some of headers, footers"):
        stripped([message], ["footer"])
