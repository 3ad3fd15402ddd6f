"""The site: a page for every public name, and links and pictures that are there."""

from __future__ import annotations

import ast
import importlib
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.public_names import homes

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "dirvae"
SITE = ROOT / "docs" / "_build" / "html"
# The command line, its pages, and helpers of other rooms.
INTERNAL = {
    "alignment",
    "cli",
    "demo",
    "formats",
    "report",
    "reproduce",
    "terms",
    "text",
    "words",
    "writing",
}


def declared(file: Path) -> list[str]:
    """Names in the ``__all__`` of a file, as it is written."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "__all__":
            return [name for name in ast.literal_eval(node.value) if not name.startswith("__")]
    return []


def rooms() -> Iterator[tuple[str, Path]]:
    """The packages, and modules beside them."""
    yield "dirvae", SOURCE / "__init__.py"
    for path in sorted(SOURCE.iterdir()):
        name = path.stem
        if name not in INTERNAL and not name.startswith("_") and path.suffix in ("", ".py"):
            file = path if path.is_file() else path / "__init__.py"
            yield f"dirvae.{name}", file


def test_every_public_name_is_in_the_reference() -> None:
    pages = {f"{home.module}.{name}" for home in homes() for name in home.own}
    things = [
        getattr(importlib.import_module(page.rpartition(".")[0]), page.rpartition(".")[2])
        for page in pages
    ]
    missing = []
    for module, file in rooms():
        for name in declared(file):
            thing = getattr(importlib.import_module(module), name)
            if not any(thing is other for other in things) and not hasattr(thing, "__path__"):
                missing.append(f"{module}.{name}")
    assert len(pages) > 150
    # Modules, which have pages of their own.
    assert missing == ["dirvae.anndata", "dirvae.hub", "dirvae.objectives", "dirvae.plot"]


class Links(HTMLParser):
    """What a page refers to, its anchors, and pictures without a text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.unnamed: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.anchors.add(str(given["id"]))
        for name in ("href", "src"):
            if given.get(name):
                self.targets.append(str(given[name]))
        if tag == "img" and not given.get("alt") and "_thumb" not in str(given.get("src")):
            self.unnamed.append(str(given.get("src")))  # beside a thumbnail stands its title


@pytest.fixture(scope="module")
def pages() -> dict[Path, Links]:
    if not (SITE / "index.html").exists():
        pytest.fail("the site is not built: make docs")
    own = [page for page in SITE.rglob("*.html") if "_static" not in page.parts]
    return {page: Links(page) for page in own}


FILES: dict[str, bool] = {}


def broken(page: Path, target: str, pages: dict[Path, Links]) -> bool:
    """Whether a link inside the site leads nowhere."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return False
    name = os.path.normpath(page.parent / unquote(parts.path)) if parts.path else str(page)
    if not FILES.setdefault(name, os.path.isfile(name)):
        return True
    links = pages.get(Path(name))
    return bool(parts.fragment) and links is not None and parts.fragment not in links.anchors


@pytest.mark.docs
def test_no_link_is_broken(pages: dict[Path, Links]) -> None:
    found = {
        (page.name, t)
        for page, links in pages.items()
        for t in links.targets
        if broken(page, t, pages)
    }
    assert sum(len(links.targets) for links in pages.values()) > 1000
    assert sorted(found) == []


@pytest.mark.docs
def test_every_name_has_its_own_page(pages: dict[Path, Links]) -> None:
    anchors = {page.stem: links.anchors for page, links in pages.items()}
    names = [f"{home.module}.{name}" for home in homes() for name in home.own]
    assert [name for name in names if name not in anchors.get(name, ())] == []


@pytest.mark.docs
def test_arrays_are_shown_by_their_names() -> None:
    texts = [page.read_text(encoding="utf-8") for page in (SITE / "api").rglob("*.html")]
    assert not [found for text in texts for found in re.findall("_NestedSequence|>ndarray<", text)]
    shown = (SITE / "api/names/dirvae.evaluation.purity.html").read_text(encoding="utf-8")
    assert shown.count(">ArrayLike<") == 2


@pytest.mark.docs
def test_names_keep_their_underscores_and_python_is_not_documented() -> None:
    shown = (SITE / "api/names/dirvae.DirichletVAE.html").read_text(encoding="utf-8")
    assert re.findall("<strong>(history_?|n_iter_?)</strong>", shown) == ["history_", "n_iter_"]
    texts = {page.stem: page.read_text(encoding="utf-8") for page in (SITE / "api").rglob("*.html")}
    pythons = re.compile(r"Built-in mutable sequence|str\(object=|zfill")
    assert [name for name, text in texts.items() if pythons.search(text)] == []
    assert "One dict of metrics for each epoch" in texts["dirvae.training.History"]


@pytest.mark.docs
def test_every_picture_has_a_text(pages: dict[Path, Links]) -> None:
    assert {page.name: links.unnamed for page, links in pages.items() if links.unnamed} == {}


@pytest.mark.docs
def test_formulas_are_drawn(pages: dict[Path, Links]) -> None:
    text = (SITE / "distributions.html").read_text(encoding="utf-8")
    assert text.count("<math") > 100
    assert re.search(r"\$[^$<]*\\[a-z]+", text) is None


@pytest.mark.docs
@pytest.mark.parametrize(
    ("formula", "drawn"),
    [
        (r"\frac12 x", "<mfrac><mn>1</mn><mn>2</mn></mfrac><mi>x</mi>"),
        (r"\Big(x\Big)", "(</mo><mi>x</mi>"),
        (r"x_1, \dots", "<mi>…</mi>"),
    ],
)
def test_formulas_are_read_as_tex_does(formula: str, drawn: str) -> None:
    from docs.mathml import spelled, tex2mathml

    assert drawn in re.sub(r">\s+<", "><", tex2mathml(spelled(formula)))
