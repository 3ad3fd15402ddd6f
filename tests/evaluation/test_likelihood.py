from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from dirvae.evaluation import (
    effective_sample_size,
    importance_sampled,
    log_mean_exp,
    log_mean_exp_error,
    pareto_k,
)
from tests.magnitudes import EPS, EXAMPLES, reals


@pytest.mark.parametrize("shift", [-1e5, -700.0, 0.0, 700.0, 1e5])
def test_log_mean_exp_against_scipy(shift: float) -> None:
    log_weights = np.random.default_rng(0).normal(size=(50, 7)) * 3 + shift
    expected = logsumexp(log_weights, axis=0, b=1 / 50)
    np.testing.assert_allclose(log_mean_exp(log_weights), expected, rtol=1e-12)


def test_a_single_sample_is_its_own_mean_and_has_no_error_estimate() -> None:
    evidence = importance_sampled([[-3.0, 2.0]])
    assert evidence.value.tolist() == [-3.0, 2.0]
    assert np.isnan(evidence.std_error).all()
    assert evidence.effective_samples.tolist() == [1.0, 1.0]


def test_standard_error_is_that_of_repeated_estimates() -> None:
    # Log-normal weights: 4000 estimates from 200 draws each; the spread is known to 1.1 %.
    log_weights = 0.5 * np.random.default_rng(0).normal(size=(200, 4000))
    spread = log_mean_exp(log_weights).std()
    assert log_mean_exp_error(log_weights).mean() == pytest.approx(spread, rel=0.05)
    exact = np.sqrt((np.exp(0.25) - 1) / 200)
    assert spread == pytest.approx(exact, rel=0.05)


def test_effective_sample_size_against_theory() -> None:
    # E[w]^2 / E[w^2] of log-normal weights is exp(-variance).
    log_weights = 0.7 * np.random.default_rng(0).normal(size=(200_000, 1)) - 500
    share = float(effective_sample_size(log_weights)[0]) / 200_000
    assert share == pytest.approx(np.exp(-0.49), rel=0.02)


def test_an_estimate_is_too_low_by_half_its_squared_error() -> None:
    # Log-normal weights of mean 1; the standard error of the mean over rows is .0004.
    log_weights = 0.5 * np.random.default_rng(0).normal(size=(20, 100_000)) - 0.125
    found = importance_sampled(log_weights)
    assert -found.value.mean() == pytest.approx((np.exp(0.25) - 1) / 20 / 2, abs=0.0015)
    assert -found.value.mean() == pytest.approx((found.std_error**2).mean() / 2, abs=0.0015)


@EXAMPLES
@given(logs=reals(600.0, 8), factor=st.floats(-1e4, 1e4))
def test_samples_count_from_one_to_all_whatever_the_scale_of_weights(logs, factor) -> None:
    logs = logs.numpy()[:, None]
    count, other = (float(effective_sample_size(v)[0]) for v in (logs, logs + factor))
    assert 1 - 8 * EPS <= count <= 8 * (1 + 8 * EPS)
    rounding = 64 * EPS * (600 + abs(factor))
    assert other == pytest.approx(count, rel=rounding)
    error, moved = (float(log_mean_exp_error(v)[0]) for v in (logs, logs + factor))
    assert moved == pytest.approx(error, rel=8 * rounding, abs=8 * rounding)
    assert error == pytest.approx(np.sqrt((8 / count - 1) / 7), rel=1e-6, abs=1e-6)


def test_zero_weights_count_as_samples() -> None:
    log_weights = np.array([[0.0], [-np.inf]])
    assert log_mean_exp(log_weights)[0] == pytest.approx(-np.log(2))
    assert effective_sample_size(log_weights)[0] == 1.0


def test_mean_error_over_rows_shrinks_with_rows() -> None:
    log_weights = np.random.default_rng(0).normal(size=(100, 400))
    evidence = importance_sampled(log_weights)
    assert evidence.mean == pytest.approx(evidence.value.mean())
    assert evidence.mean_std_error == pytest.approx(evidence.std_error.mean() / 20, rel=0.05)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_weights_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="log_weights has NaN or"):
        importance_sampled([[0.0, bad]])


@pytest.mark.parametrize("shape", [(0, 3), (4,), (2, 3, 4)])
def test_shapes_are_checked(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="log_weights has shape"):
        importance_sampled(np.zeros(shape))


@pytest.mark.parametrize("shape", [0.3, 0.6, 0.9, 1.5])
def test_pareto_k_of_pareto_weights(shape: float) -> None:
    # exp(k E) for a standard exponential E is Pareto with that very k; 600 in each tail.
    draws = np.random.default_rng(0).exponential(size=(40_000, 20))
    found = pareto_k(shape * draws + 1000)
    assert found.mean() == pytest.approx(shape, abs=0.05)
    # Bounded weights have a tail that ends: k below 0.
    assert (pareto_k(-shape * draws) < 0).all()


def test_pareto_k_takes_samples_by_rows() -> None:
    with pytest.raises(ValueError, match=r"has shape \(30,\), must be \(S, N\): samples by rows"):
        pareto_k(np.zeros(30))


def test_pareto_k_of_few_equal_and_zero_weights() -> None:
    assert np.isnan(pareto_k(np.zeros((24, 2)))).all()
    assert np.isneginf(pareto_k(np.zeros((1000, 1)))).all()
    log_weights = np.random.default_rng(0).exponential(size=(1000, 1))
    expected = pareto_k(log_weights)
    log_weights[log_weights < 0.1] = -np.inf
    np.testing.assert_allclose(pareto_k(log_weights), expected)
    draws = np.random.default_rng(0).exponential(size=(1000, 1))
    draws[draws.argsort(axis=0)[-3:]] = draws.max()  # the largest three are one, others are not
    assert np.isfinite(pareto_k(0.4 * draws)).all()
    assert np.isposinf(pareto_k(np.full((1000, 1), -np.inf))).all()


def test_share_of_rows_not_to_be_trusted() -> None:
    draws = np.random.default_rng(0).exponential(size=(4000, 50))
    shapes = np.r_[np.full(40, 0.2), np.full(10, 2.0)]
    assert importance_sampled(shapes * draws).unreliable_share == 0.2
    assert np.isnan(importance_sampled(draws[:5]).unreliable_share)
