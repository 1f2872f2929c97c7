"""Convert matplotlib's SVG for the HTML page: text stays text, colours become those of the page.

Matplotlib needs fixed colours. The colours of `Ink` are placeholders, which are replaced by CSS
variables, so that one drawing works in light and dark mode and in print.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Width and height of a plot in points. Phones, which are about as wide, show it unscaled.
SIZE = (360, 236)
_POINTS_PER_INCH = 72


class Ink:
    """Placeholder colours."""

    TEXT = "#010101"
    GRID = "#010102"
    DIRECT = "#010103"
    AFD = "#010104"
    PAPER = "#010105"


#: CSS of each placeholder.
_CSS = {
    Ink.TEXT: "currentColor",
    Ink.GRID: "var(--rule)",
    Ink.DIRECT: "var(--direct)",
    Ink.AFD: "var(--afd)",
    Ink.PAPER: "var(--paper)",
}

_STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # ships with matplotlib; only used to measure text
    "font.size": 10.0,
    "text.parse_math": False,
    "text.color": Ink.TEXT,
    "axes.edgecolor": Ink.TEXT,
    "axes.labelcolor": Ink.TEXT,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": Ink.GRID,
    "grid.linewidth": 0.6,
    "xtick.color": Ink.TEXT,
    "ytick.color": Ink.TEXT,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
}


def to_svg(draw: Callable[[Axes], None], name: str) -> str:
    """Return a plot as an ``<svg>`` element.

    Args:
        draw: draws on the axes it is given.
        name: unique name of the plot, as ids must be unique in a page.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = _STYLE | {
        "svg.hashsalt": name
    }  # ids that are referred to are hashes with this salt
    with matplotlib.rc_context(style):
        inches = (SIZE[0] / _POINTS_PER_INCH, SIZE[1] / _POINTS_PER_INCH)
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r"<svg [^>]*>", f'<svg viewBox="0 0 {SIZE[0]} {SIZE[1]}">', svg, count=1)
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg).replace("xlink:href", "href")
    # Use the page's typeface at matplotlib's size.
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for ink, css in _CSS.items():
        svg = svg.replace(ink, css)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()
