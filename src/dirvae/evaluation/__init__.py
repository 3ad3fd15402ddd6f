"""Measures of trained models: functions of arrays, which can score the output of any library."""

from dirvae.evaluation.bootstrap import Interval, bootstrap_std, normal_interval
from dirvae.evaluation.coherence import topic_coherence
from dirvae.evaluation.collapse import (
    LatentMoments,
    Use,
    active_units,
    decoder_weight_norms,
    decoding_cost,
    encoding_variance,
    latent_moments,
    replace_by_mean,
    verdicts,
)
from dirvae.evaluation.completion import completion_perplexity, split_tokens, split_words
from dirvae.evaluation.information import (
    Information,
    divergence_from_draws,
    mutual_information,
)
from dirvae.evaluation.likelihood import (
    Evidence,
    effective_sample_size,
    importance_sampled,
    log_mean_exp,
    log_mean_exp_error,
    pareto_k,
)
from dirvae.evaluation.matching import (
    Matching,
    match_topics,
    partners,
    stability,
    topic_stability,
)
from dirvae.evaluation.representation import (
    knn_error,
    knn_errors,
    linear_probe_accuracy,
    svm_accuracy,
)
from dirvae.evaluation.top_words import (
    documents_of_words,
    top_word_ids,
    top_words_by_documents,
)
from dirvae.evaluation.topics import (
    diversity,
    inverted_rank_overlap,
    mean_document_frequency,
    normalized_mutual_information,
    pairwise_distinctness,
    purity,
    uniqueness,
)

__all__ = [
    "Evidence",
    "Information",
    "Interval",
    "LatentMoments",
    "Matching",
    "Use",
    "active_units",
    "bootstrap_std",
    "completion_perplexity",
    "decoder_weight_norms",
    "decoding_cost",
    "divergence_from_draws",
    "diversity",
    "documents_of_words",
    "effective_sample_size",
    "encoding_variance",
    "importance_sampled",
    "inverted_rank_overlap",
    "knn_error",
    "knn_errors",
    "latent_moments",
    "linear_probe_accuracy",
    "log_mean_exp",
    "log_mean_exp_error",
    "match_topics",
    "mean_document_frequency",
    "mutual_information",
    "normal_interval",
    "normalized_mutual_information",
    "pairwise_distinctness",
    "pareto_k",
    "partners",
    "purity",
    "replace_by_mean",
    "split_tokens",
    "split_words",
    "stability",
    "svm_accuracy",
    "top_word_ids",
    "top_words_by_documents",
    "topic_coherence",
    "topic_stability",
    "uniqueness",
    "verdicts",
]
