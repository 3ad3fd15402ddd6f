"""Measures of a trained model: functions of arrays, so that any library's output can be scored."""

from dirvae.evaluation.collapse import (
    LatentMoments,
    active_units,
    decoder_weight_norms,
    decoding_cost,
    encoding_variance,
    latent_moments,
    replace_by_mean,
)
from dirvae.evaluation.likelihood import (
    Evidence,
    effective_sample_size,
    importance_sampled,
    log_mean_exp,
    log_mean_exp_error,
    pareto_k,
)
from dirvae.evaluation.representation import knn_error, linear_probe_accuracy

__all__ = [
    "Evidence",
    "LatentMoments",
    "active_units",
    "decoder_weight_norms",
    "decoding_cost",
    "effective_sample_size",
    "encoding_variance",
    "importance_sampled",
    "knn_error",
    "latent_moments",
    "linear_probe_accuracy",
    "log_mean_exp",
    "log_mean_exp_error",
    "pareto_k",
    "replace_by_mean",
]
