"""
Topics of documents
===================

You have texts. You want to know what they are about, and how much of each text is about what.

A topic model finds K topics. Each topic is a list of words with probabilities. Each document is
a mixture of topics: proportions that sum to 1.
"""

# %%
# Read and fit
# ------------
#
# Any list of strings will do. Here they are the documentation of SciPy's functions, which are on
# your disk already. For a table of your own, write
# ``read_texts("reviews.csv", text_column="review").texts``; for a folder of ``.txt`` files,
# ``read_texts("folder").texts``.

from dirvae import TopicModel
from dirvae.data import docstrings

texts = docstrings(["scipy"]).texts
model = TopicModel(n_components=10, random_state=0).fit(texts)
print(len(texts), "documents,", len(model.vocabulary_), "words")

# %%
# Read the topics
# ---------------
#
# Topics are numbered from 0. The words are those that tell a topic best from the others.

for number, words in enumerate(model.top_words(6)):
    print(number, *words)

# %%
# Look at your documents
# ----------------------
#
# ``transform`` gives the proportions: a row for each document, a column for each topic.

theta = model.transform(texts)
print(theta.shape, "rows sum to", theta.sum(1).round(3).max())

# %%
# How much is there of each topic? And what is in one document? ``posterior`` answers the second
# with intervals: short documents have wide ones.

import matplotlib.pyplot as plt
import numpy as np

names = [f"{number}  {', '.join(words)}" for number, words in enumerate(model.top_words(3))]
chosen = max(range(200), key=lambda row: np.sort(theta[row])[-2])  # about two topics at once
found = model.posterior([texts[chosen]])
places = np.arange(10)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
left.barh(places, model.topic_prevalence_, color="#0b6e4f")
left.set(title="all documents", xlabel="share of each topic")
left.set_yticks(places, names)
left.invert_yaxis()
right.hlines(places, found.lower[0], found.upper[0], color="#0b6e4f")
right.plot(found.mean[0], places, "o", color="#0b6e4f")
right.set(title=f"document {chosen}, with 90 % intervals", xlabel="share of each topic")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)

# %%
# A page to explore
# -----------------
#
# ``report`` writes one file that opens in any browser. It shows the topics, the documents that have
# most of each, and shares by label and over time. Click a topic to read its documents and to type a
# name for it. Names that you give in Python are in the page, and are saved with the model.
#
# .. code-block:: python
#
#    model.topic_names_ = {0: "distributions"}
#    model.report(texts, "topics.html")
#
# .. image:: /images/explorer.png
#    :alt: Topics with their shares, and for one of them its words and signs of trust
#
# The same in a shell, for a table with the columns ``review``, ``product`` and ``date``:
#
# .. code-block:: text
#
#    dirvae fit topics reviews.csv --text-column review -k 10 -o my-topics
#    dirvae topics my-topics
#    dirvae report my-topics reviews.csv --text-column review --label-column product \
#        --time-column date -o topics.html
#    dirvae transform my-topics reviews.csv --text-column review -o proportions.csv
#
# The last line writes a table with the proportions of each text. "Download names" in the page
# writes the names that you typed to ``topic-names.json``, such as ``{"0": "Cars", "3": "Guns"}``:
# keys are numbers of topics. With ``--names topic-names.json`` the next page has them.
#
# Which topics can be trusted? ``dirvae fit topics --seeds 3`` marks those that other seeds do not
# find, in ``dirvae topics`` and in the page. A topic's page has further signs.
#
# Next: :doc:`topics of your own documents </learn/topics_of_documents>` goes further;
# :doc:`/choosing` says how many topics to ask for.
