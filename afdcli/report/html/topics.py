"""Reports become the topics of the page: what is drawn, and what is said of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from afdcli.report import text
from afdcli.report.group_table import group_table, labelled
from afdcli.report.groups import UNKNOWN
from afdcli.report.html import plots
from afdcli.report.html.plots import Draw, Series
from afdcli.report.html.svg import drawing
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.report.tables import failures as failures_table
from afdcli.storage.text import clean

#: Classes in a table of the page; the summary has all.
CLASSES = 2_000


@dataclass(frozen=True)
class Plot:
    """A drawing with its numbers.

    Attributes:
        title: which of several it is, "" for the only one of its topic.
        caption: what it shows, in words.
        about: the same with its topic, for those who cannot see it.
        svg: the element, made by afd: the only text of the page that is not escaped.
        numbers: what is drawn.
    """

    title: str
    caption: str
    about: str
    svg: str
    numbers: Table


@dataclass(frozen=True)
class Topic:
    """A section of the page.

    Attributes:
        name: of its anchor.
        title: its heading.
        about: sentences under the heading.
        plots, tables: one or more per run.
    """

    name: str
    title: str
    about: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass
class Drawer:
    """Makes the drawings of one page, each with ids of its own.

    Attributes:
        several: True if the page is about several runs: captions name theirs.
    """

    several: bool
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def plot(
        self, title: str, report: Report, said: str, draw: Draw, numbers: Table, part: str = ""
    ) -> Plot:
        """A drawing for the topic *title*, or *part* of it; *said* is what it shows, in words."""
        run = clean(report.name) if self.several else ""
        name = ": ".join(part for part in (part, run) if part)
        svg = drawing(draw, f"plot{next(self.numbers)}")
        about = ". ".join(part for part in (title, name, said) if part)
        return Plot(name, said, about, svg, numbers)


def titled(title: str, report: Report, reports: Sequence[Report]) -> str:
    """*title*, with the run's name where there are several."""
    return title if len(reports) == 1 else f"{title}: {clean(report.name)}"


def quality(reports: Sequence[Report], drawer: Drawer) -> Topic:
    """Accuracy, or what stands in for it, over the quality factor."""
    tables = {report.name: _known(report, "quality") for report in reports}
    if all(labelled(report) for report in reports):
        title, y = "Accuracy over quality factor", "top-1 accuracy"
        series = [plots.direct("accuracy_direct"), plots.afd("accuracy_afd")]
        series.append(plots.clean("accuracy_clean"))
    else:
        title, y = "Confidence over quality factor", "mean probability"
        series = [plots.direct("confidence_direct"), plots.afd("confidence_afd")]
    everything = [group for groups in tables.values() for group in groups]
    limits = plots.reach(everything, [s.metric for s in series], zero=False)
    made = []
    for report in reports:
        groups = tables[report.name]
        if not groups:
            continue
        shown = plots.known(series, groups)
        numbers = group_table("Numbers of this plot", "quality factor", groups)
        axis = ("JPEG quality factor", y)
        draw = plots.lines(groups, shown, axis, limits)
        made.append(drawer.plot(title, report, _trend(groups, shown), draw, numbers))
    about = ["Quality factor of the last JPEG compression, estimated from the file's tables."]
    if made:
        about.append(f"Bands are 95 % intervals; hollow marks have fewer than {FEW} pictures.")
    else:
        about = ["No file tells a JPEG quality factor."]
    return Topic("quality", title, tuple(about), tuple(made))


def drift(reports: Sequence[Report], drawer: Drawer) -> Topic:
    """What AFD changed, over how far the features had drifted."""
    tables = {report.name: _known(report, "drift") for report in reports}
    metric, title = "accuracy_difference", "Gain over drift"
    if not any(metric in g.estimates for groups in tables.values() for g in groups):
        metric, title = "changed", "Changed labels over drift"
    gain = metric == "accuracy_difference"
    series = plots.afd(metric, "gain" if gain else "changed")
    everything = [group for groups in tables.values() for group in groups]
    limits = plots.reach(everything, [metric], zero=True)
    made = []
    for report in reports:
        groups = tables[report.name]
        if not any(metric in group.estimates for group in groups):
            continue
        y = "gain in points" if gain else "share of labels changed"
        draw = plots.whiskers(groups, series, ("drift, degrees", y), limits, gain)
        numbers = group_table("Numbers of this plot", "drift in degrees", groups)
        said = _trend(groups, (series,))
        made.append(drawer.plot(title, report, said, draw, numbers))
    about = ["No drift is known: AFD was off, or there is nothing to compare with."]
    if made:
        about = [
            "Drift is the angle between the features that reached the module and what it made of "
            "them. Each mark is about a fifth of the pictures"
            + (" of all results together" if len(reports) > 1 else "")
            + ", with its 95 % interval."
        ]
    return Topic("drift", title, tuple(about), tuple(made))


def calibration(reports: Sequence[Report], drawer: Drawer) -> Topic:
    """How far the probabilities can be trusted."""
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
                f"{series.name} {text.percent(e, ' %').text}"
                for series, confidence, _ in lines
                if (e := report.overall.get(confidence.replace("confidence", "ece"))).n
            )
            said = f"Expected calibration error: {errors}."
            draw = plots.reliability(lines)
            made.append(drawer.plot(title, report, said, draw, _calibration_numbers(lines)))
    about = ["Calibration needs the true classes: afd classify --labels."]
    if made:
        about = [
            "Below the dotted line the classifier is surer than it is right. The expected "
            "calibration error is the mean distance from that line."
        ]
    return Topic("calibration", title, tuple(about), tuple(made))


def _calibration_numbers(lines: Sequence[tuple[Series, str, Sequence[Group]]]) -> Table:
    rows = tuple(
        (
            Cell(f"{series.name}, {plots.short(group.value.removeprefix('P '))}"),
            text.size(group),
            text.probability(group.get(confidence)),
            text.percent(group.get(series.metric)),
        )
        for series, confidence, groups in lines
        for group in groups
    )
    names = ("pictures", "mean probability", "accuracy in %")
    columns = (Column("probability", left=True), *map(Column, names))
    return Table("Numbers of this plot", columns, rows)


def classes(reports: Sequence[Report], by: str) -> Topic:
    """One sortable table of classes per run; *by* is the column that they were taken from."""
    true = by == "target_label"
    title = "By class" if true else "By answer"
    about = "True classes." if true else "Classes as the classifier named them; no truth is known."
    made = []
    for report in reports:
        groups = [group for group in report.groups[by] if group.n]
        caption = titled(title, report, reports)
        rest = len(groups) - CLASSES
        more = (f"{rest:,} more, smaller: in the summary (--out)",) if rest > 0 else ()
        shown = groups[:CLASSES]
        made.append(group_table(caption, "class", shown, notes=more, sortable=True))
    return Topic("classes", title, (about, "A click on a column sorts by it."), (), tuple(made))


def failures(reports: Sequence[Report]) -> Topic:
    """Failures by reason, and damaged files."""
    about = (
        "Failed files have no answer and count in no accuracy. Damaged files were classified, but "
        "their decoder had to guess a part of the picture; they count."
    )
    return Topic("failures", "Failures", (about,), (), (failures_table(reports),))


def collection(reports: Sequence[Report], drawer: Drawer) -> Topic:
    """What the files are like: quality factors and sizes."""
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
                tuple((Cell(g.value), text.whole(g.get("files"))) for g in groups),
            )
            largest = max(groups, key=lambda group: group.get("files").value)
            most = largest.get("files").value
            said = f"Most files, {most:,.0f}: {largest.value}."
            draw = plots.bars(groups, (x, "files"))
            made.append(drawer.plot("Files", report, said, draw, numbers, title))
    return Topic("collection", "The collection", (), tuple(made))


def _trimmed(groups: Sequence[Group]) -> list[Group]:
    """*groups* without the empty ones at both ends, and without "unknown" if there is none."""
    full = [i for i, group in enumerate(groups) if group.get("files").value]
    last = [g for g in groups[-1:] if g.value == UNKNOWN and g.get("files").value]
    inner = [i for i in full if groups[i].value != UNKNOWN]
    return [*groups[inner[0] : inner[-1] + 1], *last] if inner else last


def _known(report: Report, by: str) -> list[Group]:
    """Groups with pictures; none where nothing but "unknown" is left."""
    groups = [group for group in report.groups.get(by, ()) if group.n]
    return groups if any(group.value != UNKNOWN for group in groups) else []


def _trend(groups: Sequence[Group], series: Sequence[Series]) -> str:
    """A plot in words: the first and last group's numbers."""
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
    """An estimate of *metric* in a sentence, without its interval."""
    show, unit = (
        (text.points, " points") if metric.endswith("_difference") else (text.percent, " %")
    )
    return show(e, unit).brief or text.DASH
