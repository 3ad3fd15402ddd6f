"""
Digits with few labels
======================

You have many rows and few labels. ``SemiSupervisedVAE`` is a classifier that learns from the rows
without a label, too.
"""

# %%
# Hide most labels
# ----------------
#
# A row without a label has -1, as in scikit-learn. Fifty labels are left, five of each digit; four
# hundred images are kept apart to score.

import numpy as np
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16
train, test = np.arange(1397), np.arange(1397, 1797)
rng = np.random.default_rng(0)
labelled = np.concatenate([rng.choice(np.flatnonzero(y[train] == c), 5, False) for c in range(10)])
known = np.full(len(train), -1)
known[labelled] = y[labelled]

# %%
# Fit, beside classifiers that see the labelled rows only
# -------------------------------------------------------

from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from dirvae import SemiSupervisedVAE

model = SemiSupervisedVAE(10, max_epochs=30, random_state=0).fit(X[train], known)
others = {"logistic regression": LogisticRegression(max_iter=1000), "SVM": SVC(gamma="scale")}
print(f"SemiSupervisedVAE, 50 labels: {model.score(X[test], y[test]):.3f}")
for name, other in others.items():
    found = other.fit(X[labelled], y[labelled]).score(X[test], y[test])
    print(f"{name}, the same 50: {found:.3f}")

# %%
# This is one draw of fifty labels, on easy images. :doc:`/results` has MNIST, with several seeds.
#
# Look at what it has learned
# ---------------------------
#
# The model is a VAE with a class, so it can draw new rows of a class.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(5, 10, figsize=(7, 3.6), layout="constrained")
drawn = model.sample(np.tile(np.arange(10), 5)).reshape(5, 10, 8, 8)
for row, images in zip(axes, drawn, strict=True):
    for cell, image in zip(row, images, strict=True):
        cell.imshow(image, cmap="Greys", vmin=0, vmax=1)
        cell.set_axis_off()

# %%
# Where it is unsure
# ------------------
#
# ``predict_proba`` has the probability of each class. The images that it is least sure of are
# those to label next.

sure = model.predict_proba(X[test]).max(1)
figure, axes = plt.subplots(1, 8, figsize=(7, 1.3), layout="constrained")
for cell, row in zip(axes, test[sure.argsort()[:8]], strict=True):
    cell.imshow(X[row].reshape(8, 8), cmap="Greys")
    cell.set_title(f"{y[row]}?", fontsize=9)
    cell.set_axis_off()
