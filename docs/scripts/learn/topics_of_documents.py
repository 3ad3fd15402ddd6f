"""
Topics of your own documents
============================

This page goes from a folder of texts to topics, and shows how to check the topics. It finds topics
that several seeds agree on, reads their documents, compares groups, and shows the uncertainty.
"""

# %%
# A folder of texts
# -----------------
#
# The name of a subfolder becomes the label of its texts. So if you know a group for each document,
# put each group in its own subfolder. The code below makes such a folder from SciPy's
# documentation. There is a text for each function and a subfolder for each module.

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
# A model fitted with another seed has partly other topics. Topics that are found with every seed
# can be trusted more. ``fit_seeds`` fits a model with each seed and matches the topics of
# the models. ``best`` is the index of the model with the highest mean stability of its topics.
# ``stability`` says how well each topic is found again. It is 1 for a topic that is found with
# exactly the same probabilities of words.

from dirvae import TopicModel
from dirvae.topics import fit_seeds

several = fit_seeds(TopicModel(12, max_epochs=10), corpus.texts, seeds=(0, 1))
model, stability = several.models[several.best], several.stability[several.best]
for number, words in enumerate(model.top_words(5)):
    print(f"{number:2d}  found again {stability[number]:.2f}  {' '.join(words)}")

# %%
# Which documents are about a topic
# ---------------------------------
#
# Never name a topic by its words alone. Read the documents with the largest share of the topic.
# Here are three documents of the most stable topic.

theta = model.transform(corpus.texts)
topic = int(stability.argmax())
for row in theta[:, topic].argsort()[::-1][:3]:
    first = corpus.texts[row].strip().splitlines()[0]
    print(f"{theta[row, topic]:.2f}  {corpus.labels[row]}: {first[:60]}")

# %%
# Which topics go with which labels
# ---------------------------------
#
# ``shares`` returns the mean proportions of each group, with standard errors. The groups are the
# subfolders here. Years can be groups, too. The picture shows the groups of 50 documents or more.

import matplotlib.pyplot as plt
import numpy as np

shares = model.shares(corpus.texts, corpus.labels)
large = shares.documents >= 50
figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
drawn = axes.imshow(shares.share[large], cmap="Greens", aspect="auto", vmin=0)
axes.set_yticks(range(large.sum()), np.array(shares.groups)[large])
names = [f"{number} {words[0]}" for number, words in enumerate(model.top_words(1))]
axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
_ = figure.colorbar(drawn, label="mean proportion")

# %%
# How certain the proportions are, and which documents do not fit
# ----------------------------------------------------------------
#
# The code below compares the longest document, the shortest document, and a recipe that is not in
# the corpus. The proportions of a long document are more certain than those of a short document. So
# the intervals of the shortest document are wider. The score ``off_topic`` says whether a document
# fits the topics. The score is well below 0 for a document that fits. It is higher for the recipe,
# because no topic is about cooking.

long, short = max(corpus.texts, key=len), min(corpus.texts, key=len)
recipe = "Whisk the butter and sugar, add flour, bake for twenty minutes, and let the cake cool."
found = model.posterior([long, short, recipe])
for name, lower, upper, off in zip(
    ("long", "short", "recipe"), found.lower, found.upper, found.off_topic, strict=True
):
    print(f"{name:6s}  widest interval {np.max(upper - lower):.2f}  off topic {off:+.2f}")

# %%
# Save the model
# --------------
#
# ``save`` writes a folder with JSON and numbers, and with checksums of both. Loading the folder
# runs no code from it.

from dirvae import load

model.save(folder / "model")
again = load(folder / "model")
assert (again.transform(corpus.texts[:5]) == model.transform(corpus.texts[:5])).all()

# %%
# Next: :doc:`/topics` describes seed words, labels, covariates and decoders. :doc:`/choosing`
# explains how to choose the number of topics.
