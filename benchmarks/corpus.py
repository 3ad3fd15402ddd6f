"""Corpora on disk: `python -m benchmarks corpus`.

Synthetic documents, and texts of your own with ``--texts``, are built into a corpus. One epoch is
trained from it, and theta is written to disk. Each step is a process of its own. Its peak is that
of all its processes together: all memory, and memory without mapped files, which the system takes
back when it needs it.
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
import torch

from dirvae import TopicModel, load
from dirvae.data import Corpus, documents_in
from dirvae.topics import write_theta
from dirvae.writing import write_text

RESULTS = Path(__file__).parent / "results" / "corpus.json"
VOCABULARY = 50_000
TOPICS = 50
AT_ONCE = 20_000
EVERY = 0.05  # seconds between looks at memory


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
    corpus = Corpus(folder / "corpus")
    model = TopicModel(TOPICS, max_epochs=1, batch_size=options.batch_size, random_state=0)
    began = time.perf_counter()
    model.fit(corpus)
    told = _told(corpus, time.perf_counter() - began)
    model.save(folder / "model")
    return told


def transform(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    corpus, model = Corpus(folder / "corpus"), load(folder / "model")
    began = time.perf_counter()
    write_theta(model, corpus, folder / "theta.npy")
    return _told(corpus, time.perf_counter() - began)


STEPS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    step.__name__: step for step in (build, epoch, transform)
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


# --- memory ---------------------------------------------------------------------------------------


def peaks_of(command: list[str]) -> tuple[str, dict[str, float]]:
    """Run a command; return what it prints, and the most memory that it and its children had."""
    peaks = {"peak_gib": 0.0, "peak_without_files_gib": 0.0}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(EVERY):
                for name, size in zip(peaks, _memory(process.pid), strict=True):
                    peaks[name] = max(peaks[name], size / 2**20)

        watching = threading.Thread(target=watch)
        watching.start()
        printed, _ = process.communicate()
        done.set()
        watching.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return printed, {name: round(size, 3) for name, size in peaks.items()}


def _memory(root: int) -> tuple[int, int]:
    """KiB of a process and all that it started: all that is resident, and without mapped files."""
    told = {int(facts["Pid"]): facts for facts in _processes()}
    ours = {root}
    while more := {p for p, facts in told.items() if int(facts["PPid"]) in ours} - ours:
        ours |= more
    found = [told[process] for process in ours if process in told]
    total = sum(_kib(facts, "VmRSS") for facts in found)
    return total, total - sum(_kib(facts, "RssFile") for facts in found)


def _processes() -> Iterator[dict[str, str]]:
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:  # it has ended
            continue
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _kib(facts: dict[str, str], name: str) -> int:
    return int(facts.get(name, "0 kB").split()[0])


# --- the command ----------------------------------------------------------------------------------


def measured(options: argparse.Namespace, documents: int | None) -> dict[str, Any]:
    """All steps on some documents, in a folder that is deleted in the end."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if documents is not None:
            write_documents(Path(folder, "texts.jsonl"), documents, options.words)
        found: dict[str, Any] = {}
        for step in STEPS:
            command = [sys.executable, "-m", "benchmarks.corpus", "--step", step]
            command += ["--inside", folder, *_passed_on(options, documents is None)]
            before = os.getloadavg()[0]
            printed, peaks = peaks_of(command)
            told = json.loads(printed.splitlines()[-1])
            load = [round(before, 1), round(os.getloadavg()[0], 1)]  # of the machine, meanwhile
            found[step] = {**told, **peaks, "load": load}
            print(step, found[step], flush=True)
        return found


def _passed_on(options: argparse.Namespace, own_texts: bool) -> list[str]:
    given = ["--workers", str(options.workers), "--batch-size", str(options.batch_size)]
    given += ["--threads", str(options.threads)]
    return (
        [*given, "--texts", str(options.texts), "--text-column", options.text_column]
        if (own_texts)
        else given
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="*", default=[200_000, 2_000_000])
    parser.add_argument("--words", type=int, default=100, help="Of a synthetic document.")
    parser.add_argument("--texts", type=Path, help="Texts of your own, beside the synthetic.")
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="For files of some GB; deleted in the end.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        torch.set_num_threads(options.threads)
        print(json.dumps(STEPS[options.step](options.inside, options)))
        return
    results: dict[str, Any] = {"cores": os.cpu_count(), "threads": options.threads}
    results |= {"workers": options.workers, "batch_size": options.batch_size, "runs": {}}
    sizes: list[int | None] = [*options.documents, *([None] if options.texts else [])]
    for size in sizes:
        name = options.texts.name if size is None else f"{size:,} of {options.words} words"
        results["runs"][name] = measured(options, size)
        options.output.parent.mkdir(exist_ok=True)
        write_text(options.output, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
