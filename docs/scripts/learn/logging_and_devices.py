"""
Loggers, devices, and many fits at once
=======================================

Training is Lightning's, so what Lightning has can be used: loggers, callbacks, devices, precision.
"""

# %%
# A logger
# --------
#
# Options of Lightning's ``Trainer`` go to ``dirvae.fit`` as they are. Here each epoch goes to a
# file; a logger of TensorBoard or of Weights & Biases goes in the same place. An estimator takes
# the same options, ``DirichletVAE().fit(X, trainer={"logger": logger})``, and keeps the numbers in
# ``history_``, too.

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
# Training and validation are logged apart, each in a row of its own: two rows an epoch. Put them
# together so.

print(logged.groupby("epoch")[["elbo", "val_elbo"]].first().tail(3))

# %%
# What ``fit`` returns is the same, a row an epoch.

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
# ``accelerator="auto"`` takes a GPU where there is one; estimators have ``device="auto"``.
# ``precision="bf16-mixed"`` goes to Lightning's trainer as well.

print("CUDA here:", torch.cuda.is_available())

# %%
# Many fits at once
# -----------------
#
# Fits with an integer as seed wait for each other within one process, since they use torch's global
# generator. So for many fits use processes, each with one thread: joblib starts them.
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
# A ``GridSearchCV`` with ``n_jobs`` does the same for settings.
