"""Sections of the HTML page: their plots, tables and text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from afdcli.report import cells
from afdcli.report.group_table import group_table, labelled
from afdcli.report.groups import UNKNOWN
from afdcli.report.html import plots
from afdcli.report.html.plots import Draw, Series
from afdcli.report.html.svg import to_svg
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.report.tables import failures as failures_table
from afdcli.storage.text import clean

#: Classes in a table of the page. The summary has all.
MAX_CLASSES = 2_000


@dataclass(frozen=True)
class Plot:
    """A plot with its numbers.

    Attributes:
        title: heading, if its section has several plots, else "".
        caption: what it shows, in words.
        about: the same including the section's title, for screen readers.
        svg: ``<svg>`` element made by afd, the only text of the page that is not escaped.
        numbers: table of the plotted numbers.
    """

    title: str
    caption: str
    about: str
    svg: str
    numbers: Table


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: anchor.
        title: heading.
        about: sentences below the plots.
        plots: plots, at most a few per run.
        tables: tables, at most one per run.
    """

    name: str
    title: str
    about: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass
class Plotter:
    """Makes the plots of one page, with unique ids.

    Attributes:
        several: True if the page is about several runs, so that titles name the run.
        numbers: numbers for the ids.
    """

    several: bool
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def plot(
        self, title: str, report: Report, caption: str, draw: Draw, numbers: Table, part: str = ""
    ) -> Plot:
        """Make a plot for the section *title*, or for *part* of it; see `Plot`."""
        run = clean(report.name) if self.several else ""
        name = ": ".join(part for part in (part, run) if part)
        svg = to_svg(draw, f"plot{next(self.numbers)}")
        about = ". ".join(part for part in (title, name, caption) if part)
        return Plot(name, caption, about, svg, numbers)


def titled(title: str, report: Report, reports: Sequence[Report]) -> str:
    """*title*, followed by the run's name if there are several."""
    return title if len(reports) == 1 else f"{title}: {clean(report.name)}"


def quality(reports: Sequence[Report], plotter: Plotter) -> Section:
    """Accuracy over the quality factor; without true classes, confidence."""
    tables = {report.name: _known(report, "quality") for report in reports}
    if all(labelled(report) for report in reports):
        title, y = "Accuracy over quality factor", "top-1 accuracy"
        series = [plots.direct("accuracy_direct"), plots.afd("accuracy_afd")]
        series.append(plots.clean("accuracy_clean"))
    else:
        title, y = "Confidence over quality factor", "mean probability"
        series = [plots.direct("confidence_direct"), plots.afd("confidence_afd")]
    everything = [group for groups in tables.values() for group in groups]
    limits = plots.y_limits(everything, [s.metric for s in series], zero=False)
    made = []
    for report in reports:
        groups = tables[report.name]
        if not groups:
            continue
        shown = plots.known(series, groups)
        numbers = group_table("Numbers of this plot", "quality factor", groups)
        axis = ("JPEG quality factor", y)
        draw = plots.lines(groups, shown, axis, limits)
        made.append(plotter.plot(title, report, _trend(groups, shown), draw, numbers))
    about = ["Quality factor of the last JPEG compression, estimated from the file's tables."]
    if made:
        about.append(f"Bands are 95 % intervals. Hollow markers have fewer than {FEW} pictures.")
    else:
        about = ["No file has a JPEG quality factor."]
    return Section("quality", title, tuple(about), tuple(made))


def drift(reports: Sequence[Report], plotter: Plotter) -> Section:
    """Gain in accuracy over drift; without true classes, share of labels changed."""
    tables = {report.name: _known(report, "drift") for report in reports}
    metric, title = "accuracy_difference", "Gain over drift"
    if not any(metric in g.estimates for groups in tables.values() for g in groups):
        metric, title = "changed", "Changed labels over drift"
    gain = metric == "accuracy_difference"
    series = plots.afd(metric, "gain" if gain else "changed")
    everything = [group for groups in tables.values() for group in groups]
    limits = plots.y_limits(everything, [metric], zero=True)
    made = []
    for report in reports:
        groups = tables[report.name]
        if not any(metric in group.estimates for group in groups):
            continue
        y = "gain in points" if gain else "share of labels changed"
        draw = plots.whiskers(groups, series, ("drift, degrees", y), limits, gain)
        numbers = group_table("Numbers of this plot", "drift in degrees", groups)
        caption = _trend(groups, (series,))
        made.append(plotter.plot(title, report, caption, draw, numbers))
    about = ["Drift is unknown: AFD was off, or there is nothing to compare with."]
    if made:
        about = [
            "Drift is the angle between the features before and after the module. Each marker "
            "stands for about a fifth of the pictures"
            + (" of all results together" if len(reports) > 1 else "")
            + ", with a 95 % interval."
        ]
    return Section("drift", title, tuple(about), tuple(made))


def calibration(reports: Sequence[Report], plotter: Plotter) -> Section:
    """Accuracy over mean probability, and the calibration error."""
    title = "Calibration"
    made = []
    for report in reports:
        lines = [
            (series, f"confidence_{name}", report.distributions[f"calibration_{name}"])
            for name, series in (
                ("direct", plots.direct("accuracy_direct")),
                ("afd", plots.afd("accuracy_afd")),
            )
            if f"calibration_{name}" in report.distributions
        ]
        if lines:
            errors = "; ".join(
                f"{series.name} {cells.percent(e, ' %').text}"
                for series, confidence, _ in lines
                if (e := report.overall.get(confidence.replace("confidence", "ece"))).n
            )
            caption = f"Expected calibration error: {errors}."
            draw = plots.reliability(lines)
            made.append(plotter.plot(title, report, caption, draw, _calibration_numbers(lines)))
    about = ["Calibration needs the true classes: afd classify --labels."]
    if made:
        about = [
            "Below the dotted line the classifier is overconfident. The expected calibration "
            "error is the mean distance from that line."
        ]
    return Section("calibration", title, tuple(about), tuple(made))


def _calibration_numbers(lines: Sequence[tuple[Series, str, Sequence[Group]]]) -> Table:
    rows = tuple(
        (
            Cell(f"{series.name}, {plots.short(group.value.removeprefix('P '))}"),
            cells.size(group),
            cells.probability(group.get(confidence)),
            cells.percent(group.get(series.metric)),
        )
        for series, confidence, groups in lines
        for group in groups
    )
    names = ("pictures", "mean probability", "accuracy in %")
    columns = (Column("probability", left=True), *map(Column, names))
    return Table("Numbers of this plot", columns, rows)


def classes(reports: Sequence[Report], by: str) -> Section:
    """A sortable table of classes per run; *by* is the column of classes."""
    true = by == "target_label"
    title = "By class" if true else "By predicted class"
    about = "True classes." if true else "Predicted classes, as the true ones are unknown."
    made = []
    for report in reports:
        groups = [group for group in report.groups[by] if group.n]
        caption = titled(title, report, reports)
        rest = len(groups) - MAX_CLASSES
        more = (f"{rest:,} smaller classes are only in the summary (--out)",) if rest > 0 else ()
        shown = groups[:MAX_CLASSES]
        made.append(group_table(caption, "class", shown, notes=more, sortable=True))
    return Section("classes", title, (about, "Click on a column heading to sort."), (), tuple(made))


def failures(reports: Sequence[Report]) -> Section:
    """Failed files by reason, and damaged files."""
    about = (
        "Failed files have no prediction, and no accuracy includes them. Damaged files were "
        "classified although the decoder had to guess part of the picture; accuracies include them."
    )
    return Section("failures", "Failures", (about,), (), (failures_table(reports),))


def collection(reports: Sequence[Report], plotter: Plotter) -> Section:
    """Histograms of quality factors and picture sizes."""
    made = []
    kinds = (
        ("quality_histogram", "Quality factors", "JPEG quality factor"),
        ("size_histogram", "Sizes", "longer side, pixels"),
    )
    for name, title, x in kinds:
        for report in reports:
            groups = _trimmed(report.distributions.get(name, ()))
            if not groups:
                continue
            numbers = Table(
                "Numbers of this plot",
                (Column(x, left=True), Column("files")),
                tuple((Cell(g.value), cells.whole(g.get("files"))) for g in groups),
            )
            largest = max(groups, key=lambda group: group.get("files").value)
            most = largest.get("files").value
            caption = f"Largest bin: {largest.value}, {most:,.0f} files."
            draw = plots.bars(groups, (x, "files"))
            made.append(plotter.plot("Files", report, caption, draw, numbers, title))
    return Section("collection", "The collection", (), tuple(made))


def _trimmed(groups: Sequence[Group]) -> list[Group]:
    """*groups* without empty ones at both ends, and without "unknown" if that is empty."""
    full = [i for i, group in enumerate(groups) if group.get("files").value]
    last = [g for g in groups[-1:] if g.value == UNKNOWN and g.get("files").value]
    inner = [i for i in full if groups[i].value != UNKNOWN]
    return [*groups[inner[0] : inner[-1] + 1], *last] if inner else last


def _known(report: Report, by: str) -> list[Group]:
    """Groups that have pictures; none if only "unknown" has any."""
    groups = [group for group in report.groups.get(by, ()) if group.n]
    return groups if any(group.value != UNKNOWN for group in groups) else []


def _trend(groups: Sequence[Group], series: Sequence[Series]) -> str:
    """Describe a plot: the numbers of its first and last group."""
    ends = [groups[0], groups[-1]] if len(groups) > 1 else [groups[0]]
    parts = []
    for group in ends:
        said = ", ".join(
            f"{s.name} {_brief(s.metric, group.get(s.metric))}"
            for s in series
            if group.get(s.metric).n
        )
        parts.append(f"{group.value}: {said}")
    return "; ".join(parts) + "."


def _brief(metric: str, e: Estimate) -> str:
    """Format an estimate of *metric* without its interval."""
    show, unit = (
        (cells.points, " points") if metric.endswith("_difference") else (cells.percent, " %")
    )
    return show(e, unit).brief or cells.DASH
