"""The tables of docs/reliability.md, from the results of what attacks the project.

python -m benchmarks reliability
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutants import RESULTS as MUTANTS
from dirvae.reproduce.record import done
from dirvae.writing import write_text
from studies.choosing_tables import table

ROOT = Path(__file__).parent.parent
ATTACKS = ROOT / "benchmarks/results/attacks.jsonl"
PAGE = ROOT / "docs/reliability.md"
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def _attacks(of: str) -> list[dict[str, Any]]:
    """Counts of the runs on file, together."""
    return [row for run in done(ATTACKS) if run["of"] == of for row in run["counts"]]


def _crossed(rows: Iterable[dict[str, Any]], first: str, named: str) -> str:
    """What was attacked by what came of it."""
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        found[row[first], row["outcome"]] += row["cases"]
    outcomes = list(dict.fromkeys(outcome for _, outcome in sorted(found)))
    lines: list[Sequence[str]] = [
        [name, *(f"{found[name, outcome]:,}" for outcome in outcomes)]
        for name in sorted({name for name, _ in found})
    ]
    whole = [sum(n for (_, o), n in found.items() if o == outcome) for outcome in outcomes]
    lines.append(["**all**", *(f"**{n:,}**" for n in whole)])
    return table((named, *outcomes), lines)


def models() -> str:
    """Forged folders of models."""
    return _crossed(_attacks("hostile_models"), "changed", "what was changed")


def files() -> str:
    """Forged files, by kind."""
    rows = _attacks("hostile_files")
    told = [{**row, "changed": _what(row["changed"])} for row in rows]
    return _crossed(told, "changed", "what was changed")


def _what(changed: str) -> str:
    """Of a case by a command, the command alone."""
    command, by_command, _ = changed.partition(": ")
    return f"`dirvae {command}`: files and options" if by_command else changed


def crashes() -> str:
    """Processes that die at a write."""
    return _crossed(_attacks("crash_points"), "operation", "operation")


def mutants() -> str:
    """Changes of the code that tests noticed."""
    runs = done(MUTANTS)
    lines = []
    for part in dict.fromkeys(run["of"] for run in runs):
        of = [run for run in runs if run["of"] == part]
        by = Counter(run["noticed_by"] for run in of)
        seen = len(of) - by[""]
        share = f"{100 * seen / len(of):.0f} %"
        lines.append([part, f"{len(of)}", f"{by['own']}", f"{by['package']}", f"{by['']}", share])
    head = ("part", "changes", "seen by own tests", "by the package's", "survived", "seen")
    return table(head, lines)


def survivors() -> str:
    """Those that no test noticed."""
    lines = [
        [f"`{Path(run['file']).relative_to('src/dirvae')}`", f"`{run['before']}`", _change(run)]
        for run in done(MUTANTS)
        if not run["noticed_by"]
    ]
    return table(("file", "line", "changed to"), lines)


def _change(run: dict[str, Any]) -> str:
    return f"`{run['after']}`".replace("|", r"\|")


TABLES: dict[str, Callable[[], str]] = {
    "models": models,
    "files": files,
    "crashes": crashes,
    "mutants": mutants,
    "survivors": survivors,
}


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    filled = PLACE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)
    write_text(PAGE, filled)
    print(json.dumps({name: make().count("\n") - 1 for name, make in TABLES.items()}))


if __name__ == "__main__":
    main()
