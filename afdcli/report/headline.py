"""The headline of a report: the main numbers of one run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from afdcli.constants import WORDS
from afdcli.report import cells
from afdcli.report.group_table import labelled
from afdcli.report.metrics import METRICS
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell, Column, Table
from afdcli.report.verdict import verdict
from afdcli.storage.text import clean

_Line = tuple[str, Cell, str]  # name, value, remark


def headline(report: Report) -> Table:
    """Build the headline of *report*: accuracies or, without true classes, what AFD changed."""
    group = report.overall
    lines = _accuracies(group) if labelled(report) else _unlabelled(group)
    rows = tuple((Cell(name, tone="strong"), value, Cell(remark)) for name, value, remark in lines)
    return Table(
        _counts(report),
        (Column("", left=True),) * 3,
        rows if group.views else (),
        about_runs([report]),
        lead=verdict(report).text,
    )


def about_runs(reports: Sequence[Report]) -> tuple[str, ...]:
    """Say which classifier and module each run used, and what a stem is."""
    named = len(reports) > 1
    about = [clean(f"{r.name}: {r.about}" if named else r.about) for r in reports if r.about]
    stem = any(report.about.endswith("stem") for report in reports)
    return (*about, *([f"stem: {WORDS['stem']}"] if stem else []))


def _counts(report: Report) -> str:
    name, group = clean(report.name), report.overall
    files, failed = group.get("files").n, int(group.get("failed").value)
    damaged = int(group.get("damaged").value)
    if failed == files:
        return f"{name}: all {files:,} files failed, so there are no predictions to report"
    counted = f"of {files:,} files, {failed:,} failed" if failed else f"{files:,} files"
    counted += f", {damaged:,} damaged" if damaged else ""
    if "unsure" in group.estimates:
        counted += f", {int(group.get('unsure').value):,} unsure"
    counted += f", {group.views:,} counted" if group.views != files - failed else ""
    counted += f", views of {group.n:,} pictures" if group.n != group.views else ""
    few = f" (fewer than {FEW} pictures: too few for conclusions)" if group.n < FEW else ""
    return f"{name}: {counted}{few}"


def _accuracies(group: Group) -> list[_Line]:
    has = group.estimates
    lines = _lines(
        group,
        ("accuracy_direct", "Direct", "top-1 accuracy, plain backbone"),
        ("accuracy_afd", "With AFD", "top-1 accuracy with the module"),
    )
    if "accuracy_difference" in has:
        won, lost, p = (has[name] for name in ("won", "lost", "mcnemar_p"))
        remark = f"won {won.value:,.0f}, lost {lost.value:,.0f}; McNemar p {cells.p_value(p).text}"
        lines += _lines(group, ("accuracy_difference", "Difference", remark))
    lines += _lines(
        group,
        ("accuracy_clean", "Clean", "uncompressed, plain backbone"),
        ("accuracy_clean_afd", "Clean, AFD", "uncompressed, with the module"),
        ("clean_difference", "Clean change", "what AFD does to clean pictures"),
    )
    if "recovered_share" in has:
        lines.append(_recovered(group))
    else:
        lines += _lines(
            group, ("compression_cost", "Cost", "clean minus direct: points lost to compression")
        )
    return lines


def _lines(group: Group, *wanted: tuple[str, str, str]) -> list[_Line]:
    """Format those of (metric, name, remark) that *group* has an estimate of."""
    return [
        (name, METRICS[metric].show(group.get(metric), unit=True), remark)
        for metric, name, remark in wanted
        if metric in group.estimates
    ]


def _recovered(group: Group) -> _Line:
    share, cost = group.get("recovered_share"), group.get("compression_cost")
    if math.isnan(share.value):
        return "Recovered", Cell(cells.DASH), "nothing was lost to compression"
    remark = f"of the {100 * cost.value:.1f} pts lost to compression"
    if math.isnan(share.low):
        remark += ", too uncertain for an interval"
    return "Recovered", cells.percent(share, unit=True), remark


def _unlabelled(group: Group) -> list[_Line]:
    lines = _lines(
        group,
        ("confidence_direct", "Direct", "mean probability of the top class"),
        ("confidence_afd", "With AFD", "mean probability of the top class"),
        ("agreement_direct", "Direct", "same top class as for the clean picture"),
        ("agreement_afd", "With AFD", "same top class as for the clean picture"),
        ("agreement_difference", "Difference", "in agreement with clean pictures"),
        ("changed", "Changed", "top classes that AFD changes"),
        ("confidence_shift", "Shift", "mean change of that probability by AFD"),
    )
    if "drift_p50" in group.estimates:
        low, high = (group.get(name).value for name in ("drift_p05", "drift_p95"))
        remark = (
            f"{WORDS['drift']}: median (middle half); 90 % of files within {low:.1f}–{high:.1f}°"
        )
        lines.append(("Drift", cells.drift(group), remark))
    return lines
