"""The pages of the reference: a list a module, from which autosummary makes a page a name."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.pycode import ModuleAnalyzer

from docs.public_names import Home, homes


def write_pages(folder: Path) -> None:
    """A page for each module with public names; pages of modules that are gone are removed."""
    folder.mkdir(exist_ok=True)
    pages = {f"{home.module}.rst": page(home) for home in homes()}
    pages["index.rst"] = contents(list(homes()))
    for old in folder.glob("*.rst"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def contents(found: list[Home]) -> str:
    lines = [
        "Reference",
        "=========",
        "",
        "Every public name, by the module it is imported from.",
        "",
    ]
    lines += [".. toctree::", "   :hidden:", ""]
    lines += [f"   {home.module}" for home in found]
    for home in found:
        names = [f":py:obj:`~{home.module}.{name}`" for name in home.own]
        names += [f":py:obj:`~{path}`" for path in home.others.values()]
        lines += ["", f":doc:`{home.module}`", f"   {home.summary.splitlines()[0]}", ""]
        lines += ["   " + ", ".join(names)]
    return "\n".join(lines) + "\n"


def page(home: Home) -> str:
    lines = [home.module, "=" * len(home.module), "", home.summary, ""]
    lines += [f".. currentmodule:: {home.module}", ""]
    if home.own:
        lines += [".. autosummary::", "   :toctree: names", "", *(f"   {n}" for n in home.own), ""]
    if home.others:
        elsewhere = ", ".join(f":py:obj:`{path}`" for path in home.others.values())
        lines += [f"Also here: {elsewhere}.", ""]
    return "\n".join(lines)


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what Python, scikit-learn and Lightning document, and fields told of elsewhere."""
    home = getattr(obj, "__module__", None) or ""
    if home.startswith(("sklearn.", "lightning.")) or name == "set_output":
        return True
    if any(obj is getattr(kind, name, None) for kind in (str, list)):  # of an enum, of an alias
        return True
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field") else None


def keep_underscores(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Attributes end in an underscore, which would be taken for a link."""
    lines[:] = [re.sub(r"^(:(?:ivar|vartype) \w*\w)_:", r"\1\_:", line) for line in lines]


def own_words(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Of an alias or a constant, what is written below it, and not what Python says of its type."""
    if inspect.isclass(obj) or inspect.isroutine(obj) or inspect.ismodule(obj):
        return
    place, plain = ("", name.rpartition(".")[2]), getattr(obj, "__doc__", None)
    if not plain or plain != getattr(getattr(obj, "__origin__", type(obj)), "__doc__", None):
        return
    modules = [key for key in sys.modules if key.startswith("dirvae.")]
    told = [docs[place] for docs in map(attribute_docs, sorted(modules)) if place in docs]
    lines[:] = told[0] if len(told) == 1 else []


def attribute_docs(module: str) -> dict[tuple[str, str], list[str]]:
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    return analyzer.attr_docs


def resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """A link to a public name that a docstring gives without its module, where one has it."""
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or "." in name:
        return None
    found = [f"{home.module}.{name}" for home in homes() if name in home.own]
    if len(found) != 1:
        return None
    place = node.get("refdoc"), app.builder, "obj", found[0]
    return env.domains["py"].resolve_xref(env, *place, node, content)
