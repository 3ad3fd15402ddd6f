"""
Counts and compositions
=======================

You have a table of counts. Its rows are samples. Its columns are taxa, cell types or goods. Each
sample is a mixture of a few compositions, and you want to find these compositions.

Such counts vary more than counts of words do. All reads of a sample share the peculiarities of
that sample. So the model of this page does not treat each read as an independent observation.
"""

# %%
# A table
# -------
#
# Read your own table by ``pandas.read_csv("counts.csv", index_col=0)``. The table of this page is
# simulated. It has sixty samples of twelve taxa. The samples are from people on two diets.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
compositions = rng.dirichlet(np.full(12, 0.3), size=3)  # what three communities consist of
diet = np.repeat(["plants", "meat"], 30)
shares = np.where(diet[:, None] == "plants", [6.0, 1.0, 2.0], [1.0, 5.0, 2.0])
mixed = np.array([rng.dirichlet(row) @ compositions for row in shares])
reads = rng.integers(2_000, 20_000, size=60)  # sequencing depth
counts = np.array(
    [rng.multinomial(n, rng.dirichlet(80 * p)) for n, p in zip(reads, mixed, strict=True)]
)
table = pd.DataFrame(counts, columns=[f"taxon {number}" for number in range(12)])
print(table.iloc[:3, :6])

# %%
# Fit
# ---
#
# ``CompositionModel`` is the model for such counts. ``transform`` returns the proportions of the
# three components in each sample.

from dirvae import CompositionModel

model = CompositionModel(3, random_state=0).fit(table)
theta = model.transform(table)
print(theta[:3].round(2))

# %%
# How certain are the proportions? ``posterior`` returns 90 % intervals. ``to_frame`` makes a table
# of all of them, with a row for each component of each sample. ``lower`` and ``upper`` are the ends
# of the interval. The other columns are ``sample``, ``component``, ``name``, ``mean``, ``std`` and
# ``dominates``: the probability that the component is the largest of the sample.
# ``intervals.to_csv("intervals.csv")`` or ``to_parquet`` writes the table.

intervals = model.posterior(table).to_frame()
print(intervals[["sample", "component", "mean", "lower", "upper"]].head(3).round(2))

# %%
# Look
# ----
#
# In the upper picture, each bar is a sample. The lower picture shows the share of each taxon in
# each component.

import matplotlib.pyplot as plt

order = np.lexsort((theta[:, 0], diet))
figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 5.5), layout="constrained")
base = np.zeros(60)
for number, color in enumerate(("#0b6e4f", "#d98e04", "#5b5ea6")):
    share = theta[order, number]
    top.bar(range(60), share, bottom=base, width=1, color=color, label=f"component {number}")
    base = base + share
    places = np.arange(12) + 0.27 * (number - 1)
    bottom.bar(places, model.components_[number], width=0.27, color=color)
top.set(title="samples: meat left, plants right", ylabel="proportion", xticks=[], xlim=(-0.5, 59.5))
top.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, -0.22), frameon=False)
bottom.set(title="components", xlabel="taxon", ylabel="share", xticks=range(12))
for axes in (top, bottom):
    axes.spines[["top", "right"]].set_visible(False)

# %%
# The same in a shell
# -------------------
#
# The counts are in one table. What is known of the samples is in a second table. Both tables have a
# column with the ids of the samples. ``dirvae effects`` shows how the share of each component
# differs between the diets. ``dirvae report`` writes a page to explore in a browser.
#
# .. code-block:: text
#
#    dirvae fit counts counts.csv --id-column sample --covariates samples.csv -k 3 -o my-model
#    dirvae topics my-model
#    dirvae effects my-model counts.csv --id-column sample --covariates samples.csv
#    dirvae report my-model counts.csv --id-column sample --covariates samples.csv -o page.html
#
# Next: :doc:`/learn/microbes` fits a model with covariates of the samples. It also shows how
# uncertain the proportions are. :doc:`/compositions` describes the model.
