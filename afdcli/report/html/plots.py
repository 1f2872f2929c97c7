"""The plots of the page: each draws numbers of the summary, and nothing that is not in it."""

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

_LEAST_BARS = 8  # places for bars

Draw = Callable[["Axes"], None]


@dataclass(frozen=True)
class Series:
    """One line of a plot.

    Attributes:
        metric: of the summary.
        name: in the legend and above the column of numbers.
        ink: one of `Ink`.
        marker, line: matplotlib's; they differ, so that colour is not needed to tell them apart.
    """

    metric: str
    name: str
    ink: str
    marker: str = "o"
    line: str = "-"


def direct(metric: str) -> Series:
    """The plain backbone's line."""
    return Series(metric, "direct", Ink.DIRECT, "o", "--")


def afd(metric: str, name: str = "with AFD") -> Series:
    """The line with AFD."""
    return Series(metric, name, Ink.AFD, "s", "-")


def clean(metric: str) -> Series:
    """The line of the clean pictures."""
    return Series(metric, "clean", Ink.TEXT, "^", ":")


def known(series: Sequence[Series], groups: Sequence[Group]) -> tuple[Series, ...]:
    """Those of *series* that any of *groups* has a number for."""
    return tuple(
        s for s in series if any(not math.isnan(group.get(s.metric).value) for group in groups)
    )


def lines(
    groups: Sequence[Group],
    series: Sequence[Series],
    axis: tuple[str, str],
    limits: tuple[float, float],
) -> Draw:
    """*series* over *groups* in their order, with bands from lower to upper limit.

    Groups too small to say anything have a hollow marker. *axis* names x and y.
    """

    def draw(axes: Axes) -> None:
        for one in series:
            at = [i for i, g in enumerate(groups) if not math.isnan(g.get(one.metric).value)]
            found = [groups[i].get(one.metric) for i in at]
            low = [_or(e.low, e.value) for e in found]
            high = [_or(e.high, e.value) for e in found]
            axes.fill_between(at, low, high, color=one.ink, alpha=0.16, linewidth=0)
            if len(at) == 1:  # a band of one group has no width
                axes.vlines(at, low, high, colors=one.ink, alpha=0.5)
            axes.plot(at, [e.value for e in found], one.line, color=one.ink, label=one.name)
            _marks(axes, at, found, one)
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
    """One number per group with its interval, and a line at zero; *signed* for differences."""

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=Ink.TEXT, linewidth=0.8)
        at = [i for i, g in enumerate(groups) if not math.isnan(g.get(series.metric).value)]
        found = [groups[i].get(series.metric) for i in at]
        low, high = [_or(e.low, e.value) for e in found], [_or(e.high, e.value) for e in found]
        axes.vlines(at, low, high, colors=series.ink)
        _marks(axes, at, found, series)
        _name_groups(axes, groups, axis)
        axes.set_ylim(*limits)
        _percent(axes, signed=signed)

    return draw


def reliability(bins: Sequence[tuple[Series, str, Sequence[Group]]]) -> Draw:
    """Accuracy over mean probability, bin by bin, and the line where both are equal.

    *bins* holds for each line its series (of accuracies), the metric of its probabilities and its
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
            # Bins too small to say anything stand alone: a line through them would be a spike.
            sound = [i for i, e in enumerate(found) if e.n >= FEW]
            axes.plot(
                [x[i] for i in sound],
                [found[i].value for i in sound],
                series.line,
                color=series.ink,
                label=series.name,
            )
            _marks(axes, x, found, series)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("mean probability of the top guess")
        axes.set_ylabel("accuracy")
        _percent(axes)
        axes.xaxis.set_major_formatter(_share)
        _legend(axes, len(bins) + 1)

    return draw


def bars(groups: Sequence[Group], axis: tuple[str, str]) -> Draw:
    """Files per group."""

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        counts = [group.get("files").value for group in groups]
        axes.bar(range(len(groups)), counts, color=Ink.AFD, width=0.85)
        axes.grid(visible=False, axis="x")
        _name_groups(axes, groups, axis)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
        spare = max(0, _LEAST_BARS - len(groups)) / 2  # a few bars must not fill the plot
        axes.set_xlim(-0.5 - spare, len(groups) - 0.5 + spare)

    return draw


def reach(groups: Sequence[Group], metrics: Sequence[str], zero: bool) -> tuple[float, float]:
    """Limits of a y axis on which all *metrics* of all *groups* fit, within -1 to 1.

    *zero* keeps zero in sight. Groups too small to say anything count only if all are: their
    intervals would leave the others no room.
    """
    all_ = [group.get(metric) for group in groups for metric in metrics]
    found = [e for e in all_ if e.n >= FEW] or all_
    ends = [end for e in found for end in (e.value, e.low, e.high) if not math.isnan(end)]
    if zero:
        ends.append(0.0)
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    room = max(0.06 * (high - low), 0.01)
    return max(low - room, -1.02), min(high + room, 1.02)


def _marks(axes: Axes, x: Sequence[float], found: Sequence[Estimate], series: Series) -> None:
    """A mark for every estimate, hollow where it has too few pictures to say anything."""
    for hollow in (False, True):
        chosen = [i for i, e in enumerate(found) if (e.n < FEW) is hollow]
        axes.plot(
            [x[i] for i in chosen],
            [found[i].value for i in chosen],
            series.marker,
            color=series.ink,
            markerfacecolor=Ink.PAPER if hollow else series.ink,
        )


def _or(end: float, value: float) -> float:
    return value if math.isnan(end) else end


def _name_groups(axes: Axes, groups: Sequence[Group], axis: tuple[str, str]) -> None:
    names = [short(group.value) for group in groups]
    step = math.ceil(len(names) / 10)  # as many as fit side by side
    at = range(0, len(names), step)
    crowded = sum(len(names[i]) + 2 for i in at) > 58
    axes.set_xticks(list(at), [names[i] for i in at], rotation=35 if crowded else 0)
    if crowded:
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xlabel(axis[0])
    axes.set_ylabel(axis[1])


def short(value: str) -> str:
    """A bin's name without the word that the axis says already."""
    return value.removeprefix("QF ").removesuffix(" px").replace(" to ", "–").replace("-", "–")


def _percent(axes: Axes, signed: bool = False) -> None:
    axes.yaxis.set_major_formatter(_signed_share if signed else _share)


def _share(value: float, _: float) -> str:
    return f"{100 * value:.3g} %" if abs(value) > 1e-9 else "0 %"


def _signed_share(value: float, _: float) -> str:
    return f"{100 * value:+.3g}" if abs(value) > 1e-9 else "0"


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)
