"""Document completion, against sums over all words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from dirvae.evaluation import completion_perplexity, split_tokens, split_words
from dirvae.evaluation.completion import held_out_log_prob
from tests.magnitudes import EXAMPLES, magnitudes


def test_split_is_the_shuffle_it_says(rng: np.random.Generator) -> None:
    counts = rng.poisson(0.7, (30, 12))
    encoded, scored = (part.toarray() for part in split_tokens(counts, seed=3))
    np.testing.assert_array_equal(encoded + scored, counts)
    generator = np.random.default_rng(3)
    for row, half in zip(counts, encoded, strict=True):
        tokens = np.repeat(np.arange(12), row)
        generator.shuffle(tokens)
        expected = np.bincount(tokens[: len(tokens) // 2], minlength=12)
        np.testing.assert_array_equal(half, expected)


def test_perplexity(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    theta, beta = rng.dirichlet(np.ones(3), 20), rng.dirichlet(np.ones(15), 3)
    counts = rng.poisson(0.5, (20, 15))
    counts[4] = 0
    expected = math.exp(-(counts * np.log(theta @ beta)).sum() / counts.sum())
    assert completion_perplexity(theta, beta, counts) == pytest.approx(expected)
    monkeypatch.setattr("dirvae.evaluation.completion.ENTRIES_AT_ONCE", 10)
    assert completion_perplexity(theta, beta, counts) == pytest.approx(expected)
    beta[:, 0] = 0
    beta /= beta.sum(1, keepdims=True)
    counts[0, 0] = 1
    assert completion_perplexity(theta, beta, counts) == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split_tokens([[0.5]]), "must be whole numbers"),
        (lambda: completion_perplexity([[1.0]], [[1.0]], [[1, 1]]), "must be of shapes"),
        (lambda: completion_perplexity([[0.5]], [[1.0]], [[1]]), "theta has rows that do not"),
        (lambda: completion_perplexity([[1.0]], [[1.0]], [[0]]), "held_out has no tokens"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_words_of_weights_are_split_whole_and_in_halves() -> None:
    rng = np.random.default_rng(1)
    weights = sparse.random(40, 30, 0.3, "csr", random_state=rng)
    encoded, scored = split_words(weights, seed=3)
    assert ((encoded + scored) != weights).nnz == 0
    assert not (encoded.multiply(scored)).nnz
    sizes = np.diff(weights.indptr)
    np.testing.assert_array_equal(encoded.getnnz(1), sizes // 2)
    other, _ = split_words(weights, seed=4)
    assert (other != encoded).nnz > 0
    # Each word is encoded about half of the time, wherever it stands.
    first = sum(split_words([[1.5, 1, 1, 1]], seed=s)[0].toarray()[0] > 0 for s in range(400))
    assert (abs(first - 200) < 5 * 10).all()


def test_documents_of_many_tokens_are_split_by_coins() -> None:
    counts = np.array([[2**53, 4 * 10**6, 1, 0], [3, 0, 0, 2]])
    encoded, scored = (part.toarray() for part in split_tokens(counts, seed=3))
    np.testing.assert_array_equal(encoded + scored, counts)
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(encoded[0, :3], rng.binomial(counts[0, :3], 0.5))
    assert encoded[1].sum() == 2
    spread = np.sqrt(counts[0, :2]) / 2
    assert (abs(encoded[0, :2] - counts[0, :2] / 2) < 5 * spread).all()
    with pytest.raises(ValueError, match=r"has 1e\+16, must be 9\.0072e\+15 at most"):
        split_tokens([[1e16]])


@EXAMPLES
@given(size=st.integers(1, 3000), theta=magnitudes(1e-6, 1e6, 2), times=st.integers(1, 10**6))
def test_words_that_are_equally_likely_have_their_number_as_perplexity(size, theta, times) -> None:
    theta = (theta / theta.sum()).numpy()[None]
    counts = times * np.bincount([0, size - 1], minlength=size)[None]
    found = completion_perplexity(theta, np.full((2, size), 1 / size), counts)
    assert found == pytest.approx(size, rel=1e-10)


@EXAMPLES
@given(beta=magnitudes(1e-6, 1e6, 8), theta=magnitudes(1e-6, 1e6, 2), counts=st.data())
def test_perplexity_is_e_to_the_mean_nats_of_a_word(beta, theta, counts) -> None:
    beta, theta = beta.view(2, 4).numpy(), np.stack([theta.numpy(), theta.numpy()[::-1]])
    beta, theta = (v / v.sum(1, keepdims=True) for v in (beta, theta))
    numbers = st.lists(st.integers(0, 9), min_size=8, max_size=8).filter(any)
    held_out = np.reshape(counts.draw(numbers), (2, 4))
    nats = -held_out_log_prob(theta, beta, held_out).sum() / held_out.sum()
    assert nats == pytest.approx(-(held_out * np.log(theta @ beta)).sum() / held_out.sum())
    assert completion_perplexity(theta, beta, held_out) == pytest.approx(math.exp(nats))
