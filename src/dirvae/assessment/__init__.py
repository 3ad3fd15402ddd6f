"""Assessment of trained models on rows of data.

Measures that need arrays alone are in `dirvae.evaluation`, pages of results in `dirvae.report`.
"""

from dirvae.assessment.annealing import annealed_log_evidence
from dirvae.assessment.certificate import Certificate, certify
from dirvae.assessment.diagnosis import Diagnosis, diagnose
from dirvae.assessment.embedding import posterior_draws, posterior_means
from dirvae.assessment.latent_space import common_edges, decode_edges, neighbourhoods
from dirvae.assessment.likelihood import Bound, bound_of, log_evidence, log_weights, lower_bound
from dirvae.assessment.marginals import MarginalDivergence, marginal_divergence
from dirvae.assessment.summary import Summary, summarize
from dirvae.assessment.topic_intervals import HeldOut, score_intervals
from dirvae.assessment.topics import (
    LabelScores,
    TopicScores,
    WordScores,
    label_scores,
    score_topics,
    word_scores,
)
from dirvae.assessment.use import decoding_use, encoding_use

__all__ = [
    "Bound",
    "Certificate",
    "Diagnosis",
    "HeldOut",
    "LabelScores",
    "MarginalDivergence",
    "Summary",
    "TopicScores",
    "WordScores",
    "annealed_log_evidence",
    "bound_of",
    "certify",
    "common_edges",
    "decode_edges",
    "decoding_use",
    "diagnose",
    "encoding_use",
    "label_scores",
    "log_evidence",
    "log_weights",
    "lower_bound",
    "marginal_divergence",
    "neighbourhoods",
    "posterior_draws",
    "posterior_means",
    "score_intervals",
    "score_topics",
    "summarize",
    "word_scores",
]
