"""What a user meets before the first call: import time, and dependencies as declared."""

from __future__ import annotations

import ast
import importlib.resources
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
HEAVY = {
    "PIL",
    "anndata",
    "biom",
    "h5py",
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
    ours, torchs = (min(import_seconds(name) for _ in range(2)) for name in ("dirvae", "torch"))
    assert ours <= 1.3 * torchs, f"import dirvae {ours:.2f} s, import torch {torchs:.2f} s"


def test_import_leaves_heavy_modules_out() -> None:
    loaded = set(run("import sys, dirvae; print(*sys.modules)").split())
    assert "dirvae" in loaded
    assert not loaded & HEAVY


def test_help_waits_for_no_numbers() -> None:
    """What a command computes with is loaded when it runs: `dirvae --help` answers at once."""
    loaded = set(run("import sys, dirvae.cli; print(*sys.modules)").split())
    assert "dirvae.cli.apply" in loaded
    assert not loaded & ((HEAVY - {"rich", "typer"}) | {"numpy", "scipy", "torch"})


@pytest.mark.parametrize("extra", [None, "anndata", "biom", "data", "texts", "dev", "docs"])
def test_development_pins_every_dependency(extra: str | None) -> None:
    pinned = pins("constraints.txt")
    for requirement in declared(extra):
        (pin,) = pinned[requirement.name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version)


@pytest.mark.parametrize("extra", [None, "anndata", "biom", "data", "hub", "onnx", "texts"])
def test_lower_bounds_are_those_tested(extra: str | None) -> None:
    pinned = pins("constraints-lowest.txt")
    for requirement in declared(extra):
        (bound,), (pin,) = requirement.specifier, pinned[requirement.name].specifier
        assert (bound.operator, pin.operator) == (">=", "==")
        assert Version(bound.version) == Version(pin.version)


def test_type_marker_is_shipped() -> None:
    assert (importlib.resources.files("dirvae") / "py.typed").is_file()


def uses(folder: Path) -> dict[str, tuple[str, Callable[[], object]]]:
    """Whatever needs an optional package, and which."""
    from dirvae.cli.outputs import require_table
    from dirvae.data import image_sets, read_images, read_rows
    from dirvae.data.corpora import read_texts

    for name in ("x.csv", "x.parquet", "x.png"):
        (folder / name).write_bytes(b"")
    return {
        "numbers of a table": ("pandas", lambda: read_rows(folder / "x.csv")),
        "numbers of Parquet": ("pyarrow", lambda: read_rows(folder / "x.parquet")),
        "texts of Parquet": ("pyarrow", lambda: read_texts(folder / "x.parquet")),
        "images": ("pillow", lambda: read_images(folder)),
        "an image set": ("pooch", image_sets.mnist),
        "a table to write": ("pandas", lambda: require_table(folder / "y.csv", False)),
        "Parquet to write": ("pyarrow", lambda: require_table(folder / "y.parquet", False)),
    }


@pytest.mark.parametrize(
    "use",
    [
        "numbers of a table",
        "numbers of Parquet",
        "texts of Parquet",
        "images",
        "an image set",
        "a table to write",
        "Parquet to write",
    ],
)
def test_an_optional_package_that_is_missing_is_asked_for_in_one_sentence(
    use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, act = uses(tmp_path)[use]
    monkeypatch.delenv("DIRVAE_DATA", raising=False)
    monkeypatch.setitem(sys.modules, {"pillow": "PIL"}.get(package, package), None)
    if package == "pillow":
        monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'dirvae\[data\]'$"):
        act()


def test_optional_packages_are_imported_where_they_are_used() -> None:
    """At the top of no file: there they would be asked for by a traceback."""
    extra = {"PIL" if r.name == "pillow" else r.name for r in declared("data")}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            assert not {name.partition(".")[0] for name in named} & extra, path


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("name", ["CITATION.cff", "SECURITY.md", "constraints-lowest.txt"])
def test_the_source_distribution_has_what_its_tests_read(name: str) -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert f"/{name}" in included["targets"]["sdist"]["include"]
    assert (ROOT / name).is_file()
