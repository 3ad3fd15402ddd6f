"""Models: the VAE, priors and likelihoods that go with it, and VAEs ready by name."""

from dirvae.models.mixture_prior import MixturePrior
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE

__all__ = ["VAE", "LabelledVAE", "MixturePrior"]
