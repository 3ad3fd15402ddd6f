"""Figures of `evaluate`, against the estimator and closed forms."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

import dirvae
from dirvae.assessment import certify
from dirvae.cli.measures import measure_composition
from tests.cli.command import X, printed


def test_evaluate_agrees_with_the_estimator(run, fitted):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    found = json.loads(run("evaluate", fitted, "x.npy", "--json", "--samples", 50).out)
    model = dirvae.load(fitted)
    assert found["rows"] == 60
    assert found["elbo"] == pytest.approx(model.score(binary), abs=1e-6)
    assert found["elbo"] == pytest.approx(found["reconstruction"] - found["kl"], abs=1e-9)
    theta = model.transform(binary)
    prior = model.vae_.prior()
    assert found["components"] == 3
    active = theta.var(0) > 0.01 * prior.variance.numpy()
    assert found["active_components"] == active.sum()
    assert found["posterior_mean_variance"] == pytest.approx(theta.var(0).sum())
    with torch.no_grad():
        posterior = model.vae_.encoder(torch.from_numpy(binary))
        exact = torch.distributions.kl_divergence(
            torch.distributions.Dirichlet(posterior.concentration.double()),
            torch.distributions.Dirichlet(prior.concentration.double()),
        )
    assert found["kl"] == pytest.approx(float(exact.mean()), rel=1e-5)
    # The bound is below the evidence; 0.05 nat is far more than the noise of 60 x 50 draws here.
    assert found["nll"] < -found["elbo"] + 0.05
    assert 0 <= found["nll_unreliable_share"] < 0.2
    assert found["prior_variance"] == pytest.approx(3 * (1 / 3) * (2 / 3) / (2 + 1), rel=1e-5)
    assert "nll" not in json.loads(run("evaluate", fitted, "x.npy", "--json", "--samples", 0).out)
    shown = printed(run("evaluate", fitted, "x.npy", "--samples", 50).out)
    for name in ("rows", "elbo", "kl", "nll", "active_components", "prior_variance"):
        value = found[name]
        text = f"{value:,.5g}" if isinstance(value, float) else str(value)
        assert shown[name.replace("_", " ")] == text, name


def test_a_certificate_is_printed(run, fitted, monkeypatch):
    quick = partial(certify, num_temperatures=5, num_drawn=10, num_chains=2)
    monkeypatch.setattr("dirvae.assessment.summary.certify", quick)
    np.save("x.npy", X)
    options = "evaluate", fitted, "x.npy", "--json", "--samples", 0
    found = json.loads(run(*options, "--certified").out)
    direct = dirvae.load(fitted).evaluate(X, 0, certified=True).certificate
    assert found["certified_nll"] == -direct.rows.mean
    assert found["certified_gap"] == direct.gap
    assert "certified_nll" not in json.loads(run(*options).out)


def test_a_model_saved_with_frames_for_output_has_the_same_scores(run, fitted):
    np.save("x.npy", X)
    dirvae.load(fitted).set_output(transform="pandas").save("framed")
    for command in (["evaluate", "--json"], ["transform", "-o", "theta.npy", "--force"]):
        name, *options = command
        found, framed = (run(name, model, "x.npy", *options) for model in (fitted, "framed"))
        assert found.code == 0
        assert framed == found


def test_evaluate_diagnoses_each_component(run, fitted):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    facts = json.loads(run("evaluate", fitted, "x.npy", "--json", "--samples", 0).out)
    found = facts["diagnosis"]
    assert found["rows"] == 60
    uses = found["components"]["used_in"]
    assert found["used_in_encoding_and_decoding"] == uses.count("encoding and decoding")
    active = uses.count("encoding and decoding") + uses.count("encoding only")
    assert active == facts["active_components"]
    # The law of the prior, Dirichlet(2/3, 2/3, 2/3): each marginal is Beta(2/3, 4/3).
    mean, var, skewness, kurtosis = stats.beta(2 / 3, 4 / 3).stats("mvsk")
    parts = found["components"]
    assert parts["prior_mean"] == pytest.approx([mean] * 3, abs=0.01)
    assert parts["prior_std"] == pytest.approx([np.sqrt(var)] * 3, abs=0.01)
    assert parts["prior_skewness"] == pytest.approx([skewness] * 3, abs=0.05)
    assert parts["prior_kurtosis"] == pytest.approx([kurtosis] * 3, abs=0.05)
    assert found["kl"] == pytest.approx(facts["kl"], rel=1e-6)
    assert max(parts["marginal_kl"]) <= found["kl"]
    assert (found["marginal_kl_is_exact"], found["marginal_kl_adds_up"]) == (True, False)
    assert found["mutual_information"] <= found["mutual_information_bound"]
    # Component k is column k of transform: there its posterior means vary so much.
    theta, prior = dirvae.load(fitted).transform(binary), stats.beta(2 / 3, 4 / 3)
    assert parts["encoding_variance"] == pytest.approx(theta.var(0) / prior.var(), rel=1e-3)
    shown = printed(run("evaluate", fitted, "x.npy", "--samples", 0).out)
    unused = [str(k) for k, use in enumerate(uses) if use != "encoding and decoding"]
    assert shown["not used in both"] == (", ".join(unused) or "none")
    assert shown["mutual information"] == f"{found['mutual_information']:,.5g}"


def test_components_that_are_not_used_are_named_by_their_column(run, fitted, monkeypatch):
    np.save("x.npy", X)
    uses = ["encoding and decoding", "neither", "encoding only", "encoding and decoding"]
    facts = {"components": 4, "diagnosis": {"components": {"used_in": uses}}}
    monkeypatch.setattr("dirvae.cli.measures.measure", lambda *_, **__: facts)
    assert printed(run("evaluate", fitted, "x.npy").out)["not used in both"] == "1, 2"


@pytest.mark.parametrize("options", [["--samples", 1], ["--samples", 0]])
def test_figures_without_a_standard_error_are_json_all_the_same(run, fitted, options):
    np.save("x.npy", (X[:1] > 0.5).astype(np.float32))
    out = run("evaluate", fitted, "x.npy", "--json", *options).out
    facts = json.loads(out, parse_constant=pytest.fail)
    assert facts["elbo_std_error"] is None
    assert facts.get("nll_std_error") is None


def test_evaluate_of_probabilities_is_repeatable(run, fitted):
    np.save("x.npy", X)
    first, second = (run("evaluate", fitted, "x.npy", "--json").out for _ in range(2))
    assert first == second


def test_what_hidden_counts_gain_over_the_mean_composition_has_a_standard_error():
    log_prob, of_mean = np.array([-3.0, -1.0, -2.0]), np.array([-4.0, -5.0, -3.0])
    model = SimpleNamespace(
        completion_log_prob=lambda X, covariates: log_prob[: len(X)],
        mean_log_prob=lambda X: of_mean[: len(X)],
        precision_=7.0,
        _n_features_out=2,
    )
    assert measure_composition(model, range(3)) == {
        "samples": 3,
        "completion_log_prob": -2.0,
        "mean_composition_log_prob": -4.0,
        "gain": 2.0,
        "gain_std_error": pytest.approx(1.0),  # of 1, 4 and 1 the deviation is the root of 3
        "precision": 7.0,
        "components": 2,
    }
    assert measure_composition(model, range(1))["gain_std_error"] is None
    two = measure_composition(model, range(2))
    assert two["gain_std_error"] == pytest.approx(1.5)
