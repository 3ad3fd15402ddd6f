"""One HTML page with everything in it: it opens without a network, today and in ten years."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dirvae.text import visible

__all__ = ["Panel", "Section", "Table", "render"]


class Panel(NamedTuple):
    """A figure in a section.

    Attributes:
        figure: Plotly figure, without a size of its own.
        label: Short text above it.
        aspect: Width over height; None for a fixed height.
        height: Pixels, where ``aspect`` is None.
        ticks: Texts under the figure, evenly spaced over its width.
    """

    figure: go.Figure
    label: str = ""
    aspect: float | None = None
    height: int = 260
    ticks: Sequence[str] = ()


class Table(NamedTuple):
    """Rows of text under a header; the first column names the row.

    Attributes:
        header: One text a column.
        rows: Texts of each row.
        numbers: Whether the other columns hold numbers, which are aligned to the right.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool = True


class Section(NamedTuple):
    """A heading, what to look at, and a sentence on what to see there.

    Attributes:
        heading: Text.
        caption: Text under the panels.
        panels: Figures; those that do not fit side by side wrap.
        table: Shown above the panels.
        panel_width: Least width of a panel in pixels; 0 gives each panel the full width.
    """

    heading: str
    caption: str
    panels: Sequence[Panel] = ()
    table: Table | None = None
    panel_width: int = 0


def render(title: str, introduction: str, sections: Sequence[Section]) -> str:
    """Return the page as HTML; plotly.js is written into it once.

    Args:
        title: Of the page.
        introduction: Paragraph under the title.
        sections: In order.

    Example:
        >>> page = render("Title", "What this is.", [Section("Heading", "A caption.")])
        >>> page.startswith("<!doctype html>"), "<h2>Heading</h2>" in page
        (True, True)
    """
    body = "\n".join(_section(section, index) for index, section in enumerate(sections))
    plots = "\n".join(
        _plot(panel.figure, _identity(index, place))
        for index, section in enumerate(sections)
        for place, panel in enumerate(section.panels)
    )
    # Plots are drawn last, when the page has its layout and each knows its width.
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{_text(title)}</h1>
<p class="lead">{_text(introduction)}</p>
{body}
</main>
<script>{get_plotlyjs()}</script>
<script>
{plots}
</script>
</body>
</html>
"""


def _section(section: Section, index: int) -> str:
    panels = "\n".join(_panel(p, _identity(index, place)) for place, p in enumerate(section.panels))
    columns = f"repeat(auto-fit, minmax(min({section.panel_width}px, 100%), 1fr))"
    grid = f' style="grid-template-columns: {columns}"' if section.panel_width else ""
    shown = f'<div class="panels"{grid}>\n{panels}\n</div>' if panels else ""
    table = "" if section.table is None else _table(section.table)
    return f"""<section>
<h2>{_text(section.heading)}</h2>
{table}{shown}
<p class="caption">{_text(section.caption)}</p>
</section>"""


def _text(text: str) -> str:
    """Text as HTML shows it, with its lines."""
    return escape("\n".join(map(visible, text.split("\n"))))


def _identity(section: int, place: int) -> str:
    return f"figure-{section}-{place}"


def _panel(panel: Panel, identity: str) -> str:
    size = f"aspect-ratio: {panel.aspect:.4f}" if panel.aspect else f"height: {panel.height}px"
    label = f"<figcaption>{_text(panel.label)}</figcaption>" if panel.label else ""
    ticks = "".join(f"<span>{_text(tick)}</span>" for tick in panel.ticks)
    under = f'<div class="ticks">{ticks}</div>' if ticks else ""
    return f'<figure>{label}<div id="{identity}" class="plot" style="{size}"></div>{under}</figure>'


def _plot(figure: go.Figure, identity: str) -> str:
    # "<" is escaped so that no text in a figure can end the script.
    drawn = str(figure.to_json()).replace("<", "\\u003c")
    return f'Plotly.newPlot("{identity}", {{...{drawn}, config: {_CONFIG}}});'


def _table(table: Table) -> str:
    header = "".join(f'<th scope="col">{_text(text)}</th>' for text in table.header)
    head = f"<thead><tr>{header}</tr></thead>" if header else ""
    rows = "".join(_row(row) for row in table.rows)
    kind = "numbers" if table.numbers else "texts"
    return f'<div class="scroll"><table class="{kind}">{head}<tbody>{rows}</tbody></table></div>'


def _row(row: Sequence[str]) -> str:
    cells = "".join(f"<td>{_text(text)}</td>" for text in row[1:])
    return f'<tr><th scope="row">{_text(row[0])}</th>{cells}</tr>'


_CONFIG = "{responsive: true, displayModeBar: false}"
_STYLE = """
:root { --ink: #1d2127; --soft: #5b636e; --line: #dfe2e6; --paper: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a0a7b1; --line: #343a42; --paper: #16191d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 .6rem;
  letter-spacing: -.015em; }
h2 { font-size: 1.2rem; margin: 3rem 0 .9rem; padding-top: 1.1rem;
  border-top: 1px solid var(--line); }
p { max-width: 46rem; }
.lead { font-size: 1.08rem; }
.caption { color: var(--soft); margin: .7rem 0 0; }
.panels { display: grid; gap: 1rem 1.4rem; grid-template-columns: minmax(0, 1fr); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9rem; font-weight: 600; margin-bottom: .3rem; }
.plot { width: 100%; }
.ticks { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; text-align: center;
  font-size: .75rem; color: var(--soft); }
.plot svg text { fill: var(--ink) !important; }
.plot svg .hoverlayer text { fill: #ffffff !important; }
.scroll { overflow-x: auto; margin-bottom: .5rem; }
table { border-collapse: collapse; font-size: .95rem; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .8rem; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--line); }
.numbers th, .numbers td { white-space: nowrap; }
.texts th, .texts td { text-align: left; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.numbers thead th { white-space: pre-line; }
tbody th { font-weight: 600; }
th:first-child { text-align: left; padding-left: 0; }
@media (max-width: 640px) {
  main { padding: 1.5rem .9rem 3rem; }
  table { font-size: .8rem; }
  th, td { padding: .4rem .35rem; }
}
"""
