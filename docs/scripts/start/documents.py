"""
Topics of documents
===================

You have texts. You want to know which topics they have, and how large the share of each topic is in
each text.

A topic model finds K topics. You choose the number K. Each topic is a list of words with
probabilities. Each document is a mixture of topics. The proportions of the topics in a document sum
to 1.
"""

# %%
# Read and fit
# ------------
#
# The documents are a list of strings. This page uses the documentation of SciPy's functions, which
# is on your disk already. To read a table of your own, write
# ``read_texts("reviews.csv", text_column="review").texts``. To read a folder of ``.txt`` files,
# write ``read_texts("folder").texts``. The function ``read_texts`` is in ``dirvae.data``.

from dirvae import TopicModel
from dirvae.data import docstrings

texts = docstrings(["scipy"]).texts
model = TopicModel(n_components=10, random_state=0).fit(texts)
print(len(texts), "documents,", len(model.vocabulary_), "words")

# %%
# Read the topics
# ---------------
#
# Topics are numbered from 0. The words shown are those that distinguish a topic best from the other
# topics.

for number, words in enumerate(model.top_words(6)):
    print(number, *words)

# %%
# Look at your documents
# ----------------------
#
# ``transform`` returns the proportions. There is a row for each document and a column for each
# topic.

theta = model.transform(texts)
print(theta.shape, "rows sum to", theta.sum(1).round(3).max())

# %%
# The left picture shows the share of each topic in all documents. The right picture shows the
# proportions of one document, with intervals from ``posterior``. Short documents have wide
# intervals.

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
# ``to_frame`` makes a table of the intervals of all documents, with a row for each topic of each
# document. ``lower`` and ``upper`` are the ends of the interval. ``dominates`` is the probability
# that the topic is the largest of the document. ``intervals.to_csv("intervals.csv")`` or
# ``to_parquet`` writes the table.

intervals = model.posterior(texts).to_frame()
print(*intervals.columns)

# %%
# A page to explore
# -----------------
#
# ``report`` writes one file that opens in any browser. The file is a page that shows the topics,
# the documents with the largest share of each topic, and the shares of topics by label and over
# time. Click a topic to read its documents and to type a name for the topic. You can also
# give names in Python. These names appear in the page, and are saved with the model.
#
# .. code-block:: python
#
#    model.topic_names_ = {0: "distributions"}
#    model.report(texts, "topics.html")
#
# .. image:: /images/explorer.png
#    :alt: Topics with their shares, and the words and signs of trust of one topic
#
# Here are the same steps in a shell, for a table with the columns ``review``, ``product`` and
# ``date``:
#
# .. code-block:: text
#
#    dirvae fit topics reviews.csv --text-column review -k 10 -o my-topics
#    dirvae topics my-topics
#    dirvae report my-topics reviews.csv --text-column review --label-column product \
#        --time-column date -o topics.html
#    dirvae transform my-topics reviews.csv --text-column review -o proportions.csv
#
# The last command writes a table with the proportions of each text. "Download names" in the page
# saves the names that you typed, in the file ``topic-names.json``. An example of its content is
# ``{"0": "Cars", "3": "Guns"}``. The keys are the numbers of topics. To use these names in another
# page, add ``--names topic-names.json`` to ``dirvae report``.
#
# Which topics can be trusted? ``dirvae fit topics --seeds 3`` fits three models and compares their
# topics. Then ``dirvae topics`` and the page mark the topics that the other seeds do not find. The
# page also shows other signs of whether a topic can be trusted.
#
# Next: :doc:`topics of your own documents </learn/topics_of_documents>` shows more steps.
# :doc:`/choosing` explains how to choose the number of topics.
