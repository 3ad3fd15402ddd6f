"""What ``dirvae evaluate`` reports: facts by name, as JSON has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dirvae.assessment import Diagnosis, Summary, TopicScores, summarize
from dirvae.assessment.summary import number_or_none

__all__ = ["measure", "measure_composition", "measure_topics"]


def measure(estimator: Any, X: Any, num_samples: int, *, certified: bool) -> dict[str, Any]:
    """What `assessment.summarize` says of a fitted `DirichletVAE`; None where it is not defined.

    Args:
        estimator: The fitted estimator.
        X: Shape (N, D).
        num_samples: S, draws for the importance-sampled likelihood; 0 for none.
        certified: Whether to bound the likelihood of some rows.
    """
    found = summarize(estimator, X, num_samples, certified=certified)
    measured = _by_name(found)
    if found.evidence is not None:
        measured["nll_samples"] = num_samples
    return measured | {"diagnosis": _diagnosed(found.diagnosis)}


def measure_topics(
    estimator: Any,
    documents: Any,
    labels: Sequence[Any] | None,
    covariates: Any = None,
    *,
    level: float | None = None,
) -> dict[str, Any]:
    """What `TopicModel.evaluate` says of a fitted model, with intervals at a level if one is given.

    Each interval's lower and upper end follow its measure.
    """
    found = estimator.evaluate(documents, labels, covariates=covariates, level=level)
    intervals = found.intervals or {}
    measured: dict[str, Any] = {}
    for name, value in _by_name(found._replace(intervals=None)).items():
        measured[name] = value
        if name in intervals:
            measured[f"{name}_lower"] = intervals[name].lower
            measured[f"{name}_upper"] = intervals[name].upper
    return measured


def _by_name(found: Summary | TopicScores) -> dict[str, Any]:
    table = found.table()
    return dict(zip(table["measure"], table["value"], strict=True))


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
        "gain_std_error": number_or_none(gain.std(ddof=1) / root) if len(gain) > 1 else None,
        "precision": estimator.precision_,
        "components": estimator._n_features_out,
    }


def _diagnosed(found: Diagnosis) -> dict[str, Any]:
    lists = {
        name: [number_or_none(value) for value in values]
        for name, values in found.by_component.items()
    }
    return {
        "rows": found.information.num_rows,
        **{f"used_in_{use.replace(' ', '_')}": count for use, count in found.counts.items()},
        "kl": found.kl,
        "mutual_information": found.information.value,
        "mutual_information_std_error": number_or_none(found.information.std_error),
        "mutual_information_bound": found.information.bound,
        "marginal_kl_is_exact": found.marginal_kl.exact,
        "marginal_kl_adds_up": found.marginal_kl.additive,
        "components": {"used_in": [str(use) for use in found.uses], **lists},
    }
