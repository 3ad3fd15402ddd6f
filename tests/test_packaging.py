"""What a user meets before the first call: import time, and dependencies as declared."""

from __future__ import annotations

import importlib.resources
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
HEAVY = {
    "PIL",
    "lightning",
    "matplotlib",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
    "pytorch_lightning",
    "rich",
    "sklearn",
    "typer",
}


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def import_seconds(module: str) -> float:
    # Processor time, not wall time: other processes may share the cores.
    code = f"import time, {module}; print(time.process_time())"
    return float(run(code))


def pins(name: str) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {pin.name: pin for pin in map(Requirement, filter(None, lines))}


def declared(extra: str | None = None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [req for req in map(Requirement, lines) if req.name != "dirvae"]


def test_import_takes_little_more_than_torch() -> None:
    pairs = [(import_seconds("dirvae"), import_seconds("torch")) for _ in range(3)]
    ours, torchs = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert ours <= 1.3 * torchs, f"import dirvae {ours:.2f} s, import torch {torchs:.2f} s"


def test_import_leaves_heavy_modules_out() -> None:
    loaded = set(run("import sys, dirvae; print(*sys.modules)").split())
    assert "dirvae" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("extra", [None, "data", "dev", "docs"])
def test_development_pins_every_dependency(extra: str | None) -> None:
    pinned = pins("constraints.txt")
    for requirement in declared(extra):
        (pin,) = pinned[requirement.name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version)


@pytest.mark.parametrize("extra", [None, "data"])
def test_lower_bounds_are_those_tested(extra: str | None) -> None:
    pinned = pins("constraints-lowest.txt")
    for requirement in declared(extra):
        (bound,), (pin,) = requirement.specifier, pinned[requirement.name].specifier
        assert (bound.operator, pin.operator) == (">=", "==")
        assert Version(bound.version) == Version(pin.version)


def test_type_marker_is_shipped() -> None:
    assert (importlib.resources.files("dirvae") / "py.typed").is_file()
