"""Whether text around a figure has its room, and the drawing the rest."""

from __future__ import annotations


def require_room(figure, *, left=0, top=0, bottom=0):
    """Of a side with so many lines of text: no text is cut off, no room for two more lines is lost.

    Two lines at an axis are its numbers and its title, with a gap between them; one line above is
    the legend, which stands upon the drawing.
    """
    layout = figure.layout
    assert 11 <= layout.font.size <= 14
    line = 1.2 * layout.font.size
    gap = layout.xaxis.title.standoff
    assert gap == layout.yaxis.title.standoff
    assert 0 < gap < line
    sides = layout.margin.l, layout.margin.r, layout.margin.t, layout.margin.b
    for size, lines in zip(sides, (left, 0, top, bottom), strict=True):
        if lines:
            least = lines * line + (gap if lines == 2 else 0)
            assert least <= size < least + 2 * line
        else:
            assert 0 <= size < line
    if top:
        legend = layout.legend
        assert (legend.orientation, legend.yanchor, legend.x) == ("h", "bottom", 0)
        assert 1 < legend.y < 1.1
