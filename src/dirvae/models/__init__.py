"""Models: the VAE, priors and likelihoods that go with it, and VAEs ready by name."""
