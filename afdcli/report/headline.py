"""The first thing that a report says: one run as a list of facts."""

from __future__ import annotations

import math

from rich.text import Text

from afdcli.report import text
from afdcli.report.sheet import Sheet
from afdcli.report.summary import FEW, Group, Report
from afdcli.storage.text import clean

Fact = tuple[str, str | Text, str]  # name, value, remark


def headline(report: Report) -> Sheet:
    """*report* in a few lines: accuracies with labels, confidence and drift without."""
    has = report.overall.estimates
    labelled = "accuracy_direct" in has or "accuracy_afd" in has
    facts = _accuracies(report.overall) if labelled else _unlabelled(report.overall)
    facts = facts if report.overall.views else []
    rows = tuple(
        (Text(name, style="bold"), Text(value) if isinstance(value, str) else value, Text(remark))
        for name, value, remark in facts
    )
    notes = (clean(report.about),) if report.about else ()
    return Sheet(_title(report), (), rows, notes, left=3)


def _title(report: Report) -> str:
    files, failed = report.overall.get("files").n, int(report.overall.get("failed").value)
    if failed == files:
        return f"{clean(report.name)}: all {files:,} files failed, so there is no answer to report"
    damaged = int(report.overall.get("damaged").value)
    counted = f"of {files:,} files, {failed:,} failed" if failed else f"{files:,} files"
    counted += f", {damaged:,} damaged" if damaged else ""
    n = report.overall.n
    seen = report.overall.views
    known = f", {seen:,} counted" if seen != files - failed else ""
    known += f", of {n:,} pictures" if n != seen else ""
    few = f" (fewer than {FEW}: too few to say anything)" if n < FEW else ""
    return f"{clean(report.name)}: {counted}{known}{few}"


def _accuracies(group: Group) -> list[Fact]:
    has = group.estimates
    facts = [
        *_share(group, "accuracy_direct", "Direct", "top-1 accuracy, plain backbone"),
        *_share(group, "accuracy_afd", "With AFD", "top-1 accuracy with the module"),
    ]
    if "accuracy_difference" in has:
        won, lost = int(has["won"].value), int(has["lost"].value)
        p = text.p_value(has["mcnemar_p"].value)
        remark = f"won {won:,}, lost {lost:,}; McNemar p {p}"
        facts.append(("Difference", _points(group, "accuracy_difference"), remark))
    facts += _share(group, "accuracy_clean", "Clean", "uncompressed, plain backbone")
    facts += _share(group, "accuracy_clean_afd", "Clean, AFD", "uncompressed, with the module")
    if "clean_difference" in has:
        change = _points(group, "clean_difference")
        facts.append(("Clean change", change, "what AFD does to clean pictures"))
    if "recovered_share" in has:
        facts.append(_recovered(group))
    elif "compression_cost" in has:
        cost = _points(group, "compression_cost", coloured=False)
        facts.append(("Cost", cost, "clean less direct: what compression cost"))
    return facts


def _share(group: Group, metric: str, name: str, remark: str) -> list[Fact]:
    if metric not in group.estimates:
        return []
    return [(name, text.percent(group.get(metric), unit=" %"), remark)]


def _points(group: Group, metric: str, coloured: bool = True) -> Text:
    points = text.points(group.get(metric), unit=" pts")
    return points if coloured else Text(points.plain)


def _recovered(group: Group) -> Fact:
    share, cost = group.get("recovered_share"), group.get("compression_cost")
    if math.isnan(share.value):
        return "Recovered", text.DASH, "compression cost nothing here"
    remark = f"of the {100 * cost.value:.1f} pts that compression cost"
    if math.isnan(share.low):
        remark += ", too uncertain for an interval"
    return "Recovered", text.percent(share, unit=" %"), remark


def _unlabelled(group: Group) -> list[Fact]:
    facts: list[Fact] = []
    for metric, name in (("confidence_direct", "Direct"), ("confidence_afd", "With AFD")):
        if metric in group.estimates:
            value = text.probability(group.get(metric))
            facts.append((name, value, "mean probability of the top guess"))
    for metric, name in (("agreement_direct", "Direct"), ("agreement_afd", "With AFD")):
        facts += _share(group, metric, name, "guess as for the clean picture")
    if "agreement_difference" in group.estimates:
        gain = _points(group, "agreement_difference")
        facts.append(("Difference", gain, "in agreement with the clean pictures"))
    facts += _share(group, "changed", "Changed", "top top_classes that AFD changes")
    if "confidence_shift" in group.estimates:
        shift = group.get("confidence_shift")
        facts.append(("Shift", text.shift(shift), "of that probability by AFD"))
    if "drift_p50" in group.estimates:
        low, high = (group.get(name).value for name in ("drift_p05", "drift_p95"))
        remark = f"median (middle half); 90 % within {low:.1f}–{high:.1f}°"
        facts.append(("Drift", text.drift(group), remark))
    return facts
