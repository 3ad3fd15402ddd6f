"""
Your own distribution as a latent
=================================

You have a distribution that PyTorch lacks. This page makes it from one function, checks it, and
trains a VAE with it.
"""

# %%
# From a map of noise
# -------------------
#
# The asymmetric Laplace distribution has two scales, one for each side of 0. A draw is an
# increasing function of u, where u is uniform on (0, 1). From this function, ``from_transform``
# makes the distribution. It finds the density from the inverse of the function. Gradients with
# respect to the parameters go through the function.

import torch
from torch.distributions import Uniform, constraints

from dirvae.distributions import from_transform


def quantile(u, left, right):
    """Quantiles of a Laplace with scale ``left`` below 0 and ``right`` above."""
    below = left / (left + right)  # the probability of a negative draw
    negative = left * (u / below).log()
    positive = -right * ((1 - u) / (1 - below)).log()
    return torch.where(u < below, negative, positive)


scales = {"left": constraints.positive, "right": constraints.positive}
TwoSided = from_transform(Uniform(0, 1), quantile, name="TwoSided", **scales)
q = TwoSided(torch.tensor(0.5), torch.tensor(2.0))
print(q.log_prob(torch.tensor([-1.0, 0.5, 3.0])))

# %%
# For this distribution, the density has a formula: log p(z) = -log(left + right) - abs(z) / s. Here
# s is ``left`` for z below 0, and ``right`` otherwise. The formula gives the same numbers.

z = torch.tensor([-1.0, 0.5, 3.0])
print(-torch.tensor(2.5).log() - torch.where(z < 0, -z / 0.5, z / 2.0))

# %%
# Check the distribution
# ----------------------
#
# ``check_distribution`` checks the properties that a VAE needs. The samples must fit the density.
# The gradient through samples must match the gradient of the moments. A batch must give the same
# results as its members one by one. If a check fails, ``check_distribution`` raises an error.

from dirvae.testing import ConformanceError, check_distribution

parameters = {"left": torch.tensor([0.5, 1.0]), "right": torch.tensor([2.0, 1.0])}
for check in check_distribution(TwoSided, parameters, num_samples=5_000)[:6]:
    print(f"{check.name:10s} {check.status:8s} {check.detail[:60]}")

# %%
# A check is useful only if it can fail. So here is a class with a mistake: its samples do not
# follow its density. A VAE with this class would train without an error message, but the result
# would be wrong.


class Mistaken(torch.distributions.Laplace):
    def rsample(self, sample_shape=()):
        return self.loc + 1.2 * (super().rsample(sample_shape) - self.loc)


laplace = {"loc": torch.tensor([0.0, 1.0]), "scale": torch.tensor([1.0, 2.0])}
try:
    check_distribution(Mistaken, laplace, num_samples=5_000)
except ConformanceError as error:
    print("\n".join(str(error).splitlines()[:3]))

# %%
# Use the distribution in a VAE
# -----------------------------
#
# Here both the posterior and the prior are the new distribution. Their KL has no closed form. So
# the KL is estimated from samples, and ``kl_is_exact`` is false.

from sklearn.datasets import load_digits

import dirvae
from dirvae.models.zoo import mlp_vae
from dirvae.nn import Fixed

torch.manual_seed(0)
x = torch.bernoulli(torch.tensor(load_digits().data / 16, dtype=torch.float32))
prior = Fixed(TwoSided, left=torch.full((4,), 0.5), right=torch.full((4,), 2.0))
vae = mlp_vae(64, TwoSided, prior, hidden_sizes=(128,), decoder_hidden_sizes=(128,))
history = dirvae.fit(vae, x, max_epochs=25, seed=0, verbose=False)
print("KL in closed form:", vae.terms(x[:5]).kl_is_exact)

# %%
# The picture compares two sets of draws for each component. One set has a draw from the posterior
# of each image. The other set has draws from the prior. The two sets should have similar
# histograms.

import matplotlib.pyplot as plt
import numpy as np

with torch.no_grad():
    drawn = vae.encoder(x).sample().numpy()
    wanted = prior().sample((len(x),)).numpy()
figure, axes = plt.subplots(1, 4, figsize=(9, 2.4), sharey=True, layout="constrained")
for number, cell in enumerate(axes):
    edges = np.linspace(-4, 10, 50)
    cell.hist(wanted[:, number], edges, color="#c8c8c8", label="prior")
    cell.hist(drawn[:, number], edges, histtype="step", color="#0b6e4f", label="posteriors")
    cell.set(title=f"component {number}", yticks=[])
    cell.spines[["top", "right", "left"]].set_visible(False)
axes[-1].legend(frameon=False)

# %%
# A class, for vectors
# --------------------
#
# ``from_transform`` is for single numbers. For vectors, such as proportions, write a subclass of
# ``torch.distributions.Distribution``. The class below has everything that a latent needs. These
# are ``arg_constraints``, ``support`` and ``has_rsample``, and the methods ``expand``, ``rsample``
# and ``log_prob``. The shapes of a batch and of one draw go to ``super().__init__``. Two parts are
# optional. With a ``mean``, training can count the components in use. With a formula of the KL,
# registered by PyTorch's ``register_kl``, the KL is not estimated from draws.


class LogisticNormal(torch.distributions.Distribution):
    """K proportions. The log ratios of the first K - 1 of them to the last one are Gaussian."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        parts = self.loc.shape[-1] + 1
        super().__init__(self.loc.shape[:-1], torch.Size([parts]), validate_args)

    def expand(self, batch_shape, _instance=None):
        shape = (*batch_shape, self.loc.shape[-1])
        return LogisticNormal(self.loc.expand(shape), self.scale.expand(shape), validate_args=False)

    def rsample(self, sample_shape=()):
        shape = (*sample_shape, *self.loc.shape)
        ratios = self.loc + self.scale * torch.randn(shape, dtype=self.loc.dtype)
        return torch.softmax(torch.nn.functional.pad(ratios, (0, 1)), -1)

    def log_prob(self, value):
        logs = value.log()
        gaussian = torch.distributions.Normal(self.loc, self.scale, validate_args=False)
        return gaussian.log_prob(logs[..., :-1] - logs[..., -1:]).sum(-1) - logs.sum(-1)


parameters = {"loc": torch.tensor([[0.5, -0.5], [0.0, 1.0]]), "scale": torch.ones(2, 2)}
checks = check_distribution(LogisticNormal, parameters, num_samples=5_000)
print(", ".join(check.name for check in checks if check.status == "passed"))

# %%
# A draw has eight parts here, but the distribution has seven values of ``loc`` and of ``scale``.
# ``mlp_vae`` and ``dirvae.nn.Head`` find these sizes from the prior.

prior = Fixed(LogisticNormal, loc=torch.zeros(7), scale=torch.ones(7))
vae = mlp_vae(64, LogisticNormal, prior, hidden_sizes=(128,), decoder_hidden_sizes=(128,))
dirvae.fit(vae, x, max_epochs=3, seed=0, verbose=False)
print(vae.embed(x[:2]).shape)

# %%
# How good is the model, and which components are in use? ``log_evidence`` estimates the log
# likelihood of rows. ``diagnose`` says whether each component is used in encoding, in decoding, in
# both or in neither.

from dirvae.assessment import diagnose, log_evidence

vae.eval()
print(f"{log_evidence(vae, x[:100], 100).mean:.1f} nats an image")
print({str(use): count for use, count in diagnose(vae, x[:500]).counts.items()})

# %%
# Next: :doc:`/distributions` shows other ways to make a distribution: from a CDF, or as a mixture.
