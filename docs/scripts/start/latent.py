"""
A latent of your own
====================

You know variational autoencoders (VAEs), and you want one whose latent is not a Gaussian.

In this library, a VAE consists of three modules. They return the distributions q(z|x), p(x|z) and
p(z). Any PyTorch distribution with the method ``rsample`` can be the distribution of the latent.
This page uses the modules. There are also estimators, such as ``DirichletVAE``, which take the
names of a few distributions.
"""

# %%
# Choose and train
# ----------------
#
# The data are 1,797 small images of digits. The grey value of a pixel is taken as a probability,
# and the pixel is drawn as 0 or 1 with this probability. To use your own data, replace ``x`` by a
# tensor of shape (rows, features). The latent is a Laplace distribution in eight dimensions.
#
# The last 297 images are the validation set. They are not trained on. Training stops when their
# ELBO has not risen for ten epochs (``patience``), or after 100 epochs. The model then gets back
# the weights of its best epoch.

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
train, validation = x[:1500], x[1500:]
options = {"max_epochs": 100, "patience": 10, "seed": 0, "verbose": False}
history = dirvae.fit(vae, train, validation=validation, **options)
print(len(history), "epochs")
print(sorted(history[-1]))

# %%
# ``history`` has a dictionary for each epoch. Keys with ``val_`` are for the validation set.
#
# What the model says of your rows
# --------------------------------
#
# ``terms`` returns the KL of each row, and whether the KL has a closed form. ``embed`` returns the
# posterior mean of the latent for each row.

terms = vae.eval().terms(x[:5])
print("KL in nats:", [round(float(value), 1) for value in terms.kl.detach()])
print("a closed form:", terms.kl_is_exact)
print("latents:", tuple(vae.embed(x).shape))

# %%
# Look
# ----
#
# The upper row shows images from the data. The middle row shows the same images, encoded and
# decoded. The lower row shows new images, decoded from draws of the prior.

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
# Next: :doc:`/learn/own_distribution` makes a distribution that PyTorch lacks, and checks it. It
# also estimates the likelihood of rows, and finds which components are in use.
# :doc:`/learn/logging_and_devices` shows how to use loggers. :doc:`/learn/serving` shows how to
# save and load a model. :doc:`/distributions` lists the distributions of this library.
