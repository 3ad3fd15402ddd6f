"""
Microbes: proportions, how sure they are, and what they go with
================================================================

You have a table of reads, and a table of what is known of the samples. This page answers three
questions. Which communities are there? How certain are the proportions of communities in each
sample? How are the proportions associated with age and diet? The data are simulated, so the answers
are known.
"""

# %%
# Data whose truth is known
# -------------------------
#
# Each of 200 samples is a mixture of three communities of forty taxa. The share of the second
# community grows with age. The share of the third is larger with the diet of plants. The counts are
# overdispersed: they vary around the mixture far more than a multinomial distribution allows. To
# get such counts, the proportions of the taxa in a sample are drawn from a Dirichlet. Its mean is
# the mixture, and its concentrations sum to 50. This sum is called the precision. A small precision
# means much extra variation.

import numpy as np
import pandas as pd

rng = np.random.default_rng(1)
communities = rng.dirichlet(np.full(40, 0.2), size=3)
people = pd.DataFrame(
    {"age": rng.integers(20, 80, size=200) / 10.0, "diet": rng.choice(["meat", "plants"], 200)}
)
weight = np.column_stack(
    [np.full(200, 2.0), 0.5 * people["age"], np.where(people["diet"] == "plants", 3.0, 0.5)]
)
truth = np.array([rng.dirichlet(row) for row in weight])
mean = np.maximum(truth @ communities, 1e-9)
counts = np.array([rng.multinomial(5_000, rng.dirichlet(50 * row)) for row in mean])

# %%
# Fit, with what is known of the samples
# --------------------------------------
#
# With ``covariates``, the prior of the proportions depends on age (in decades) and diet. The model
# estimates the precision.

from dirvae import CompositionModel

model = CompositionModel(3, random_state=0).fit(counts, covariates=people)
print("precision:", round(float(model.precision_)), "planted: 50")

# %%
# The components of the model can have another order than the true communities. So match each true
# community to a component. A cosine near 1 means that the component and the community are alike.

from dirvae.evaluation import match_topics

place = match_topics(communities, model.components_).order
print("cosine:", match_topics(communities, model.components_).similarity.round(2))

# %%
# How certain the proportions are
# -------------------------------
#
# ``posterior`` returns 90 % intervals of the proportions. Do 90 % of them contain the true
# proportion? For comparison, a second model is fitted: a ``TopicModel``, which treats each read as
# an independent observation, as LDA does.

from dirvae import TopicModel

plain = TopicModel(3, background=False, max_epochs=200, random_state=0)
plain.fit(counts, covariates=people)


def held(fitted):
    """Share of the 90 % intervals that hold the true proportion."""
    order = match_topics(communities, fitted.components_).order
    found = fitted.posterior(counts, covariates=people)
    return ((found.lower[:, order] <= truth) & (truth <= found.upper[:, order])).mean()


print(f"overdispersed {held(model):.2f}, independent reads {held(plain):.2f}")

# %%
# The first number is for the ``CompositionModel``. Fewer than 90 % of its intervals contain the
# true proportion. The reason is that its intervals treat the communities as known. But the
# communities were estimated, from 200 samples only. So the intervals are too narrow. The second
# number is for the ``TopicModel``. Its intervals are useless for such data.
#
# Some fits find worse communities than others. :doc:`/compositions` says how to choose among fits
# with several seeds, and how often the intervals contain the truth in another simulation.
#
# Effects of age and diet
# -----------------------
#
# ``effects`` regresses the proportions on age and diet. The intervals include the uncertainty of
# the estimated proportions. An association need not be causal. The crosses show the same regression
# on the true proportions.

import matplotlib.pyplot as plt

effects = model.effects(counts, people)
design = np.column_stack([np.ones(200), people["age"], people["diet"] == "plants"])
expected = np.linalg.lstsq(design, truth, rcond=None)[0]
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for row, title in enumerate(("a decade of age", "plants, not meat"), 1):
    cell = axes[row - 1]
    found = effects.effect[row, place]
    ends = np.abs(np.stack([effects.lower[row, place], effects.upper[row, place]]) - found)
    cell.errorbar(found, range(3), xerr=ends, fmt="o", color="#0b6e4f", label="estimate, 90 %")
    cell.plot(expected[row], range(3), "x", color="black", label="regression on the truth")
    cell.axvline(0, color="grey", linewidth=0.8)
    cell.set(title=title, xlabel="change of the proportion", ylim=(-0.5, 2.5))
    cell.spines[["top", "right"]].set_visible(False)
axes[0].set_yticks(range(3), [f"community {number}" for number in range(3)])
_ = axes[1].legend(frameon=False, loc="lower right")

# %%
# Next: :doc:`/compositions` describes the model, and shows results on public data.
