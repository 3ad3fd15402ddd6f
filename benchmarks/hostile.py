"""What hostile cases of all kinds share: how content is changed, and how cases are run.

A process of its own does a batch of cases, under limits of memory and time. A case that ends in
neither a result nor a refusal in one sentence is told by its seed: ``--only SEED`` does it again.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dirvae.reproduce import record

MESSAGE, SECONDS, GIB = 300, 10, 6
FINE = ("refused", "loaded", "read", "done")  # how outcomes begin that are as they should be
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
                with contextlib.suppress(RecursionError):  # of what is nested already
                    holder[key] = copy.deepcopy(other[place])
    with contextlib.suppress(RecursionError):
        text = json.dumps(tree).encode()
    return text


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


Case = Callable[[Path, Path, int], tuple[str, str]]
"""From the sound folder, an empty one and a seed to what was changed and what came of it."""


def cases(case: Case, sound: Path, first: int, count: int) -> Counter[tuple[str, str]]:
    """Count outcomes by kind of change; those that are too slow are named so."""
    found: Counter[tuple[str, str]] = Counter()
    sound = sound.absolute()
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as work:
            start = time.process_time()
            kind, result = case(sound, Path(work), seed)
        took = time.process_time() - start
        result = f"took {took:.0f} s" if took > SECONDS else result
        found[kind, result] += 1
        if not result.startswith(FINE):
            print(f"seed {seed}: {kind}: {result}", file=sys.stderr, flush=True)
    return found


def _limited(module: str, sound: Path, first: int, count: int) -> Counter[tuple[str, str]]:
    """Do a batch in a process of its own; one that dies, or hangs, is an outcome too."""
    command = [sys.executable, "-m", module, "--batch", str(sound)]
    command += ["--first", str(first), "--cases", str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 + count * SECONDS)
    except subprocess.TimeoutExpired:
        return Counter({("a batch", f"hung, first seed {first}"): 1})
    print(done.stderr, file=sys.stderr, end="")
    if done.returncode:
        return Counter({("a batch", f"died by {done.returncode}, first seed {first}"): 1})
    return Counter({(kind, result): n for kind, result, n in json.loads(done.stdout)})


def run(module: str, about: str, prepare: Callable[[Path], None], case: Case) -> None:
    """The command of a kind of cases.

    Args:
        module: Its name, to start the processes of batches.
        about: What help says.
        prepare: Writes what is sound into a folder.
        case: Does one.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="First seed.")
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--only", type=int, help="One seed, in this process.")
    parser.add_argument("--batch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="File to add the counts to.")
    options = parser.parse_args()
    if options.batch:
        import resource  # POSIX

        resource.setrlimit(resource.RLIMIT_AS, (GIB * 2**30, GIB * 2**30))
        counted = cases(case, options.batch, options.first, options.cases)
        print(json.dumps([[*key, n] for key, n in counted.items()]))
        return
    total: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as work:
        prepare(Path(work))
        if options.only is not None:
            total = cases(case, Path(work), options.only, 1)
        else:
            for start in range(options.first, options.first + options.cases, options.batch_size):
                left = options.first + options.cases - start
                total += _limited(module, Path(work), start, min(options.batch_size, left))
    shown = [{"changed": kind, "outcome": r, "cases": n} for (kind, r), n in sorted(total.items())]
    result = {"cases": options.cases, "first_seed": options.first, "counts": shown}
    print(json.dumps(result, indent=1))
    if options.output:
        record.add(options.output, {"of": module.rpartition(".")[2], **result})
