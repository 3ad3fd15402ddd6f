"""
A latent of your own
====================

You know variational autoencoders, and you want one whose latent is not a Gaussian.

A VAE is three modules that return distributions: q(z|x), p(x|z) and p(z). So this library has no
fixed list of latents: any PyTorch distribution with an ``rsample`` can be the latent. (The
estimators, such as ``DirichletVAE``, take a few by name; this page uses the modules.)
"""

# %%
# Choose and train
# ----------------
#
# The images are 1,797 small digits, each pixel the probability of ink, drawn as 0 or 1. Put your
# own tensor in place of ``x``, of shape (rows, features).

import torch
from sklearn.datasets import load_digits
from torch.distributions import Laplace

import dirvae
from dirvae.models.zoo import mlp_vae
from dirvae.nn import Fixed

torch.manual_seed(0)
x = torch.bernoulli(torch.tensor(load_digits().data / 16, dtype=torch.float32))
prior = Fixed(Laplace, loc=torch.zeros(8), scale=torch.ones(8))
vae = mlp_vae(64, Laplace, prior, hidden_sizes=(256,), decoder_hidden_sizes=(256,))
history = dirvae.fit(vae, x, max_epochs=40, seed=0, verbose=False)
print(sorted(history[-1]))

# %%
# What it says of your rows
# -------------------------

terms = vae.eval().terms(x[:5])
print("KL in nats:", [round(float(value), 1) for value in terms.kl.detach()])
print("a closed form:", terms.kl_is_exact)
print("latents:", tuple(vae.embed(x).shape))

# %%
# Look
# ----
#
# Above: rows of the data. Middle: the same, encoded and decoded. Below: new ones, from the prior.

import matplotlib.pyplot as plt

with torch.no_grad():
    decoded = vae.decoder(vae.embed(x[:10])).mean
    new = vae.decoder(prior().sample((10,))).mean
shown = [images.reshape(10, 8, 8).numpy() for images in (x[:10], decoded, new)]
figure, axes = plt.subplots(3, 10, figsize=(8, 2.6), layout="constrained")
for row, images in zip(axes, shown, strict=True):
    for cell, image in zip(row, images, strict=True):
        cell.imshow(image, cmap="Greys", vmin=0, vmax=1)
        cell.set_axis_off()

# %%
# Next: :doc:`/learn/own_distribution` makes a distribution that PyTorch lacks, checks it, and asks
# how likely new rows are and which components are in use. :doc:`/learn/logging_and_devices` has
# loggers, :doc:`/learn/serving` saves and loads, and :doc:`/distributions` lists what is here.
