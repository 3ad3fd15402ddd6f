"""Odd data, and the same seed twice: `python -m benchmarks odd_data`.

Estimators are fitted to data that are constant, duplicated, heavy-tailed, nearly empty, wide, or of
one class, by several seeds. Either the data are refused in one sentence, or everything that the
model then says is finite: all it learned, theta, scores, draws and its page. The same is done again
in this process, in a thread beside another, and in a process of its own: all must be the same to
the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse

from dirvae import CompositionModel, DirichletVAE, SemiSupervisedVAE, TopicModel
from dirvae.reproduce.record import add

RESULTS = Path(__file__).parent / "results" / "attacks.jsonl"
ROWS, COLUMNS, WIDE = 40, 12, 3_000
LONGEST = 600  # characters of a sentence that refuses
SMALL: dict[str, Any] = {"max_epochs": 2, "hidden_sizes": (8,), "batch_size": 16}

# --- data -----------------------------------------------------------------------------------------


def counts(name: str, rng: np.random.Generator) -> Any:
    """Whole numbers, 0 or more."""
    plain = rng.poisson(2.0, (ROWS, COLUMNS)).astype(np.float64)
    match name:
        case "constant":
            return np.full((ROWS, COLUMNS), 3.0)
        case "duplicated":
            return np.repeat(plain[:2], ROWS // 2, axis=0)
        case "heavy-tailed":
            return np.floor(np.minimum(rng.pareto(0.3, (ROWS, COLUMNS)), 1e12))
        case "nearly empty":
            return sparse.csr_matrix(np.eye(ROWS, COLUMNS))
        case "wide":
            return sparse.random(ROWS, WIDE, 0.003, "csr", rng=rng, data_rvs=lambda n: np.ones(n))
        case _:
            return plain


def numbers(name: str, rng: np.random.Generator) -> Any:
    """Numbers of any sign."""
    match name:
        case "constant":
            return np.full((ROWS, COLUMNS), -3.25)
        case "duplicated":
            return np.repeat(rng.normal(size=(2, COLUMNS)), ROWS // 2, axis=0)
        case "heavy-tailed":
            return rng.standard_cauchy((ROWS, COLUMNS)) ** 3
        case "nearly empty":
            return np.eye(ROWS, COLUMNS)
        case "wide":
            return rng.normal(size=(ROWS, WIDE)).astype(np.float32)
        case _:
            return rng.normal(size=(ROWS, COLUMNS))


KINDS = ("constant", "duplicated", "heavy-tailed", "nearly empty", "wide", "one class")


class Model(NamedTuple):
    """An estimator with what it is fitted to."""

    make: Callable[[int], Any]
    data: Callable[[str, np.random.Generator], Any]
    has_classes: bool = False


MODELS = {
    "DirichletVAE of counts": Model(
        lambda seed: DirichletVAE(
            3, likelihood="multinomial", decoder_hidden_sizes=(8,), random_state=seed, **SMALL
        ),
        counts,
    ),
    "DirichletVAE of numbers": Model(
        lambda seed: DirichletVAE(
            3, likelihood="gaussian", decoder_hidden_sizes=(8,), random_state=seed, **SMALL
        ),
        numbers,
    ),
    "SemiSupervisedVAE": Model(
        lambda seed: SemiSupervisedVAE(
            3,
            likelihood="gaussian",
            decoder_hidden_sizes=(8,),
            classifier_hidden_sizes=(8,),
            random_state=seed,
            **SMALL,
        ),
        numbers,
        has_classes=True,
    ),
    "TopicModel": Model(
        lambda seed: TopicModel(3, random_state=seed, **SMALL), counts, has_classes=True
    ),
    "CompositionModel": Model(lambda seed: CompositionModel(3, random_state=seed, **SMALL), counts),
}


def classes(name: str, rng: np.random.Generator) -> Any:
    return np.zeros(ROWS, int) if name == "one class" else rng.integers(0, 2, ROWS)


# --- what a model says ----------------------------------------------------------------------------


def said(model: Any, X: Any, y: Any) -> Iterator[tuple[str, Any]]:
    """All that is learned and said, by name."""
    for name, value in sorted(vars(model.fit(X) if y is None else model.fit(X, y)).items()):
        if name.endswith("_") and isinstance(value, np.ndarray | float):
            yield name, value
    for name, value in sorted(model.vae_.state_dict().items()):
        yield name, value.numpy()
    yield "transform", model.transform(X)
    if y is None:
        yield "score", model.score(X)
    else:
        yield "predict_proba", model.predict_proba(X)
        yield "score", model.score(X, y)
    if hasattr(model, "sample"):
        yield "sample", model.sample(5 if y is None else model.classes_)
    if hasattr(model, "posterior"):
        posterior = model.posterior(X)
        yield from (("mean", posterior.mean), ("lower", posterior.lower))
    if hasattr(model, "top_words"):
        yield "top words", model.top_words()
    if hasattr(model, "report"):
        yield "report", model.report(X)


def outcome(kind: str, name: str, seed: int) -> tuple[str, str]:
    """What came of it: "finite" and a hash of all that was said, or "refused" and the sentence."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    model = MODELS[name]
    X, y = model.data(kind, rng), classes(kind, rng) if model.has_classes else None
    hashed = hashlib.sha256()
    try:
        for called, value in said(model.make(seed), X, y):
            if not _is_finite(value):
                return "not finite", called
            hashed.update(_as_bytes(value))
    except (ValueError, FloatingPointError) as error:
        sentence = str(error)
        fits = "\n" not in sentence and len(sentence) <= LONGEST
        return "refused" if fits else "refused at length", sentence
    except Exception as error:
        return type(error).__name__, str(error)
    return "finite", hashed.hexdigest()


def _is_finite(value: Any) -> bool:
    if isinstance(value, str):
        return not re.search(r"[:\[, ](NaN|-?Infinity)[,\]} ]", value)
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _as_bytes(value: Any) -> bytes:
    array = np.asarray(value)
    return repr(value).encode() if array.dtype.kind in "OU" else array.tobytes()


# --- the same again -------------------------------------------------------------------------------


def prepare() -> None:
    """What is set for a whole process."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def in_threads(cases: list[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """The same cases by two threads at once, each every other one."""
    found: dict[tuple[str, str, int], tuple[str, str]] = {}

    def run(some: list[tuple[str, str, int]]) -> None:
        found.update((case, outcome(*case)) for case in some)

    threads = [threading.Thread(target=run, args=(cases[start::2],)) for start in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found.get(case, ("no result", "")) for case in cases]


def compared(cases: list[tuple[str, str, int]]) -> list[str]:
    """What came of each case, and in which ways it came out otherwise when it was done again."""
    with ProcessPoolExecutor(1, get_context("spawn"), prepare) as process:
        elsewhere = [process.submit(outcome, *case) for case in cases]
        here = [outcome(*case) for case in cases]
        ways = {
            "again": [outcome(*case) for case in cases],
            "threads": in_threads(cases),
            "process": [future.result() for future in elsewhere],
        }
    found = []
    for place, (what, detail) in enumerate(here):
        others = [way for way, results in ways.items() if results[place] != (what, detail)]
        found.append(what + "".join(f", other bits ({way})" for way in others))
        if found[-1] != "finite":
            print(*cases[place], found[-1], detail, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    prepare()
    seeds = range(options.seeds)
    cases = [(kind, name, seed) for kind in KINDS for name in MODELS for seed in seeds]
    found = Counter(zip((kind for kind, *_ in cases), compared(cases), strict=True))
    told = [{"changed": c, "outcome": o, "cases": n} for (c, o), n in sorted(found.items())]
    add(
        options.output, {"of": "odd_data", "cases": len(cases), "seeds": len(seeds), "counts": told}
    )


if __name__ == "__main__":
    main()
