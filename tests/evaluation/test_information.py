from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from dirvae.evaluation import Information, divergence_from_draws, mutual_information
from tests.magnitudes import EXAMPLES, magnitudes


def gaussian_log_q(means: np.ndarray, std: float, seed: int = 0) -> np.ndarray:
    z = means + std * np.random.default_rng(seed).normal(size=means.shape)
    return stats.norm(means[None], std).logpdf(z[:, None])


def test_information_of_a_linear_gaussian_encoder_is_that_of_the_channel() -> None:
    # z = x + noise with x ~ N(0, 4), noise of variance 1: 1/2 log(1 + 4).
    means = 2 * np.random.default_rng(1).normal(size=3000)
    found = mutual_information(gaussian_log_q(means, 1.0))
    exact = 0.5 * np.log(5)
    # The rows' own variance is off by 2.6 %, which moves the exact value by .01.
    assert found.std_error < 0.02
    assert abs(found.value - exact) < 3 * np.hypot(found.std_error, 0.01)


def test_information_of_few_rows_against_integration() -> None:
    means, std = np.array([-1.0, 0.3, 1.2]), 0.8
    laws = [stats.norm(mean, std) for mean in means]

    def term(z: float, law: stats.rv_continuous) -> float:
        mixture = np.mean([other.pdf(z) for other in laws])
        return law.pdf(z) * (law.logpdf(z) - np.log(mixture))

    exact = np.mean([integrate.quad(term, -8, 8, args=(law,))[0] for law in laws])
    own = np.tile(np.arange(3), 20_000)
    z = means[own] + std * np.random.default_rng(0).normal(size=len(own))
    found = mutual_information(stats.norm(means[None], std).logpdf(z[:, None]), own)
    assert abs(found.value - exact) < 4 * found.std_error
    assert found.std_error < 0.01


def test_separated_posteriors_hold_all_and_equal_ones_nothing() -> None:
    apart = mutual_information(gaussian_log_q(100.0 * np.arange(40), 1.0))
    assert apart.value == pytest.approx(apart.bound) == pytest.approx(np.log(40))
    assert mutual_information(gaussian_log_q(np.zeros(40), 1.0)).value == pytest.approx(
        0, abs=1e-12
    )


@EXAMPLES
@given(
    draws=st.lists(st.lists(st.integers(0, 4), min_size=12, max_size=12), min_size=3, max_size=3),
    weights=magnitudes(1e-6, 1e6, 5),
)
def test_mean_kl_is_the_information_and_the_kl_of_the_mixture(draws, weights) -> None:
    """Of classes, whose posteriors are the shares of draws: then the estimate is exact."""
    share = np.array([np.bincount(row, minlength=5) for row in draws]) / 12
    prior = (weights / weights.sum()).numpy()
    own = np.repeat(np.arange(3), 12)
    with np.errstate(divide="ignore"):
        log_q = np.log(share[:, np.ravel(draws)]).T
    found = mutual_information(log_q, own)
    rows = np.mean([stats.entropy(row, prior) for row in share])
    mixture = stats.entropy(share.mean(0), prior)
    assert found.value == pytest.approx(rows - mixture, abs=1e-12)
    assert -1e-12 < found.value < np.log(3) + 1e-12


def test_pieces_join_to_the_whole() -> None:
    log_q = gaussian_log_q(np.random.default_rng(0).normal(size=30), 0.5)
    whole = mutual_information(log_q)
    pieces = [mutual_information(log_q[rows], rows) for rows in np.split(np.arange(30), 3)]
    joined = Information(np.concatenate([piece.pointwise for piece in pieces]), 30)
    assert joined.value == pytest.approx(whole.value)
    assert joined.std_error == pytest.approx(whole.std_error)
    assert np.isnan(Information(np.zeros(1), 3).std_error)


@pytest.mark.parametrize(
    ("log_q", "own", "message"),
    [
        (np.zeros(3), None, "log_q has shape"),
        ([[np.nan]], None, "log_q has NaN"),
        ([[-np.inf, 0.0], [0.0, 0.0]], None, "log_q is -inf for a draw under its own row"),
        (np.zeros((2, 2)), [0, 2], "own must hold a row from 0 to 1"),
        (np.zeros((3, 2)), None, "own must hold"),
    ],
)
def test_bad_densities_are_refused(log_q: object, own: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mutual_information(log_q, own)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("q", "p"),
    [
        (stats.norm(0, 1), stats.norm(0, 1)),
        (stats.norm(1, 0.1), stats.norm(0, 1)),
        (stats.norm(0.5, 0.9), stats.t(3)),
        (stats.beta(3, 40), stats.beta(0.98, 48.02)),
        (stats.beta(30, 300), stats.beta(0.98, 48.02)),
    ],
)
def test_divergence_from_draws_against_integration(
    q: stats.rv_continuous, p: stats.rv_continuous
) -> None:
    low, high = q.ppf([1e-12, 1 - 1e-12])
    exact = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high)[0]
    random = np.random.default_rng(0)
    found = divergence_from_draws(q.rvs((400, 60), random), p.rvs(100_000, random))
    assert found.shape == (60,)
    assert found.mean() == pytest.approx(exact, abs=0.05, rel=0.03)
    # In other units and directions the neighbours are the same.
    reference = p.rvs(1000, random)
    z = q.rvs((50, 2, 3), random)
    turned = divergence_from_draws(7 - 3 * z, 7 - 3 * reference)
    np.testing.assert_allclose(turned, divergence_from_draws(z, reference), atol=1e-9)


def test_neighbour_distances_against_all_distances() -> None:
    random = np.random.default_rng(0)
    z, reference = random.normal(size=(9, 1)), random.normal(size=12)
    for k in (1, 3, 5):
        among = np.sort(np.abs(z - z.T), 1)[:, k]
        across = np.sort(np.abs(z - reference[None]), 1)[:, k - 1]
        expected = np.log(across / among).mean() + np.log(12 / 8)
        assert divergence_from_draws(z, reference, k)[0] == pytest.approx(expected)


def test_draws_that_tie_have_no_divergence() -> None:
    random = np.random.default_rng(0)
    z = random.normal(size=(50, 2))
    z[:20, 1] = 0.3
    found = divergence_from_draws(z, random.normal(size=100))
    assert np.isnan(found).tolist() == [False, True]


@pytest.mark.parametrize(
    ("draws", "reference", "message"),
    [
        (np.arange(5.0), np.arange(9.0), "draws has shape"),
        (np.arange(9.0), np.arange(4.0), "reference has shape"),
        (np.arange(9.0), np.append(np.arange(8.0), np.inf), "infinite"),
        (np.append(np.arange(8.0), np.nan), np.arange(9.0), "NaN"),
    ],
)
def test_bad_draws_are_refused(draws: np.ndarray, reference: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        divergence_from_draws(draws, reference)
