"""What ``dirvae evaluate`` reports."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from dirvae import evaluation
from dirvae.distributions import location_and_spread
from dirvae.evaluation import Evidence, active_units
from dirvae.models.assess import log_evidence
from dirvae.models.diagnosis import Diagnosis, diagnose
from dirvae.models.likelihoods import takes_probabilities

__all__ = ["measure", "measure_topics"]

ROWS_AT_ONCE = 500
MOST_DIAGNOSED = 1000  # rows, evenly spaced: the time grows with their square


def measure(estimator: Any, X: Any, num_samples: int) -> dict[str, Any]:
    """Score a fitted `DirichletVAE`; the same data give the same figures.

    Values in (0, 1) under a Bernoulli likelihood are drawn as 0 or 1 once, with a fixed seed.

    Args:
        estimator: The fitted estimator.
        X: Shape (N, D).
        num_samples: S, draws for the importance-sampled likelihood; 0 for none.

    Returns:
        Means over rows in nats: ``elbo`` = ``reconstruction`` - ``kl``, and ``nll``
        with the share of rows whose Pareto k is above .7, which are not to be trusted (from 25
        samples on); how many components are active (the variance of their posterior means is above
        1 % of the prior's), and both variances, summed over components. Under ``diagnosis``, from
        at most 1,000 rows, evenly spaced: what each component is used in, moments of draws beside
        those of the prior, marginal KLs and mutual information; None where a figure is not defined.
    """
    X = _drawn(X) if takes_probabilities(estimator.likelihood_) else X
    elbo = estimator.score_samples(X)
    theta = estimator.transform(X)
    vae = copy.deepcopy(estimator.vae_).double()
    prior_var = location_and_spread(vae.prior())[1].square().numpy()
    divergence, evidence = _importance(vae, X, num_samples)
    measured = {
        "rows": len(elbo),
        "elbo": float(elbo.mean()),
        "elbo_std_error": _std_error(elbo),
        "reconstruction": float(elbo.mean() + divergence.mean()),
        "kl": float(divergence.mean()),
    }
    if num_samples:
        measured |= {
            "nll": -evidence.mean,
            "nll_std_error": _number(evidence.mean_std_error),
            "nll_samples": num_samples,
        }
        if not np.isnan(evidence.unreliable_share):
            measured["nll_unreliable_share"] = evidence.unreliable_share
    return measured | {
        "active_components": int(active_units(theta, prior_var).sum()),
        "components": theta.shape[1],
        "posterior_mean_variance": float(theta.var(0).sum()),
        "prior_variance": float(prior_var.sum()),
        "diagnosis": _diagnosed(vae, X),
    }


def measure_topics(estimator: Any, documents: Any, labels: Sequence[Any] | None) -> dict[str, Any]:
    """Score a fitted `TopicModel` by the ranking that ``top_words`` has.

    Args:
        estimator: The fitted estimator.
        documents: Texts or counts.
        labels: Class of each document, None for one that has none; or None.
    """
    counts = estimator.counts(documents)
    ten, more = (estimator.top_word_ids(min(n, counts.shape[1])) for n in (10, 25))
    theta = estimator.transform(documents)
    measured = {
        "documents": counts.shape[0],
        "completion_perplexity": estimator.perplexity(counts),
        "npmi_document": float(evaluation.topic_coherence(ten, counts).mean()),
        "diversity_top25": evaluation.diversity(more),
        "mean_document_frequency": evaluation.mean_document_frequency(ten, counts),
    }
    if labels is not None:
        measured |= _label_measures(estimator, documents, theta, labels)
    return measured


def _label_measures(
    estimator: Any, documents: Any, theta: Any, labels: Sequence[Any]
) -> dict[str, float]:
    """How far topics go with the labels that are known, and how many a supervised model tells."""
    known = [row for row, label in enumerate(labels) if label is not None]
    theta, truth = theta[known], np.array([labels[row] for row in known])
    measured = {
        "purity": evaluation.purity(theta, truth),
        "nmi": evaluation.normalized_mutual_information(theta, truth),
    }
    if hasattr(estimator, "predict"):
        told = estimator.predict(documents)[known].astype(str)
        measured["accuracy"] = float((told == truth).mean())
    return measured


def _diagnosed(vae: Any, X: Any) -> dict[str, Any]:
    rows = _dense(X[:: -(-X.shape[0] // MOST_DIAGNOSED)])
    found = diagnose(vae, rows, generator=torch.Generator().manual_seed(0))
    return {
        "rows": len(rows),
        **{f"used_in_{use.replace(' ', '_')}": count for use, count in found.counts.items()},
        "kl": found.kl,
        "mutual_information": found.information.value,
        "mutual_information_std_error": _number(found.information.std_error),
        "mutual_information_bound": found.information.bound,
        "marginal_kl_is_exact": found.marginal_kl.exact,
        "marginal_kl_adds_up": found.marginal_kl.additive,
        "components": _components(found),
    }


def _components(found: Diagnosis) -> dict[str, Any]:
    """Lists with a value for each component."""
    prior = {f"prior_{name}": values for name, values in found.prior._asdict().items()}
    measured = {
        "encoding_variance": found.encoding_variance,
        "decoding_cost": found.decoding_cost,
        "marginal_kl": found.marginal_kl.value,
        "prior_marginal_kl": found.marginal_kl.prior,
        **found.draws._asdict(),
        **prior,
    }
    if found.weight_norms is not None:
        measured["weight_norm"] = found.weight_norms
    lists = {name: [_number(value) for value in values] for name, values in measured.items()}
    return {"used_in": [str(use) for use in found.uses], **lists}


def _std_error(values: Any) -> float | None:
    """Of the mean over rows; one row has none."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def _number(value: float) -> float | None:
    """As JSON has it, which knows no NaN."""
    return None if np.isnan(value) else float(value)


def _drawn(X: Any) -> Any:
    """Each value as 0 or 1, drawn with that probability; what is 0 or 1 stays so."""
    random = np.random.default_rng(0)
    if not sparse.issparse(X):
        return (random.random(X.shape) < X).astype(np.float32)
    drawn = X.astype(np.float32)
    drawn.data = (random.random(X.data.shape) < X.data).astype(np.float32)
    return drawn


@torch.no_grad()
def _importance(vae: Any, X: Any, num_samples: int) -> tuple[Any, Any]:
    """KL of each row, shape (N,), and the estimated log-likelihood; the latter None for S = 0."""
    generator = torch.Generator().manual_seed(0)
    divergence, evidence = [], []
    for start in range(0, X.shape[0], ROWS_AT_ONCE):
        x = _dense(X[start : start + ROWS_AT_ONCE])
        divergence.append(vae.terms(x, num_samples=8, generator=generator).kl.numpy())
        if num_samples:
            evidence.append(log_evidence(vae, x, num_samples, generator=generator))
    return np.concatenate(divergence), Evidence.concatenate(evidence) if num_samples else None


def _dense(rows: Any) -> Tensor:
    return torch.from_numpy(np.array(rows.toarray() if sparse.issparse(rows) else rows)).double()
