"""Topics over time: splines in the prior, and curves with intervals."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

from dirvae import TopicModel, load
from dirvae.persistence.fitted import build_estimator, describe_estimator
from dirvae.topics.curves import knots_of, spline_basis, trends_of

BETA = np.kron(np.eye(2), np.full(4, 0.25))
DAY = date(2001, 1, 1)


def planted(rng, count, length=15):
    """Documents whose first topic rises from .2 to .8 and falls again, and their prior."""
    time = rng.uniform(0, 10, count)
    share = expected(time)
    alpha = 3 * np.column_stack([share, 1 - share])
    theta = np.stack([rng.dirichlet(row) for row in alpha])
    return time, alpha, rng.multinomial(length, theta @ BETA).astype(float)


def expected(time):
    return 0.2 + 0.6 * np.sin(np.pi * np.asarray(time) / 10) ** 2


def test_columns_are_cubic_b_splines_and_constant_outside():
    knots = [0.0, 1.0, 3.0, 7.0]
    values = np.linspace(0, 7, 30)
    found = spline_basis(values, knots)
    wide = np.concatenate([knots[0] - np.arange(3, 0, -1), knots, knots[-1] + 4 * np.arange(1, 4)])
    expected_columns = BSpline.design_matrix(values, wide, 3).toarray()
    np.testing.assert_allclose(found, expected_columns[:, :-1], atol=1e-12)
    outside = spline_basis(np.array([-5.0, 99.0]), knots)
    np.testing.assert_allclose(outside, found[[0, -1]])
    assert knots_of(np.repeat([2000.0, 2001.0], [9, 2])) == [2000, 2001]
    with pytest.raises(ValueError, match="needs two different values or more, but all are 3"):
        knots_of(np.full(5, 3.0))


def test_intervals_of_planted_trends_hold_them_as_often_as_they_say():
    """Of exact posteriors; the spread over 60 corpora of a share near .9 is below .04."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(60):
        time, alpha, counts = planted(rng, 150)
        found = trends_of(alpha + counts @ (BETA.T > 0), time, level=0.9)
        truth = expected(found.at)[:, None] * [1, -1] + [0, 1]
        held.append(((found.lower < truth) & (truth < found.upper)).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.045)


def test_errors_are_those_of_least_squares_where_proportions_are_known():
    rng = np.random.default_rng(1)
    time = rng.uniform(0, 1, 80)
    theta = rng.dirichlet([2, 3], 80)
    found = trends_of(1e9 * theta, time)
    design = np.column_stack([np.ones(80), spline_basis(time, knots_of(time))])
    along = np.column_stack([np.ones(50), spline_basis(np.array(found.at), knots_of(time))])
    coefficient, *_ = np.linalg.lstsq(design, theta[:, 0], rcond=None)
    np.testing.assert_allclose(found.share[:, 0], along @ coefficient, atol=1e-3)
    residual = theta[:, 0] - design @ coefficient
    bread = np.linalg.inv(design.T @ design)
    meat = (design * residual[:, None]).T @ (design * residual[:, None])
    variance = (
        80 / (80 - design.shape[1]) * np.einsum("ti,ij,tj->t", along, bread @ meat @ bread, along)
    )
    np.testing.assert_allclose(found.std_error[:, 0], np.sqrt(variance), rtol=1e-2)


@pytest.fixture(scope="module")
def fitted():
    time, _, counts = planted(np.random.default_rng(2), 300)
    days = [DAY + timedelta(days=float(t) * 100) for t in time]
    frame = pd.DataFrame({"day": days, "place": np.where(time % 2 < 1, "sea", "air")})
    options = {"hidden_sizes": (8,), "max_epochs": 12, "batch_size": 50, "background": False}
    model = TopicModel(2, random_state=0, learning_rate=0.02, **options)
    return model.fit(counts, covariates=frame, smooth=["day"]), counts, frame


def test_the_curve_of_a_fitted_model_is_the_planted_one(fitted):
    model, counts, frame = fitted
    names = [f"day_spline{place}" for place in range(6)]
    assert model.covariate_names_.tolist() == [*names, "place_air", "place_sea"]
    assert model.covariate_kinds_ == {"day": "dates", "place": "words"}
    found = model.trends(counts, frame["day"], covariates=frame)
    up = int(model.topic_word_[:, :4].sum(1).argmax())
    truth = expected([(at.date() - DAY).days / 100 for at in found.at])
    assert np.abs(found.share[:, up] - truth).mean() < 0.06
    assert ((found.lower[:, up] < truth) & (truth < found.upper[:, up])).mean() > 0.6
    assert found.to_frame().shape == (100, 7)
    assert "Curves of 2 topics" in repr(found)
    assert list(found.plot([up]).data[1].y) == found.share[:, up].tolist()


def test_curves_are_saved_and_models_without_knots_are_read(fitted, tmp_path):
    model, counts, frame = fitted
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    few = frame.iloc[:5]
    np.testing.assert_array_equal(
        again.transform(counts[:5], covariates=few), model.transform(counts[:5], covariates=few)
    )
    described, arrays = describe_estimator(model)
    for record in described["fitted"]["_covariates"]:
        del record["record"]["map"]["knots"]  # as earlier versions wrote it
    before = build_estimator(TopicModel, described, model.vae_, arrays)
    assert before.covariate_names_.tolist() == ["day", "place_air", "place_sea"]


@pytest.mark.parametrize(
    ("smooth", "message"),
    [
        (["year"], "smooth names 'year', must be some of the covariates"),
        (["place"], "smooth names 'place', which has words"),
        ("day", "smooth is 'day', must be a list of names"),
    ],
)
def test_what_has_no_curve_is_refused(fitted, smooth, message):
    _, counts, frame = fitted
    with pytest.raises(ValueError, match=message):
        TopicModel(2, max_epochs=1).fit(counts, covariates=frame, smooth=smooth)
    with pytest.raises(ValueError, match="but covariates is None"):
        TopicModel(2, max_epochs=1).fit(counts, smooth=["day"])
    with pytest.raises(ValueError, match="time must be one column of numbers or dates"):
        trends_of(counts + 1, frame["place"])
    with pytest.raises(ValueError, match="time has 5 rows, must have more than 7"):
        trends_of(np.ones((5, 2)), np.arange(5.0))
