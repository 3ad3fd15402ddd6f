"""What results of a topic model are besides arrays: named, framed, drawn; contrasts of them."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse, stats

from dirvae import TopicModel
from dirvae.topics.effects import effects_of, shares_of
from dirvae.topics.information import WordEvidence, shape_of_sum, widened
from dirvae.topics.posterior import posterior_of
from dirvae.topics.results import Result

STRANGE = "<img src=x onerror=alert(1)> \u202e"
TEXTS = ["cat dog cat", "dog cat", "star moon", "moon star star", "cat moon"] * 6
IDS = [f"{STRANGE}{row}" for row in range(30)]


@pytest.fixture(scope="module")
def model():
    fitted = TopicModel(3, max_epochs=3, hidden_sizes=(4,), random_state=0).fit(TEXTS)
    fitted.topic_names_ = {1: STRANGE}
    return fitted


@pytest.fixture(scope="module")
def posterior(model):
    return model.posterior(pd.Series(TEXTS, index=IDS), level=0.8)


def exact_sum(gamma, alpha, counts, beta, topics, points=4_000_000):
    """Mean and variance of a sum of shares, by importance sampling from the prior."""
    theta = np.random.default_rng(0).dirichlet(alpha, points // len(alpha) // 4)
    weight = np.exp(np.log(theta @ beta) @ counts)
    weight /= weight.sum()
    share = theta[:, topics].sum(1)
    mean = weight @ share
    return mean, weight @ (share - mean) ** 2


def test_topics_that_share_words_are_surer_together_than_each():
    beta = np.array([[0.5, 0.4, 0.1], [0.4, 0.5, 0.1], [0.1, 0.1, 0.8]])
    counts, alpha = np.array([9.0, 8.0, 6.0]), np.ones(3)
    gamma = alpha.copy()
    for _ in range(300):  # CVB0
        phi = gamma[:, None] * beta
        gamma = alpha + (phi / phi.sum(0)) @ counts
    found = WordEvidence(gamma[None], alpha[None], sparse.csr_matrix(counts), beta, True)
    mean, shape = shape_of_sum(found, [0, 1], 3)
    std = np.sqrt(mean * mean * (1 - mean) / (shape + mean))
    exact_mean, exact_var = exact_sum(gamma, alpha, counts, beta, [0, 1])
    assert mean[0] == pytest.approx(exact_mean, abs=0.03)
    assert std[0] == pytest.approx(np.sqrt(exact_var), rel=0.15)
    alone = widened(gamma[None], alpha[None], found.X, beta)[0, 0]
    m = gamma[0] / gamma.sum()
    assert std[0] < 0.75 * np.sqrt(m * m * (1 - m) / (alone + m))


@pytest.mark.parametrize("independent", [True, False])
def test_the_share_of_one_topic_is_its_marginal(independent):
    rng = np.random.default_rng(1)
    beta, counts = rng.dirichlet(np.ones(9), 4), sparse.csr_matrix(rng.poisson(1, (5, 9)) * 1.0)
    gamma = rng.gamma(2, 1, (5, 4)) + 0.1
    found = WordEvidence(gamma, np.full((5, 4), 0.1), counts, beta, independent)
    shapes = widened(gamma, found.prior, counts, beta, 3) if independent else gamma[:, :3]
    for k in range(3):  # the last is a background
        mean, shape = shape_of_sum(found, [k], 3)
        np.testing.assert_allclose(shape, shapes[:, k])
        np.testing.assert_allclose(mean, gamma[:, k] / gamma[:, :3].sum(1))


def test_a_share_of_several_topics_of_a_dirichlet_is_a_beta():
    gamma = np.array([[1.0, 2.0, 4.0]])
    found = WordEvidence(gamma, gamma, sparse.csr_matrix((1, 2)), np.ones((3, 2)) / 2, True)
    mean = gamma / gamma.sum()
    both = posterior_of(mean, gamma, np.zeros(1), level=0.9, seed=0, evidence=found).share([2, 0])
    law = stats.beta(5, 2)
    assert both.estimate[0] == pytest.approx(law.mean())
    assert both.std_error[0] == pytest.approx(law.std())
    assert (both.lower[0], both.upper[0]) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))


def test_shares_of_topics_that_are_not_there_are_refused(posterior):
    for topics in ([], [0, 0], [3], [-1]):
        with pytest.raises(ValueError, match="must name topics from 0 to 2, each once"):
            posterior.share(topics)
    with pytest.raises(ValueError, match="topics names all topics"):
        posterior.share([0, 1, 2])
    with pytest.raises(ValueError, match=r"level is 90, must be in \(0, 1\)"):
        posterior.share([0], level=90)
    bare = posterior_of(np.ones((1, 2)) / 2, np.ones((1, 2)), np.zeros(1), level=0.9, seed=0)
    with pytest.raises(ValueError, match="has no documents"):
        bare.share([0])


def test_a_posterior_is_the_tuple_that_it_was(posterior):
    mean, std = posterior[1], posterior[2]
    assert len(posterior) == 7
    assert posterior._fields[1:3] == ("mean", "std")
    assert mean is posterior.mean
    assert std.shape == (30, 3)
    for again in (copy.deepcopy(posterior), pickle.loads(pickle.dumps(posterior))):
        np.testing.assert_array_equal(again.share([0]).lower, posterior.share([0]).lower)
        assert repr(again) == repr(posterior)


def test_a_frame_has_a_row_for_each_document_and_topic(model, posterior):
    frame = posterior.to_frame()
    assert list(frame)[:4] == ["document", "topic", "name", "mean"]
    assert len(frame) == 90
    row = frame.iloc[3 * 4 + 1]
    assert (row["document"], row["topic"], row["name"]) == (IDS[4], 1, STRANGE)
    for name in ("mean", "std", "lower", "upper", "dominates"):
        assert row[name] == getattr(posterior, name)[4, 1]
    asked = copy.deepcopy(model).set_output(transform="polars")
    assert isinstance(asked.posterior(TEXTS[:2]).to_frame(), pl.DataFrame)
    assert asked.posterior(TEXTS[:2]).to_frame()["document"].to_list() == [0, 0, 0, 1, 1, 1]
    one = posterior.share([0, 1], level=0.5).to_frame()
    assert one["document"].tolist() == IDS
    np.testing.assert_allclose(one["estimate"], posterior.mean[:, :2].sum(1))
    assert (one["upper"] - one["lower"]).mean() < (
        posterior.share([0, 1]).upper - posterior.share([0, 1]).lower
    ).mean()


def test_results_show_themselves_and_run_nothing(model, posterior):
    shares = model.shares(TEXTS, ["a", STRANGE, "a", "b", "b"] * 6)
    effects = model.effects(TEXTS, pd.DataFrame({STRANGE: np.arange(30) % 7}))
    difference = shares.difference("a", "b")
    assert repr(posterior).splitlines()[0] == (
        "Posterior of 30 documents and 3 topics, 80% intervals"
    )
    for result in (posterior, shares, effects, difference, posterior.share([1]), model):
        html = result._repr_html_()
        assert "<img" not in html
        assert "\u202e" not in html + repr(result)
        if result is not posterior.share([1]):
            assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_a_result_must_have_a_table():
    class Untold(Result):
        pass

    with pytest.raises(NotImplementedError):
        Untold().to_frame()


def test_the_difference_of_two_groups_has_the_error_of_two_means():
    rng = np.random.default_rng(0)
    theta = rng.dirichlet(np.ones(3), 40)
    found = shares_of(theta, ["a"] * 15 + ["b"] * 24 + ["c"])
    difference = found.difference("b", "a", level=0.9)
    one, other = theta[15:39], theta[:15]
    np.testing.assert_allclose(difference.estimate, one.mean(0) - other.mean(0))
    error = np.sqrt(one.var(0, ddof=1) / 24 + other.var(0, ddof=1) / 15)
    np.testing.assert_allclose(difference.std_error, error)
    np.testing.assert_allclose(difference.upper - difference.estimate, 1.6448536 * error)
    assert difference.to_frame()["name"].tolist() == ["0", "1", "2"]
    with pytest.raises(ValueError, match="first is 'd', must be one of"):
        found.difference("d", "a")
    with pytest.raises(ValueError, match="two groups of two documents or more"):
        found.difference("a", "c")


def test_figures_have_the_numbers_of_the_results(posterior):
    (points,) = posterior.plot(4).data
    order = np.argsort(-posterior.mean[4])
    assert points.x.tolist() == posterior.mean[4, order].tolist()
    np.testing.assert_allclose(points.x + points.error_x.array, posterior.upper[4, order])
    (points,) = posterior.share([0]).plot(n=2).data
    np.testing.assert_allclose(points.x, np.sort(posterior.mean[:, 0])[::-1][:2], rtol=1e-12)

    theta = np.random.default_rng(0).dirichlet(np.arange(1.0, 9.0), 20)
    years = shares_of(theta, [2000, 2001] * 10)
    assert [line.name for line in years.plot().data[::2]] == ["7", "6", "5", "4", "3", "2"]
    (band, line) = years.plot([3]).data
    assert list(line.y) == years.share[:, 3].tolist()
    half = stats.norm.ppf(0.95) * years.std_error[:, 3]
    np.testing.assert_allclose(band.y[:2], years.share[:, 3] - half)
    (heat,) = shares_of(theta, ["a", "b"] * 10).plot([1, 0]).data
    np.testing.assert_allclose(heat.z, years.share[:, [1, 0]], atol=0.0005)
    for groups in (pd.cut([1, 5] * 10, [0, 3, 6]), pd.PeriodIndex(["2000", "2001"] * 10, freq="Y")):
        figure = shares_of(theta, pd.Series(groups)).plot()
        shown = json.loads(figure.to_json())["data"][0]  # as a notebook takes it
        assert shown["type"] == "heatmap"
        assert shown["y"] == sorted(map(str, set(groups)))
        np.testing.assert_allclose(figure.data[0].z, years.share)
    for numbers in ([Decimal("1.5"), Decimal(2)] * 10, pd.to_timedelta([1, 2] * 10, unit="D")):
        assert shares_of(theta, numbers).plot([3]).data[-1].type == "scatter"
    days = pd.to_datetime(["2000-01-01", "2001-01-01"] * 10)
    (band, line) = shares_of(theta, days).plot([3]).data
    assert list(line.y) == years.share[:, 3].tolist()

    effects = effects_of(20 * theta, pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20) % 3}))
    (points,) = effects.plot("y").data
    assert points.x.tolist() == effects.effect[2].tolist()
    assert effects.plot().data[0].x.tolist() == effects.effect[1].tolist()
    assert effects.to_frame()["covariate"].tolist()[8:10] == ["x", "x"]
    with pytest.raises(ValueError, match="covariate is 'z', must be one of"):
        effects.plot("z")
