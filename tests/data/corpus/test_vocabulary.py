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
