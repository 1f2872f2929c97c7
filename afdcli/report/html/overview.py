"""The top of the page: did AFD help, how sure is that, and each run's numbers side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afdcli.report import text
from afdcli.report.headline import headline
from afdcli.report.html import elements
from afdcli.report.html.elements import Cell, Table
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Report
from afdcli.storage.text import clean

_Show = Callable[[Estimate], str]


@dataclass(frozen=True)
class Fact:
    """A line of the headline, as on the terminal."""

    name: str
    value: str
    remark: str


@dataclass(frozen=True)
class Headline:
    """What is said first of one run.

    Attributes:
        title: name and counts.
        verdict: one sentence.
        tone: of the verdict: "good", "bad" or "".
        facts: with their intervals.
        about: classifier and module.
    """

    title: str
    verdict: str
    tone: str
    facts: tuple[Fact, ...]
    about: str


def first(report: Report) -> Headline:
    """The headline of *report*."""
    sheet = headline(report)
    facts = tuple(Fact(*(cell.plain for cell in row)) for row in sheet.rows)
    verdict, tone = _verdict(report)
    return Headline(sheet.title, verdict, tone, facts, clean(report.about))


def _verdict(report: Report) -> tuple[str, str]:
    if not report.overall.views:
        return "Every file failed: there is no answer to report.", "bad"
    gain = report.overall.get("accuracy_difference")
    if not gain.n:
        return _unlabelled_verdict(report), ""
    if gain.n < FEW:
        return f"{gain.n} labelled pictures are too few to say whether AFD helps.", ""
    size = f"{abs(100 * gain.value):.1f} points"
    if gain.low > 0:
        return f"AFD wins {size} of accuracy.", "good"
    if gain.high < 0:
        return f"AFD costs {size} of accuracy.", "bad"
    return "Whether AFD helps cannot be told: the interval of the difference includes zero.", ""


def _unlabelled_verdict(report: Report) -> str:
    changed = report.overall.get("changed")
    if not changed.n:
        return "There are answers with AFD only, or without it only: nothing to compare."
    return (
        f"AFD changes {100 * changed.value:.1f} % of the answers. Without true classes nobody can "
        "say whether for the better."
    )


def _whole(e: Estimate) -> str:
    return f"{e.value:,.0f}"


def _p(e: Estimate) -> str:
    return text.p_value(e.value)


def _degrees(e: Estimate) -> str:
    return f"{e.value:.2f}°"


_ROWS: tuple[tuple[str, str, _Show], ...] = (
    ("files", "files", _whole),
    ("failed", "failed", _whole),
    ("damaged", "damaged", _whole),
    ("accuracy, direct", "accuracy_direct", elements.percent),
    ("accuracy, with AFD", "accuracy_afd", elements.percent),
    ("difference in points", "accuracy_difference", elements.percent),
    ("exact McNemar p", "mcnemar_p", _p),
    ("won: AFD alone is right", "won", _whole),
    ("lost: direct alone is right", "lost", _whole),
    ("accuracy on clean pictures, direct", "accuracy_clean", elements.percent),
    ("accuracy on clean pictures, with AFD", "accuracy_clean_afd", elements.percent),
    ("clean: difference in points", "clean_difference", elements.percent),
    ("recovered share of the loss", "recovered_share", elements.percent),
    ("agreement with clean, direct", "agreement_direct", elements.percent),
    ("agreement with clean, with AFD", "agreement_afd", elements.percent),
    ("agreement: difference in points", "agreement_difference", elements.percent),
    ("mean confidence, direct", "confidence_direct", text.probability),
    ("mean confidence, with AFD", "confidence_afd", text.probability),
    ("confidence shift", "confidence_shift", text.shift),
    ("answers that AFD changes", "changed", elements.percent),
    ("calibration error, direct", "ece_direct", elements.percent),
    ("calibration error, with AFD", "ece_afd", elements.percent),
    ("median drift", "drift_p50", _degrees),
)


def side_by_side(reports: Sequence[Report]) -> Table:
    """All numbers of all runs: one column per run."""
    rows = []
    for name, metric, show in _ROWS:
        if any(metric in report.overall.estimates for report in reports):
            cells = (_cell(report, metric, show) for report in reports)
            rows.append((Cell(name), *cells))
    names = tuple(clean(report.name) for report in reports)
    return Table("All numbers, with 95 % intervals", ("", *names), tuple(rows))


def _cell(report: Report, metric: str, show: _Show) -> Cell:
    e = report.overall.get(metric)
    if metric not in report.overall.estimates:
        return Cell(text.DASH)
    return elements.points(e) if metric.endswith("_difference") else elements.number(e, show)
