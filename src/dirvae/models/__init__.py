"""Models: the VAE, priors and likelihoods that go with it, and VAEs ready by name."""

from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.topic_decoders import (
    EmbeddedDecoder,
    MixtureDecoder,
    OverdispersedDecoder,
    ProductDecoder,
)
from dirvae.models.topics import MixtureVAE, PrevalencePrior, TopicWeights
from dirvae.models.vae import VAE

__all__ = [
    "VAE",
    "EmbeddedDecoder",
    "LabelledVAE",
    "MixtureDecoder",
    "MixtureVAE",
    "OverdispersedDecoder",
    "PrevalencePrior",
    "ProductDecoder",
    "TopicWeights",
]
