"""Whether a test notices when a line is wrong: small changes of the code, and the tests about it.

    python -m benchmarks mutants --of mathematics --cases 100
    python -m benchmarks mutants --of edges --cases 100 --seed 1 --lines lines.json

A change swaps an operator, a comparison, a sign, a number, a branch or a name such as ``min`` for
``max``, at a place drawn by the seed. The tests of that file and its doctests run, then others that
run the line, as ``python -m benchmarks covering`` has found them (half a minute of them, the
quickest first), or else those of its package. A change that all of them pass has survived. All
happens in a copy of the project. A process is forked for each change after the heavy imports, which
saves most of the time.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.covering import Lines

PROJECT = Path(__file__).parent.parent
RESULTS = PROJECT / "benchmarks/results/mutants.jsonl"
COPIED = ("src", "tests", "docs", "benchmarks", "studies", "README.md", "pyproject.toml")
SECONDS = 240  # a change that makes tests run longer is noticed
OTHERS = 30  # seconds of other tests that run a line, as they took under coverage
FAILED = "failed.txt"

PARTS = {
    "mathematics": (
        "distributions",
        "evaluation",
        "objectives.py",
        "topics/posterior.py",
        "topics/information.py",
        "topics/contrasts.py",
        "topics/inference.py",
    ),
    "edges": ("cli", "data", "estimators", "report"),
}
OPERATORS = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")}
COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
WORDS = {"and": "or", "or": "and"}
NAMES = {"min": "max", "log": "exp", "sum": "mean", "any": "all", "cumsum": "cumprod"}
NAMES |= {new: old for old, new in NAMES.items()}


class Change(NamedTuple):
    """Characters of a line of a file that others take the place of."""

    file: str
    line: int
    start: int
    end: int
    new: str

    def apply(self, root: Path) -> tuple[str, str]:
        """Make it; return the line before and after."""
        path = root / self.file
        lines = path.read_text().split("\n")
        before = lines[self.line]
        lines[self.line] = before[: self.start] + self.new + before[self.end :]
        path.write_text("\n".join(lines))
        return before.strip(), lines[self.line].strip()


def changes(path: Path) -> Iterator[Change]:
    """Yield the changes that a file allows."""
    text = path.read_text()
    lines, name = text.split("\n"), str(path.relative_to(PROJECT))

    def between(left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[Change]:
        if left.end_lineno == right.lineno:
            line, start, end = right.lineno - 1, left.end_col_offset or 0, right.col_offset
            part = lines[line][start:end]
            if part.count(old) == 1:
                yield Change(name, line, start, end, part.replace(old, new))

    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
                yield from between(left, right, *OPERATORS[type(operator)])
            case ast.Compare(left, [operator], [right]) if type(operator) in COMPARISONS:
                yield from between(left, right, *COMPARISONS[type(operator)])
            case ast.BoolOp(operator, [left, right]):
                old = "and" if isinstance(operator, ast.And) else "or"
                yield from between(left, right, f" {old} ", f" {WORDS[old]} ")
            case ast.UnaryOp(ast.USub()):
                yield Change(name, node.lineno - 1, node.col_offset, node.col_offset + 1, "+")
            case ast.UnaryOp(ast.Not()):
                start = node.col_offset
                yield Change(name, node.lineno - 1, start, start + len("not"), "")
            case ast.Constant(bool() as value):
                start, end = node.col_offset, node.end_col_offset or 0
                yield Change(name, node.lineno - 1, start, end, str(not value))
            case ast.Constant(int() | float() as value) if node.lineno == node.end_lineno:
                new = repr(value + 1 if value in (0, 1, 2, -1) else value * 2)
                start, end = node.col_offset, node.end_col_offset or 0
                yield Change(name, node.lineno - 1, start, end, new)
            case ast.Call(ast.Attribute(attr=attr) as called) if attr in NAMES:
                line, end = (called.end_lineno or 1) - 1, called.end_col_offset or 0
                yield Change(name, line, end - len(attr), end, NAMES[attr])


def files_of(part: str) -> list[Path]:
    """The source files of a part, without those that only name others and those of numbers."""
    found: list[Path] = []
    for name in PARTS[part]:
        path = PROJECT / "src/dirvae" / name
        found += [path] if path.is_file() else path.rglob("*.py")
    return sorted(p for p in found if p.name != "__init__.py" and not p.name.endswith("_tables.py"))


def tests_of(file: str) -> tuple[list[str], list[str]]:
    """Where a file is tested: by its own tests and doctests, and by those of its package."""
    layout = ast.parse((PROJECT / "tests/test_layout.py").read_text())
    tested_in = next(
        ast.literal_eval(node.value)
        for node in layout.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TESTED_IN"
    )
    through = {source: test for test, sources in tested_in.items() for source in sources}
    source = Path(file).relative_to("src/dirvae").with_suffix("")
    own = source.parent / f"test_{source.name.strip('_')}"
    first = f"tests/{through.get(source.as_posix(), own.as_posix())}.py"
    package = f"tests/{source.parts[0]}"
    also = {
        "distributions": ["tests/testing", "tests/test_objectives.py"],
        "cli": ["tests/test_readme.py"],
    }
    return [first, file], [package, *also.get(source.parts[0], [])]


def noticed(root: Path, change: Change, whole: str, lines: Lines | None) -> str:
    """Which tests fail: "own" of the file, "others", or "" for none.

    Args:
        root: Where the change was made.
        change: It.
        whole: The file without it.
        lines: Which tests run which lines, if that is known.
    """
    own, others = tests_of(change.file)
    if _status(root, own):
        return "own"
    if lines is not None:
        name = change.file, change.line + 1
        others = lines.tests(*name, but=own, seconds=OTHERS) or others
    if not _status(root, others):
        return ""
    failed = (root / FAILED).read_text().splitlines()
    (root / change.file).write_text(whole)  # does that test pass here at all?
    return "" if failed and _status(root, failed) else "others"


class _Telling:
    """Writes down which test failed, as a plugin of pytest."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.path.write_text(report.nodeid)


def _status(root: Path, tests: list[str]) -> int:
    """Run those tests that are there, in a process of its own; return 0 if all of them pass."""
    (root / FAILED).write_text("")
    there = [test for test in tests if (root / test.partition("::")[0]).exists()]
    if not there:
        return 0
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:  # whatever happens, nothing of the parent's is unwound here
        signal.alarm(SECONDS)
        os.chdir(root)
        sys.path.insert(0, str(root / "src"))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        import pytest

        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--timeout", str(SECONDS)]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported
        os._exit(int(pytest.main([*there, *options], plugins=[_Telling(root / FAILED)])))
    finally:
        os._exit(1)


def copied(root: Path) -> None:
    """Copy what tests need."""
    for name in COPIED:
        source = PROJECT / name
        ignore = shutil.ignore_patterns("__pycache__", "_build", "api", "learn", "start")
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignore)
        else:
            shutil.copy(source, root / name)


def _import_what_is_heavy() -> None:
    """Not the project itself: each process imports it, changed."""
    for module in (
        "torch",
        "lightning",
        "scipy.stats",
        "sklearn",
        "hypothesis",
        "pandas",
        "pytest",
    ):
        with contextlib.suppress(ImportError):
            __import__(module)
    if "dirvae" in sys.modules:
        raise RuntimeError("dirvae is imported already, so that changes of it would go unseen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--of", choices=list(PARTS), default="mathematics")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="Cases of this seed to leave out.")
    parser.add_argument("--lines", type=Path, help="What `benchmarks covering` wrote.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    versions = {name: version(name) for name in ("dirvae", "torch", "pytest", "hypothesis")}
    about = {"seed": options.seed, "versions": versions | {"python": platform.python_version()}}
    possible = [change for path in files_of(options.of) for change in changes(path)]
    random.Random(options.seed).shuffle(possible)
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    _import_what_is_heavy()
    root = Path(tempfile.mkdtemp())  # its end is told below, and by no process that is forked
    copied(root)
    sound: set[str] = set()
    lines = None if options.lines is None else Lines(options.lines)
    for change in possible[options.first :][: options.cases]:
        if change.file not in sound and _status(root, tests_of(change.file)[0]):
            sys.exit(f"{change.file}: its tests fail without a change")
        sound.add(change.file)
        whole, start = (root / change.file).read_text(), time.perf_counter()
        before, after = change.apply(root)
        by = noticed(root, change, whole, lines)
        (root / change.file).write_text(whole)
        found = {"of": options.of, "file": change.file, "line": change.line + 1}
        found |= {"before": before, "after": after, "noticed_by": by}
        found |= {"seconds": round(time.perf_counter() - start, 1), **about}
        with options.output.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(by or "SURVIVED", change.file, change.line + 1, before, "->", after, flush=True)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
