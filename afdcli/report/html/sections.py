"""Sections of the HTML page: their plots, tables and text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from afdcli.constants import WORDS
from afdcli.report import cells
from afdcli.report.group_table import group_table, labelled
from afdcli.report.groups import UNKNOWN, band_names
from afdcli.report.html import plots
from afdcli.report.html.plots import Draw, Series
from afdcli.report.html.svg import to_svg
from afdcli.report.metrics import METRICS
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.report.tables import breakdowns
from afdcli.report.tables import failures as failures_table
from afdcli.storage.text import clean

#: Classes, or other groups, in a table of the page. The summary has all.
MAX_CLASSES = 1_000
MAX_GROUPS = 200


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
    """A section of the page, which is left out if it has neither plots nor tables.

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

    def __bool__(self) -> bool:
        return bool(self.plots or self.tables)


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

    def over(
        self,
        by: str,
        title: str,
        reports: Sequence[Report],
        series: Sequence[Series],
        draw: Callable[[Sequence[Group], Sequence[Series]], Draw],
        first: str,
    ) -> tuple[Plot, ...]:
        """Make a plot of *series* over the groups *by* for each report that has any."""
        made = []
        for report in reports:
            groups = known_groups(report, by)
            if shown := plots.known(series, groups):
                numbers = group_table("Numbers of this plot", first, groups)
                caption = _trend(groups, shown)
                made.append(self.plot(title, report, caption, draw(groups, shown), numbers))
        return tuple(made)


def folders(reports: Sequence[Report], columns: Sequence[str]) -> Section:
    """Tables by folder and by other *columns* for which the page has no section of its own."""
    tables = breakdowns(reports, columns, MAX_GROUPS)
    title = tables[0].caption if len(tables) == 1 else "Breakdowns"
    return Section("groups", title, tables=tuple(tables))


def quality(reports: Sequence[Report], plotter: Plotter) -> Section:
    """Accuracy over the quality factor; without true classes, confidence."""
    if all(labelled(report) for report in reports):
        title, y = "Accuracy over quality factor", "top-1 accuracy"
        series = [plots.direct("accuracy_direct"), plots.afd("accuracy_afd")]
        series.append(plots.clean("accuracy_clean"))
    else:
        title, y = "Confidence over quality factor", "mean probability"
        series = [plots.direct("confidence_direct"), plots.afd("confidence_afd")]
    limits = _limits(reports, "quality", series, zero=False)

    def draw(groups: Sequence[Group], shown: Sequence[Series]) -> Draw:
        return plots.lines(groups, shown, ("JPEG quality factor", y), limits)

    about = (
        "Quality factor of the last JPEG compression, from 1 (worst) to 100, estimated from the "
        "file's tables.",
        f"Bands are 95 % intervals. Hollow markers have fewer than {FEW} pictures.",
    )
    made = plotter.over("quality", title, reports, series, draw, "quality factor")
    return Section("quality", title, about, made)


def drift(reports: Sequence[Report], plotter: Plotter) -> Section:
    """Gain in accuracy over drift; without true classes, share of labels changed."""
    metric, title, y = "accuracy_difference", "Gain over drift", "gain in points"
    gain = any(metric in g.estimates for report in reports for g in known_groups(report, "drift"))
    if not gain:
        metric, title, y = "changed", "Changed labels over drift", "share of labels changed"
    series = [plots.afd(metric, "gain" if gain else "changed")]
    limits = _limits(reports, "drift", series, zero=True)

    def draw(groups: Sequence[Group], shown: Sequence[Series]) -> Draw:
        return plots.whiskers(groups, shown[0], ("drift, degrees", y), limits, gain)

    about = (
        f"Drift: {WORDS['drift']}. Each marker stands for about a fifth of the pictures"
        + (" of all results together" if len(reports) > 1 else "")
        + ", with a 95 % interval."
    )
    made = plotter.over("drift", title, reports, series, draw, "drift in degrees")
    return Section("drift", title, (about,), made)


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
                f"{series.name} {cells.percent(e, unit=True).text}"
                for series, confidence, _ in lines
                if (e := report.overall.get(confidence.replace("confidence", "ece"))).n
            )
            caption = f"Expected calibration error: {errors}."
            draw = plots.reliability(lines)
            made.append(plotter.plot(title, report, caption, draw, _calibration_numbers(lines)))
    about = (
        "Is a prediction of 80 % right in 80 % of cases? Below the dotted line the classifier is "
        "overconfident. The expected calibration error is the mean distance from that line."
    )
    return Section("calibration", title, (about,), tuple(made))


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
        rest = len(groups) - MAX_CLASSES
        more = (f"{rest:,} smaller classes are only in the summary (--out)",) if rest > 0 else ()
        shown = groups[:MAX_CLASSES]
        if shown:
            caption = title if len(reports) == 1 else f"{title}: {clean(report.name)}"
            made.append(group_table(caption, "class", shown, notes=more, sortable=True))
    about += " Click on a column heading to sort."
    return Section("classes", title, (about,), (), tuple(made))


def failures(reports: Sequence[Report]) -> Section:
    """Failed files by reason, and damaged files."""
    about = (
        "Failed files have no prediction, and no accuracy includes them. Damaged files were "
        "classified although the decoder had to guess part of the picture; accuracies include them."
    )
    bad = any(r.overall.get(name).value for r in reports for name in ("failed", "damaged"))
    tables = (failures_table(reports),) if bad else ()
    return Section("failures", "Failures", (about,), (), tables)


def collection(reports: Sequence[Report], plotter: Plotter) -> Section:
    """How many files there are by quality factor, in the bands of all plots, and by size."""
    made = []
    for title, x in (("Quality factors", "JPEG quality factor"), ("Sizes", "longer side, pixels")):
        for report in reports:
            sizes = title == "Sizes"
            every = report.distributions.get("size_histogram", ()) if sizes else _bands(report)
            groups = _trimmed(every)
            if not any(group.value != UNKNOWN for group in groups):
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


def _bands(report: Report) -> list[Group]:
    """All quality bands of *report*, empty ones too."""
    found = {group.value: group for group in report.groups.get("quality", ())}
    empty = {"files": Estimate(0, 0.0)}
    return [found.get(name, Group("quality", name, empty)) for name in (*band_names(), UNKNOWN)]


def _trimmed(groups: Sequence[Group]) -> list[Group]:
    """*groups* without empty ones at both ends, and without "unknown" if that is empty."""
    full = [i for i, group in enumerate(groups) if group.get("files").value]
    last = [g for g in groups[-1:] if g.value == UNKNOWN and g.get("files").value]
    inner = [i for i in full if groups[i].value != UNKNOWN]
    return [*groups[inner[0] : inner[-1] + 1], *last] if inner else last


def known_groups(report: Report, by: str) -> list[Group]:
    """Groups that have pictures; none if only "unknown" has any."""
    groups = [group for group in report.groups.get(by, ()) if group.n]
    return groups if any(group.value != UNKNOWN for group in groups) else []


def _limits(
    reports: Sequence[Report], by: str, series: Sequence[Series], zero: bool
) -> tuple[float, float]:
    """Limits of y that suit the plots of all *reports*."""
    groups = [group for report in reports for group in known_groups(report, by)]
    return plots.y_limits(groups, [s.metric for s in series], zero)


def _trend(groups: Sequence[Group], series: Sequence[Series]) -> str:
    """Describe a plot: the numbers of its first and last group."""
    ends = [groups[0], groups[-1]] if len(groups) > 1 else [groups[0]]
    parts = []
    for group in ends:
        shown = ((s.name, METRICS[s.metric].show(group.get(s.metric), unit=True)) for s in series)
        said = ", ".join(f"{name} {c.brief or c.text}" for name, c in shown if c.text != cells.DASH)
        parts.append(f"{group.value}: {said}")
    return "; ".join(parts) + "."
