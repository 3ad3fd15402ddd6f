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
#
# If all checks pass, the distribution is right at the given parameters. Nothing is known about
# other parameters. But in a VAE the encoder chooses the parameters, and some of them can be far
# from those that you checked. So the function has the argument ``extremes``: a list of further
# parameters, at which draws and densities must not be NaN. ``LogisticNormal`` below uses it.

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
_ = axes[-1].legend(frameon=False)

# %%
# A class, for vectors
# --------------------
#
# ``from_transform`` is for single numbers. For vectors, such as proportions, write a subclass of
# ``torch.distributions.Distribution``. A latent needs the attributes
# ``arg_constraints``, ``support`` and ``has_rsample``, and the methods ``expand``, ``rsample`` and
# ``log_prob``. The class below has them all. The shapes of a batch and of one draw go to
# ``super().__init__``. Two parts are optional: ``mean``, and a formula of the KL. With a ``mean``,
# training can count the components in use, and ``dirvae.export.to_torch_export`` can export the
# model. With a formula of the KL, registered by PyTorch's ``register_kl``, the KL is not estimated
# from draws.
#
# If ``loc`` is large, a small proportion is rounded to 0, which has no logarithm. Then the density
# is NaN. So ``rsample`` replaces such a proportion by the smallest ordinary number of the dtype,
# ``torch.finfo(dtype).tiny``. ``extremes`` tests this with ``loc`` = 200: in float32, the last
# proportion is rounded to 0. At such parameters the density is finite, but not exact. The classes
# of this library are more exact, because they compute with logarithms of proportions.


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
        parts = torch.softmax(torch.nn.functional.pad(ratios, (0, 1)), -1)
        return parts.clamp(min=torch.finfo(parts.dtype).tiny)

    def log_prob(self, value):
        logs = value.log()
        gaussian = torch.distributions.Normal(self.loc, self.scale, validate_args=False)
        return gaussian.log_prob(logs[..., :-1] - logs[..., -1:]).sum(-1) - logs.sum(-1)


parameters = {"loc": torch.tensor([[0.5, -0.5], [0.0, 1.0]]), "scale": torch.ones(2, 2)}
extremes = [{"loc": torch.full((2,), 200.0), "scale": torch.ones(2)}]
checks = check_distribution(LogisticNormal, parameters, extremes=extremes, num_samples=5_000)
print(", ".join(check.name for check in checks if check.status == "passed"))

# %%
# A draw has eight parts here, but the distribution has seven values of ``loc`` and of ``scale``.
# ``mlp_vae`` and ``dirvae.nn.Head`` find these sizes from the prior.
#
# The images have three parts. The first part is for training. The second part, ``validation``,
# says when to stop: when its ELBO has not risen for ``patience`` epochs. The third part,
# ``held_out``, is only for the score at the end.

train, validation, held_out = x[:1200], x[1200:1500], x[1500:]
prior = Fixed(LogisticNormal, loc=torch.zeros(7), scale=torch.ones(7))
vae = mlp_vae(64, LogisticNormal, prior, hidden_sizes=(128,), decoder_hidden_sizes=(128,))
options = {"max_epochs": 60, "patience": 5, "seed": 0, "verbose": False}
history = dirvae.fit(vae, train, validation=validation, **options)
print(len(history), "epochs, latents of shape", tuple(vae.embed(x[:2]).shape))

# %%
# How good is the model?
# ----------------------
#
# ``log_evidence`` estimates the log-likelihood of each row by importance sampling, here with 200
# draws. ``diagnose`` says whether each component is used in encoding, in decoding, in both or in
# neither.

from dirvae.assessment import diagnose, log_evidence

vae.eval()
found = log_evidence(vae, held_out, 200)
print(f"{found.mean:.1f} nats an image, standard error {found.mean_std_error:.2f}")
print(f"unreliable: {found.unreliable_share:.0%} of the images")
print({str(use): count for use, count in diagnose(vae, x[:500]).counts.items()})

# %%
# ``mean_std_error`` is the error from the random draws alone, not from the choice of images. An
# image is unreliable if its k-hat is above .7: a few draws have nearly all of the weight. The
# estimate for such an image is usually too low. So if many images are unreliable, report the mean
# as a lower bound. ``dirvae.assessment.certify`` bounds the error of an estimate of its own, but
# takes much longer: see :doc:`/training`.
#
# To compare two models, score the same images with both. Take the differences of ``value``, image
# by image. Their mean is the difference of the two models. Its standard error is the standard
# deviation of the differences, divided by the square root of the number of images.
#
# Next: :doc:`/distributions` shows other ways to make a distribution: from a CDF, or as a mixture.
