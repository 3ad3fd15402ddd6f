"""What all studies do: refuse names that they do not know, and make the runs that are missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from dirvae.reproduce import record
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.record import Run
from dirvae.text import literal, nearest

__all__ = ["make_missing", "require_known"]


class _Job(Protocol):
    @property
    def key(self) -> Run:
        """What a run on file must agree with to be this one."""


AnyJob = TypeVar("AnyJob", bound=_Job)


def require_known(option: str, names: Sequence[str], known: Collection[str]) -> None:
    """Raise ValueError if a name is unknown.

    Args:
        option: Of the command line, that gave the names.
        names: What it gave.
        known: What it may give.

    Example:
        >>> require_known("rows", ["gauss"], ["gaussian"])
        Traceback (most recent call last):
        ValueError: --rows: 'gauss' is unknown (did you mean gaussian?), must be of gaussian
    """
    for name in names:
        if name not in known:
            hint = nearest(name, known).removeprefix("; ")
            meant = f" ({hint})" if hint else ""  # first, since long messages are cut
            raise ValueError(
                f"--{option}: {name!r} is unknown{meant}, must be of {', '.join(known)}"
            )


def make_missing(
    wanted: Sequence[AnyJob],
    file: Path,
    bars: Bars,
    run: Callable[[AnyJob], Run],
    told: Callable[[AnyJob, Run], str],
) -> None:
    """Make the runs that are not on file, and add each as it is done.

    Args:
        wanted: The runs.
        file: Where results are added.
        bars: Shows progress, and a line for each run that is done.
        run: Makes one.
        told: What that line says of a job and its run.
    """
    for number, job in enumerate(bars.track(wanted, "runs"), 1):
        key = job.key
        if any(all(found.get(name) == key[name] for name in key) for found in record.done(file)):
            continue
        result = run(job)
        record.add(file, result)
        line = f"{number}/{len(wanted)} {told(job, result)}"
        bars.progress.console.print(literal(line))
