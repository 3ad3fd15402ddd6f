"""Result files: one JSON line a run, with all that is needed to repeat it."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

__all__ = ["Run", "add", "done"]

Run = dict[str, Any]
"""What was run (row, setting, seed, plan), every figure, versions and machine."""


def done(path: str | Path) -> list[Run]:
    """Return the runs that a file has, but for those cut off; none if it is not there.

    Example:
        >>> done("no-such-file.jsonl")
        []
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [run for line in lines if (run := _whole(line)) is not None]


def add(path: str | Path, run: Run) -> None:
    """Append a run in one write, since several processes may share a file and any may be killed.

    Args:
        path: The file, made with its folder if it is not there.
        run: What JSON can hold; NaN is refused.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     add(f"{folder}/runs.jsonl", {"nll": 1.5})
        ...     sorted(done(f"{folder}/runs.jsonl")[0])
        ['machine', 'nll', 'versions']
    """
    line = json.dumps({**run, **_circumstances()}, allow_nan=False)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else b""
    start = "\n" if before and not before.endswith(b"\n") else ""  # after one that was cut off
    content = f"{start}{line}\n".encode()
    with path.open("ab") as file:
        file.write(content)


def _whole(line: str) -> Run | None:
    """What a line holds, unless the process was killed while it wrote it."""
    try:
        found: Run = json.loads(line)
    except ValueError:
        return None
    return found


def _circumstances() -> Run:
    names = ("dirvae", "torch", "lightning", "scikit-learn", "numpy")
    machine = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    return {
        "versions": {name: version(name) for name in names} | {"python": platform.python_version()},
        "machine": machine,
    }
