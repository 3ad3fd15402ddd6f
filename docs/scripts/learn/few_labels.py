"""
Digits with few labels
======================

You have many rows, but labels for only a few of them. ``SemiSupervisedVAE`` is a classifier that
also learns from the rows without a label.
"""

# %%
# Hide most labels
# ----------------
#
# A row without a label has the label -1, as in scikit-learn. Fifty labels are kept, five of each
# digit. 400 images are held out as test data.

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
# Fit, and compare with other classifiers
# ---------------------------------------
#
# The other classifiers learn from the labelled rows only. The numbers are accuracies on the test
# data.

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
# This comparison uses one choice of fifty labels, and the images are easy to classify.
# :doc:`/results` has results on MNIST, with several seeds.
#
# Look at what the model has learned
# ----------------------------------
#
# The model is a VAE whose decoder also takes the class. So it can draw new rows of a class. Each
# column below is a class.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(5, 10, figsize=(7, 3.6), layout="constrained")
drawn = model.sample(np.tile(np.arange(10), 5)).reshape(5, 10, 8, 8)
for row, images in zip(axes, drawn, strict=True):
    for cell, image in zip(row, images, strict=True):
        cell.imshow(image, cmap="Greys", vmin=0, vmax=1)
        cell.set_axis_off()

# %%
# Where the model is unsure
# -------------------------
#
# ``predict_proba`` returns the probability of each class. Label those images next for which the
# largest probability is lowest. Here are eight of them, with their true class.

sure = model.predict_proba(X[test]).max(1)
figure, axes = plt.subplots(1, 8, figsize=(7, 1.3), layout="constrained")
for cell, row in zip(axes, test[sure.argsort()[:8]], strict=True):
    cell.imshow(X[row].reshape(8, 8), cmap="Greys")
    cell.set_title(f"{y[row]}?", fontsize=9)
    cell.set_axis_off()
