"""How each metric is shown in tables, and tables of groups by metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afdcli.report import cells
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import clean


@dataclass(frozen=True)
class Display:
    """How a metric is shown in tables.

    Attributes:
        metric: name of the metric, see `afdcli.report.summary.METRICS`.
        name: name in the table of all numbers.
        show: formats an estimate as a cell.
        heading: column heading in tables of groups; "" if these do not show it.
        shorten, drop: see `Column`.
    """

    metric: str
    name: str
    show: Callable[[Estimate], Cell]
    heading: str = ""
    shorten: int = 0
    drop: int = 0


#: All metrics in the order in which tables show them.
DISPLAYS = (
    Display("files", "files", cells.whole),
    Display("failed", "failed", cells.whole, "Failed", drop=8),
    Display("damaged", "damaged", cells.whole),
    Display("unsure", "unsure", cells.whole),
    Display("accuracy_direct", "accuracy, direct", cells.percent, "Direct %", shorten=2),
    Display("accuracy_afd", "accuracy, with AFD", cells.percent, "With AFD %", shorten=1),
    Display("accuracy_difference", "difference in points", cells.points, "Difference", shorten=6),
    Display("mcnemar_p", "exact McNemar p", cells.p_value, "p", drop=7),
    Display("won", "won: only AFD is right", cells.whole),
    Display("lost", "lost: only direct is right", cells.whole),
    Display("accuracy_clean", "accuracy on clean pictures, direct", cells.percent, "Clean %", 9, 5),
    Display("accuracy_clean_afd", "accuracy on clean pictures, with AFD", cells.percent),
    Display("clean_difference", "clean: difference in points", cells.points),
    Display("compression_cost", "cost of compression in points", cells.plain_points),
    Display("recovered_share", "recovered share", cells.whole_percent, "Recovered %", shorten=4),
    Display("agreement_direct", "agreement with clean, direct", cells.percent),
    Display("agreement_afd", "agreement with clean, with AFD", cells.percent),
    Display("agreement_difference", "agreement: difference in points", cells.points),
    Display("confidence_direct", "mean confidence, direct", cells.probability, "Direct conf."),
    Display("confidence_afd", "mean confidence, with AFD", cells.probability, "AFD conf."),
    Display("confidence_shift", "confidence shift", cells.shift),
    Display("changed", "predictions that AFD changes", cells.percent, "Changed %", shorten=3),
    Display("ece_direct", "calibration error, direct", cells.percent),
    Display("ece_afd", "calibration error, with AFD", cells.percent),
    Display("drift_p50", "median drift", cells.degrees, "Drift", drop=3),
)
_UNLABELLED = ("confidence_direct", "confidence_afd", "changed", "drift_p50")


def labelled(report: Report) -> bool:
    """True if true classes are known, so that *report* has accuracies."""
    return any(f"accuracy_{name}" in report.overall.estimates for name in ("direct", "afd"))


def group_table(
    caption: str,
    first: str,
    groups: Sequence[Group],
    *,
    names: Sequence[str] = (),
    notes: Sequence[str] = (),
    sortable: bool = False,
) -> Table:
    """Build a table with a row per group, and a column per metric that any group has.

    Args:
        caption: heading of the table.
        first: heading of the first column.
        groups: the groups, in order.
        names: names of the rows; by default the values of *groups*.
        notes: sentences below the table.
        sortable: see `Table`.
    """
    known = {metric for group in groups for metric in group.estimates}
    shown = [s for s in DISPLAYS if s.heading and s.metric in known]
    if known & {"accuracy_direct", "accuracy_afd"}:
        shown = [s for s in shown if s.metric not in _UNLABELLED]
    if not any(group.get("failed").value > 0 for group in groups):
        shown = [s for s in shown if s.metric != "failed"]
    views = any(group.views != group.n for group in groups)
    columns = [Column(first, left=True), Column("pictures" if views else "n")]
    columns += [Column("views")] if views else []
    columns += [Column(s.heading, shorten=s.shorten, drop=s.drop) for s in shown]
    bars = "accuracy_difference" in known
    columns += [Column("0 … 100 %", drop=10, bar=True)] if bars else []
    rows = []
    for name, group in zip(names or [group.value for group in groups], groups, strict=True):
        row = [Cell(clean(name)), cells.size(group)]
        row += [Cell(f"{group.views:,}", group.views)] if views else []
        row += [
            cells.drift(group) if s.metric == "drift_p50" else s.show(group.get(s.metric))
            for s in shown
        ]
        rows.append((*row, cells.bar(group)) if bars else tuple(row))
    return Table(caption, tuple(columns), tuple(rows), (*notes, *few_note(groups)), sortable)


def few_note(groups: Sequence[Group]) -> tuple[str, ...]:
    """Explain the star, if any of *groups* has one."""
    few = any(group.n < FEW for group in groups)
    return (f"* fewer than {FEW} pictures: too few for conclusions",) if few else ()


def all_numbers(reports: Sequence[Report]) -> Table:
    """Build a table of all metrics, with a row per metric and a column per run."""
    rows = []
    for s in DISPLAYS:
        if any(s.metric in report.overall.estimates for report in reports):
            show = _with_unit if s.show in (cells.percent, cells.whole_percent) else s.show
            rows.append((Cell(s.name), *(show(report.overall.get(s.metric)) for report in reports)))
    columns = (Column("", left=True), *(Column(clean(report.name)) for report in reports))
    return Table("All numbers, with 95 % intervals", columns, tuple(rows))


def _with_unit(e: Estimate) -> Cell:
    return cells.percent(e, " %")
