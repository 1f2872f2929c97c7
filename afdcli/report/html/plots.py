"""Plots of the HTML page, as SVG. All plotted numbers are in the summary.

Matplotlib needs fixed colours. The colours of `Ink` are placeholders, which are replaced by CSS
variables, so that one drawing works in light and dark mode and in print. Text stays text.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afdcli.report.estimates import FEW, Group
from afdcli.report.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MIN_BARS = 8  # fewer bars are drawn as if there were this many

Draw = Callable[["Axes"], None]

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


@dataclass(frozen=True)
class Series:
    """One line of a plot.

    Attributes:
        metric: metric of the summary.
        name: name in the legend.
        ink: colour, one of `Ink`.
        marker, line: matplotlib styles; they differ, so that lines are distinct without colour.
    """

    metric: str
    name: str = "with AFD"
    ink: str = Ink.AFD
    marker: str = "s"
    line: str = "-"


def series(kind: str) -> list[Series]:
    """The lines for "accuracy" or "confidence": direct, with AFD and clean."""
    return [
        Series(f"{kind}_direct", "direct", Ink.DIRECT, "o", "--"),
        Series(f"{kind}_afd"),
        Series(f"{kind}_clean", "clean", Ink.TEXT, "^", ":"),
    ]


def over_groups(
    groups: Sequence[Group],
    lines: Sequence[Series],
    axis: tuple[str, str],
    limits: tuple[float, float],
    gain: bool | None = None,
) -> Draw:
    """Plot *lines* over *groups* with their intervals.

    Args:
        groups: from left to right. Small ones get a hollow marker.
        axis: labels of x and y.
        limits: of y.
        gain: None for lines with bands; else one number per group and a line at zero: True for
            differences, whose labels have a sign, False for shares.
    """

    def draw(axes: Axes) -> None:
        if gain is not None:
            axes.axhline(0, color=Ink.TEXT, linewidth=0.8)
        for line in lines:
            x = [i for i, group in enumerate(groups) if not math.isnan(_value(group, line))]
            found = [groups[i].get(line.metric) for i in x]
            low = [e.value if math.isnan(e.low) else e.low for e in found]
            high = [e.value if math.isnan(e.high) else e.high for e in found]
            if gain is None and len(x) > 1:
                axes.fill_between(x, low, high, color=line.ink, alpha=0.16, linewidth=0)
            else:  # a band of one group has no width
                axes.vlines(x, low, high, colors=line.ink, alpha=0.5 if gain is None else 1)
            if gain is None:
                axes.plot(x, [e.value for e in found], line.line, color=line.ink, label=line.name)
            _marks(axes, x, found, line)
        _name_groups(axes, groups, axis)
        axes.set_ylim(*limits)
        axes.yaxis.set_major_formatter(_signed_share if gain else _share)
        if len(lines) > 1:
            _legend(axes, len(lines))

    return draw


def reliability(bins: Sequence[tuple[Series, str, Sequence[Group]]]) -> Draw:
    """Plot accuracy over mean probability, bin by bin, and the line of perfect calibration.

    *bins* are for each line its series (of accuracies), the metric of its probabilities, its bins.
    """

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], ":", color=Ink.TEXT, linewidth=1, label="perfect calibration")
        for line, confidence, groups in bins:
            x = [group.get(confidence).value for group in groups]
            found = [group.get(line.metric) for group in groups]
            low, high = [e.low for e in found], [e.high for e in found]
            axes.vlines(x, low, high, colors=line.ink, alpha=0.45)
            # Small bins are not joined to the line: they would be spikes.
            large = [(at, e.value) for at, e in zip(x, found, strict=True) if e.n >= FEW]
            joined = [at for at, _ in large], [value for _, value in large]
            axes.plot(*joined, line.line, color=line.ink, label=line.name)
            _marks(axes, x, found, line)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set(xlabel="mean probability of the label", ylabel="accuracy")
        axes.yaxis.set_major_formatter(_share)
        axes.xaxis.set_major_formatter(_share)
        _legend(axes, len(bins) + 1)

    return draw


def bars(groups: Sequence[Group], axis: tuple[str, str]) -> Draw:
    """Plot the number of files per group; *axis* labels x and y."""

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        counts = [group.get("files").value for group in groups]
        axes.bar(range(len(groups)), counts, color=Ink.AFD, width=0.85)
        axes.grid(visible=False, axis="x")
        _name_groups(axes, groups, axis, max(len(groups), _MIN_BARS))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
        spare = max(0, _MIN_BARS - len(groups)) / 2  # a few bars should not fill the plot
        axes.set_xlim(-0.5 - spare, len(groups) - 0.5 + spare)

    return draw


def y_limits(groups: Sequence[Group], metrics: Sequence[str], zero: bool) -> tuple[float, float]:
    """Choose limits of y, within -1.02 to 1.02, that show *metrics* of all *groups*.

    Args:
        groups: small ones are ignored unless all are small, as their intervals are wide.
        metrics: shares, or differences of shares.
        zero: True to include zero.
    """
    estimates = [group.get(metric) for group in groups for metric in metrics]
    found = [e for e in estimates if e.n >= FEW] or estimates
    ends = [end for e in found for end in (e.value, e.low, e.high) if not math.isnan(end)]
    ends += [0.0] if zero else []
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    room = max(0.06 * (high - low), 0.01)
    return max(low - room, -1.02), min(high + room, 1.02)


def _value(group: Group, line: Series) -> float:
    return group.get(line.metric).value


def _marks(axes: Axes, x: Sequence[float], found: Sequence[Estimate], line: Series) -> None:
    """Draw a marker per estimate, which is hollow if there are fewer than `FEW` pictures."""
    for hollow, face in ((False, line.ink), (True, Ink.PAPER)):
        chosen = [i for i, e in enumerate(found) if (e.n < FEW) is hollow]
        points = [x[i] for i in chosen], [found[i].value for i in chosen]
        axes.plot(*points, line.marker, color=line.ink, markerfacecolor=face)


def _name_groups(
    axes: Axes, groups: Sequence[Group], axis: tuple[str, str], places: int = 0
) -> None:
    """Name *groups* on the x axis, which has room for *places* of them (default: as many)."""
    names = [short(group.value) for group in groups]
    at = range(0, len(names), math.ceil(len(names) / 10))  # about ten labels fit
    letters = sum(len(names[i]) + 2 for i in at)
    crowded = letters * max(places, len(names)) > 58 * len(names)
    axes.set_xticks(list(at), [names[i] for i in at], rotation=35 if crowded else 0)
    if crowded:
        for label in axes.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")
    axes.set(xlim=(-0.5, len(names) - 0.5), xlabel=axis[0], ylabel=axis[1])


def short(value: str) -> str:
    """Shorten the name of a bin: without the unit, which the axis label has."""
    return value.removeprefix("QF ").removesuffix(" px").replace(" to ", "–").replace("-", "–")


def _share(value: float, _: float) -> str:
    return f"{100 * value:.3g} %" if abs(value) > 1e-9 else "0 %"


def _signed_share(value: float, _: float) -> str:
    return f"{100 * value:+.3g}" if abs(value) > 1e-9 else "0"


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)


def to_svg(draw: Draw, name: str) -> str:
    """The plot that *draw* draws, as an ``<svg>`` element; *name* is unique in the page."""
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
