"""The site: `make docs` builds it into docs/_build/html."""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "src")]

# First the names of arrays: the others import dirvae.
from docs import array_names, mathml, reference  # noqa: E402, F401

project = "dirvae"
author = "The dirvae developers"
copyright = f"2026, {author}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "scripts", "**/*.ipynb"]
templates_path = ["_templates"]

# --- pages ----------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3  # links to headings, as GitHub makes them
default_role = "py:obj"  # `name` in a docstring is a link, where the name has a page

# --- the reference --------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# --- other projects' names ------------------------------------------------------------------------

INVENTORIES = HERE / "_build" / "inventories"
OTHERS = {
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
    "sklearn": "https://scikit-learn.org/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}


def inventory(name: str, site: str) -> str | None:
    """A site's list of names, as it is now or was at the last build; None without a network."""
    path = INVENTORIES / f"{name}.inv"
    if os.environ.get("DIRVAE_DOCS_OFFLINE"):
        return None
    try:
        with urllib.request.urlopen(f"{site}objects.inv", timeout=5) as answer:
            content = answer.read()
    except OSError:
        return str(path) if path.exists() else None
    if content.startswith(b"# Sphinx inventory"):
        INVENTORIES.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(path) if path.exists() else None


# Without a network names of other projects are text, not links: no build depends on their sites.
intersphinx_mapping = {
    name: (site, found) for name, site in OTHERS.items() if (found := inventory(name, site))
}

# --- tutorials ------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": ["scripts/start", "scripts/learn"],
    "gallery_dirs": ["start", "learn"],
    "filename_pattern": r"\.py$",
    "within_subsection_order": "docs.reading_order.ReadingOrder",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 3600,  # that of the machine which built the site tells nobody anything
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
    "write_computation_times": False,
    "copyfile_regex": r".*\.(rst|md)$",
}

# --- looks ----------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "dirvae"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": "dirvae"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}


def setup(app: Any) -> None:
    """Write the pages of the reference, and put formulas in the page as MathML."""
    reference.write_pages(HERE / "api")
    app.connect("autodoc-skip-member", reference.skip)
    app.connect("autodoc-process-docstring", reference.keep_underscores, priority=900)
    app.connect("autodoc-process-docstring", reference.own_words)
    app.connect("missing-reference", reference.resolve)
    mathml.register(app)
