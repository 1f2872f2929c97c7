"""Every metric as it stands in tables, and the tables that show groups of rows by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afdcli.report import text
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import clean


@dataclass(frozen=True)
class Shown:
    """How a metric stands in tables.

    Attributes:
        metric: of the summary.
        name: in a list of all numbers.
        show: its cell.
        heading: of its column in a table of groups; "" for in none.
        shorten, drop: see `Column`.
    """

    metric: str
    name: str
    show: Callable[[Estimate], Cell]
    heading: str = ""
    shorten: int = 0
    drop: int = 0


#: Every metric in the order of tables.
METRICS = (
    Shown("files", "files", text.whole),
    Shown("failed", "failed", text.whole, "Failed", drop=8),
    Shown("damaged", "damaged", text.whole),
    Shown("accuracy_direct", "accuracy, direct", text.percent, "Direct %", shorten=2),
    Shown("accuracy_afd", "accuracy, with AFD", text.percent, "With AFD %", shorten=1),
    Shown("accuracy_difference", "difference in points", text.points, "Difference", shorten=6),
    Shown("mcnemar_p", "exact McNemar p", text.p_value, "p", drop=7),
    Shown("won", "won: AFD alone is right", text.whole),
    Shown("lost", "lost: direct alone is right", text.whole),
    Shown("accuracy_clean", "accuracy on clean pictures, direct", text.percent, "Clean %", 9, 5),
    Shown("accuracy_clean_afd", "accuracy on clean pictures, with AFD", text.percent),
    Shown("clean_difference", "clean: difference in points", text.points),
    Shown("compression_cost", "cost of compression in points", text.plain_points),
    Shown(
        "recovered_share",
        "recovered share of the loss",
        text.whole_percent,
        "Recovered %",
        shorten=4,
    ),
    Shown("agreement_direct", "agreement with clean, direct", text.percent),
    Shown("agreement_afd", "agreement with clean, with AFD", text.percent),
    Shown("agreement_difference", "agreement: difference in points", text.points),
    Shown("confidence_direct", "mean confidence, direct", text.probability, "Direct conf."),
    Shown("confidence_afd", "mean confidence, with AFD", text.probability, "AFD conf."),
    Shown("confidence_shift", "confidence shift", text.shift),
    Shown("changed", "answers that AFD changes", text.percent, "Changed %", shorten=3),
    Shown("ece_direct", "calibration error, direct", text.percent),
    Shown("ece_afd", "calibration error, with AFD", text.percent),
    Shown("drift_p50", "median drift", text.degrees, "Drift", drop=3),
)
_OF_PROBABILITY = ("confidence_direct", "confidence_afd", "changed", "drift_p50")


def labelled(report: Report) -> bool:
    """True if *report* knows of right and wrong."""
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
    """*groups* down, what is known of any of them across; *names* instead of their values."""
    known = {metric for group in groups for metric in group.estimates}
    accurate = known & {"accuracy_direct", "accuracy_afd"}
    shown = [s for s in METRICS if s.heading and s.metric in known]
    if accurate:
        shown = [s for s in shown if s.metric not in _OF_PROBABILITY]
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
        row = [Cell(clean(name)), text.size(group)]
        row += [Cell(f"{group.views:,}", group.views)] if views else []
        row += [
            text.drift(group) if s.metric == "drift_p50" else s.show(group.get(s.metric))
            for s in shown
        ]
        rows.append((*row, text.bar(group)) if bars else tuple(row))
    return Table(caption, tuple(columns), tuple(rows), (*notes, *few_note(groups)), sortable)


def few_note(groups: Sequence[Group]) -> tuple[str, ...]:
    """What the star means, if any of *groups* has one."""
    few = any(group.n < FEW for group in groups)
    return (f"* fewer than {FEW} pictures: too few to say anything",) if few else ()


def all_numbers(reports: Sequence[Report]) -> Table:
    """All metrics down, runs across."""
    rows = []
    for s in METRICS:
        if any(s.metric in report.overall.estimates for report in reports):
            show = _with_unit if s.show in (text.percent, text.whole_percent) else s.show
            rows.append((Cell(s.name), *(show(report.overall.get(s.metric)) for report in reports)))
    columns = (Column("", left=True), *(Column(clean(report.name)) for report in reports))
    return Table("All numbers, with 95 % intervals", columns, tuple(rows))


def _with_unit(e: Estimate) -> Cell:
    return text.percent(e, " %")
