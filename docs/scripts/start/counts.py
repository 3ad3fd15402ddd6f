"""
Counts and compositions
=======================

You have a table of counts: samples in rows, and taxa, cell types or goods in columns. You want to
know which few compositions the samples are mixtures of.

Counts like these vary more than words do. Ten thousand reads of one sample share what is peculiar
to that sample. So this model does not treat every read as an independent observation.
"""

# %%
# A table
# -------
#
# Read yours by ``pandas.read_csv("counts.csv", index_col=0)``. This one is made up: sixty samples
# of twelve taxa, from people on two diets.

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
# ``CompositionModel`` is the model for such counts.

from dirvae import CompositionModel

model = CompositionModel(3, random_state=0).fit(table)
theta = model.transform(table)
print(theta[:3].round(2))

# %%
# Look
# ----
#
# Each bar is a sample. The lower picture is what each component consists of.

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
# Counts go in one table and what is known of the samples in another, each with a column of ids.
# ``effects`` says how each component goes with the diet. ``report`` writes a page to explore.
#
# .. code-block:: text
#
#    dirvae fit counts counts.csv --id-column sample --covariates samples.csv -k 3 -o my-model
#    dirvae topics my-model
#    dirvae effects my-model counts.csv --id-column sample --covariates samples.csv
#    dirvae report my-model counts.csv --id-column sample --covariates samples.csv -o page.html
#
# Next: :doc:`/learn/microbes` adds what is known of the samples, and says how sure the
# proportions are. :doc:`/compositions` has the model.
