"""Models: the VAE, its priors and likelihoods, and VAEs that are made by name."""

from dirvae.models.mixture_prior import MixturePrior
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE

__all__ = ["VAE", "LabelledVAE", "MixturePrior"]
