"""Sections of the HTML page: their plots, tables and text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from afdcli.constants import WORDS
from afdcli.report.estimates import FEW, Group
from afdcli.report.groups import UNKNOWN, band_names
from afdcli.report.html import plots
from afdcli.report.html.plots import Draw, Series
from afdcli.report.metrics import METRICS, percent, probability, whole
from afdcli.report.stats import Estimate
from afdcli.report.summary import Report
from afdcli.report.table import DASH, Cell, Column, Table
from afdcli.report.tables import breakdowns, failures, group_table, labelled, size_cell
from afdcli.storage.text import clean

#: Classes, or other groups, in a table of the page. The summary has all.
MAX_CLASSES = 1_000
MAX_GROUPS = 200


@dataclass(frozen=True)
class Plot:
    """A plot with its numbers.

    Attributes:
        name: heading, if its section has several plots, else "".
        caption: what it shows, in words.
        svg: ``<svg>`` element made by afd, the only text of the page that is not escaped.
    """

    name: str
    caption: str
    svg: str
    numbers: Table


@dataclass(frozen=True)
class Section:
    """A section of the page, which is left out if it has neither plots nor tables.

    *name* is its anchor, *about* the text below the plots.
    """

    name: str
    title: str
    about: str = ""
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()


def sections(reports: Sequence[Report], columns: Sequence[str]) -> dict[str, list[Section]]:
    """All non-empty sections, by their place: "first", "plots", "classes" and "last".

    *columns* are those of `afdcli.report.html.page.page_columns`.
    """
    others = [by for by in reports[0].groups if by not in columns]
    tables = breakdowns(reports, others, MAX_GROUPS)
    title = tables[0].caption if len(tables) == 1 else "Breakdowns"
    made = {
        "first": [Section("groups", title, tables=tuple(tables))],
        "plots": [_quality(reports), _drift(reports), _calibration(reports)],
        "classes": [_classes(reports, columns[-1])],
        "last": [_failures(reports), _collection(reports)],
    }
    return {name: [s for s in some if s.plots or s.tables] for name, some in made.items()}


def _plot(
    name: str,
    report: Report,
    caption: str,
    draw: Draw,
    numbers: Table,
    several: bool,
    part: str = "",
) -> Plot:
    """A plot of the section *name*, or of *part* of it."""
    run = clean(report.name) if several else ""
    svg = plots.to_svg(draw, f"{name}{part}{run}")
    return Plot(": ".join(filter(None, (part, run))), caption, svg, numbers)


def _over(
    by: str,
    reports: Sequence[Report],
    lines: Sequence[Series],
    axis: tuple[str, str],
    gain: bool | None = None,
) -> tuple[Plot, ...]:
    """A plot of *lines* over the groups *by* for each report that has any, all with the same y."""
    known = [_known_groups(report, by) for report in reports]
    every = [group for groups in known for group in groups]
    limits = plots.y_limits(every, [line.metric for line in lines], zero=gain is not None)
    made = []
    for report, groups in zip(reports, known, strict=True):
        shown = [
            line for line in lines if any(not math.isnan(g.get(line.metric).value) for g in groups)
        ]
        if shown:
            numbers = group_table("Numbers of this plot", axis[0], groups)
            draw = plots.over_groups(groups, shown, axis, limits, gain)
            caption = _trend(groups, shown)
            made.append(_plot(by, report, caption, draw, numbers, len(reports) > 1))
    return tuple(made)


def _known_groups(report: Report, by: str) -> list[Group]:
    """Groups that have pictures; none if only "unknown" has any."""
    groups = [group for group in report.groups.get(by, ()) if group.n]
    return groups if any(group.value != UNKNOWN for group in groups) else []


def _trend(groups: Sequence[Group], lines: Sequence[Series]) -> str:
    """Describe a plot: the numbers of its first and last group."""
    parts = []
    for group in groups[:: max(1, len(groups) - 1)]:
        shown = ((s.name, METRICS[s.metric].show(group.get(s.metric), unit=True)) for s in lines)
        said = ", ".join(f"{name} {c.brief or c.text}" for name, c in shown if c.text != DASH)
        parts.append(f"{group.value}: {said}")
    return "; ".join(parts) + "."


def _quality(reports: Sequence[Report]) -> Section:
    true = all(labelled(report) for report in reports)
    kind, y = ("accuracy", "top-1 accuracy") if true else ("confidence", "mean probability")
    about = (
        "Quality factor of the last JPEG compression, from 1 (worst) to 100, estimated from the "
        f"file's tables. Bands are 95 % intervals. Hollow markers have fewer than {FEW} pictures."
    )
    made = _over("quality", reports, plots.series(kind), ("JPEG quality factor", y))
    return Section("quality", f"{kind.capitalize()} over quality factor", about, made)


def _drift(reports: Sequence[Report]) -> Section:
    gain = any(
        "accuracy_difference" in group.estimates
        for report in reports
        for group in _known_groups(report, "drift")
    )
    line, y = Series("changed", "changed"), "share of labels changed"
    if gain:
        line, y = Series("accuracy_difference", "gain"), "gain in points"
    title = "Gain over drift" if gain else "Changed labels over drift"
    together = " of all results together" if len(reports) > 1 else ""
    about = (
        f"Drift: {WORDS['drift']}. Each marker stands for about a fifth of the pictures{together}, "
        "with a 95 % interval."
    )
    made = _over("drift", reports, [line], ("drift, degrees", y), gain)
    return Section("drift", title, about, made)


def _calibration(reports: Sequence[Report]) -> Section:
    made = []
    for report in reports:
        lines = [
            (line, f"confidence_{name}", report.distributions[f"calibration_{name}"])
            for name, line in zip(("direct", "afd"), plots.series("accuracy"), strict=False)
            if f"calibration_{name}" in report.distributions
        ]
        if lines:
            errors = "; ".join(
                f"{line.name} {percent(e, unit=True).text}"
                for line, confidence, _ in lines
                if (e := report.overall.get(confidence.replace("confidence", "ece"))).n
            )
            caption = f"Expected calibration error: {errors}."
            draw, numbers = plots.reliability(lines), _calibration_numbers(lines)
            made.append(_plot("calibration", report, caption, draw, numbers, len(reports) > 1))
    about = (
        "Is a prediction of 80 % right in 80 % of cases? Below the dotted line the classifier is "
        "overconfident. The expected calibration error is the mean distance from that line."
    )
    return Section("calibration", "Calibration", about, tuple(made))


def _calibration_numbers(lines: Sequence[tuple[Series, str, Sequence[Group]]]) -> Table:
    rows = tuple(
        (
            Cell(f"{line.name}, {plots.short(group.value.removeprefix('P '))}"),
            size_cell(group),
            probability(group.get(confidence)),
            percent(group.get(line.metric)),
        )
        for line, confidence, groups in lines
        for group in groups
    )
    names = ("pictures", "mean probability", "accuracy in %")
    columns = (Column("probability", left=True), *map(Column, names))
    return Table("Numbers of this plot", columns, rows)


def _classes(reports: Sequence[Report], by: str) -> Section:
    """A sortable table of classes per run; *by* is the column of classes."""
    title, about = "By label", "Labels, as the true classes are unknown."
    if by == "target_label":
        title, about = "By class", "True classes."
    made = []
    for report in reports:
        groups = [group for group in report.groups[by] if group.n]
        rest = len(groups) - MAX_CLASSES
        more = (f"{rest:,} smaller classes are only in the summary",) if rest > 0 else ()
        if groups:
            caption = title if len(reports) == 1 else f"{title}: {clean(report.name)}"
            shown = groups[:MAX_CLASSES]
            made.append(group_table(caption, "class", shown, notes=more, sortable=True))
    about += " Click on a column heading to sort."
    return Section("classes", title, about, tables=tuple(made))


def _failures(reports: Sequence[Report]) -> Section:
    about = (
        "Failed files have no label, and no accuracy includes them. Damaged files were "
        "classified although the decoder had to guess part of the picture; accuracies include them."
    )
    bad = any(r.overall.get(name).value for r in reports for name in ("failed", "damaged"))
    return Section("failures", "Failures", about, tables=(failures(reports),) if bad else ())


def _collection(reports: Sequence[Report]) -> Section:
    """How many files there are by quality factor, in the bands of all plots, and by size."""
    made = []
    for part, x in (("Quality factors", "JPEG quality factor"), ("Sizes", "longer side, pixels")):
        for report in reports:
            sizes = report.distributions.get("size_histogram", ())
            groups = _trimmed(sizes if part == "Sizes" else _bands(report))
            if not any(group.value != UNKNOWN for group in groups):
                continue
            columns = (Column(x, left=True), Column("files"))
            rows = tuple((Cell(group.value), whole(group.get("files"))) for group in groups)
            largest = max(groups, key=lambda group: group.get("files").value)
            caption = f"Largest bin: {largest.value}, {largest.get('files').value:,.0f} files."
            numbers = Table("Numbers of this plot", columns, rows)
            draw = plots.bars(groups, (x, "files"))
            several = len(reports) > 1
            made.append(_plot("files", report, caption, draw, numbers, several, part))
    return Section("collection", "The collection", plots=tuple(made))


def _bands(report: Report) -> list[Group]:
    """All quality bands of *report*, empty ones too."""
    found = {group.value: group for group in report.groups.get("quality", ())}
    empty = Group("quality", "", {"files": Estimate(0, 0.0)})
    return [found.get(name, replace(empty, value=name)) for name in (*band_names(), UNKNOWN)]


def _trimmed(groups: Sequence[Group]) -> list[Group]:
    """*groups* without empty ones at both ends, and without "unknown" if that is empty."""
    full = [i for i, group in enumerate(groups) if group.get("files").value]
    inner = [i for i in full if groups[i].value != UNKNOWN]
    last = [groups[i] for i in full if groups[i].value == UNKNOWN]
    return [*groups[inner[0] : inner[-1] + 1], *last] if inner else last
