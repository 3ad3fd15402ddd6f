"""
A prior that is learned: a mixture, or a flow
=============================================

The latent of this page is a vector of proportions. A fixed prior, such as a uniform distribution,
makes all proportions about equally likely. But your rows may be of several types, each with typical
proportions. A learned prior can represent these types. It is trained together with the rest of the
model.
"""

# %%
# Three priors for one model
# --------------------------
#
# The three models differ in the prior only. The first prior is fixed. The second is a
# ``MixturePrior``: a mixture of Dirichlets. Its weights and the parameters of its Dirichlets are
# learned. The third is a flow from the library `zuko <https://zuko.readthedocs.io>`_, mapped to the
# simplex. Any module that returns a distribution can be a prior.

import torch
import zuko
from sklearn.datasets import load_digits
from torch.distributions import StickBreakingTransform, TransformedDistribution

import dirvae
from dirvae.models import VAE, zoo
from dirvae.objectives import linear_warmup
from dirvae.training import Training, decaying_adam

torch.manual_seed(0)
x = torch.bernoulli(torch.tensor(load_digits().data / 16, dtype=torch.float32))
x = x[torch.randperm(len(x))]
train, test = x[:1500], x[1500:]


class FlowPrior(torch.nn.Module):
    def __init__(self, num_latent):
        super().__init__()
        self.flow = zuko.flows.NSF(num_latent - 1, transforms=2, hidden_features=(32,))

    def forward(self, *context):
        return TransformedDistribution(self.flow(), StickBreakingTransform())


def model(**options):
    torch.manual_seed(0)
    networks = {"hidden_sizes": (128,), "decoder_hidden_sizes": (128,)}
    return zoo.standardized_dirichlet(64, torch.ones(10), **networks, **options)


fixed, mixture, plain = model(), model(prior_components=20), model()
vaes = {
    "fixed": fixed,
    "mixture": mixture,
    "flow": VAE(plain.encoder, plain.decoder, FlowPrior(10)),
}

# %%
# Train, and compare
# ------------------
#
# The ELBO below is computed on rows that were held out. A higher ELBO is better. The comparison has
# one seed, a short training and few data. So it is an example, not evidence.

steps = 14 * 15
for name, vae in vaes.items():
    training = Training(
        vae, kl_schedule=linear_warmup(steps // 4), optimizer=decaying_adam(4e-3, steps)
    )
    dirvae.fit(training, train, max_epochs=14, batch_size=100, seed=0, verbose=False)
    torch.manual_seed(0)
    with torch.no_grad():
        terms = vae.eval().terms(test, num_samples=10)
    kl, elbo = terms.kl.mean(), (terms.log_likelihood - terms.kl).mean()
    print(f"{name:8s} ELBO {elbo:6.2f}  KL {kl:5.2f}  closed form: {terms.kl_is_exact}")

# %%
# What the mixture has learned
# ----------------------------
#
# Each Dirichlet of the mixture stands for a type of row. The pictures show the decoded mean of each
# Dirichlet. The number above a picture is the weight of the Dirichlet in the mixture.

import matplotlib.pyplot as plt

prior = mixture.prior()
with torch.no_grad():
    types = mixture.decoder(prior.component_distribution.mean).mean.reshape(-1, 8, 8)
weights = prior.mixture_distribution.probs.detach()
figure, cells = plt.subplots(2, 10, figsize=(8, 2.2), layout="constrained")
for cell, number in zip(cells.flat, weights.argsort(descending=True), strict=True):
    cell.imshow(types[number], cmap="Greys", vmin=0, vmax=1)
    cell.set_title(f"{weights[number]:.2f}", fontsize=8)
    cell.set_axis_off()

# %%
# What each prior draws
# ---------------------
#
# New rows, from top to bottom: of the fixed prior, the mixture and the flow.

figure, cells = plt.subplots(3, 12, figsize=(8, 2.3), layout="constrained")
for row, (name, vae) in zip(cells, vaes.items(), strict=True):
    torch.manual_seed(1)
    with torch.no_grad():
        images = vae.decoder(vae.prior().sample((12,))).mean.reshape(12, 8, 8)
    for cell, image in zip(row, images, strict=True):
        cell.imshow(image, cmap="Greys", vmin=0, vmax=1)
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set_visible(False)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")

# %%
# An estimator takes ``prior_components=20``, too. A Gaussian latent also gains from a mixture, so
# compare like with like. Next: :doc:`/distributions` has what can be put together.
