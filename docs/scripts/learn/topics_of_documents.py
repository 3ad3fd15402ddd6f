"""
Topics of your own documents
============================

From a folder of texts to topics that one can defend: how many, how stable, how sure, and which
documents to read.
"""

# %%
# A folder of texts
# -----------------
#
# Subfolders are taken for labels, so keep what you know of the documents there. This folder is made
# from SciPy's documentation, a text for each function, in a subfolder for each module.

import tempfile
from pathlib import Path

from dirvae.data import docstrings, read_texts

folder = Path(tempfile.mkdtemp())
known = docstrings(["scipy"])
for number, (text, module) in enumerate(zip(known.texts, known.labels, strict=True)):
    path = folder / module / f"{number}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")

corpus = read_texts(folder)
print(len(corpus.texts), "texts in", len(set(corpus.labels)), "subfolders")

# %%
# Several seeds, not one
# ----------------------
#
# Another seed gives other topics. Some are found every time; those can be trusted more.
# ``fit_seeds`` fits several models and matches their topics. ``best`` is the model that the others
# agree with most.

from dirvae import TopicModel
from dirvae.topics import fit_seeds

several = fit_seeds(TopicModel(12, max_epochs=10), corpus.texts, seeds=(0, 1))
model, stability = several.models[several.best], several.stability[several.best]
for number, words in enumerate(model.top_words(5)):
    print(f"{number:2d}  found again {stability[number]:.2f}  {' '.join(words)}")

# %%
# Which documents are about it
# ----------------------------
#
# Never name a topic by its words alone. Read the documents that have most of it.

theta = model.transform(corpus.texts)
topic = int(stability.argmax())
for row in theta[:, topic].argsort()[::-1][:3]:
    first = corpus.texts[row].strip().splitlines()[0]
    print(f"{theta[row, topic]:.2f}  {corpus.labels[row]}: {first[:60]}")

# %%
# Which topics go with which labels
# ---------------------------------
#
# ``shares`` has the mean proportions of each group, with standard errors. Years do as well as
# subfolders.

import matplotlib.pyplot as plt
import numpy as np

shares = model.shares(corpus.texts, corpus.labels)
large = shares.documents >= 50
figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
drawn = axes.imshow(shares.share[large], cmap="Greens", aspect="auto", vmin=0)
axes.set_yticks(range(large.sum()), np.array(shares.groups)[large])
names = [f"{number} {words[0]}" for number, words in enumerate(model.top_words(1))]
axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
figure.colorbar(drawn, label="mean proportion")

# %%
# How sure, and what is off
# -------------------------
#
# A long document says much about its proportions, a short one little. The intervals show it. The
# ``off_topic`` score is well below 0 for documents of these topics, and higher for a recipe.

long, short = max(corpus.texts, key=len), min(corpus.texts, key=len)
recipe = "Whisk the butter and sugar, add flour, bake for twenty minutes, and let the cake cool."
found = model.posterior([long, short, recipe])
for name, lower, upper, off in zip(
    ("long", "short", "recipe"), found.lower, found.upper, found.off_topic, strict=True
):
    print(f"{name:6s}  widest interval {np.max(upper - lower):.2f}  off topic {off:+.2f}")

# %%
# Keep it
# -------
#
# A model folder is JSON and numbers with checksums. Loading it runs no code.

from dirvae import load

model.save(folder / "model")
again = load(folder / "model")
assert (again.transform(corpus.texts[:5]) == model.transform(corpus.texts[:5])).all()

# %%
# Next: :doc:`/topics` has seed words, labels, covariates and decoders. :doc:`/choosing` says how
# many topics to ask for.
