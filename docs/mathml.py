"""Formulas as MathML, which browsers draw themselves: no script, and nothing from another site."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

# What TeX knows and docutils does not, and how docutils has it.
SPELLINGS = (
    (r"\\([Bb]ig)(?=[(\[])", r"\\\1l"),
    (r"\\([Bb]ig)(?=[)\]])", r"\\\1r"),
    (r"\\dots(?![a-z])", r"\\ldots"),
    (r"\\textstyle(?![a-z])", ""),
    (r"\\([dt]?frac)(\d)(\d)", r"\\\1{\2}{\3}"),
)


def register(app: Any) -> None:
    app.add_html_math_renderer("mathml", (inline, None), (display, None))


def inline(writer: Any, node: nodes.math) -> None:
    _write(writer, node, display=False)


def display(writer: Any, node: nodes.math_block) -> None:
    writer.body.append('<div class="math-display">')
    _write(writer, node, display=True)
    writer.body.append("</div>")


def spelled(formula: str) -> str:
    """A formula in the TeX that docutils reads."""
    for pattern, replacement in SPELLINGS:
        formula = re.sub(pattern, replacement, formula)
    return formula


def _write(writer: Any, node: Any, display: bool) -> None:
    try:
        writer.body.append(tex2mathml(spelled(node.astext()), as_block=display))
    except MathError as error:
        LOGGER.warning("%s in the formula %r", error, node.astext(), location=node)
    raise nodes.SkipNode
