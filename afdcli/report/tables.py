"""The tables of a report: groups, runs side by side, changes and failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from afdcli.report.estimates import FEW, Group
from afdcli.report.metrics import METRICS, degrees, percent, probability, whole
from afdcli.report.summary import Report
from afdcli.report.table import DASH, Cell, Column, Table
from afdcli.storage.text import clean

SHOWN = 15  # groups or changes per table without --all
TITLES = {"folder": "By folder", "parent": "By folder", "quality": "By JPEG quality factor"}
_BAR = 16  # characters
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

    The heading of the first column is *first*; *names* of the rows are by default the values of
    *groups*.
    """
    known = {metric for group in groups for metric in group.estimates}
    shown = [m for m in METRICS.values() if m.heading and m.name in known]
    if known & {"accuracy_direct", "accuracy_afd"}:
        shown = [m for m in shown if m.name not in _UNLABELLED]
    if not any(group.get("failed").value > 0 for group in groups):
        shown = [m for m in shown if m.name != "failed"]
    views = any(group.views != group.n for group in groups)
    bars = "accuracy_difference" in known
    columns = [Column(first, left=True), Column("pictures" if views else "n")]
    columns += [Column("views", drop=6)] if views else []
    columns += [Column(m.heading, shorten=m.shorten, drop=m.drop) for m in shown]
    columns += [Column("0 … 100 %", drop=10, bar=True)] if bars else []
    rows = []
    for name, group in zip(names or [group.value for group in groups], groups, strict=True):
        row = [Cell(clean(name)), size_cell(group)]
        row += [Cell(f"{group.views:,}", group.views)] if views else []
        row += [
            drift_cell(group) if m.name == "drift_p50" else m.show(group.get(m.name)) for m in shown
        ]
        row += [_bar(group)] if bars else []
        rows.append(tuple(row))
    return Table(caption, tuple(columns), tuple(rows), (*notes, *_few_note(groups)), sortable)


def drift_cell(group: Group) -> Cell:
    """Median drift and, from four pictures on, its quartiles: ``8.1° (5.2–11.9)``."""
    median = group.get("drift_p50")
    cell = degrees(median, unit=True)
    if median.n < 4:
        return cell
    low, high = group.get("drift_p25").value, group.get("drift_p75").value
    return Cell(f"{cell.text} ({low:.1f}–{high:.1f})", median.value, brief=cell.text)


def size_cell(group: Group) -> Cell:
    """Number of pictures, with a star if there are too few for conclusions."""
    few = group.n < FEW
    return Cell(f"{group.n:,}{'*' if few else ''}", group.n, "few" if few else "")


def _bar(group: Group) -> Cell:
    """Accuracy as a bar: the part that both reach, then what AFD gains (good) or loses (bad)."""
    shares = [group.get(f"accuracy_{name}").value for name in ("direct", "afd")]
    if any(map(math.isnan, shares)):
        return Cell("")
    direct, afd = (round(_BAR * share) for share in shares)
    tone = "good" if afd > direct else "bad" if afd < direct else ""
    more = abs(afd - direct)
    return Cell("█" * min(direct, afd) + "▓" * more + "░" * (_BAR - max(direct, afd)), tone=tone)


def _few_note(groups: Sequence[Group]) -> list[str]:
    few = any(group.n < FEW for group in groups)
    return [f"* fewer than {FEW} pictures: too few for conclusions"] if few else []


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


def breakdowns(
    reports: Sequence[Report], columns: Sequence[str], most: int | None, single: bool = False
) -> list[Table]:
    """Build a table per column of *columns*, by which all reports are grouped.

    Tables have at most *most* groups (None: all); those of a single group are left out unless
    *single*.
    """
    made = []
    for by in columns:
        names = {group.value for report in reports for group in report.groups[by]}
        if len(names) > 1 or single:
            one = len(reports) == 1
            made.append(_groups(by, reports[0], most) if one else _matrix(by, reports, most))
    return made


def _groups(by: str, report: Report, most: int | None) -> Table:
    sizes = {group.value: group.get("files").value for group in report.groups[by]}
    shown, notes = _largest(sizes, most)
    kept = [group for group in report.groups[by] if group.value in shown]
    return group_table(_title(by), clean(by), kept, notes=notes)


def _matrix(by: str, reports: Sequence[Report], most: int | None) -> Table:
    """A row per group and a column per run, with ``direct → AFD`` in the cells."""
    found = [{group.value: group for group in report.groups[by]} for report in reports]
    sizes: dict[str, float] = {}
    for groups in (max(found, key=len), *found):  # the run with most groups determines the order
        for value, group in groups.items():
            if any(of[value].views for of in found if value in of):
                sizes[value] = max(group.get("files").value, sizes.get(value, 0.0))
    shown, notes = _largest(sizes, most)
    names = [name for name in sizes if name in shown]
    rows = tuple((Cell(clean(name)), *(_arrow(of.get(name)) for of in found)) for name in names)
    measure = "accuracy in %" if any(map(labelled, reports)) else "mean confidence"
    columns = (Column(clean(by), left=True), *(Column(clean(report.name)) for report in reports))
    few = _few_note([of[name] for of in found for name in names if name in of and of[name].n])
    title = f"{_title(by)}: {measure}, direct → with AFD"
    return Table(title, columns, rows, (*notes, *few))


def _arrow(group: Group | None) -> Cell:
    if group is None or group.n == 0:
        return Cell(DASH)
    for kind, show in (("accuracy", percent), ("confidence", probability)):
        names = [n for n in (f"{kind}_direct", f"{kind}_afd") if n in group.estimates]
        if names:
            shown = [show(group.get(name)) for name in names]
            arrow = " → ".join(cell.brief or cell.text for cell in shown)
            return Cell(arrow + ("*" if group.n < FEW else ""))
    return Cell(DASH)


def _largest(sizes: Mapping[str, float], most: int | None) -> tuple[set[str], list[str]]:
    """Names of the *most* largest groups, and a note about the others."""
    if most is None or len(sizes) <= most:
        return set(sizes), []
    largest = sorted(sizes, key=lambda name: -sizes[name])[:most]
    return set(largest), [f"{len(sizes) - most:,} smaller groups are not shown; --all shows them"]


def _title(by: str) -> str:
    return TITLES.get(by, f"By {clean(by)}")


def changes(report: Report, most: int | None) -> Table:
    """Build a table of the *most* frequent changes of the top class; None for all."""
    shown = report.changes[:most]
    rows = tuple(
        (
            Cell(clean(change.before)),
            Cell(clean(change.after)),
            Cell(f"{change.n:,}", change.n),
            Cell(f"{change.direct:.3f}", change.direct),
            Cell(f"{change.afd:.3f}", change.afd),
        )
        for change in shown.itertuples()
    )
    rest = len(report.changes) - len(shown)
    notes = (f"{rest:,} rarer changes are not shown; --all shows them",) if rest else ()
    names = (Column(name, left=True) for name in ("without AFD", "with AFD"))
    columns = (*names, Column("pictures"), Column("confidence"), Column("then"))
    return Table(f"What AFD changed in {clean(report.name)}", columns, rows, notes)


def failures(reports: Sequence[Report]) -> Table:
    """Count failed files by reason, and damaged files."""
    reasons = dict.fromkeys(reason for report in reports for reason in report.failures)
    rows = []
    for reason in reasons:
        counts = [report.failures.get(reason, 0) for report in reports]
        cells = (Cell(f"{count:,}", count) for count in counts)
        rows.append((Cell(clean(reason) or "no reason given"), *cells))
    for name, metric in (("failed in all", "failed"), ("damaged", "damaged"), ("files", "files")):
        rows.append((Cell(name), *(whole(report.overall.get(metric)) for report in reports)))
    names = ("files",) if len(reports) == 1 else tuple(clean(r.name) for r in reports)
    columns = (Column("reason", left=True), *map(Column, names))
    return Table("Failed and damaged files", columns, tuple(rows))
