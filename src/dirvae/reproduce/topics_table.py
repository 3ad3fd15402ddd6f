"""The paper's table of topic models from runs on file, and whether the Dirichlet improves them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from dirvae.reproduce import paper
from dirvae.reproduce.record import Run
from dirvae.reproduce.tables import Table, latest, mean_of, seeds_of, values_of
from dirvae.reproduce.topics import ROWS

__all__ = ["difference", "topics_table"]

MODELS = {"prodlda": "ProdLDA", "nvdm": "NVDM", "gsm": "GSM"}
DIRICHLETS = {"inverse_cdf_dirichlet": "the paper's", "dirichlet": "the exact"}
PLACES = {"own": 0, "stick_breaking": 1}  # in the paper's rows; both Dirichlets are the third
TITLES = {
    "20news": "Topic models of the paper, 20 Newsgroups, K = 50",
    "20news-v1995": "Topic models of the paper, on its own counts of 20 Newsgroups, K = 50",
    "rcv1": "Topic models of the paper, Reuters-21578 in place of RCV1-v2, K = 100",
}
DOCUMENTS = {
    "20news": "The counts are NVDM's (a vocabulary of V = 2,000 words), not the paper's.",
    "20news-v1995": "The paper's counts: 1,995 words, 11,258 training and 7,487 test documents. "
    "The paper chose its priors on the test documents; we use its priors unchanged.",
    "rcv1": "Reuters-21578 (ModApte, V 5,000) replaces RCV1-v2, which is not at hand. So the "
    "paper's numbers are for other documents.",
}
NOTE = (
    "Own: the latent of the original model, a Gaussian for NVDM and the softmax of a Gaussian for "
    "the others. NPMI: of the ten first words of each topic, over whole training documents. "
    "Words are ranked as the original models rank them: by weight in products of experts "
    "(ProdLDA, NVDM), and by probability in mixtures (GSM). TD25: share of distinct words among "
    "the first 25 of all topics. Document frequency: in how many training documents a word is, as "
    "a mean over the ten first words of all topics. Perplexity: of half of each test document "
    "given the other half. By the bound: the perplexity as the paper computes it, where the "
    "encoder also gets the words that are scored. All latents of a model are trained alike, with "
    "early stopping on a tenth of the training documents."
)
PERPLEXITIES = ("perplexity", "perplexity_by_bound")
VERDICTS = (
    "Improvement: the difference in mean NPMI from the model's own latent ± its standard error. "
    "A difference of less than two standard errors is not an improvement."
)


def topics_table(data: str, runs: Sequence[Run]) -> Table:
    """Coherence, diversity and perplexity of three models with four latents each.

    Args:
        data: "20news", "20news-v1995" or "rcv1".
        runs: Of its study.
    """
    rows = []
    for name, (model, latent) in ROWS.items():
        found = latest(runs, row=name)
        place = PLACES.get(latent, 2)
        of = data.removesuffix("-v1995")
        theirs = paper.TOPICS[of][model][place], paper.TOPICS_PERPLEXITY[of][model][place]
        rows.append(
            [
                MODELS[model],
                latent.replace("_", " "),
                f"{theirs[0]:.3f} / {theirs[1]:,.0f}",
                *(mean_of(found, itemgetter(value), 3) for value in ("npmi", "td25")),
                mean_of(found, itemgetter("frequency"), 0),
                mean_of(found, itemgetter("npmi_by_probability"), 3),
                *(mean_of(found, itemgetter(value), 0) for value in PERPLEXITIES),
                mean_of(found, itemgetter("epochs"), 0),
                seeds_of(found),
            ]
        )
    header = ("model", "latent", "the paper's NPMI / perplexity", "NPMI", "TD25")
    more = ("document frequency", "NPMI by probability", "perplexity", "by the bound", "epochs")
    verdicts = [text for model in MODELS if (text := _verdict(model, runs))]
    remarks = [VERDICTS, *verdicts] if verdicts else []
    note = " ".join([DOCUMENTS[data], NOTE, *remarks])
    return Table(TITLES[data], note, (*header, *more, "seeds"), rows)


def _verdict(model: str, runs: Sequence[Run]) -> str:
    """One sentence, or nothing where either side has not been run."""
    found = {name: latest(runs, row=f"{model}_{name}") for name in ("own", *DIRICHLETS)}
    npmi, td25 = (
        {name: list(values_of(of, itemgetter(value))) for name, of in found.items()}
        for value in ("npmi", "td25")
    )
    parts = [
        f"{name} Dirichlet {difference(npmi[latent], npmi['own'])} with a TD25 of "
        f"{np.mean(td25[latent]):.3f} instead of {np.mean(td25['own']):.3f}"
        for latent, name in DIRICHLETS.items()
        if npmi[latent] and npmi["own"]
    ]
    return f"{MODELS[model]}: {'; '.join(parts)}." if parts else ""


def difference(values: Sequence[float], others: Sequence[float]) -> str:
    """Say whether NPMI improves, with the difference in the mean and its standard error.

    Args:
        values: One a seed.
        others: What they are compared with.

    Example:
        >>> difference([0.31, 0.33], [0.21, 0.23])
        'improves it (+0.100 ± 0.014)'
    """
    change = float(np.mean(values) - np.mean(others))
    if min(len(values), len(others)) < 2:
        return f"differs by {change:+.3f} (one seed, no standard error)"
    error = math.sqrt(sum(np.var(v, ddof=1) / len(v) for v in (values, others)))
    verdict = "does not improve it"
    if abs(change) > 2 * error:
        verdict = "improves it" if change > 0 else "makes it worse"
    return f"{verdict} ({change:+.3f} ± {error:.3f})"
