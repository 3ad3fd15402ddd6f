"""Runs that are killed at given moments, without any chance to clean up."""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CHANGES = ((os, "rename"), (os, "replace"), (np, "save"), (shutil, "rmtree"), (os, "fsync"))


def contents(folder: Path) -> dict[str, bytes]:
    """What the files below a folder hold."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def run_until(moment: int, function: Callable[[], Any]) -> bool:
    """Run in a process that is killed when it is about to change the disk for the n-th time.

    Returns whether the run came to its end.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that threads and forks do not go together
        child = os.fork()
    if child == 0:
        count_moments(moment)
        try:
            function()
        except BaseException as error:  # the parent alone reports
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def count_moments(last: int = 0) -> list[str]:
    """Count what changes the disk from now on; at the n-th time the process is killed."""
    done: list[str] = []
    for module, name in CHANGES:
        setattr(module, name, _counting(getattr(module, name), done, last))
    return done


def _counting(change: Callable[..., Any], done: list[str], last: int) -> Callable[..., Any]:
    def counting(*arguments: Any, **options: Any) -> Any:
        done.append(change.__name__)
        if len(done) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*arguments, **options)

    return counting
