"""Words that NumPy finds are those of a regular expression."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from dirvae.data.corpus import ascii_words as module
from dirvae.data.corpus.ascii_words import ascii_words


def counted(texts):
    found = ascii_words(texts)
    assert len(set(found.words)) == len(found.words)
    counts = [Counter() for _ in texts]
    for row, place in zip(found.rows, found.places, strict=True):
        counts[row][found.words[place]] += 1
    return counts


def expected(texts):
    spelled = (re.sub("[0-9_]", "0", text.lower()) for text in texts)
    return [Counter(re.findall("[a-z0]+", text)) for text in spelled]


def test_letters_digits_and_all_else():
    texts = ["Two CATS, two_cats; 2cats", "", "\x00z\x7f[Zz]{a}`@~/:", "x" * 12, "x" * 13 + "y"]
    assert counted(texts) == expected(texts)


@pytest.mark.parametrize("bits", [1, 4, 19])
def test_random_words_however_many_have_a_place_in_common(monkeypatch, bits):
    monkeypatch.setattr(module, "HASH_BITS", bits)
    monkeypatch.setattr(module, "TEXTS", 7)
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abYZ09_"), size)) for size in rng.integers(1, 18, 60)]
    words += [words[0][:12] + "tail", words[0][:12], words[0][:12] + "tails"]
    texts = [" ".join(rng.choice(words, size)) for size in rng.integers(0, 40, 50)]
    assert counted(texts) == expected(texts)
