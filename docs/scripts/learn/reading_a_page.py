"""
Reading a page of topics critically
===================================

A topic model finds topics in any data, even where there are none. Almost any list of words looks
like a topic. Here are five questions to ask before you believe that a topic is real.
"""

# %%
# A model, and a control
# ----------------------
#
# The control is a corpus without topics. It has the same words as the real documents, and documents
# of the same lengths. But the words are distributed over the documents at random. The same model is
# fitted to the real documents and to the control.

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
# A page from ``report`` would show such words for the control as well. So words alone do not tell
# whether a topic is real.
#
# 1. Do the topic's words occur together? 2. Is the topic found again?
# --------------------------------------------------------------------
#
# Coherence (NPMI) measures whether the top words of a topic occur in the same documents. Stability
# measures how similar the topic is to its match in a model of another seed. The page shows both
# measures for each topic. It shows stability only if the model comes from ``fit_seeds``, or if you
# pass ``stability=`` to ``report``.

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
# The coherence of the control is not 0. A long document contains most words, so many pairs of words
# occur together in this document by chance. The stability of the control is not 0 either, because
# topics that are all nearly the same are easily found again. So compare the measures of a topic
# with those of a control, not with 0. Trust a topic only if both measures are higher. Here some
# topics have higher values than the control. Other topics are no better than chance.
#
# 3. What do the topic's documents say?
# -------------------------------------
#
# Read the documents with the largest share of the topic before you name the topic. The name is a
# guess at what these documents have in common.

theta = model.transform(counts)
topic = int(theta.mean(0).argmax())
print("topic", topic, *model.top_words(6)[topic])
for row in theta[:, topic].argsort()[::-1][:3]:
    print(f"{theta[row, topic]:.2f}  {corpus.texts[row].strip().splitlines()[0][:70]}")

# %%
# 4. How sure is a share?
# -----------------------
#
# One document has few words, so its shares are uncertain. The topic with the largest estimated
# share need not have the largest true share. So compare the intervals. A topic is surely the
# largest if the lower end of its interval is above the upper ends of all other topics.

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
# ``shares`` returns the mean shares of each group, and ``difference`` compares two groups, with
# intervals. If the groups do not differ, a 90 % interval leaves out 0 with a probability of 0.1. So
# with 8 topics, 0.8 topics look different by chance alone, on average. The left picture compares
# two real groups. For the right picture, the labels of the documents were permuted at random.

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
_ = cells[0].set_yticks(range(8), names)

# %%
# Next: :doc:`/topics_measured` reports how reliable the intervals and these measures are on real
# corpora.
