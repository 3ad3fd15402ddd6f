"""The tables of docs/reliability.md, from the results of what attacks the project.

python -m benchmarks reliability
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from dirvae.reproduce.record import done
from studies.choosing_tables import fill, table

ROOT = Path(__file__).parent.parent
ATTACKS = ROOT / "benchmarks/results/attacks.jsonl"
MUTANTS = ROOT / "benchmarks/results/mutants.jsonl"
PAGE = ROOT / "docs/reliability.md"


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


def odd_data() -> str:
    """Odd data, by what came of it."""
    return _crossed(_attacks("odd_data"), "changed", "data")


def mutants() -> str:
    """Changes of the code, by what noticed them."""
    found: dict[str, Counter[str]] = {}
    for run in done(MUTANTS):
        found.setdefault(run["of"], Counter())[run["noticed_by"]] += 1
    lines: list[Sequence[str]] = [
        [
            of,
            *(f"{n:,}" for n in (by["own"], by["package"] + by["others"], by[""])),
            f"{1 - by[''] / by.total():.1%}",
        ]
        for of, by in sorted(found.items(), reverse=True)
    ]
    head = (
        "part",
        "noticed by the file's tests",
        "by others",
        "not noticed",
        "noticed",
    )
    return table(head, lines)


def survivors() -> str:
    """Changes that nothing noticed, by the reason that was found for each."""
    found = Counter(run["reason"] for run in done(MUTANTS) if not run["noticed_by"])
    lines = [(reason, f"{count:,}") for reason, count in found.most_common()]
    return table(("why a change was not noticed", "changes"), lines)


TABLES: dict[str, Callable[[], str]] = {
    "models": models,
    "files": files,
    "crashes": crashes,
    "odd": odd_data,
    "mutants": mutants,
    "survivors": survivors,
}


if __name__ == "__main__":
    fill(PAGE, TABLES)
