"""Compositions of microbes, held out: `python -m benchmarks compositions`.

Over-dispersed and plain topics beside scikit-learn's LDA and NMF on gut microbes (atlas1006 and
dietswap, read from the folder that DIRVAE_DATA names). Samples are split by subject: 64 % to fit,
16 % to choose, 20 % to score. Two things are asked of each held-out sample:

- taxa: half of the taxa are hidden; how are their reads spread, given the other half's reads?
- reads: half of the reads are hidden; where are they, given the other half?

The hidden reads are scored given their total by a multinomial, and by a Dirichlet-multinomial
around the same proportions. Its precision, a share of the mean composition that is mixed in, and
the number of components are those best for that score on the samples to choose by, for all alike.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from scipy.special import gammaln
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.model_selection import GroupShuffleSplit

from benchmarks.compositions_picture import picture
from dirvae import CompositionModel
from dirvae.topics import TopicModel
from dirvae.topics.decoders import OverdispersedDecoder
from dirvae.topics.posterior import proportions
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "compositions.json"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "compositions.png"
COVARIATES = {
    "atlas1006": ("nationality", "bmi_group", "sex", "age"),
    "dietswap": ("nationality", "bmi_group", "sex", "group"),
}
STEPS = 100  # of a hundred samples each, of our multinomial fits
MASKS = 4  # halves of the taxa that are hidden in turn
PRECISIONS = np.geomspace(10, 1500, 16)
SHARES = (1e-6, 1e-3, 1e-2, 0.05, 0.2, 0.4)  # of the mean composition, mixed in
SCORES = tuple((what, law) for what in ("taxa", "reads") for law in ("multinomial", "dirichlet"))


class Samples(NamedTuple):
    counts: Any
    covariates: pd.DataFrame
    subject: Any
    taxa: list[str]

    def rows(self, index: Any) -> Samples:
        told = self.covariates.iloc[index]
        return Samples(self.counts[index], told, self.subject[index], self.taxa)


class Fitted(NamedTuple):
    """beta, and theta from the reads of the observed taxa."""

    beta: Any
    infer: Callable[[Any, Any, pd.DataFrame], Any]


def samples(name: str) -> Samples:
    folder = Path(os.environ.get("DIRVAE_DATA", ""))
    lines = (folder / f"{name}_categories.txt").read_text().splitlines()
    levels = {key: words for key, *words in (line.split("\t") for line in lines)}
    with np.load(folder / f"{name}.npz", allow_pickle=False) as z:
        frame = pd.DataFrame()
        for key in COVARIATES[name]:
            if key in levels:
                words = pd.Series(np.array(levels[key])[z[key]])
                rare = words.map(words.value_counts()) < 30
                frame[key] = words.where(~rare, "other")
            else:
                frame[key] = pd.Series(z[key]).fillna(np.nanmedian(z[key]))
        counts, subject = z["counts"].astype(float), z["subject"]
    taxa = (folder / f"{name}_taxa.txt").read_text().splitlines()
    return Samples(counts, frame, subject, taxa)


# --- models ---------------------------------------------------------------------------------------


def _multinomial(train: Samples, size: int, seed: int) -> TopicModel:
    epochs = int(np.ceil(STEPS * 100 / len(train.counts)))
    options: dict[str, Any] = {"background": False, "max_epochs": epochs, "batch_size": 100}
    return TopicModel(size, random_state=seed, **options).fit(train.counts)


def _overdispersed(told: bool, train: Samples, size: int, seed: int) -> TopicModel:
    model = CompositionModel(size, random_state=seed)
    return model.fit(train.counts, covariates=train.covariates if told else None)


def _ours(model: TopicModel, told: bool = False) -> Fitted:
    beta = np.maximum(model.topic_word_, 1e-12)

    def infer(x: Any, observed: Any, covariates: pd.DataFrame) -> Any:
        # Of a part of the taxa the law is the same with beta, prior and precision of that part.
        part = beta[:, observed].sum(1)
        vae: Any = copy.deepcopy(model.vae_)
        with torch.no_grad():
            alpha = vae.prior.log_concentration.exp().numpy()
            mean = float(alpha @ part / alpha.sum())
            vae.prior.log_concentration += torch.from_numpy(np.log(part / mean)).float()
            vae.decoder.weight[:, torch.from_numpy(~observed)] = -1e4
            if isinstance(vae.decoder, OverdispersedDecoder):
                vae.decoder.log_precision += np.log(mean)
        rows = sparse.csr_matrix(np.where(observed, x, 0))
        values = model._covariate_values(covariates, len(x)) if told else None
        return _normalized(proportions(vae, rows, values) / part)

    return Fitted(beta, infer)


def _lda(train: Samples, size: int, seed: int) -> Fitted:
    model = LatentDirichletAllocation(size, max_iter=20, random_state=seed).fit(train.counts)
    beta = _normalized(model.components_)

    def infer(x: Any, observed: Any, covariates: pd.DataFrame) -> Any:
        part, of_part = beta[:, observed].sum(1), copy.copy(model)
        weights = model.exp_dirichlet_component_ * observed / part[:, None]
        of_part.exp_dirichlet_component_ = np.ascontiguousarray(weights)
        gamma, _ = of_part._e_step(np.where(observed, x, 0), cal_sstats=False, random_init=False)
        alpha = model.doc_topic_prior_
        return _normalized((gamma - alpha) / part + alpha)

    return Fitted(beta, infer)


def _nmf(loss: str, train: Samples, size: int, seed: int) -> Fitted:
    shares = 1e4 * _normalized(train.counts)
    model = NMF(
        size, init="nndsvda", solver="mu", beta_loss=loss, max_iter=500, random_state=seed
    ).fit(shares)
    scale = model.components_.sum(1)

    def infer(x: Any, observed: Any, covariates: pd.DataFrame) -> Any:
        of_part = copy.copy(model)
        of_part.components_ = model.components_ * observed
        return _normalized(of_part.transform(1e4 * _normalized(x * observed)) * scale + 1e-12)

    return Fitted(_normalized(model.components_), infer)


def _normalized(a: Any) -> Any:
    return a / np.maximum(a.sum(1, keepdims=True), 1e-300)


MODELS: dict[str, Callable[[Samples, int, int], Fitted]] = {
    "dirvae, over-dispersed": lambda *a: _ours(_overdispersed(False, *a)),
    "dirvae, over-dispersed, covariates": lambda *a: _ours(_overdispersed(True, *a), True),
    "dirvae, multinomial": lambda *a: _ours(_multinomial(*a)),
    "scikit-learn LDA": _lda,
    "scikit-learn NMF, KL": lambda *a: _nmf("kullback-leibler", *a),
    "scikit-learn NMF, Frobenius": lambda *a: _nmf("frobenius", *a),
}


# --- scores ---------------------------------------------------------------------------------------


class Part(NamedTuple):
    """Reads to predict, reads of the same taxa that are known, predicted and mean proportions."""

    hidden: Any
    known: Any
    probs: Any
    mean: Any


def predictions(fitted: Fitted, data: Samples, mean: Any, seed: int) -> dict[str, list[Part]]:
    rng, x = np.random.default_rng(seed), data.counts
    size, every = x.shape[1], np.ones(x.shape[1], dtype=bool)
    parts = []
    for _ in range(MASKS):
        seen = rng.permutation(size) < size // 2
        probs = fitted.infer(x, seen, data.covariates) @ fitted.beta
        parts.append(Part(x[:, ~seen], 0.0, probs[:, ~seen], mean[~seen]))
    half = np.stack([rng.multivariate_hypergeometric(r, r.sum() // 2) for r in x.astype(int)])
    probs = fitted.infer(half.astype(float), every, data.covariates) @ fitted.beta
    return {"taxa": parts, "reads": [Part(x - half, half, probs, mean)]}


def log_likelihood(parts: list[Part], law: str, share: float, precision: float) -> Any:
    """Of each sample's hidden reads given their total in nats, mean over the parts."""
    found = []
    for hidden, known, probs, mean in parts:
        p = (1 - share) * probs + share * mean
        if law == "multinomial":
            log_p = np.log(p / p.sum(1, keepdims=True))
            terms = (hidden * log_p - gammaln(hidden + 1)).sum(1)
            found.append(terms + gammaln(hidden.sum(1) + 1))
        else:  # given the known reads, too, it is one again, with these added
            a = precision * p + known
            found.append(_log_multiset(hidden, a).sum(1) - _log_multiset(hidden.sum(1), a.sum(1)))
    return np.mean(found, 0)


def _log_multiset(x: Any, a: Any) -> Any:
    return gammaln(x + a) - gammaln(a) - gammaln(x + 1)


def best_setting(parts: list[Part], law: str) -> tuple[float, dict[str, float]]:
    precisions = (1.0,) if law == "multinomial" else PRECISIONS
    grid = [{"share": s, "precision": float(a)} for s in SHARES for a in precisions]
    found = [float(log_likelihood(parts, law, **setting).mean()) for setting in grid]
    best = int(np.argmax(found))
    return found[best], grid[best]


def split(data: Samples, seed: int) -> list[Samples]:
    """To fit, to choose and to score, no subject in two of them."""
    first = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    rest, test = next(first.split(data.counts, groups=data.subject))
    second = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    fit, choose = next(second.split(rest, groups=data.subject[rest]))
    return [data.rows(index) for index in (rest[fit], rest[choose], test)]


def run(name: str, parts: list[Samples], sizes: list[int], seed: int) -> dict[str, Any]:
    train, choose, test = parts
    mean = _normalized(train.counts.sum(0, keepdims=True) + 0.5)[0]
    start, tried = time.perf_counter(), []
    for size in sizes:
        fitted = MODELS[name](train, size, seed)
        tried.append((size, fitted, predictions(fitted, choose, mean, seed)))
    seconds = time.perf_counter() - start
    result: dict[str, Any] = {"model": name, "seed": seed, "seconds": seconds, "scores": {}}
    told: dict[int, Any] = {}
    for what, law in SCORES:
        options = [(*best_setting(p[what], law), size, f) for size, f, p in tried]
        _, setting, size, fitted = max(options, key=lambda option: option[0])
        if size not in told:
            told[size] = predictions(fitted, test, mean, seed + 1)
        value = float(log_likelihood(told[size][what], law, **setting).mean())
        result["scores"][f"{what} {law}"] = {"nats": value, "components": size, **setting}
    return result


# --- showing --------------------------------------------------------------------------------------


def table(results: list[dict[str, Any]], reference: str = "dirvae, over-dispersed") -> str:
    """Means over splits; in brackets what is lost to the reference, with its standard error."""
    lines = ["| data | model | " + " | ".join(f"{w}, {a}" for w, a in SCORES) + " |"]
    lines.append("|" + "---|" * (2 + len(SCORES)))
    for data in dict.fromkeys(r["data"] for r in results):
        by = {(r["model"], r["seed"]): r["scores"] for r in results if r["data"] == data}
        for name in dict.fromkeys(model for model, _ in by):
            seeds = [seed for model, seed in by if model == name and (reference, seed) in by]
            cells = []
            for score in (f"{what} {law}" for what, law in SCORES):
                own = np.array([by[name, s][score]["nats"] for s in seeds])
                lost = own - [by[reference, s][score]["nats"] for s in seeds]
                error = lost.std(ddof=1) / np.sqrt(len(lost)) if len(lost) > 1 else np.nan
                tail = "" if name == reference else f" ({lost.mean():+,.1f} ± {error:,.1f})"
                cells.append(f"{own.mean():,.1f}{tail}")
            lines.append(f"| {data} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=list(COVARIATES), choices=list(COVARIATES))
    parser.add_argument("--components", nargs="+", type=int, default=[5, 10, 20])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--shown", type=int, default=6, help="Components in the picture.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Maximum number of iterations")
    setting = {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 1),
        "platform": platform.platform(),
        "versions": {p: version(p) for p in ("torch", "scikit-learn", "numpy")},
        "components": options.components,
    }
    every = {name: samples(name) for name in options.data}
    asked = set(itertools.product(options.data, options.models, options.seeds))
    found = json.loads(options.output.read_text())["results"] if options.output.exists() else []
    results = [r for r in found if (r["data"], r["model"], r["seed"]) not in asked]
    for seed in options.seeds:
        for name, data in every.items():
            parts = split(data, seed)
            for model in options.models:
                done = {"data": name, **run(model, parts, options.components, seed)}
                print(name, seed, model, done["scores"], file=sys.stderr, flush=True)
                results.append(done)
            options.output.parent.mkdir(exist_ok=True)
            results.sort(key=lambda r: (r["data"], r["seed"], list(MODELS).index(r["model"])))
            content = {"setting": setting, "results": results}
            write_text(options.output, json.dumps(content, indent=1) + "\n")
    print(table(results))
    picture(every, options.shown, options.picture)


if __name__ == "__main__":
    main()
