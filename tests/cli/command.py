"""How the tests run the command: data, short options, and what they expect of a refusal."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

SMALL = ["-k", 3, "--hidden-sizes", 8, "--decoder-hidden-sizes", 8, "--batch-size", 40]
RANDOM = np.random.default_rng(0)
X = RANDOM.random((60, 6)).astype(np.float32)
COUNTS = RANDOM.poisson(3, (60, 6))


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def fit(*options: Any) -> list[Any]:
    return ["fit", "vae", "x.npy", "-o", "model", *SMALL, "--max-epochs", 2, *options]


def printed(out: str) -> dict[str, str]:
    """A table of names and values."""
    lines = (line.strip().split("  ", 1) for line in out.splitlines())
    return {name: value.strip() for name, value in lines}


def assert_one_sentence(ran: Ran, *words: str, code: int = 2) -> None:
    assert ran.code == code, ran
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("Error: " if code == 2 else "Interrupted")
    for word in words:
        assert word in line


def help_of(run, *command: str) -> dict[str, str]:
    """From options and arguments to what help says of them."""
    shown: dict[str, str] = {}
    for line in run(*command, "--help").out.splitlines():
        cells = line.strip("│ ").removeprefix("*").split()
        if line.startswith("│") and cells and (cells[0].startswith("--") or cells[0].islower()):
            name = cells[0]
            shown[name] = " ".join(cells[1:])
        elif line.startswith("│") and shown:
            shown[name] += " " + " ".join(cells)
    return shown


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Files cannot grow beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
