"""Topic models side by side: `python -m benchmarks topics`.

Every model has the same counts, seeds and cores, and its output is scored by the same functions,
with its words ranked by probability and by our default, relevance. Peers that are not installed
are left out (`pip install dirvae[benchmarks]` has tomotopy and gensim). Data are read from the
folder that DIRVAE_DATA names. Results go to a JSON file, from which the table and the picture are
made.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from dirvae import evaluation
from dirvae.estimators import TopicModel
from dirvae.models.topic_decoders import ProductDecoder

RESULTS = Path(__file__).parent / "results" / "topics.json"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "topics_quality.png"
RANKINGS = ("relevance", "probability")


class Corpus(NamedTuple):
    train: sparse.csr_matrix
    test: sparse.csr_matrix
    train_labels: Any = None
    test_labels: Any = None


class Fitted(NamedTuple):
    beta: Any
    transform: Callable[[sparse.csr_matrix], Any]


def corpus(name: str) -> Corpus:
    """A data set; where it has no test documents every fifth of a fixed order is one."""
    folder = Path(os.environ.get("DIRVAE_DATA", ""))
    with np.load(folder / f"{name}.npz", allow_pickle=False) as z:

        def part(key: str) -> sparse.csr_matrix:
            parts = (z[f"{key}_data"].astype(np.float64), z[f"{key}_indices"].astype(np.int32))
            return sparse.csr_matrix((*parts, z[f"{key}_indptr"]), shape=tuple(z[f"{key}_shape"]))

        labels = {key: z[key] for key in ("train_y", "test_y", "y") if key in z.files}
        if "train_data" in z.files:
            train, test = part("train"), part("test")
            train_y, test_y = labels.get("train_y"), labels.get("test_y")
        else:
            x, y = part("all"), labels.get("y")
            order = np.random.default_rng(0).permutation(x.shape[0])
            held, kept = order[::5], np.setdiff1d(order, order[::5])
            train, test = x[kept], x[held]
            train_y, test_y = (None, None) if y is None else (y[kept], y[held])
    kept = np.flatnonzero(np.diff(train.indptr))
    return Corpus(train[kept], test, None if train_y is None else train_y[kept], test_y)


# --- models ---------------------------------------------------------------------------------------


def _ours(x: sparse.csr_matrix, topics: int, seed: int, **options: Any) -> Fitted:
    model = TopicModel(topics, random_state=seed, **options).fit(x)
    return Fitted(model.topic_word_, model.transform)


def _tomotopy(x: sparse.csr_matrix, topics: int, seed: int) -> Fitted:
    import tomotopy

    def words(row: Any) -> list[str]:
        return [str(w) for w in np.repeat(row.indices, row.data.astype(int))]

    model = tomotopy.LDAModel(k=topics, seed=seed)
    for row in x:
        model.add_doc(words(row))
    model.train(1000, workers=os.cpu_count())
    columns = np.array([int(word) for word in model.used_vocabs])
    beta = np.full((topics, x.shape[1]), 1e-12)
    for k in range(topics):
        beta[k, columns] = model.get_topic_word_dist(k)

    def transform(rows: sparse.csr_matrix) -> Any:
        alpha = np.asarray(model.alpha, dtype=float)
        theta = np.tile(alpha / alpha.sum(), (rows.shape[0], 1))
        full = np.flatnonzero(np.diff(rows.indptr))
        documents = [model.make_doc(words(rows[i])) for i in full]
        theta[full] = np.array(model.infer(documents)[0])
        return theta / theta.sum(1, keepdims=True)

    return Fitted(beta / beta.sum(1, keepdims=True), transform)


def _gensim(x: sparse.csr_matrix, topics: int, seed: int) -> Fitted:
    from gensim.matutils import Sparse2Corpus
    from gensim.models import LdaModel

    def bags(rows: sparse.csr_matrix) -> Any:
        return Sparse2Corpus(rows.tocsc(), documents_columns=False)

    names = {i: str(i) for i in range(x.shape[1])}
    model = LdaModel(
        bags(x), topics, id2word=names, passes=10, random_state=seed, minimum_probability=0.0
    )

    def transform(rows: sparse.csr_matrix) -> Any:
        gamma, _ = model.inference(list(bags(rows)))
        return gamma / gamma.sum(1, keepdims=True)

    return Fitted(model.get_topics().astype(float), transform)


def _sklearn_lda(x: sparse.csr_matrix, topics: int, seed: int) -> Fitted:
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(
        topics, learning_method="online", max_iter=10, n_jobs=-1, random_state=seed
    ).fit(x)
    beta = model.components_ / model.components_.sum(1, keepdims=True)
    return Fitted(beta, model.transform)


def _nmf(x: sparse.csr_matrix, topics: int, seed: int) -> Fitted:
    from sklearn.decomposition import NMF

    model = NMF(topics, init="nndsvda", beta_loss="frobenius", max_iter=300, random_state=seed)
    model.fit(x)
    scale = model.components_.sum(1)
    beta = model.components_ / np.maximum(scale, 1e-12)[:, None]
    beta = (beta + 1e-12) / (beta + 1e-12).sum(1, keepdims=True)

    def transform(rows: sparse.csr_matrix) -> Any:
        weights = model.transform(rows) * scale + 1e-12
        return weights / weights.sum(1, keepdims=True)

    return Fitted(beta, transform)


MODELS: dict[str, tuple[str, Callable[..., Fitted]]] = {
    "dirvae": ("dirvae", _ours),
    "dirvae, product": (
        "dirvae",
        lambda *a: _ours(*a, decoder=ProductDecoder, prior_concentration=0.5),
    ),
    "tomotopy LDA": ("tomotopy", _tomotopy),
    "gensim LDA": ("gensim", _gensim),
    "scikit-learn LDA": ("sklearn", _sklearn_lda),
    "scikit-learn NMF": ("sklearn", _nmf),
}


# --- scores ---------------------------------------------------------------------------------------


def scores(fitted: Fitted, data: Corpus) -> dict[str, float]:
    """Coherence, diversity and frequency under both rankings, theta against labels, completion."""
    found: dict[str, float] = {}
    documents = evaluation.documents_of_words(fitted.transform(data.train), fitted.beta, data.train)
    for by in RANKINGS:
        ten, more = (
            evaluation.top_words_by_documents(documents, n)
            if by == "relevance"
            else evaluation.top_word_ids(fitted.beta, n)
            for n in (10, 25)
        )
        found[f"npmi_{by}"] = float(evaluation.topic_coherence(ten, data.train).mean())
        found[f"td25_{by}"] = evaluation.diversity(more)
        found[f"frequency_{by}"] = evaluation.mean_document_frequency(ten, data.train)
    encoded, scored = evaluation.split_tokens(data.test)
    start = time.perf_counter()
    theta = fitted.transform(data.test)
    found["documents_a_second"] = data.test.shape[0] / (time.perf_counter() - start)
    theta_half = fitted.transform(encoded)
    found["perplexity"] = evaluation.completion_perplexity(theta_half, fitted.beta, scored)
    if data.test_labels is not None:
        found["nmi"] = evaluation.normalized_mutual_information(theta, data.test_labels)
        found["purity"] = evaluation.purity(theta, data.test_labels)
        probe = LogisticRegression(C=1, max_iter=1000)
        probe.fit(fitted.transform(data.train), data.train_labels)
        found["probe"] = float(probe.score(theta, data.test_labels))
    return found


def run(name: str, data: Corpus, topics: int, seeds: list[int]) -> dict[str, Any]:
    _, make = MODELS[name]
    runs, betas = [], []
    for seed in seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        fitted = make(data.train, topics, seed)
        seconds = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        runs.append({"seed": seed, **seconds, **scores(fitted, data)})
        betas.append(fitted.beta)
        print(name, {k: round(v, 3) for k, v in runs[-1].items()}, file=sys.stderr, flush=True)
    mean = {key: float(np.mean([r[key] for r in runs])) for key in runs[0] if key != "seed"}
    if len(betas) > 1:
        mean["stability"] = evaluation.stability(betas)
    return {"model": name, "topics": topics, "mean": mean, "runs": runs}


# --- showing --------------------------------------------------------------------------------------


def table(results: list[dict[str, Any]]) -> str:
    heads = (
        "npmi_relevance",
        "td25_relevance",
        "frequency_relevance",
        "npmi_probability",
        "td25_probability",
    )
    heads = (*heads, "nmi", "probe", "perplexity", "seconds", "cpu", "documents_a_second")
    lines = [f"| corpus | K | model | {' | '.join(heads)} |", "|" + "---|" * (len(heads) + 3)]
    for found in results:
        values = [found["mean"].get(head) for head in heads]
        cells = ["" if v is None else f"{v:.3f}" if v < 2 else f"{v:,.0f}" for v in values]
        row = [found["corpus"], str(found["topics"]), found["model"], *cells]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def picture(results: list[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = [r for r in results if r["corpus"] == results[0]["corpus"]]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for axis, by in zip(axes, RANKINGS, strict=True):
        for place, found in enumerate(shown):
            mean = found["mean"]
            ours, y = found["model"].startswith("dirvae"), mean[f"npmi_{by}"] * mean[f"td25_{by}"]
            axis.scatter(mean["seconds"], y, s=60, color="#d9822b" if ours else "#3b82c4")
            label = {"xytext": (0, 8 if place % 2 else -16), "textcoords": "offset points"}
            axis.annotate(found["model"], (mean["seconds"], y), ha="center", **label)
        axis.set(xscale="log", xlabel="seconds a fit", title=f"words ranked by {by}")
        axis.set_xticks([2, 5, 10, 20, 50, 100, 200], [2, 5, 10, 20, 50, 100, 200])
        axis.minorticks_off()
        axis.set(xlim=(2, 200))
        axis.grid(alpha=0.25)
    axes[0].set(ylabel="quality: NPMI times TD25", ylim=(0, 1.2 * axes[0].dataLim.ymax))
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="+", default=["20news_nvdm2000"])
    parser.add_argument("--topics", nargs="+", type=int, default=[50])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    here = [m for m in options.models if importlib.util.find_spec(MODELS[m][0])]
    for name in set(options.models) - set(here):
        print(f"{name} is not installed: left out", file=sys.stderr)
    setting = {
        "cores": os.cpu_count(),
        "threads": options.threads,
        "load_before": round(os.getloadavg()[0], 1),
        "platform": platform.platform(),
        "versions": {p: version(p) for p in ("torch", "scikit-learn", "numpy")},
    }
    results = []
    for name in options.corpora:
        data = corpus(name)
        for topics in options.topics:
            for model in here:
                results.append({"corpus": name, **run(model, data, topics, options.seeds)})
                options.output.parent.mkdir(exist_ok=True)
                content = {"setting": setting, "results": results}
                options.output.write_text(json.dumps(content, indent=1) + "\n")
    print(table(results))
    picture(results, options.picture)


if __name__ == "__main__":
    main()
