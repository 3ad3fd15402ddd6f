"""Words are those of the default vectorizer, whatever the texts hold."""

from __future__ import annotations

import string

import numpy as np
import pytest

from dirvae.data.corpus.counting import Counting, count
from dirvae.topics.documents import default_vectorizer

ALL = {"min_df": 1, "max_df": 1.0, "max_features": None}
ODD = [
    "Two cats, a cat and the dog's x2 snake_case _x CATS",
    "",
    "don't-stop\x1cnow\tthen\nhere\x0bthere\x85Straße",
    "\u0130stanbul na\u0131ve cafe\u0301 café über हिन्दी \u200bzero\u00adwidth",
    "a b c 1 22 3three four4 _ __ five",
    "the and of",
]


def assert_counted_alike(texts, counting, **settings):
    vectorizer = default_vectorizer(len(texts), **{**ALL, **settings})
    expected = vectorizer.fit_transform(texts)
    found = count(texts, counting)
    assert found.words == vectorizer.get_feature_names_out().tolist()
    assert (found.counts != expected).nnz == 0
    assert found.counts.has_canonical_format


@pytest.mark.parametrize(
    ("counting", "settings"),
    [
        (Counting(), {}),
        (Counting(None), {"stop_words": None}),
        (Counting(["cats", "über"]), {"stop_words": ["cats", "über"]}),
        (Counting(ngrams=3), {"ngram_range": (1, 3)}),
    ],
)
def test_words_are_those_of_the_default_vectorizer(counting, settings):
    assert_counted_alike(ODD, counting, **settings)


def test_random_texts_are_counted_alike():
    rng = np.random.default_rng(0)
    letters = list(string.printable + "éß\u0301\u2019" + "abcde " * 8)
    texts = ["".join(rng.choice(letters, 200)) for _ in range(200)]
    texts += [text.encode("ascii", "ignore").decode() for text in texts]
    assert_counted_alike(texts, Counting(None), stop_words=None)


def test_lists_are_counted_as_they_are():
    lists = [["New York", "the", "the"], [], ["a", "_x", "The"]]
    found = count(lists, Counting(None, are_texts=False))
    assert found.words == ["New York", "The", "_x", "a", "the"]
    assert found.counts.toarray().tolist() == [[1, 0, 0, 0, 2], [0] * 5, [0, 1, 1, 1, 0]]


def test_documents_without_any_word_have_empty_rows():
    found = count(["the", "..."], Counting())
    assert found.words == []
    assert found.counts.shape == (2, 0)
