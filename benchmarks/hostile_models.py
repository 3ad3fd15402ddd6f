"""Model folders as a stranger may forge them: each loads, or is refused in one sentence, in time.

Each case takes a sound folder, changes it by a seed, makes the manifest agree, and loads and uses
it. A process of its own does a batch of them, under limits of memory and time. What is neither
loaded nor refused by `ModelFormatError` is kept by its seed: `--only SEED` does it again.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import dirvae
from dirvae.persistence.folder import CONFIG, MANIFEST, WEIGHTS

X = np.random.default_rng(0).random((30, 6))
TEXTS = ["the cat and the dog", "a dog, a cat", "stars and the moon", "the moon, a star"] * 5
MESSAGE, SECONDS, GIB = 300, 10, 6
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 10**9, 2**63, 10**40, 1e308, 0.5, -0.5, [], {}, "", "a"),
    *(
        "os.system",
        "../x",
        "/etc/passwd",
        "\x1b[2J",
        "x" * 10_000,
        "\ud800",
        [[]] * 100,
        [0] * 9999,
    ),
    *({"module": "MLP"}, {"law": "torch.distributions.Normal"}, {"array": "x"}, {"float": "nan"}),
    *({"tuple": [1]}, {"labels": {"items": [1], "words": True}}, {"map": {"a": 1}}, {"record": {}}),
    *({"vectorizer": {}}, "(a+)+$", r"(\w+)*!", "filename", "char", "torch.distributions.Uniform"),
)


def sound_models(folder: Path) -> list[Path]:
    """Fit and save one model of each kind."""
    small: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    y = np.arange(len(X)) % 2
    models = {
        "rows": dirvae.DirichletVAE(3, **small).fit(X),
        "classes": dirvae.SemiSupervisedVAE(2, **small).fit(X, y),
        "topics": dirvae.TopicModel(2, **small).fit(TEXTS),
    }
    for name, model in models.items():
        model.save(folder / name)
    return [folder / name for name in models]


def changed_json(text: bytes, rng: random.Random) -> bytes:
    """Replace, remove, repeat or nest some of the values."""
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 5))):
        places = _places(tree)
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                holder[key] = copy.deepcopy(rng.choice(HOSTILE))
            case 1 if isinstance(holder, dict):
                del holder[key]
            case 2:
                for _ in range(rng.choice((1, 40, 300))):
                    holder[key] = (
                        [holder[key]] if rng.random() < 0.5 else {"map": {"a": holder[key]}}
                    )
            case _:
                other, place = rng.choice(places)
                holder[key] = copy.deepcopy(other[place])
    return json.dumps(tree).encode()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found, waiting = [], [tree]
    while waiting:
        value = waiting.pop()
        keys = value if isinstance(value, dict) else range(len(value))
        found += [(value, key) for key in keys]
        waiting += [
            value[key] for key in keys if isinstance(value[key], dict | list) and value[key]
        ]
    return found


def changed_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat or insert some bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20))):
        place = (
            rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 400))
        )
        match rng.randrange(4):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                data[place] ^= 1 << rng.randrange(8)
            case 2:
                del data[place : place + rng.choice((1, 8, 10**9))]
            case _:
                data[place:place] = bytes(
                    rng.choice((b"\xff" * 8, b"\0" * 9, b"[" * 500, b"9" * 40))
                )
        if not data:
            break
    return bytes(data)


def changed_header(content: bytes, rng: random.Random) -> bytes:
    """Change the header of safetensors, its length with it."""
    size = int.from_bytes(content[:8], "little")
    header = changed_json(content[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


CHANGES: dict[str, tuple[str, Callable[[bytes, random.Random], bytes]]] = {
    "values of the configuration": (CONFIG, changed_json),
    "bytes of the configuration": (CONFIG, changed_bytes),
    "values of the weights' header": (WEIGHTS, changed_header),
    "bytes of the weights": (WEIGHTS, changed_bytes),
    "values of the manifest": (MANIFEST, changed_json),
    "bytes of the manifest": (MANIFEST, changed_bytes),
}


def forged(sound: Path, folder: Path, seed: int) -> str:
    """Write the folder of a seed; return what was changed."""
    rng = random.Random(seed)
    kind = rng.choice(list(CHANGES))
    name, change = CHANGES[kind]
    shutil.copytree(sound, folder)
    content = change((folder / name).read_bytes(), rng)
    (folder / name).write_bytes(content)
    if name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"sha256": digest, "size": len(content)}
        (folder / MANIFEST).write_text(json.dumps(manifest))
    return kind


def outcome(folder: Path) -> str:
    """Load a folder; a model that loads must have an output, or refuse in one sentence."""
    try:
        model = dirvae.load(folder)
    except dirvae.ModelFormatError as error:
        long = len(str(error)) > MESSAGE or "\n" in str(error)
        return "refused by too long a message" if long else "refused"
    except Exception as error:
        return f"load raised {type(error).__name__}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = TEXTS if hasattr(model, "vectorizer_") else X
            model.transform(given)
            model.get_feature_names_out()
            repr(model)
    except (ValueError, TypeError):
        return "loaded, and its use refused"
    except Exception as error:
        return f"use raised {type(error).__name__}"
    return "loaded"


def cases(sound: list[Path], first: int, count: int) -> Counter[tuple[str, str]]:
    """Count outcomes by kind of change; those that are too slow are named so."""
    found: Counter[tuple[str, str]] = Counter()
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as work:
            kind = forged(sound[seed % len(sound)], Path(work, "model"), seed)
            start = time.process_time()
            result = outcome(Path(work, "model"))
        took = time.process_time() - start
        result = f"took {took:.0f} s" if took > SECONDS else result
        found[kind, result] += 1
        if not result.startswith(("refused", "loaded")) or "long" in result:
            print(f"seed {seed}: {kind}: {result}", file=sys.stderr, flush=True)
    return found


def _limited(sound: Path, first: int, count: int) -> Counter[tuple[str, str]]:
    """Do a batch in a process of its own; one that dies, or hangs, is an outcome too."""
    command = [sys.executable, "-m", "benchmarks.hostile_models", "--batch", str(sound)]
    command += ["--first", str(first), "--cases", str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 + count * SECONDS)
    except subprocess.TimeoutExpired:
        return Counter({("a batch", f"hung, first seed {first}"): 1})
    print(done.stderr, file=sys.stderr, end="")
    if done.returncode:
        return Counter({("a batch", f"died by {done.returncode}, first seed {first}"): 1})
    return Counter({(kind, result): n for kind, result, n in json.loads(done.stdout)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="First seed.")
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--only", type=int, help="One seed, in this process.")
    parser.add_argument("--batch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="File for the counts, JSON.")
    options = parser.parse_args()
    if options.batch:
        import resource  # POSIX

        resource.setrlimit(resource.RLIMIT_AS, (GIB * 2**30, GIB * 2**30))
        counted = cases(sorted(options.batch.iterdir()), options.first, options.cases)
        print(json.dumps([[*key, n] for key, n in counted.items()]))
        return
    total: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as work:
        sound = sorted(sound_models(Path(work)))
        if options.only is not None:
            total = cases(sound, options.only, 1)
        else:
            for start in range(options.first, options.first + options.cases, options.batch_size):
                left = options.first + options.cases - start
                total += _limited(Path(work), start, min(options.batch_size, left))
    shown = [{"changed": kind, "outcome": r, "cases": n} for (kind, r), n in sorted(total.items())]
    result = {"cases": options.cases, "first_seed": options.first, "counts": shown}
    print(json.dumps(result, indent=1))
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
