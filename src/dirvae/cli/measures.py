"""What ``dirvae evaluate`` reports: facts by name, as JSON has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dirvae.assessment import Diagnosis, score_topics, summarize

__all__ = ["measure", "measure_composition", "measure_topics"]


def measure(estimator: Any, X: Any, num_samples: int) -> dict[str, Any]:
    """What `assessment.summarize` says of a fitted `DirichletVAE`; None where it is not defined.

    Args:
        estimator: The fitted estimator.
        X: Shape (N, D).
        num_samples: S, draws for the importance-sampled likelihood; 0 for none.
    """
    found = summarize(estimator, X, num_samples)
    measured = {
        "rows": len(found.bound.elbo),
        "elbo": found.bound.mean,
        "elbo_std_error": _number(found.bound.mean_std_error),
        "reconstruction": found.bound.mean_log_likelihood,
        "kl": found.bound.mean_kl,
    }
    if found.evidence is not None:
        measured |= {
            "nll": -found.evidence.mean,
            "nll_std_error": _number(found.evidence.mean_std_error),
            "nll_samples": num_samples,
        }
        if not np.isnan(found.evidence.unreliable_share):
            measured["nll_unreliable_share"] = found.evidence.unreliable_share
    return measured | {
        "active_components": int(found.active.sum()),
        "components": len(found.active),
        "posterior_mean_variance": found.posterior_mean_variance,
        "prior_variance": found.prior_variance,
        "diagnosis": _diagnosed(found.diagnosis),
    }


def measure_topics(estimator: Any, documents: Any, labels: Sequence[Any] | None) -> dict[str, Any]:
    """What `assessment.score_topics` says of a fitted `TopicModel`."""
    found = score_topics(estimator, documents, labels)
    measured = {
        "documents": found.num_documents,
        "completion_perplexity": found.perplexity,
        "npmi_document": found.words.npmi,
        "diversity_top25": found.words.diversity,
        "mean_document_frequency": found.words.document_frequency,
    }
    if found.labels is not None:
        told = found.labels._asdict().items()
        measured |= {name: value for name, value in told if value is not None}
    return measured


def measure_composition(estimator: Any, X: Any, covariates: Any = None) -> dict[str, Any]:
    """How well a fitted `CompositionModel` tells the counts of features that it was not shown.

    Args:
        estimator: The fitted model.
        X: Counts, shape (N, D).
        covariates: What is known of the samples, if the model was fitted to that.
    """
    log_prob = estimator.completion_log_prob(X, covariates=covariates)
    of_mean = estimator.mean_log_prob(X)
    gain, root = log_prob - of_mean, np.sqrt(len(log_prob))
    return {
        "samples": len(log_prob),
        "completion_log_prob": float(log_prob.mean()),
        "mean_composition_log_prob": float(of_mean.mean()),
        "gain": float(gain.mean()),
        "gain_std_error": _number(gain.std(ddof=1) / root) if len(gain) > 1 else None,
        "precision": estimator.precision_,
        "components": estimator.n_components,
    }


def _diagnosed(found: Diagnosis) -> dict[str, Any]:
    lists = {
        name: [_number(value) for value in values] for name, values in found.by_component.items()
    }
    return {
        "rows": found.information.num_rows,
        **{f"used_in_{use.replace(' ', '_')}": count for use, count in found.counts.items()},
        "kl": found.kl,
        "mutual_information": found.information.value,
        "mutual_information_std_error": _number(found.information.std_error),
        "mutual_information_bound": found.information.bound,
        "marginal_kl_is_exact": found.marginal_kl.exact,
        "marginal_kl_adds_up": found.marginal_kl.additive,
        "components": {"used_in": [str(use) for use in found.uses], **lists},
    }


def _number(value: float) -> float | None:
    """As JSON has it, which knows no NaN."""
    return None if np.isnan(value) else float(value)
