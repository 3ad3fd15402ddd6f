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


def test_words_are_found_at_every_place_and_of_every_length(monkeypatch):
    monkeypatch.setattr(module, "TEXTS", 3)
    texts = [
        "a" * size + gap + "z" * (25 - size) for size in range(1, 25) for gap in ("", " ", "-")
    ]
    assert counted(texts) == expected(texts)
    assert counted([""]) == [Counter()]
    found = ascii_words(["b", "", "b ccccccccccccccc", "ccccccccccccccc"])
    assert sorted(found.words) == ["b", "ccccccccccccccc"]
    assert sorted(found.rows.tolist()) == [0, 2, 2, 3]


def test_every_character_is_a_letter_another_or_between_words():
    for character in map(chr, range(128)):
        assert counted([f"x{character}y"]) == expected([f"x{character}y"])


@pytest.mark.parametrize("number", [0, 1, 7, 100])
def test_numbers_are_told_apart(number):
    numbers = np.random.default_rng(0).integers(1, 40, number).astype(np.uint64)
    different, places = module._distinct(numbers)
    assert sorted(different.tolist()) == sorted(set(numbers.tolist()))
    assert different[places].tolist() == numbers.tolist()
