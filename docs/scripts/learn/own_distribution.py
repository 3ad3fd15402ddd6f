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
# The asymmetric Laplace has two scales, one for each side. A draw is a function of a uniform u that
# rises with u, so ``from_transform`` makes the rest: its density from the inverse of the map, and
# gradients through the map.

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
# The density is known here: log density = -log(left + right) - z / scale of its side.

z = torch.tensor([-1.0, 0.5, 3.0])
print(-torch.tensor(2.5).log() - torch.where(z < 0, -z / 0.5, z / 2.0))

# %%
# Check it
# --------
#
# ``check_distribution`` checks what a VAE relies on. Samples must fit the density, the gradient
# through samples must match the gradient of the moments, and a batch must give the same results as
# its members one by one. If a check fails, it raises an error.

from dirvae.testing import ConformanceError, check_distribution

parameters = {"left": torch.tensor([0.5, 1.0]), "right": torch.tensor([2.0, 1.0])}
for check in check_distribution(TwoSided, parameters, num_samples=5_000)[:6]:
    print(f"{check.name:10s} {check.status:8s} {check.detail[:60]}")

# %%
# A check is worth something only if it can fail. The samples of this class do not follow its
# density. A model with such a mistake trains without an error message, and is wrong.


class Mistaken(torch.distributions.Laplace):
    def rsample(self, sample_shape=()):
        return self.loc + 1.2 * (super().rsample(sample_shape) - self.loc)


laplace = {"loc": torch.tensor([0.0, 1.0]), "scale": torch.tensor([1.0, 2.0])}
try:
    check_distribution(Mistaken, laplace, num_samples=5_000)
except ConformanceError as error:
    print("\n".join(str(error).splitlines()[:3]))

# %%
# Use it
# ------
#
# Both posterior and prior may be of this kind. No KL is known in closed form, so it is estimated
# from the samples, and the result says so.

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
# The draws of the posterior for all images, beside the prior: together they should look alike.

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
# ``from_transform`` is for single numbers. For vectors, such as proportions, write a class of
# PyTorch. A latent needs what this one has: the constraints of its parameters, a support,
# ``has_rsample``, its shapes by ``super().__init__``, and the methods ``expand``, ``rsample`` and
# ``log_prob``. A ``mean`` lets training count the components in use, and a KL by ``register_kl``
# takes the place of the estimate from draws.


class LogisticNormal(torch.distributions.Distribution):
    """K proportions; the logarithms of K - 1 of them to the last one are Gaussian."""

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
# ``mlp_vae`` and ``Head`` find from the prior how many parameters a draw of K parts takes.

prior = Fixed(LogisticNormal, loc=torch.zeros(7), scale=torch.ones(7))
vae = mlp_vae(64, LogisticNormal, prior, hidden_sizes=(128,), decoder_hidden_sizes=(128,))
dirvae.fit(vae, x, max_epochs=3, seed=0, verbose=False)
print(vae.embed(x[:2]).shape)

# %%
# Is it good, and what is in use? ``log_evidence`` estimates the likelihood of new rows, and
# ``diagnose`` says what each component is used in.

from dirvae.assessment import diagnose, log_evidence

vae.eval()
print(f"{log_evidence(vae, x[:100], 100).mean:.1f} nats an image")
print({str(use): count for use, count in diagnose(vae, x[:500]).counts.items()})

# %%
# Next: :doc:`/distributions` has the other ways to make one, from a CDF or as a mixture.
