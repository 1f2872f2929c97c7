"""Plots of the HTML page. All plotted numbers are in the summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afdcli.report.html.svg import Ink
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MIN_BARS = 8  # fewer bars are drawn as if there were this many

Draw = Callable[["Axes"], None]


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
    name: str
    ink: str
    marker: str = "o"
    line: str = "-"


def direct(metric: str) -> Series:
    """The line for the plain backbone."""
    return Series(metric, "direct", Ink.DIRECT, "o", "--")


def afd(metric: str, name: str = "with AFD") -> Series:
    """The line for AFD."""
    return Series(metric, name, Ink.AFD, "s", "-")


def clean(metric: str) -> Series:
    """The line for the clean pictures."""
    return Series(metric, "clean", Ink.TEXT, "^", ":")


def known(series: Sequence[Series], groups: Sequence[Group]) -> tuple[Series, ...]:
    """Select those of *series* that any of *groups* has an estimate of."""
    return tuple(
        s for s in series if any(not math.isnan(group.get(s.metric).value) for group in groups)
    )


def lines(
    groups: Sequence[Group],
    series: Sequence[Series],
    axis: tuple[str, str],
    limits: tuple[float, float],
) -> Draw:
    """Plot *series* over *groups* as lines, with their intervals as bands.

    Args:
        groups: the groups, from left to right. Small ones get a hollow marker.
        series: the lines.
        axis: labels of x and y.
        limits: lower and upper limit of y.
    """

    def draw(axes: Axes) -> None:
        for line in series:
            x, found = _points(groups, line.metric)
            low, high = _intervals(found)
            axes.fill_between(x, low, high, color=line.ink, alpha=0.16, linewidth=0)
            if len(x) == 1:  # a band of one group has no width
                axes.vlines(x, low, high, colors=line.ink, alpha=0.5)
            axes.plot(x, [e.value for e in found], line.line, color=line.ink, label=line.name)
            _marks(axes, x, found, line)
        _name_groups(axes, groups, axis)
        axes.set_ylim(*limits)
        _percent(axes)
        if len(series) > 1:
            _legend(axes, len(series))

    return draw


def whiskers(
    groups: Sequence[Group],
    series: Series,
    axis: tuple[str, str],
    limits: tuple[float, float],
    signed: bool,
) -> Draw:
    """Plot one number per group with its interval, and a line at zero.

    Args:
        groups: the groups, from left to right. Small ones get a hollow marker.
        series: the numbers.
        axis: labels of x and y.
        limits: lower and upper limit of y.
        signed: True for differences, whose labels have a sign.
    """

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=Ink.TEXT, linewidth=0.8)
        x, found = _points(groups, series.metric)
        axes.vlines(x, *_intervals(found), colors=series.ink)
        _marks(axes, x, found, series)
        _name_groups(axes, groups, axis)
        axes.set_ylim(*limits)
        _percent(axes, signed=signed)

    return draw


def reliability(bins: Sequence[tuple[Series, str, Sequence[Group]]]) -> Draw:
    """Plot accuracy over mean probability, bin by bin, and the line of perfect calibration.

    Args:
        bins: for each line, its series (of accuracies), the metric of its probabilities, and its
            bins.
    """

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], ":", color=Ink.TEXT, linewidth=1, label="perfect calibration")
        for series, confidence, groups in bins:
            x = [group.get(confidence).value for group in groups]
            found = [group.get(series.metric) for group in groups]
            axes.vlines(
                x, [e.low for e in found], [e.high for e in found], colors=series.ink, alpha=0.45
            )
            # Small bins are not joined to the line: they would be spikes.
            large = [i for i, e in enumerate(found) if e.n >= FEW]
            axes.plot(
                [x[i] for i in large],
                [found[i].value for i in large],
                series.line,
                color=series.ink,
                label=series.name,
            )
            _marks(axes, x, found, series)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("mean probability of the top class")
        axes.set_ylabel("accuracy")
        _percent(axes)
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
    if zero:
        ends.append(0.0)
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    room = max(0.06 * (high - low), 0.01)
    return max(low - room, -1.02), min(high + room, 1.02)


def _marks(axes: Axes, x: Sequence[float], found: Sequence[Estimate], series: Series) -> None:
    """Draw a marker per estimate, which is hollow if there are fewer than `FEW` pictures."""
    for hollow in (False, True):
        chosen = [i for i, e in enumerate(found) if (e.n < FEW) is hollow]
        axes.plot(
            [x[i] for i in chosen],
            [found[i].value for i in chosen],
            series.marker,
            color=series.ink,
            markerfacecolor=Ink.PAPER if hollow else series.ink,
        )


def _points(groups: Sequence[Group], metric: str) -> tuple[list[int], list[Estimate]]:
    """Positions of the groups for which *metric* is defined, and its estimates there."""
    at = [i for i, group in enumerate(groups) if not math.isnan(group.get(metric).value)]
    return at, [groups[i].get(metric) for i in at]


def _intervals(found: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    """Lower and upper ends; the value itself where there is no interval."""
    low = [e.value if math.isnan(e.low) else e.low for e in found]
    high = [e.value if math.isnan(e.high) else e.high for e in found]
    return low, high


def _name_groups(
    axes: Axes, groups: Sequence[Group], axis: tuple[str, str], places: int = 0
) -> None:
    """Name *groups* on the x axis, which has room for *places* of them (default: as many)."""
    names = [short(group.value) for group in groups]
    step = math.ceil(len(names) / 10)  # about ten labels fit
    at = range(0, len(names), step)
    letters = sum(len(names[i]) + 2 for i in at)
    crowded = letters * max(places, len(names)) > 58 * len(names)
    axes.set_xticks(list(at), [names[i] for i in at], rotation=35 if crowded else 0)
    if crowded:
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xlabel(axis[0])
    axes.set_ylabel(axis[1])


def short(value: str) -> str:
    """Shorten the name of a bin: without the unit, which the axis label has."""
    return value.removeprefix("QF ").removesuffix(" px").replace(" to ", "–").replace("-", "–")


def _percent(axes: Axes, signed: bool = False) -> None:
    axes.yaxis.set_major_formatter(_signed_share if signed else _share)


def _share(value: float, _: float) -> str:
    return f"{100 * value:.3g} %" if abs(value) > 1e-9 else "0 %"


def _signed_share(value: float, _: float) -> str:
    return f"{100 * value:+.3g}" if abs(value) > 1e-9 else "0"


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)
