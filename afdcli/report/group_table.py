"""Tables of groups by metric."""

from __future__ import annotations

from collections.abc import Sequence

from afdcli.report import cells
from afdcli.report.metrics import METRICS
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import clean

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
    shown = [m for m in METRICS.values() if m.heading and m.name in known]
    if known & {"accuracy_direct", "accuracy_afd"}:
        shown = [m for m in shown if m.name not in _UNLABELLED]
    if not any(group.get("failed").value > 0 for group in groups):
        shown = [m for m in shown if m.name != "failed"]
    views = any(group.views != group.n for group in groups)
    columns = [Column(first, left=True), Column("pictures" if views else "n")]
    columns += [Column("views", drop=6)] if views else []
    columns += [Column(m.heading, shorten=m.shorten, drop=m.drop) for m in shown]
    bars = "accuracy_difference" in known
    columns += [Column("0 … 100 %", drop=10, bar=True)] if bars else []
    rows = []
    for name, group in zip(names or [group.value for group in groups], groups, strict=True):
        row = [Cell(clean(name)), cells.size(group)]
        row += [Cell(f"{group.views:,}", group.views)] if views else []
        row += [
            cells.drift(group) if m.name == "drift_p50" else m.show(group.get(m.name))
            for m in shown
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
    for m in METRICS.values():
        if m.label and any(m.name in report.overall.estimates for report in reports):
            values = (m.show(report.overall.get(m.name), unit=True) for report in reports)
            rows.append((Cell(m.label), *values, Cell(m.meaning)))
    names = (Column(clean(report.name)) for report in reports)
    columns = (Column("", left=True), *names, Column("what it is", left=True))
    return Table("All numbers, with 95 % intervals", columns, tuple(rows))
