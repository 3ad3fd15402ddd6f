"""
Reading a page of topics critically
===================================

A topic model always finds topics, and any list of words looks like a topic. Here are five questions
to ask before you believe one.
"""

# %%
# A model, and a control
# ----------------------
#
# The control has the same words in documents of the same lengths, but each document is filled at
# random. So it has no topics at all.

import numpy as np
from scipy import sparse

from dirvae import TopicModel
from dirvae.data import docstrings
from dirvae.topics import fit_seeds
from dirvae.topics.documents import default_vectorizer

corpus = docstrings(["scipy"])
vectorizer = default_vectorizer(len(corpus.texts))
counts = vectorizer.fit_transform(corpus.texts).tocsr()
words = vectorizer.get_feature_names_out()

rng = np.random.default_rng(0)
tokens = rng.permutation(np.repeat(counts.indices, counts.data.astype(int)))
ends = counts.sum(1).A1.astype(int).cumsum()
rows = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
control = sparse.csr_matrix((np.ones(len(tokens)), (rows, tokens)), counts.shape)

settings = TopicModel(8, max_epochs=6)
real = fit_seeds(settings, counts, (0, 1), vocabulary=words)
chance = fit_seeds(settings, control, (0, 1), vocabulary=words)
model, nothing = real.models[real.best], chance.models[chance.best]
for title, fitted in (("documents", model), ("control", nothing)):
    print(title)
    for number, top in enumerate(fitted.top_words(5)[:3]):
        print(f"  {number}  {', '.join(top)}")

# %%
# The page would show names and shares for both.
#
# 1. Do its words occur together? 2. Is it found again?
# ------------------------------------------------------
#
# Coherence (NPMI) asks whether the top words of a topic share documents. Stability asks how alike
# the nearest topic of another seed is. The page shows both as signs of trust, the second if you
# pass ``stability=``.

import matplotlib.pyplot as plt

from dirvae.evaluation import top_word_ids, topic_coherence

figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
for title, found, data, color in (
    ("documents", real, counts, "#0b6e4f"),
    ("control", chance, control, "#d98e04"),
):
    fitted = found.models[found.best]
    coherence = topic_coherence(top_word_ids(fitted.topic_word_, 10), data)
    axes.scatter(coherence, found.stability[found.best], color=color, label=title)
axes.set(xlabel="coherence (NPMI)", ylabel="found again by another seed")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %%
# The control's coherence is not 0. A long document contains most words, so many words meet in it by
# chance. And topics that are all nearly the same are easily found again. So compare a topic with a
# control, not with 0,
# and ask for both signs. Here some topics stand out, and some do no better than chance.
#
# 3. What do its documents say?
# -----------------------------
#
# Read them before you name the topic. The name is a guess at what they share.

theta = model.transform(counts)
topic = int(theta.mean(0).argmax())
print("topic", topic, *model.top_words(6)[topic])
for row in theta[:, topic].argsort()[::-1][:3]:
    print(f"{theta[row, topic]:.2f}  {corpus.texts[row].strip().splitlines()[0][:70]}")

# %%
# 4. How sure is a share?
# -----------------------
#
# One document is little evidence. The topic with the largest share of a document may not be the
# largest in truth: compare the ends of the intervals.

short = np.argsort(ends - np.concatenate([[0], ends[:-1]]))[:200]
posterior = model.posterior(counts[short])
first, second = np.sort(posterior.mean, 1)[:, -1], np.sort(posterior.mean, 1)[:, -2]
largest = posterior.mean.argmax(1)
others = np.where(np.arange(8) == largest[:, None], 0, posterior.upper).max(1)
clear = posterior.lower[np.arange(200), largest] > others
print(f"of the 200 shortest documents, {clear.mean():.0%} have one topic that is surely largest")

# %%
# 5. Is a difference between groups more than chance?
# ---------------------------------------------------
#
# ``shares`` compares groups, and ``difference`` has intervals. With 8 topics and 90 % intervals,
# almost one topic (0.8) looks different by chance alone. Here are two real groups, and two groups
# of the same documents that were drawn by lot.

shares = model.shares(counts, corpus.labels)
real_groups = shares.difference("scipy.stats", "scipy.signal", level=0.9)
lot = model.shares(counts, rng.permutation(corpus.labels))
by_lot = lot.difference("scipy.stats", "scipy.signal", level=0.9)
figure, cells = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for cell, title, found in zip(
    cells, ("stats minus signal", "two groups by lot"), (real_groups, by_lot), strict=True
):
    cell.hlines(range(8), found.lower, found.upper, color="#0b6e4f")
    cell.plot(found.estimate, range(8), "o", color="#0b6e4f")
    cell.axvline(0, color="grey", linewidth=0.8)
    cell.set(title=title, xlabel="difference of the shares")
    cell.spines[["top", "right"]].set_visible(False)
names = [f"{number} {', '.join(top)}" for number, top in enumerate(model.top_words(2))]
cells[0].set_yticks(range(8), names)

# %%
# Next: :doc:`/topics_measured` says how far intervals and signs can be trusted, on real corpora.
