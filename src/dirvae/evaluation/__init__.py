"""Measures of a trained model: functions of arrays, so that any library's output can be scored."""

from dirvae.evaluation.coherence import topic_coherence
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
from dirvae.evaluation.topics import (
    Matching,
    completion_perplexity,
    diversity,
    inverted_rank_overlap,
    match_topics,
    mean_document_frequency,
    normalized_mutual_information,
    pairwise_distinctness,
    purity,
    split_tokens,
    stability,
    top_word_ids,
    uniqueness,
)

__all__ = [
    "Evidence",
    "LatentMoments",
    "Matching",
    "active_units",
    "completion_perplexity",
    "decoder_weight_norms",
    "decoding_cost",
    "diversity",
    "effective_sample_size",
    "encoding_variance",
    "importance_sampled",
    "inverted_rank_overlap",
    "knn_error",
    "latent_moments",
    "linear_probe_accuracy",
    "log_mean_exp",
    "log_mean_exp_error",
    "match_topics",
    "mean_document_frequency",
    "normalized_mutual_information",
    "pairwise_distinctness",
    "pareto_k",
    "purity",
    "replace_by_mean",
    "split_tokens",
    "stability",
    "top_word_ids",
    "topic_coherence",
    "uniqueness",
]
