"""All tables of a report: headline, groups, runs side by side, changes and failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afdcli.constants import WORDS
from afdcli.report import cells
from afdcli.report.group_table import few_note, group_table, labelled
from afdcli.report.headline import about_runs, headline
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import clean

SHOWN = 15  # groups or changes per table without --all
TITLES = {"folder": "By folder", "parent": "By folder", "quality": "By JPEG quality factor"}


def tables(reports: Sequence[Report], everything: bool, single: bool) -> list[Table]:
    """Build all tables of a report, the headline first.

    Args:
        reports: one or more.
        everything: True for all groups and changes, False for the largest only.
        single: True to show breakdowns that have only one group, too.
    """
    one_run = len(reports) == 1
    made = [headline(reports[0])] if one_run else [_side_by_side(reports)]
    if all(report.all_failed for report in reports):
        return [*made, failures(reports)]
    made += breakdowns(reports, tuple(reports[0].groups), None if everything else SHOWN, single)
    made += [
        _changes(report, everything)
        for report in reports
        if report.changes and "accuracy_difference" not in report.overall.estimates
    ]
    return made + ([failures(reports)] if any(report.failures for report in reports) else [])


def breakdowns(
    reports: Sequence[Report], columns: Sequence[str], most: int | None, single: bool = False
) -> list[Table]:
    """Build a table per column of *columns*, by which all reports are grouped.

    Args:
        reports: one or more.
        columns: what rows are grouped by.
        most: groups per table; None for all.
        single: True to show breakdowns that have only one group, too.
    """
    made = []
    for by in columns:
        names = {group.value for report in reports for group in report.groups[by]}
        if len(names) > 1 or single:
            one = len(reports) == 1
            made.append(_groups(by, reports[0], most) if one else _matrix(by, reports, most))
    return made


def _side_by_side(reports: Sequence[Report]) -> Table:
    names = [report.name for report in reports]
    overall = [report.overall for report in reports]
    notes = about_runs(reports)
    if not any(map(labelled, reports)) and any("drift_p50" in g.estimates for g in overall):
        notes = (*notes, f"drift: {WORDS['drift']}; median (middle half)")
    return group_table("Results", "results", overall, names=names, notes=notes)


def _groups(by: str, report: Report, most: int | None) -> Table:
    shown, notes = _largest(_sizes(report, by), most)
    kept = [group for group in report.groups[by] if group.value in shown]
    return group_table(_title(by), clean(by), kept, notes=notes)


def _matrix(by: str, reports: Sequence[Report], most: int | None) -> Table:
    """A row per group and a column per run, with ``direct → AFD`` in the cells."""
    sizes: dict[str, float] = {}
    longest = max(reports, key=lambda report: len(report.groups[by]))
    for report in (longest, *reports):  # the run with most groups determines the order
        for value, size in _sizes(report, by).items():
            sizes[value] = max(size, sizes.get(value, 0.0))
    counted = {g.value for report in reports for g in report.groups[by] if g.views}
    sizes = {value: size for value, size in sizes.items() if value in counted}
    shown, notes = _largest(sizes, most)
    found = [{group.value: group for group in report.groups[by]} for report in reports]
    names = [name for name in sizes if name in shown]
    rows = tuple((Cell(clean(name)), *(_arrow(of.get(name)) for of in found)) for name in names)
    measure = "accuracy in %" if any(map(labelled, reports)) else "mean confidence"
    columns = (Column(clean(by), left=True), *(Column(clean(report.name)) for report in reports))
    few = few_note([of[name] for of in found for name in names if name in of and of[name].n])
    title = f"{_title(by)}: {measure}, direct → with AFD"
    return Table(title, columns, rows, (*notes, *few))


def _arrow(group: Group | None) -> Cell:
    if group is None or group.n == 0:
        return Cell(cells.DASH)
    for kind, show in (("accuracy", cells.percent), ("confidence", cells.probability)):
        names = [n for n in (f"{kind}_direct", f"{kind}_afd") if n in group.estimates]
        if names:
            shown = [show(group.get(name)) for name in names]
            arrow = " → ".join(cell.brief or cell.text for cell in shown)
            return Cell(arrow + ("*" if group.n < FEW else ""))
    return Cell(cells.DASH)


def _sizes(report: Report, by: str) -> dict[str, float]:
    return {group.value: group.get("files").value for group in report.groups[by]}


def _largest(sizes: Mapping[str, float], most: int | None) -> tuple[set[str], list[str]]:
    """Names of the *most* largest groups, and a note about the others."""
    if most is None or len(sizes) <= most:
        return set(sizes), []
    largest = sorted(sizes, key=lambda name: -sizes[name])[:most]
    return set(largest), [f"{len(sizes) - most:,} smaller groups are not shown; --all shows them"]


def _title(by: str) -> str:
    return TITLES.get(by, f"By {clean(by)}")


def _changes(report: Report, everything: bool) -> Table:
    shown = report.changes if everything else report.changes[:SHOWN]
    rows = tuple(
        (
            Cell(clean(change.before)),
            Cell(clean(change.after)),
            Cell(f"{change.n:,}", change.n),
            Cell(f"{change.direct:.3f}", change.direct),
            Cell(f"{change.afd:.3f}", change.afd),
        )
        for change in shown
    )
    rest = len(report.changes) - len(shown)
    notes = (f"{rest:,} rarer changes are not shown; --all shows them",) if rest else ()
    names = (Column(name, left=True) for name in ("without AFD", "with AFD"))
    columns = (*names, Column("pictures"), Column("confidence"), Column("then"))
    return Table(f"What AFD changed in {clean(report.name)}", columns, rows, notes)


def failures(reports: Sequence[Report]) -> Table:
    """Count failed files by reason, and damaged files."""
    counts = [dict(report.failures) for report in reports]
    reasons = dict.fromkeys(reason for found in counts for reason in found)
    rows = [
        (
            Cell(clean(reason) or "no reason given"),
            *(Cell(f"{found.get(reason, 0):,}", found.get(reason, 0)) for found in counts),
        )
        for reason in reasons
    ]
    for name, metric in (("all failed", "failed"), ("damaged", "damaged"), ("files", "files")):
        rows.append((Cell(name), *(cells.whole(report.overall.get(metric)) for report in reports)))
    names = ("files",) if len(reports) == 1 else tuple(clean(r.name) for r in reports)
    columns = (Column("reason", left=True), *map(Column, names))
    return Table("Failed and damaged files", columns, tuple(rows))
