"""Which words are kept: as the vectorizer does, and under a bound on memory."""

from __future__ import annotations

import numpy as np
import pytest

from dirvae.data.corpus.vocabulary import Limits, WordTally
from dirvae.topics.documents import default_vectorizer


def totals(counts):
    occurrences = np.asarray(counts.sum(0)).ravel()
    return np.stack([np.bincount(counts.indices, minlength=counts.shape[1]), occurrences])


@pytest.mark.parametrize(
    ("limits", "settings"),
    [
        (Limits(), {}),
        (Limits(vocabulary_size=7), {"max_features": 7}),
        (Limits(0.1, 0.3), {"min_df": 0.1, "max_df": 0.3}),
        (Limits(3, 40, 20), {"min_df": 3, "max_df": 40, "max_features": 20}),
    ],
)
def test_words_are_chosen_as_the_vectorizer_does(limits, settings):
    rng = np.random.default_rng(0)
    names = [f"w{a}{b}" for a in "abcdefghij" for b in "klmnopq"]  # many of one frequency
    texts = [" ".join(rng.choice(names, 9, p=np.arange(70) / 2415)) for _ in range(120)]
    vectorizer = default_vectorizer(len(texts), **settings).fit(texts)
    every = default_vectorizer(1, min_df=1, max_df=1.0, max_features=None)
    tally = WordTally()
    for part in (texts[:50], texts[50:]):
        counts = every.fit_transform(part)
        tally.add(every.get_feature_names_out().tolist(), totals(counts))
    assert tally.chosen(limits, len(texts)) == vectorizer.get_feature_names_out().tolist()


def test_rare_words_are_forgotten_when_there_are_too_many():
    tally = WordTally(most_words=100)
    for block in range(50):
        rare = [f"{block}-{number}" for number in range(30)]
        counted = np.array([[9, 4, *[1] * 30], [20, 5, *[1] * 30]])
        tally.add(["often", "seldom", *rare], counted)
        assert len(tally._place) <= 100
    assert tally.chosen(Limits(min_df=100), 1000) == ["often", "seldom"]
    assert 0 < tally.undercount < 30
    documents, occurrences = tally._totals[:, tally._place["often"]]
    assert documents == 450
    assert occurrences == 1000


def test_a_word_that_comes_again_lacks_as_many_documents_as_is_said():
    tally = WordTally(most_words=4)
    tally.add(["a", "b", "c", "d", "e"], np.array([[5, 1, 5, 5, 5], [5, 1, 5, 5, 5]]))
    tally.add(["b"], np.array([[7], [7]]))
    missing = 8 - tally._totals[0, tally._place["b"]]
    assert 0 < missing <= tally.undercount


def test_limits_that_leave_no_word_are_refused():
    tally = WordTally()
    tally.add(["cat"], np.array([[2], [2]]))
    with pytest.raises(ValueError, match="1 different words, none of them in 3 to 4 documents"):
        tally.chosen(Limits(3, 4), 4)
    with pytest.raises(ValueError, match="max_df is 1, must not be fewer documents than min_df, 3"):
        tally.chosen(Limits(3, 1), 4)
    with pytest.raises(ValueError, match="no words to count"):
        WordTally().chosen(Limits(), 4)


@pytest.mark.parametrize(
    ("documents", "least", "most"),
    [(1, 1, 1.0), (99, 1, 1.0), (100, 2, 0.5), (999, 2, 0.5), (1000, 5, 0.5)],
)
def test_limits_depend_on_the_number_of_documents(documents, least, most):
    assert Limits().documents(documents) == (least, most * documents)
    assert Limits(3, 0.9).documents(documents * 10) == (3, 9 * documents)
    assert Limits(0.2, 8 * documents).documents(10 * documents) == (2 * documents, 8 * documents)


def test_limits_may_be_one_number():
    assert Limits(3, 3).documents(10) == (3, 3)
    with pytest.raises(ValueError, match="max_df is 2, must not be fewer documents than min_df, 3"):
        Limits(3, 2).documents(10)


def test_the_words_of_the_fewest_documents_are_forgotten_and_their_level_is_told():
    """Three quarters of eight words stay at most: those above the level of the sixth."""
    tally = WordTally(most_words=8)
    words, documents = list("abcdefghi"), [9, 1, 8, 2, 7, 3, 6, 4, 5]
    tally.add(words[:8], np.array([documents[:8], [10 * n for n in documents[:8]]]))
    assert (len(tally._place), tally.undercount) == (8, 0)
    tally.add(words[8:], np.array([documents[8:], [50]]))
    assert sorted(tally._place) == ["a", "c", "e", "g", "i"]
    assert tally.undercount == 4
    assert {word: tally._totals[:, place].tolist() for word, place in tally._place.items()} == {
        word: [n, 10 * n] for word, n in zip(words, documents, strict=True) if n > 4
    }
    tally.add(["z", "a"], np.array([[2, 1], [3, 1]]))
    assert tally._totals[:, tally._place["z"]].tolist() == [2, 3]
    assert tally._totals[:, tally._place["a"]].tolist() == [10, 91]


def test_as_many_words_are_kept_as_are_asked_for():
    tally = WordTally()
    tally.add(["a", "b", "c"], np.array([[1, 2, 3], [9, 5, 3]]))
    found = [tally.chosen(Limits(1, 3, size), 3) for size in (1, 2, 3, 4)]
    assert found == [["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]
    assert tally.chosen(Limits(2, 2), 3) == ["b"]
    assert tally.chosen(Limits(2, 3, 1), 3) == ["b"]
