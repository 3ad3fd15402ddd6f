"""Topic models: texts or counts in, topics and proportions out."""

from dirvae.topics.comparison import Comparison, compare
from dirvae.topics.composition import CompositionModel
from dirvae.topics.decoder import TopicDecoder
from dirvae.topics.decoders import (
    EmbeddedDecoder,
    MixtureDecoder,
    OverdispersedDecoder,
    ProductDecoder,
)
from dirvae.topics.encoder import TopicWeights
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.model import TopicModel
from dirvae.topics.prior import PrevalencePrior
from dirvae.topics.seeds import TopicEnsemble, fit_seeds
from dirvae.topics.sizes import TopicSizes, compare_sizes
from dirvae.topics.theta_files import write_theta

__all__ = [
    "Comparison",
    "CompositionModel",
    "EmbeddedDecoder",
    "MixtureDecoder",
    "MixtureVAE",
    "OverdispersedDecoder",
    "PrevalencePrior",
    "ProductDecoder",
    "TopicDecoder",
    "TopicEnsemble",
    "TopicModel",
    "TopicSizes",
    "TopicWeights",
    "compare",
    "compare_sizes",
    "fit_seeds",
    "write_theta",
]
