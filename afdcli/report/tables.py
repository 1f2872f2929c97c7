"""A report as tables: headline, groups, changes, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from afdcli.report import text
from afdcli.report.columns import Column, clean_columns, group_columns
from afdcli.report.headline import headline
from afdcli.report.sheet import Layout, Sheet
from afdcli.report.summary import FEW, Group, Report
from afdcli.storage.text import clean

SHOWN = 15  # groups or changes per table, unless all are asked for
TITLES = {"folder": "By folder", "parent": "By folder", "quality": "By JPEG quality factor"}


def sheets(reports: Sequence[Report], layout: Layout) -> list[Sheet]:
    """All tables of a report, the headline first."""
    alone = len(reports) == 1
    made = [headline(reports[0])] if alone else _side_by_side(reports, layout)
    for by in reports[0].groups:
        names = {group.value for report in reports for group in report.groups[by]}
        if len(names) > 1 or layout.single:
            made += [_groups(by, reports[0], layout)] if alone else _matrix(by, reports, layout)
    made += [
        _changes(report, layout)
        for report in reports
        if report.changes and "accuracy_difference" not in report.overall.estimates
    ]
    if any(report.failures for report in reports):
        made.append(_failures(reports))
    return made


def _side_by_side(reports: Sequence[Report], layout: Layout) -> list[Sheet]:
    names = [Text(clean(report.name)) for report in reports]
    groups = [report.overall for report in reports]
    notes = [clean(f"{r.name}: {r.about}") for r in reports if r.about]
    against = [] if layout.wide else clean_columns(groups)
    columns = group_columns(groups, layout)
    if against:  # no room for everything in one table
        columns = group_columns([_without_clean(group) for group in groups], layout)
    made = [_sheet("Results", ("results", names), columns, notes)]
    if against:
        made.append(_sheet("Against the clean run", ("results", names), against, ()))
    return made


def _without_clean(group: Group) -> Group:
    hidden = ("accuracy_clean", "compression_cost", "recovered_share")
    kept = {name: e for name, e in group.estimates.items() if name not in hidden}
    return Group(group.by, group.value, kept)


def _groups(by: str, report: Report, layout: Layout) -> Sheet:
    sizes = _sizes(report, by)
    shown, notes = _largest(list(sizes), sizes, layout)
    kept = [group for group in report.groups[by] if group.value in shown]
    names = [Text(clean(group.value)) for group in kept]
    return _sheet(_title(by), (clean(by), names), group_columns(kept, layout), notes)


def _matrix(by: str, reports: Sequence[Report], layout: Layout) -> list[Sheet]:
    """Groups down, results across, ``direct → AFD`` in the cells; as many tables as it takes."""
    sizes: dict[str, float] = {}
    longest = max(reports, key=lambda report: len(report.groups[by]))
    for report in (longest, *reports):  # the longest first: its order is the table's
        for value, size in _sizes(report, by).items():
            sizes[value] = max(size, sizes.get(value, 0.0))
    counted = {g.value for report in reports for g in report.groups[by] if g.n}
    sizes = {value: size for value, size in sizes.items() if value in counted}
    shown, notes = _largest(list(sizes), sizes, layout)
    names = [value for value in sizes if value in shown]
    first = (clean(by), [Text(clean(name)) for name in names])
    labelled = any("accuracy" in name for report in reports for name in report.overall.estimates)
    measure = "accuracy in %" if labelled else "mean confidence"
    title = f"{_title(by)}: {measure}, direct → with AFD"
    columns: list[Column] = []
    for report in reports:
        found = {group.value: group for group in report.groups[by]}
        columns.append((clean(report.name), [_arrow(found.get(name)) for name in names]))
    return [_sheet(title, first, part, notes) for part in _fitting(first, columns, layout)]


def _fitting(first: Column, columns: Sequence[Column], layout: Layout) -> list[list[Column]]:
    """*columns* cut into runs that fit beside *first*."""
    room = layout.width - min(_width(first), 24)
    parts: list[list[Column]] = [[]]
    used = 0
    for column in columns:
        width = _width(column) + 2
        if parts[-1] and used + width > room:
            parts.append([])
            used = 0
        parts[-1].append(column)
        used += width
    return parts


def _width(column: Column) -> int:
    return max([len(column[0]), *(cell.cell_len for cell in column[1])])


def _arrow(group: Group | None) -> Text:
    if group is None or group.n == 0:
        return Text(text.DASH)
    if "accuracy_direct" in group.estimates or "accuracy_afd" in group.estimates:
        names = ("accuracy_direct", "accuracy_afd")
        shown = [text.percent(group.get(name), False) for name in names if name in group.estimates]
    else:
        names = ("confidence_direct", "confidence_afd")
        shown = [text.probability(group.get(name)) for name in names if name in group.estimates]
    return Text(" → ".join(shown) + ("*" if group.n < FEW else ""))


def _sizes(report: Report, by: str) -> dict[str, float]:
    return {group.value: group.get("files").value for group in report.groups[by]}


def _largest(
    names: Sequence[str], sizes: Mapping[str, float], layout: Layout
) -> tuple[set[str], list[str]]:
    """Names of the largest groups, and what to say of the others."""
    if layout.everything or len(names) <= SHOWN:
        return set(names), []
    largest = sorted(names, key=lambda name: -sizes[name])[:SHOWN]
    return set(largest), [f"{len(names) - SHOWN:,} more, smaller; --all shows them"]


def _title(by: str) -> str:
    return TITLES.get(by, f"By {clean(by)}")


def _sheet(title: str, first: Column, columns: Sequence[Column], notes: Sequence[str]) -> Sheet:
    header = (first[0], *(name for name, _ in columns))
    rows = tuple(zip(first[1], *(cells for _, cells in columns), strict=True))
    few = any(cell.plain.endswith("*") for _, cells in columns for cell in cells)
    star = (f"* fewer than {FEW} pictures: too few to say anything",) if few else ()
    return Sheet(title, header, rows, (*notes, *star))


def _changes(report: Report, layout: Layout) -> Sheet:
    shown = report.changes if layout.everything else report.changes[:SHOWN]
    rows = tuple(
        (
            Text(clean(change.before)),
            Text(clean(change.after)),
            Text(f"{change.n:,}"),
            Text(f"{change.direct:.3f}"),
            Text(f"{change.afd:.3f}"),
        )
        for change in shown
    )
    rest = len(report.changes) - len(shown)
    notes = (f"{rest:,} more, rarer; --all shows them",) if rest else ()
    header = ("without AFD", "with AFD", "n", "confidence", "then")
    return Sheet(f"What AFD changed in {clean(report.name)}", header, rows, notes, left=2)


def _failures(reports: Sequence[Report]) -> Sheet:
    counts = [dict(report.failures) for report in reports]
    reasons = dict.fromkeys(reason for found in counts for reason in found)
    rows = tuple(
        (
            Text(clean(reason) or "no reason given"),
            *(Text(f"{found.get(reason, 0):,}") for found in counts),
        )
        for reason in reasons
    )
    names = ("files",) if len(reports) == 1 else tuple(clean(r.name) for r in reports)
    return Sheet("Failures", ("reason", *names), rows)
