"""Topic models side by side: `python -m benchmarks topics`.

Every model has the same counts, seeds and cores, and its output is scored by the same functions,
with its words ranked by probability and by our default, relevance. Peers that are not installed
are left out (`pip install dirvae[benchmarks]` has them; see `topic_peers` for their settings). Data
are read from the folder that DIRVAE_DATA names. A run adds to the results file, and replaces what
is there of the same corpus, number of topics, model and threads; `--table` runs nothing, and shows
and draws what is on file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from sklearn.linear_model import LogisticRegression

from benchmarks.topic_peers import MODELS, Fitted, installed
from benchmarks.topics_shown import PICTURE, RANKINGS, RESULTS, on_file, picture, table
from dirvae import evaluation
from dirvae.assessment import word_scores
from dirvae.reproduce.bags import Bags, bags
from dirvae.writing import write_text

ROWS_AT_ONCE = 500


def scores(fitted: Fitted, data: Bags) -> dict[str, float]:
    """Coherence, diversity and frequency under both rankings, theta against labels, completion."""
    found: dict[str, float] = {}
    shares, last = fitted.transform(data.train), -1 if fitted.background else None
    documents = evaluation.documents_of_words(shares, fitted.beta, data.train)[:last]
    train_theta, beta = fitted.topics(shares), fitted.beta[:last]
    for by in RANKINGS:
        ranked = (
            partial(evaluation.top_words_by_documents, documents)
            if by == "relevance"
            else partial(evaluation.top_word_ids, beta)
        )
        words = word_scores(ranked, data.train)
        found[f"npmi_{by}"] = words.npmi
        found[f"td25_{by}"] = words.diversity
        found[f"frequency_{by}"] = words.document_frequency
    start = time.perf_counter()
    theta = fitted.topics(fitted.transform(data.test))
    found["documents_a_second"] = data.test.shape[0] / (time.perf_counter() - start)
    if fitted.words is not False:
        found["perplexity"] = completion(fitted, data)
    if data.test_labels is not None:
        found["nmi"] = evaluation.normalized_mutual_information(theta, data.test_labels)
        found["purity"] = evaluation.purity(theta, data.test_labels)
        probe = LogisticRegression(C=1, max_iter=1000)
        probe.fit(train_theta, data.train_labels)
        found["probe"] = float(probe.score(theta, data.test_labels))
    return found


def completion(fitted: Fitted, data: Bags) -> float:
    """Perplexity of half of each test document's tokens, by theta of the other half."""
    encoded, scored = evaluation.split_tokens(data.test)
    theta = fitted.transform(encoded)
    if not callable(fitted.words):
        return evaluation.completion_perplexity(theta, fitted.beta, scored)
    total = 0.0
    for first in range(0, scored.shape[0], ROWS_AT_ONCE):
        part = scored[first : first + ROWS_AT_ONCE].tocoo()
        law = np.asarray(fitted.words(theta[first : first + ROWS_AT_ONCE]), dtype=float)
        total += float(part.data @ np.log(law[part.row, part.col]))
    return float(np.exp(-total / scored.sum()))


def run(
    name: str, data: Bags, topics: int, seeds: list[int], threads: int, console: Console
) -> dict[str, Any]:
    _, distribution, make = MODELS[name]
    load = round(os.getloadavg()[0], 1)
    runs, betas = [], []
    for seed in track(seeds, name, console=console, transient=True):
        start = time.perf_counter()
        fitted = make(data.train, topics, seed, threads)
        seconds = time.perf_counter() - start
        runs.append({"seed": seed, "seconds": seconds, **scores(fitted, data)})
        betas.append(fitted.beta[:-1] if fitted.background else fitted.beta)
        shown = {k: round(v, 3) for k, v in runs[-1].items()}
        console.print(f"{name} {shown}", highlight=False, soft_wrap=True)
    mean = {key: float(np.mean([r[key] for r in runs])) for key in runs[0] if key != "seed"}
    if len(betas) > 1:
        mean["stability"] = evaluation.stability(betas)
    return {
        "model": name,
        "topics": topics,
        "mean": mean,
        "runs": runs,
        "setting": setting(threads, load, distribution),
    }


def setting(threads: int, load: float, distribution: str) -> dict[str, Any]:
    packages = dict.fromkeys((distribution, "dirvae", "torch", "scikit-learn", "numpy"))
    return {
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": load,
        "platform": platform.platform(),
        "versions": {name: version(name) for name in packages},
    }


def add(path: Path, row: dict[str, Any]) -> None:
    """Put a row in place of that with the same key, or after the others; all or nothing."""
    rows = on_file(path)  # read anew, since other runs may add to the file meanwhile
    places = [i for i, known in enumerate(rows) if _key(known) == _key(row)]
    rows = [known for known in rows if _key(known) != _key(row)]
    rows.insert(places[0] if places else len(rows), row)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"results": rows}, indent=1, allow_nan=False) + "\n")


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["corpus"], row["topics"], row["model"], row["setting"]["threads"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="+", default=["20news_nvdm2000"])
    parser.add_argument("--topics", nargs="+", type=int, default=[50])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--documents", type=int, help="only about so many, for a trial")
    parser.add_argument("--table", action="store_true", help="run nothing, show what is on file")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    if not options.table:
        _run_all(options)
    rows = on_file(options.output)
    print(table(rows))
    if rows:
        picture(rows, options.picture)


def _run_all(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)  # topica's
    console = Console(stderr=True)
    here = []
    for model in options.models:
        if missing := installed(MODELS[model][0]):
            console.print(f"{model} is left out: {missing}", highlight=False)
        else:
            here.append(model)
    for name in options.corpora:
        data = _some(bags(name), options.documents)
        for topics in options.topics:
            for model in here:
                found = run(model, data, topics, options.seeds, options.threads, console)
                add(options.output, {"corpus": name, **found})


def _some(data: Bags, most: int | None) -> Bags:
    """About so many of the training and test documents, from all over each."""
    return Bags(
        *(part if part is None or not most else part[:: _step(part, most)] for part in data)
    )


def _step(part: Any, most: int) -> int:
    return max(1, part.shape[0] // most)


if __name__ == "__main__":
    main()
