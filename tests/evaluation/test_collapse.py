from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from dirvae.evaluation import (
    Use,
    active_units,
    decoder_weight_norms,
    decoding_cost,
    encoding_variance,
    latent_moments,
    replace_by_mean,
    verdicts,
)


def test_active_units_are_relative_to_the_prior() -> None:
    means = np.random.default_rng(0).normal(size=(5000, 3)) * np.sqrt([0.5, 0.02, 0.005])
    assert active_units(means, prior_var=1.0).tolist() == [True, True, False]
    assert active_units(means, prior_var=[100.0, 0.02, 0.005]).tolist() == [False, True, True]
    assert active_units(means, 1.0, threshold=0.1).tolist() == [True, False, False]
    expected = means.var(0) / [2, 3, 4]
    np.testing.assert_allclose(encoding_variance(means, [2, 3, 4]), expected)


def test_weight_norms_are_those_of_columns() -> None:
    weight = torch.nn.Linear(4, 6).weight.detach()
    np.testing.assert_allclose(decoder_weight_norms(weight), weight.norm(dim=0), rtol=1e-6)


def test_moments_of_a_dirichlet_marginal() -> None:
    # Dir(.98, 50 parts): each part is Beta(.98, 48.02); the paper's "collapse" figures are these.
    law = stats.beta(0.98, 49 * 0.98)
    z = np.random.default_rng(0).dirichlet(np.full(50, 0.98), size=40_000)
    moments = latent_moments(z)
    mean, var, skewness, kurtosis = law.stats("mvsk")
    assert moments.mean.mean() == pytest.approx(mean)
    assert moments.std.mean() == pytest.approx(np.sqrt(var), rel=0.01)
    assert moments.skewness.mean() == pytest.approx(skewness, rel=0.02)
    assert moments.kurtosis.mean() == pytest.approx(kurtosis, rel=0.06)


def test_a_constant_component_has_no_skewness() -> None:
    moments = latent_moments(np.stack([np.full(10, 1 / 3), np.arange(10.0)], 1))
    assert np.isnan(moments.skewness).tolist() == [True, False]
    assert np.isnan(moments.kurtosis).tolist() == [True, False]


def test_replacement_keeps_the_simplex_and_the_proportions_of_the_rest() -> None:
    z = np.random.default_rng(0).dirichlet(np.ones(4), size=30)
    replaced = replace_by_mean(z, 1)
    np.testing.assert_allclose(replaced.sum(1), 1)
    np.testing.assert_allclose(replaced[:, 2] / replaced[:, 3], z[:, 2] / z[:, 3])
    np.testing.assert_allclose(replaced[:, 1] / replaced[:, 0], z[:, 1].mean() / z[:, 0])
    assert (z >= 0).all()
    assert z.sum() == pytest.approx(30)


def test_decoding_cost_finds_the_component_that_is_read() -> None:
    z = np.random.default_rng(0).normal(size=(500, 3))
    cost = decoding_cost(lambda latent: -0.5 * (latent[:, 1] - z[:, 1]) ** 2, z, simplex=False)
    np.testing.assert_allclose(cost, [0, 0.5 * z[:, 1].var(), 0], atol=1e-12)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 3)), [[np.nan]], [[np.inf]]])
def test_bad_matrices_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="z has"):
        latent_moments(values)


@pytest.mark.parametrize("prior_var", [0.0, [1.0, -1.0], [1.0, np.nan], [1.0] * 3])
def test_bad_prior_variances_are_refused(prior_var: object) -> None:
    with pytest.raises(ValueError, match="prior_var has"):
        active_units([[0.0, 1.0], [1.0, 0.0]], prior_var)  # type: ignore[arg-type]


def test_moments_against_scipy() -> None:
    z = np.random.default_rng(0).gamma([0.5, 2.0, 9.0], size=(200, 3))
    moments = latent_moments(z)
    np.testing.assert_allclose(moments.mean, stats.tmean(z, axis=0))
    np.testing.assert_allclose(moments.skewness, stats.skew(z))
    # Excess kurtosis: the fourth standardized moment of a Gaussian is 3.
    fourth = stats.moment(z, 4) / stats.moment(z, 2) ** 2
    np.testing.assert_allclose(moments.kurtosis, fourth - 3)


def test_verdicts_of_a_decoder_with_dead_columns() -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(6, 4)) * [1.0, 0.0, 1.0, 0.0]
    means = random.normal(size=(300, 4)) * [1.0, 1.0, 0.01, 0.01]
    # The third hardly varies under the encoder, but the decoder reads it a hundredfold.
    gain = np.array([1.0, 1.0, 100.0, 1.0])
    x = means @ (weight * gain).T
    cost = decoding_cost(
        lambda z: -0.5 * ((x - z @ (weight * gain).T) ** 2).sum(1), means, simplex=False
    )
    active = active_units(means, prior_var=1.0)
    assert verdicts(active, cost) == (Use.BOTH, Use.ENCODING, Use.DECODING, Use.NEITHER)
    assert decoder_weight_norms(weight)[[1, 3]].tolist() == [0.0, 0.0]
    assert verdicts([True], [0.02], least_cost=0.02) == (Use.ENCODING,)


@pytest.mark.parametrize(
    ("active", "cost", "message"),
    [
        ([True], [0.1, 0.2], "active has shape"),
        ([[True]], [[0.1]], "active has shape"),
        ([True], [np.nan], "cost has NaN"),
    ],
)
def test_verdicts_that_cannot_be_given(active: object, cost: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        verdicts(active, cost)  # type: ignore[arg-type]
