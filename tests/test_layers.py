"""Imports only go down, those inside functions too."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "dirvae"


def layers() -> dict[str, int]:
    """Height of each room, as the contract in pyproject.toml has it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        [contract] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    rows = [row.replace("(", "").replace(")", "").split(" | ") for row in contract["layers"]]
    return {name: -place for place, row in enumerate(rows) for name in row}


def imported(tree: ast.AST) -> Iterator[str]:
    """Rooms that a file imports from, wherever in the file."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "dirvae":
            names = [f"dirvae.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name.split(".")[1] for name in names if name.startswith("dirvae."))


def climbs(source: Path, height: dict[str, int]) -> list[str]:
    """Imports of a file that go up, or across to another room of the same height."""
    room = source.relative_to(SOURCE).parts[0].removesuffix(".py")
    found = imported(ast.parse(source.read_text(encoding="utf-8")))
    return [
        f"{source.relative_to(SOURCE)} imports dirvae.{other}"
        for other in found
        if other in height and other != room and height[other] >= height[room]
    ]


def test_no_import_goes_up() -> None:
    height = layers()
    files = [path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.stem in height]
    assert len(files) > 100
    assert [climb for path in files for climb in climbs(path, height)] == []


def test_pages_know_results_only_and_no_data_model_or_training() -> None:
    files = (SOURCE / "report").glob("*.py")
    found = {room for path in files for room in imported(ast.parse(path.read_text()))}
    assert found <= {"alignment", "assessment", "evaluation", "report", "text"}


def test_an_import_inside_a_function_is_seen() -> None:
    tree = ast.parse("def f():\n    from dirvae.cli import app\n    import dirvae.topics.model")
    assert list(imported(tree)) == ["cli", "topics"]


def test_every_room_has_its_layer() -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if path.stem not in ("__init__", "__pycache__")}
    assert rooms - {"py", "__main__"} == layers().keys()
