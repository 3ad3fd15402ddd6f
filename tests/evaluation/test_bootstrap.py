"""Standard errors by a bootstrap, against formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dirvae.evaluation import Interval, bootstrap_std, normal_interval

X = np.random.default_rng(0).gamma(2.0, size=400)
Y = X + np.random.default_rng(1).gamma(3.0, size=400)


def test_they_are_those_of_a_mean_and_of_a_ratio() -> None:
    found = bootstrap_std(
        lambda rows: {"mean": X[rows].mean(), "ratio": X[rows].sum() / Y[rows].sum()}, 400
    )
    # A standard deviation of 200 draws has a relative error of 1 / sqrt(400) = .05: four of them.
    assert found["mean"] == pytest.approx(X.std() / 20, rel=0.2)
    residual = X - X.sum() / Y.sum() * Y
    assert found["ratio"] == pytest.approx(residual.std() / Y.mean() / 20, rel=0.2)


@pytest.mark.parametrize(("rows", "draws"), [(3, 200), (20_000, 100), (10**6, 50)])
def test_of_many_rows_there_are_fewer_draws(rows: int, draws: int) -> None:
    sizes: list[int] = []
    bootstrap_std(lambda drawn: {"size": sizes.append(len(drawn)) or 0.0}, rows)
    assert sizes == [rows] * draws


def test_the_seed_settles_the_draws() -> None:
    one, same, other = (
        bootstrap_std(lambda rows: {"mean": X[rows].mean()}, 400, num_draws=5, seed=seed)
        for seed in (0, 0, 1)
    )
    assert one == same != other


def test_an_interval_holds_as_much_of_the_normal_distribution_as_was_asked_for() -> None:
    found = normal_interval(3.0, 0.5, 0.8)
    assert found == pytest.approx(Interval(0.5, *stats.norm(3.0, 0.5).interval(0.8)))
