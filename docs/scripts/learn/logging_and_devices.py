"""
Loggers, devices, and many fits at once
=======================================

The library PyTorch Lightning runs the training. So you can use Lightning's loggers, callbacks,
devices and precisions.
"""

# %%
# A logger
# --------
#
# ``dirvae.fit`` takes the options of Lightning's ``Trainer`` and passes them on unchanged. Here the
# option ``logger`` writes the metrics of each epoch to a CSV file. To use TensorBoard or Weights &
# Biases, pass their logger instead. An estimator takes the same options in a dictionary:
# ``DirichletVAE().fit(X, trainer={"logger": logger})``. It also saves the metrics in ``history_``.

import tempfile

import pandas as pd
import torch
from lightning.pytorch.loggers import CSVLogger
from sklearn.datasets import load_digits

import dirvae
from dirvae.models.zoo import dirichlet
from dirvae.objectives import linear_warmup
from dirvae.training import Training, decaying_adam

torch.manual_seed(0)
x = torch.bernoulli(torch.tensor(load_digits().data / 16, dtype=torch.float32))
train, validation = x[:1500], x[1500:]
vae = dirichlet(64, torch.full((10,), 0.9), hidden_sizes=(128,), decoder_hidden_sizes=(128,))
steps = 30 * 15
training = Training(vae, kl_schedule=linear_warmup(200), optimizer=decaying_adam(4e-3, steps))
logger = CSVLogger(tempfile.mkdtemp())
history = dirvae.fit(
    training,
    train,
    validation=validation,
    max_epochs=30,
    batch_size=100,
    seed=0,
    verbose=False,
    logger=logger,
)
logged = pd.read_csv(f"{logger.log_dir}/metrics.csv")
print(sorted(logged.columns))

# %%
# The CSV file has two rows for each epoch: one with the metrics of training, one with those of
# validation. The next line joins the two rows of an epoch.

print(logged.groupby("epoch")[["elbo", "val_elbo"]].first().tail(3))

# %%
# ``fit`` returns the same numbers, in one dictionary for each epoch.

import matplotlib.pyplot as plt

shown = pd.DataFrame(history)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
left.plot(shown["epoch"], shown["elbo"], label="training", color="#0b6e4f")
left.plot(shown["epoch"], shown["val_elbo"], label="held out", color="#d98e04")
left.set(xlabel="epoch", ylabel="ELBO, nats a row")
left.legend(frameon=False)
right.plot(shown["epoch"], shown["kl"], color="#0b6e4f")
right.set(xlabel="epoch", ylabel="KL, nats a row")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)

# %%
# A GPU
# -----
#
# With ``accelerator="auto"``, ``dirvae.fit`` uses a GPU if there is one. For an estimator, the
# option is ``device="auto"``. The option ``precision="bf16-mixed"`` also goes to Lightning's
# ``Trainer``.

print("CUDA here:", torch.cuda.is_available())

# %%
# Many fits at once
# -----------------
#
# A fit whose seed is an integer uses the global random generator of PyTorch. So within one process,
# such fits do not run at the same time: each waits for the one before. To run many fits at once,
# use several processes, each with one thread. The library joblib starts these processes.
#
# .. code-block:: python
#
#    from joblib import Parallel, delayed
#
#    def one(seed):
#        torch.set_num_threads(1)
#        return DirichletVAE(10, random_state=seed).fit(X)
#
#    models = Parallel(n_jobs=4)(delayed(one)(seed) for seed in range(4))
#
# With ``n_jobs``, scikit-learn's ``GridSearchCV`` also uses several processes. It fits a model for
# each combination of settings.
#
# Several processes, also on several machines, can train one model together: see
# :doc:`/corpora`.
