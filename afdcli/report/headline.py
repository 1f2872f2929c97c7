"""All tables of a report, and its headline: whether AFD helped, and the main numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from afdcli.constants import WORDS
from afdcli.report import tables
from afdcli.report.estimates import FEW, Group
from afdcli.report.metrics import METRICS, p_value, percent, points
from afdcli.report.summary import Report
from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import clean

#: Metric, its name in the headline, and a remark on it.
_LABELLED = (
    ("accuracy_direct", "Direct", "top-1 accuracy, plain backbone"),
    ("accuracy_afd", "With AFD", "top-1 accuracy with the module"),
    ("accuracy_difference", "Difference", ""),
    ("accuracy_clean", "Clean", "uncompressed, plain backbone"),
    ("accuracy_clean_afd", "Clean, AFD", "uncompressed, with the module"),
    ("clean_difference", "Clean change", "what AFD does to clean pictures"),
    ("recovered_share", "Recovered", ""),
)
_COST = ("compression_cost", "Cost", "clean minus direct: points lost to compression")
_UNLABELLED = (
    ("confidence_direct", "Direct", "mean probability of the label"),
    ("confidence_afd", "With AFD", "mean probability of the label"),
    ("agreement_direct", "Direct", "same label as for the clean picture"),
    ("agreement_afd", "With AFD", "same label as for the clean picture"),
    ("agreement_difference", "Difference", "in agreement with clean pictures"),
    ("changed", "Changed", "labels that AFD changes"),
    ("confidence_shift", "Shift", "mean change of that probability by AFD"),
    ("drift_p50", "Drift", ""),
)
#: Shares that have a name, and how far from one a share may be to be called so.
_FRACTIONS = {0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 1 / 3: "a third", 0.5: "half",
              2 / 3: "two thirds", 0.75: "three quarters", 1.0: "all"}  # fmt: skip
_NEAR = 0.02
_NO_CLEAN = "The loss to compression is unknown without a clean run (--clean)."
_NO_LABELS = (
    "Without true labels it is unknown whether these changes are improvements"
    " (afd classify --labels)."
)
_ALONE = "Nothing to compare: there are labels with AFD only, or without AFD only."


def headline(report: Report) -> Table:
    """Build the headline of *report*: accuracies or, without true classes, what AFD changed."""
    group = report.overall
    wanted = _LABELLED if tables.labelled(report) else _UNLABELLED
    if tables.labelled(report) and "recovered_share" not in group.estimates:
        wanted = (*wanted, _COST)
    rows = [
        (Cell(name, tone="strong"), _value(metric, group), Cell(remark or _remark(metric, group)))
        for metric, name, remark in wanted
        if metric in group.estimates and group.views
    ]
    lead, _ = verdict(report)
    columns = (Column("", left=True),) * 3
    return Table(_counts(report), columns, tuple(rows), about_runs([report]), lead=lead)


def report_tables(reports: Sequence[Report], everything: bool, single: bool) -> list[Table]:
    """All tables of a report, the headline first.

    Args:
        everything: True for all groups and changes, False for the largest only.
        single: True to show breakdowns that have only one group, too.
    """
    most = None if everything else tables.SHOWN
    made = [headline(reports[0])] if len(reports) == 1 else [_side_by_side(reports)]
    if not all(report.all_failed for report in reports):
        made += tables.breakdowns(reports, tuple(reports[0].groups), most, single)
        compared = [r for r in reports if "accuracy_difference" not in r.overall.estimates]
        made += [tables.changes(report, most) for report in compared if len(report.changes)]
    return made + ([tables.failures(reports)] if any(report.failures for report in reports) else [])


def _side_by_side(reports: Sequence[Report]) -> Table:
    overall = [report.overall for report in reports]
    notes = about_runs(reports)
    if not any(map(tables.labelled, reports)) and any("drift_p50" in g.estimates for g in overall):
        notes = (*notes, f"drift: {WORDS['drift']}; median (middle half)")
    names = [report.name for report in reports]
    return tables.group_table("Results", "results", overall, names=names, notes=notes)


def about_runs(reports: Sequence[Report]) -> tuple[str, ...]:
    """Say which classifier and module each run used, and what a stem is."""
    named = len(reports) > 1
    about = [clean(f"{r.name}: {r.about}" if named else r.about) for r in reports if r.about]
    stem = any(report.about.endswith("stem") for report in reports)
    return (*about, *([f"stem: {WORDS['stem']}"] if stem else []))


def _counts(report: Report) -> str:
    name, group = clean(report.name), report.overall
    files, failed, damaged = (int(group.get(m).value) for m in ("files", "failed", "damaged"))
    if report.all_failed:
        return f"{name}: all {files:,} files failed, so there are no labels to report"
    counted = f"of {files:,} files, {failed:,} failed" if failed else f"{files:,} files"
    counted += f", {damaged:,} damaged" if damaged else ""
    if "unsure" in group.estimates:
        counted += f", {int(group.get('unsure').value):,} unsure"
    counted += f", {group.views:,} counted" if group.views != files - failed else ""
    counted += f", views of {group.n:,} pictures" if group.n != group.views else ""
    few = f" (fewer than {FEW} pictures: too few for conclusions)" if group.n < FEW else ""
    return f"{name}: {counted}{few}"


def _value(metric: str, group: Group) -> Cell:
    if metric == "drift_p50":
        return tables.drift_cell(group)
    show = percent if metric == "recovered_share" else METRICS[metric].show
    return show(group.get(metric), unit=True)


def _remark(metric: str, group: Group) -> str:
    """The remark on a metric that consists of other numbers."""
    if metric == "accuracy_difference":
        won, lost = group.get("won").value, group.get("lost").value
        p = p_value(group.get("mcnemar_p")).text
        return f"won {won:,.0f}, lost {lost:,.0f}; McNemar p {p}"
    if metric == "drift_p50":
        low, high = group.get("drift_p05").value, group.get("drift_p95").value
        within = f"90 % of files within {low:.1f}–{high:.1f}°"
        return f"{WORDS['drift']}: median (middle half); {within}"
    share, cost = group.get("recovered_share"), group.get("compression_cost")
    if math.isnan(share.value):
        return "nothing was lost to compression"
    lost_points = f"of the {100 * cost.value:.1f} pts lost to compression"
    return lost_points + (", too uncertain for an interval" if math.isnan(share.low) else "")


def verdict(report: Report) -> tuple[Cell, str]:
    """Say whether AFD helped in the run of *report*.

    Returns:
        One sentence, such as "40.1 → 50.3 % (a third of what was lost)"; and what is not known, and
        what would tell, "" if nothing.
    """
    group = report.overall
    if not group.views:
        return Cell("Every file failed: there are no labels", tone="bad"), ""
    if group.get("accuracy_difference").n:
        return _gain(group), "" if group.get("compression_cost").n else _NO_CLEAN
    for metric, name in (("accuracy_afd", "with AFD"), ("accuracy_direct", "without AFD")):
        if group.get(metric).n:
            return Cell(f"{100 * group.get(metric).value:.1f} % correct {name}"), _ALONE
    if group.get("agreement_difference").n:
        return Cell(f"{_before_after(group, 'agreement')} as clean"), _NO_LABELS
    changed = group.get("changed")
    if changed.n:
        return Cell(f"AFD changes {100 * changed.value:.1f} % of the labels"), _NO_LABELS
    return Cell(f"{group.views:,} files classified"), _ALONE


def _gain(group: Group) -> Cell:
    gain, share = group.get("accuracy_difference"), group.get("recovered_share").value
    tone = "good" if gain.low > 0 else "bad" if gain.high < 0 else ""
    if gain.n < FEW:
        how, tone = f"{gain.n} labelled pictures are too few to tell whether AFD helps", ""
    elif tone == "good" and math.isnan(share):
        how = f"{points.number(gain.value)} points"
    elif tone == "good":
        how = f"{share_words(share)} of what was lost"
    else:
        how = f"AFD costs {-100 * gain.value:.1f} points" if tone else "no clear effect of AFD"
    return Cell(f"{_before_after(group, 'accuracy')} ({how})", tone=tone)


def share_words(share: float) -> str:
    """A share in words, "a third", if it is close to a simple fraction; else in percent."""
    near = min(_FRACTIONS, key=lambda fraction: abs(fraction - share))
    if share > 1 + _NEAR:
        return "more than all"
    return _FRACTIONS[near] if abs(near - share) <= _NEAR else f"{100 * share:.0f} %"


def _before_after(group: Group, kind: str) -> str:
    before, after = (100 * group.get(f"{kind}_{name}").value for name in ("direct", "afd"))
    return f"{before:.1f} → {after:.1f} %"
