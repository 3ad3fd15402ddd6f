"""Result files: one JSON line a run, with all that is needed to repeat it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def done(path: Path) -> list[dict[str, Any]]:
    """Runs that the file already has, so that a script may go on where it was stopped."""
    return list(_lines(path)) if path.exists() else []


def add(path: Path, run: dict[str, Any]) -> None:
    """Append a run, in one write: several processes may share a file."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({**run, **_circumstances()}) + "\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)


def _circumstances() -> dict[str, Any]:
    names = ("dirvae", "torch", "lightning", "scikit-learn", "numpy")
    return {
        "versions": {name: version(name) for name in names} | {"python": platform.python_version()},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
    }
