"""Posteriors of theta against quadrature, a Gibbs sampler, linear response and planted truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse, stats

from dirvae import TopicModel
from dirvae.topics.decoders import ProductDecoder
from dirvae.topics.effects import effects_of
from dirvae.topics.information import _inverse_root, widened
from dirvae.topics.posterior import credible_intervals, posterior_of

LEVELS = (0.5, 0.8, 0.9, 0.95)


def cvb0(counts, beta, alpha, steps=500):
    """Where the steps of inference end: gamma, shape (N, K)."""
    gamma = np.tile(alpha + 1.0, (len(counts), 1))
    for _ in range(steps):
        gamma = alpha + gamma * ((counts / (gamma @ beta)) @ beta.T)
    return gamma


def planted(num_topics, num_words, num_documents, num_tokens, seed=0, sparsity=0.3):
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(num_words, sparsity), num_topics)
    theta = rng.dirichlet(np.full(num_topics, 0.3), num_documents)
    return rng.multinomial(num_tokens, theta @ beta).astype(float), theta, beta


def posterior_given(counts, beta, alpha, level=0.9):
    rows, gamma = sparse.csr_matrix(counts), cvb0(counts, beta, alpha)
    mean = gamma / gamma.sum(1, keepdims=True)
    shapes = widened(gamma, alpha, rows, beta)
    found = posterior_of(mean, shapes, np.zeros(len(mean)), level=level, seed=0)
    return found, gamma


def vb_intervals(gamma, level=0.9):
    law = stats.beta(gamma, gamma.sum(1, keepdims=True) - gamma)
    return law.ppf((1 - level) / 2), law.ppf((1 + level) / 2)


def vb_std(gamma):
    total = gamma.sum(1, keepdims=True)
    return np.sqrt(gamma / total * (1 - gamma / total) / (total + 1))


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_two_topics_as_quadrature_has_them(alpha):
    counts, _, beta = planted(2, 12, 20, 60, seed=3, sparsity=1.0)
    found, gamma = posterior_given(counts, beta, np.full(2, alpha))
    edge = np.linspace(0, 1, 40_001) ** 2  # finer at 0
    grid = np.sort(np.concatenate([edge / 2, 1 - edge / 2]))
    grid = (grid[1:] + grid[:-1]) / 2
    cell = np.gradient(grid)
    log_density = counts @ np.log(
        np.outer(beta[0], grid) + np.outer(beta[1], 1 - grid)
    ) + stats.beta(alpha, alpha).logpdf(grid)
    weight = np.exp(log_density - log_density.max(1, keepdims=True)) * cell
    weight /= weight.sum(1, keepdims=True)
    mean = weight @ grid
    std = np.sqrt(weight @ grid**2 - mean**2)
    ours, before = found.std[:, 0] / std, vb_std(gamma)[:, 0] / std
    assert np.median(before) < 0.75  # there is something to mend
    assert abs(np.median(ours) - 1) < 0.05
    assert (np.abs(np.log(ours)) < 0.25).all()
    mass, mass_before = (
        [
            w[(low <= grid) & (grid <= high)].sum()
            for w, low, high in zip(weight, lower[:, 0], upper[:, 0], strict=True)
        ]
        for lower, upper in ((found.lower, found.upper), vb_intervals(gamma))
    )
    assert np.mean(mass_before) < 0.7
    assert abs(np.mean(mass) - 0.9) < 0.05  # topics that share most words: it is approximate
    assert min(mass) > 0.75


def gibbs(counts, beta, alpha, sweeps, rng, chains=20):
    """Draws of theta of one document, after as many sweeps have been left out."""
    words = np.repeat(np.arange(len(counts)), counts.astype(int))
    theta, kept = rng.dirichlet(np.ones(len(alpha)), chains), []
    for _ in range(2 * sweeps):
        cdf = np.cumsum(theta[:, None] * beta[:, words].T, -1)
        topic = (cdf < rng.random(cdf.shape[:2])[..., None] * cdf[..., -1:]).sum(-1)
        number = (topic[..., None] == np.arange(len(alpha))).sum(1)
        theta = rng.standard_gamma(alpha + number)
        theta /= theta.sum(1, keepdims=True)
        kept.append(theta)
    return np.concatenate(kept[sweeps:])


def test_many_topics_as_a_gibbs_sampler_has_them():
    counts, _, beta = planted(8, 60, 12, 80, seed=1)
    alpha, rng = np.full(8, 0.3), np.random.default_rng(0)
    found, gamma = posterior_given(counts, beta, alpha)
    draws = [gibbs(row, beta, alpha, 150, rng) for row in counts]
    std = np.array([d.std(0) for d in draws])
    large = found.mean > 0.05
    ours, before = (s[large] / std[large] for s in (found.std, vb_std(gamma)))
    assert np.median(before) < 0.85
    assert abs(np.median(ours) - 1) < 0.05
    assert np.quantile(np.abs(np.log(ours)), 0.9) < 0.2
    held, held_before = (
        np.mean(
            [
                ((low <= d) & (d <= high)).mean(0)
                for d, low, high in zip(draws, lower, upper, strict=True)
            ]
        )
        for lower, upper in ((found.lower, found.upper), vb_intervals(gamma))
    )
    assert held_before < 0.75
    assert abs(held - 0.9) < 0.04
    largest = np.array([np.bincount(d.argmax(1), minlength=8) / len(d) for d in draws])
    assert np.abs(found.dominates - largest).mean() < 0.02


def test_shapes_are_those_of_linear_response():
    counts, _, beta = planted(4, 30, 5, 50)
    alpha = np.array([0.2, 0.5, 1.0, 0.1])
    gamma = cvb0(counts, beta, alpha, 3000)
    mean = gamma / gamma.sum(1, keepdims=True)
    response = np.empty_like(gamma)
    for k in range(4):
        step = 1e-4 * alpha[k] * np.eye(4)[k]
        above, below = (np.log(cvb0(counts, beta, alpha + s, 3000))[:, k] for s in (step, -step))
        response[:, k] = (above - below) / (2 * step[k])
    found = widened(gamma, alpha, sparse.csr_matrix(counts), beta)
    expected = (1 - mean) / (response - 1 / gamma.sum(1, keepdims=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_words_of_one_topic_each_leave_a_dirichlet():
    counts = np.array([[3.0, 0.5, 7.0], [0.0, 1e4, 1e-3], [0.0, 0.0, 0.0]])
    alpha = np.array([0.1, 1e-5, 2.0])
    gamma = alpha + counts
    found = widened(gamma, alpha, sparse.csr_matrix(counts), np.eye(3))
    np.testing.assert_allclose(found, gamma, rtol=1e-9)
    result, _ = posterior_given(counts, np.eye(3), alpha)
    np.testing.assert_allclose(result.std, vb_std(gamma), rtol=1e-9)


def test_topics_that_are_alike_leave_the_prior():
    beta = np.full((3, 5), 0.2)
    alpha = np.array([0.5, 0.5, 0.5])
    counts = np.full((1, 5), 10.0)
    found, gamma = posterior_given(counts, beta, alpha)
    exact = np.sqrt(1 / 3 * (2 / 3) / (alpha.sum() + 1))
    assert (vb_std(gamma) < 0.3 * exact).all()
    np.testing.assert_allclose(found.std, exact, rtol=0.25)


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_hold_their_level(level):
    mean, shape = np.array([0.3, 0.01, 0.999, 0.5]), np.array([8.0, 0.1, 100.0, 0.2])
    lower, upper = credible_intervals(mean, shape, level)
    law = stats.beta(shape, shape / mean - shape)
    np.testing.assert_allclose(law.cdf(upper) - law.cdf(lower), level)
    assert law.cdf(lower)[0] == pytest.approx((1 - level) / 2)
    assert lower[1] == lower[3] == 0
    assert upper[2] == 1
    one = credible_intervals(np.ones(1), np.ones(1), level)
    np.testing.assert_array_equal(one, 1)


def test_one_topic_is_all_of_a_document():
    model = TopicModel(1, hidden_sizes=(4,), max_epochs=1, random_state=0)
    found = model.fit(np.eye(4) + 1).posterior(np.eye(4)[:2])
    for values in (found.mean, found.lower, found.upper, found.dominates):
        np.testing.assert_array_equal(values, 1)
    np.testing.assert_array_equal(found.std, 0)


@pytest.fixture(scope="module")
def fitted():
    counts, theta, beta = planted(5, 200, 600, 80, sparsity=0.05)
    model = TopicModel(
        5, prior_concentration=0.3, hidden_sizes=(32,), max_epochs=40, random_state=0
    ).fit(counts)
    order = (beta @ model.topic_word_.T).argmax(1)
    assert sorted(order) == list(range(5))
    # Given the true topics what is left to be wrong is the posterior of theta.
    with torch.no_grad():
        model.vae_.decoder.weight[order] = torch.tensor(beta).clamp(min=1e-30).log().float()
    return model, counts, theta[:, np.argsort(order)]


@pytest.mark.learning
@pytest.mark.parametrize("level", LEVELS)
def test_intervals_hold_the_truth_as_often_as_they_say(fitted, level):
    model, counts, theta = fitted
    found = model.posterior(counts, level=level)
    held = (found.lower <= theta) & (theta <= found.upper)
    for part in (found.mean < 2, found.mean > 0.05):
        # Documents are independent: 4 standard errors, and .01 for what is approximate.
        error = held[part].std() / np.sqrt(len(theta))
        assert abs(held[part].mean() - level) < 4 * error + 0.01


def test_posterior_of_one_document_is_that_in_any_batch(fitted):
    model, counts, _ = fitted
    together = model.posterior(counts[:15])
    for row in range(15):
        for alone, all_rows in zip(model.posterior(counts[[row]]), together, strict=True):
            np.testing.assert_allclose(alone[0], all_rows[row], rtol=1e-9)


def test_documents_without_words_have_the_posterior_of_the_prior(fitted):
    model = fitted[0]
    found = model.posterior(np.zeros((2, 200)))
    np.testing.assert_allclose(found.concentration, 0.3, rtol=1e-6)
    np.testing.assert_allclose(found.std, stats.beta(0.3, 1.2).std(), rtol=1e-6)
    np.testing.assert_allclose(found.upper, stats.beta(0.3, 1.2).ppf(0.9), rtol=1e-6)


def test_a_network_of_its_own_keeps_its_dirichlet():
    counts = planted(3, 40, 60, 30)[0]
    model = TopicModel(3, decoder=ProductDecoder, hidden_sizes=(8,), max_epochs=1, random_state=0)
    found = model.fit(counts).posterior(counts)
    totals = found.concentration.sum(1, keepdims=True)
    np.testing.assert_allclose(found.mean, found.concentration / totals)
    np.testing.assert_allclose(found.std, vb_std(found.concentration))


def test_effects_draw_from_shapes_and_means():
    rng = np.random.default_rng(0)
    mean = rng.dirichlet(np.full(3, 2.0), 400)
    x = rng.normal(size=(400, 1))
    dirichlet, same = (effects_of(9 * mean, x, **more) for more in ({}, {"mean": mean}))
    for name in ("effect", "std_error", "lower", "upper"):
        np.testing.assert_allclose(getattr(dirichlet, name), getattr(same, name), rtol=1e-9)
    moved = effects_of(np.full((400, 3), 1e6), x, mean=mean)  # without width: least squares
    exact = np.linalg.lstsq(np.column_stack([np.ones(400), x]), mean, rcond=None)[0]
    np.testing.assert_allclose(moved.effect, exact, atol=1e-3)


def test_documents_that_are_not_there_are_told(fitted):
    model, counts, _ = fitted
    found = model.posterior(counts[:3])
    for place in (3, -1):
        with pytest.raises(ValueError, match=f"document has {place}, must be from 0 to 2"):
            found.plot(place)


def test_topics_may_be_an_array(fitted):
    model, counts, _ = fitted
    found = model.posterior(counts[:3])
    np.testing.assert_array_equal(*(found.share(pair)[0] for pair in (np.array([0, 2]), [0, 2])))
    with pytest.raises(ValueError, match=r"topics is \[\], must name topics from 0 to 4"):
        found.share(np.array([], dtype=int))


def test_the_root_of_an_inverse_is_one_also_where_rounding_leaves_none():
    share = np.random.default_rng(0).random((5, 9))
    information = share.T @ share / 9 + 0.3 * np.eye(9)
    root = _inverse_root(information)
    np.testing.assert_allclose(root.T @ root, np.linalg.inv(information), rtol=1e-9)
    np.testing.assert_allclose(root, np.tril(root))
    singular = np.full((4, 4), 0.25)  # of which this vector is told, and nothing else
    told = _inverse_root(singular) @ np.full(4, 0.5)
    assert told @ told == pytest.approx(1)
