"""Topic models: texts or counts in, topics and proportions out."""

from dirvae.topics.comparison import Comparison, compare
from dirvae.topics.composition import CompositionModel
from dirvae.topics.contrasts import Contrast
from dirvae.topics.curves import Trends
from dirvae.topics.decoder import TopicDecoder
from dirvae.topics.decoders import (
    EmbeddedDecoder,
    MixtureDecoder,
    OverdispersedDecoder,
    ProductDecoder,
)
from dirvae.topics.effects import Coefficient, Effects, Shares
from dirvae.topics.encoder import TopicWeights
from dirvae.topics.inference import MixtureVAE
from dirvae.topics.model import TopicModel
from dirvae.topics.pairs import TopicPairs
from dirvae.topics.posterior import TopicPosterior
from dirvae.topics.prior import PrevalencePrior
from dirvae.topics.seeds import TopicEnsemble, fit_seeds
from dirvae.topics.sizes import TopicSizes, compare_sizes
from dirvae.topics.theta_files import write_theta

__all__ = [
    "Coefficient",
    "Comparison",
    "CompositionModel",
    "Contrast",
    "Effects",
    "EmbeddedDecoder",
    "MixtureDecoder",
    "MixtureVAE",
    "OverdispersedDecoder",
    "PrevalencePrior",
    "ProductDecoder",
    "Shares",
    "TopicDecoder",
    "TopicEnsemble",
    "TopicModel",
    "TopicPairs",
    "TopicPosterior",
    "TopicSizes",
    "TopicWeights",
    "Trends",
    "compare",
    "compare_sizes",
    "fit_seeds",
    "write_theta",
]
