"""Corpora on disk: `python -m benchmarks corpus`.

Synthetic documents, and texts of your own with ``--texts``, are built into a corpus. One epoch is
trained from it, theta is written to disk, and a page is made. Each step is a process of its own.
Its peak, and its seconds of CPU, are those of all its processes together. Memory is counted with
mapped files, and without, since the system takes these back when it needs to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dirvae.data import Corpus, documents_in
from dirvae.reproduce.record import add, done
from studies.choosing_tables import fill, table

RESULTS = Path(__file__).parent / "results" / "corpus.jsonl"
PAGE = Path(__file__).parent.parent / "docs/corpora.md"
VOCABULARY = 50_000
TOPICS = 50
AT_ONCE = 20_000
OWN = {"papers_abstracts.jsonl.gz": "87,326 abstracts"}  # what texts of ours are called in the docs
EVERY = 0.2  # seconds between looks at memory


# --- documents ------------------------------------------------------------------------------------


def write_documents(path: Path, documents: int, words: int, seed: int = 0) -> None:
    """Write documents as lines of JSON: words by Zipf's law, half of them in a topic's order."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(10, VOCABULARY + 10)
    edges = np.cumsum(share / share.sum())
    edges[-1] = 1.0
    letters = np.array([_word(number) for number in range(VOCABULARY)], dtype=object)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, documents, AT_ONCE):
            rows = min(AT_ONCE, documents - start)
            rank = np.searchsorted(edges, rng.random((rows, words)))
            topic = rng.integers(0, TOPICS, (rows, 1)) * (np.arange(words) % 2)  # half of the words
            drawn = letters[(rank + topic * (VOCABULARY // TOPICS)) % VOCABULARY]
            for row, text in enumerate(map(" ".join, drawn), start):
                file.write(json.dumps({"id": row, "text": text}) + "\n")


def _word(number: int) -> str:
    """Five or seven letters, of which no stop word is made."""
    syllables = [first + second for first in "bcdfghjklmnp" for second in "aeiou"]
    word = "q"
    while number or len(word) < 5:
        number, place = divmod(number, len(syllables))
        word += syllables[place]
    return word


# --- steps, each in a process of its own ----------------------------------------------------------


def build(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    texts = options.texts or folder / "texts.jsonl"
    rows = documents_in(texts, text_column=options.text_column)
    limits: dict[str, Any] = {} if options.texts else {"vocabulary_size": VOCABULARY}
    began = time.perf_counter()
    corpus = Corpus.build(folder / "corpus", rows, workers=options.workers, **limits)
    return _told(corpus, time.perf_counter() - began)


def epoch(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from dirvae import TopicModel

    torch.set_num_threads(options.threads)
    corpus = Corpus(folder / "corpus")
    model = TopicModel(
        TOPICS, max_epochs=1, batch_size=options.batch_size, random_state=options.seed
    )
    began = time.perf_counter()
    model.fit(corpus)
    told = _told(corpus, time.perf_counter() - began)
    model.save(folder / "model")
    return told


def transform(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from dirvae import load
    from dirvae.topics import write_theta

    torch.set_num_threads(options.threads)
    corpus, model = Corpus(folder / "corpus"), load(folder / "model")
    began = time.perf_counter()
    write_theta(model, corpus, folder / "theta.npy")
    return _told(corpus, time.perf_counter() - began)


def page(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from dirvae import load

    torch.set_num_threads(options.threads)
    corpus, model = Corpus(folder / "corpus"), load(folder / "model")
    began = time.perf_counter()
    model.report(corpus, folder / "page.html")
    return _told(corpus, time.perf_counter() - began)


STEPS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    step.__name__: step for step in (build, epoch, transform, page)
}


def _told(corpus: Corpus, seconds: float) -> dict[str, Any]:
    rows, words = corpus.shape
    return {
        "documents": rows,
        "words": words,
        "counts": corpus.nnz,
        "tokens": int(corpus.sum(0).sum()),
        "seconds": round(seconds, 2),
        "documents_a_second": round(rows / seconds),
    }


# --- memory and CPU -------------------------------------------------------------------------------


def used_by(command: list[str]) -> tuple[str, dict[str, float]]:
    """Run a command; return what it prints, and the memory and CPU of it and its children."""
    peaks = {"peak_gib": 0.0, "peak_without_files_gib": 0.0}
    seconds: dict[str, float] = {}  # of each process, when it was last seen
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(EVERY):
                ours = list(_ours(process.pid))
                total = sum(_kib(facts, "VmRSS") for facts in ours)
                files = sum(_kib(facts, "RssFile") for facts in ours)
                for name, size in zip(peaks, (total, total - files), strict=True):
                    peaks[name] = max(peaks[name], size / 2**20)
                for process_id in (facts["Pid"] for facts in ours):
                    before = seconds.get(process_id, 0.0)
                    seconds[process_id] = max(before, _seconds(process_id))

        watching = threading.Thread(target=watch)
        watching.start()
        printed, _ = process.communicate()
        done.set()
        watching.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    used = {**peaks, "cpu_seconds": sum(seconds.values())}
    return printed, {name: round(size, 3) for name, size in used.items()}


def _ours(root: int) -> Iterator[dict[str, str]]:
    """What the system says of a process and of all that it started."""
    told = {int(facts["Pid"]): facts for facts in _processes()}
    ours = {root}
    while more := {p for p, facts in told.items() if int(facts["PPid"]) in ours} - ours:
        ours |= more
    return (told[process] for process in ours if process in told)


def _processes() -> Iterator[dict[str, str]]:
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:  # it has ended
            continue
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _kib(facts: dict[str, str], name: str) -> int:
    return int(facts.get(name, "0 kB").split()[0])


def _seconds(process: str) -> float:
    """Of CPU, in user and in kernel mode; 0 if it has just ended."""
    try:
        told = Path("/proc", process.strip(), "stat").read_text()
    except OSError:
        return 0.0
    user, kernel = told.rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(kernel)) / os.sysconf("SC_CLK_TCK")


# --- the command ----------------------------------------------------------------------------------


def measured(
    options: argparse.Namespace, documents: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each step on some documents, by name, in a folder that is deleted in the end."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if documents is not None:
            write_documents(Path(folder, "texts.jsonl"), documents, options.words, options.seed)
        for step in STEPS:
            command = [sys.executable, "-m", "benchmarks.corpus", "--step", step]
            command += ["--inside", folder, *_passed_on(options, documents is None)]
            before = os.getloadavg()[0]
            printed, used = used_by(command)
            told = json.loads(printed.splitlines()[-1])
            load = [round(before, 1), round(os.getloadavg()[0], 1)]  # of the machine, meanwhile
            each = round(1e6 * used["cpu_seconds"] / told["documents"], 1)
            yield step, {**told, **used, "cpu_us_a_document": each, "load": load}


def _passed_on(options: argparse.Namespace, own_texts: bool) -> list[str]:
    given = ["--workers", str(options.workers), "--batch-size", str(options.batch_size)]
    given += ["--threads", str(options.threads), "--seed", str(options.seed)]
    own = ["--texts", str(options.texts), "--text-column", options.text_column]
    return [*given, *own] if own_texts else given


def written() -> str:
    """Memory and CPU of each step, by what was built."""
    runs = {run["documents"]: run["steps"] for run in done(RESULTS)}  # the last of each
    names = {"build": "`dirvae corpus build`", "epoch": "one epoch of a fit"}
    names |= {"transform": "`transform`", "page": "`report`"}
    called = [OWN.get(documents, documents) for documents in runs]
    lines = [
        [name, *(_cell(steps[step]) if step in steps else "" for steps in runs.values())]
        for step, name in names.items()
    ]
    return table(("step", *called), lines)


def _cell(told: dict[str, Any]) -> str:
    return f"{told['peak_without_files_gib']:.2f} GiB, {told['cpu_seconds']:,.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="*", default=[20_000, 200_000, 2_000_000])
    parser.add_argument("--words", type=int, default=50, help="Of a synthetic document.")
    parser.add_argument("--texts", type=Path, help="Texts of your own, beside the synthetic.")
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="Of the documents and the model.")
    parser.add_argument("--folder", type=Path, help="For files of some GB; deleted in the end.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="Write the table of the docs alone.")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.page:
        fill(PAGE, {"corpora": written})
        return
    if options.step:
        print(json.dumps(STEPS[options.step](options.inside, options)))
        return
    about = {name: getattr(options, name) for name in ("threads", "workers", "batch_size", "seed")}
    sizes: list[int | None] = [*options.documents, *([None] if options.texts else [])]
    for size in sizes:
        name = options.texts.name if size is None else f"{size:,} of {options.words} words"
        steps: dict[str, Any] = {}
        for step, told in measured(options, size):
            print(name, step, told, flush=True)
            steps[step] = told
        add(options.output, {"documents": name, "steps": steps, **about})


if __name__ == "__main__":
    main()
