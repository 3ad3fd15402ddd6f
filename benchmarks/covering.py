"""Which tests run which line: the whole suite, test by test, under coverage.

    python -m benchmarks covering lines.json
    python -m benchmarks mutants --of edges --lines lines.json

The suite takes some minutes longer so. It runs in a copy of the project, as `mutants` has it: tests
that need more than is copied fail there, and are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage, CoverageData

IMPORTED = ""  # coverage's name of what runs outside of tests, as all does that an import runs
SECONDS = "seconds.json"


class Lines:
    """Tests by the lines that they run.

    Args:
        path: What `main` wrote.
    """

    def __init__(self, path: Path) -> None:
        found = json.loads(path.read_text())
        self._seconds: dict[str, float] = found["seconds"]
        self._tests = list(self._seconds)
        self._lines: dict[str, dict[str, list[int]]] = found["lines"]

    def tests(self, file: str, line: int, *, but: list[str], seconds: float) -> list[str]:
        """Tests that run a line, the quickest first, as many as take some seconds.

        Args:
            file: A source file, from the project's folder.
            line: From 1.
            but: Files whose tests are not wanted.
            seconds: In all.
        """
        numbers = self._lines.get(file, {}).get(str(line), [])
        names = (self._tests[number] for number in numbers)
        wanted = [name for name in names if name.partition("::")[0] not in but]
        chosen = []
        for name in sorted(wanted, key=self._seconds.__getitem__):
            seconds -= self._seconds[name]
            if seconds < 0:
                break
            chosen.append(name)
        return chosen


# --- inside of pytest, as a plugin ----------------------------------------------------------------


_seconds: dict[str, float] = {}


def _told(item: Any, when: str) -> None:
    running = Coverage.current()
    if running is not None:
        running.switch_context(f"{item.nodeid}|{when}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: Any) -> Iterator[None]:
    _told(item, "setup")
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Iterator[None]:
    _told(item, "call")
    return (yield)


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" and report.passed:
        _seconds[report.nodeid] = report.duration


def pytest_sessionfinish() -> None:
    Path(SECONDS).write_text(json.dumps(_seconds))


# --- the command ----------------------------------------------------------------------------------


def written(data: CoverageData, seconds: dict[str, float]) -> dict[str, Any]:
    """What `Lines` reads: tests that passed with their seconds, and their numbers by file and line.

    What a fixture runs counts for all tests of a file, for it may be made once for all.
    """
    place = {name: number for number, name in enumerate(seconds)}
    of_file: dict[str, set[int]] = {}
    for name, number in place.items():
        of_file.setdefault(name.partition("::")[0], set()).add(number)
    lines: dict[str, dict[str, list[int]]] = {}
    for path in data.measured_files():
        found = lines[f"src/dirvae/{path.rpartition('/src/dirvae/')[2]}"] = {}
        for line, contexts in data.contexts_by_lineno(path).items():
            numbers: set[int] = set()
            for context in set(contexts) - {IMPORTED}:
                name, _, when = context.rpartition("|")
                if when == "setup":
                    numbers |= of_file.get(name.partition("::")[0], set())
                elif name in place:
                    numbers.add(place[name])
            found[str(abs(line))] = sorted(numbers)
    return {"seconds": seconds, "lines": lines}


def main() -> None:
    from benchmarks.mutants import copied

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copied(root)
        command = [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-n", "0", "-q"]
        command += ["-p", "benchmarks.covering", "-p", "no:cacheprovider"]
        there = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=root, env=there, check=False)  # some fail, as is said above
        data = CoverageData(str(root / ".coverage"))
        data.read()
        found = written(data, json.loads((root / SECONDS).read_text()))
    options.output.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
