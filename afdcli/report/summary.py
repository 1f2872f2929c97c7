"""Runs become numbers: one `Group` per group of rows, and all of them as one tidy table."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from afdcli.report import groups
from afdcli.report.distributions import calibration_errors, distributions
from afdcli.report.estimates import Facts, changed_flags
from afdcli.report.runs import Run
from afdcli.report.stats import Estimate
from afdcli.results.rows import FAILED

#: Every metric of the tidy table. ``n`` counts source pictures and ``views`` rows: views of one
#: picture are no independent pictures, so intervals, tests and what is too few count pictures.
#: Accuracies, differences, means and counts are of views. Shares, accuracies and probabilities are
#: 0 to 1. "Direct" is the plain backbone, "AFD" the same with a module, "clean" the same picture
#: uncompressed. Where both direct and AFD were run, accuracies are of what both of them classified.
METRICS = {
    "files": "inputs, failed ones included",
    "failed": "inputs that could not be classified; they count in no other metric",
    "damaged": "inputs that were classified although their decoder had to guess a part; they count",
    "accuracy_direct": "top-1 accuracy without AFD; Wilson interval",
    "accuracy_afd": "top-1 accuracy with AFD; Wilson interval",
    "accuracy_difference": "accuracy_afd - accuracy_direct, paired; Newcombe interval",
    "mcnemar_p": "two-sided p of the exact McNemar test of accuracy_difference = 0; one vote per "
    "picture",
    "won": "views that AFD alone gets right",
    "lost": "views that direct alone gets right",
    "accuracy_clean": "top-1 accuracy of the plain backbone on the clean pictures; Wilson interval",
    "accuracy_clean_afd": "top-1 accuracy with AFD on the clean pictures; Wilson interval",
    "clean_difference": "accuracy_clean_afd - accuracy_clean, paired; Newcombe interval",
    "compression_cost": "accuracy_clean - accuracy_direct, paired; Newcombe interval",
    "recovered_share": "(AFD - direct) / (clean - direct) of the accuracies on pictures that have "
    "all three; paired bootstrap interval; no estimate where compression cost nothing",
    "confidence_direct": "mean probability of the top guess without AFD; normal interval",
    "confidence_afd": "mean probability of the top guess with AFD; normal interval",
    "confidence_shift": "mean of confidence_afd - confidence_direct, paired; normal interval",
    "agreement_direct": "share of pictures whose top guess without AFD is the one for the clean "
    "picture; Wilson interval",
    "agreement_afd": "the same with AFD",
    "agreement_difference": "agreement_afd - agreement_direct, paired; Newcombe interval",
    "changed": "share of pictures whose top guess AFD changes; Wilson interval",
    "drift_p05": "5th percentile of the drift, degrees",
    "drift_p25": "25th percentile of the drift, degrees",
    "drift_p50": "median drift, degrees",
    "drift_p75": "75th percentile of the drift, degrees",
    "drift_p95": "95th percentile of the drift, degrees",
    "ece_direct": "expected calibration error without AFD, ten bins of equal width",
    "ece_afd": "the same with AFD",
    "pictures": "in group change: pictures with that change of the top guess; in a calibration "
    "group: pictures whose top guess has a probability in that bin",
}
#: Columns of the tidy table. ``group`` is "all", "folder", "quality" or another column, "error"
#: (``value`` is the reason) or "change" (``value`` is "label without AFD -> label with AFD");
#: "calibration_direct" and "calibration_afd" (``value`` is a bin of the top guess's probability,
#: upper edge included), "quality_histogram" (a bin of quality factors, both ends included) and
#: "size_histogram" (a bin of the longer side in pixels, both ends included).
COLUMNS = ("results", "group", "value", "metric", "n", "views", "estimate", "low", "high")

ALL = "all"
#: Below this many pictures, a group is too small to say anything.
FEW = 10
#: Changes of the top guess in the tidy table, unless all are asked for.
CHANGES = 20


@dataclass(frozen=True)
class Group:
    """What is known of some rows of one run.

    Attributes:
        by, value: which rows: ``folder``, ``cats``.
        estimates: by the names in `METRICS`, without those that cannot be known.
    """

    by: str
    value: str
    estimates: Mapping[str, Estimate]

    def get(self, metric: str) -> Estimate:
        """The estimate of *metric*; NaN of no pictures where it is not known."""
        return self.estimates.get(metric, Estimate(0, math.nan))

    @property
    def main(self) -> Estimate:
        """The group's main number."""
        shown = ("accuracy_afd", "accuracy_direct", "confidence_afd", "confidence_direct")
        return next((self.estimates[m] for m in shown if m in self.estimates), self.get(shown[0]))

    @property
    def n(self) -> int:
        """Pictures behind the main number."""
        return self.main.n

    @property
    def views(self) -> int:
        """Rows behind the main number."""
        return self.main.views


@dataclass(frozen=True)
class Change:
    """Pictures whose top guess AFD changed from one label to another.

    Attributes:
        before, after: label without and with AFD.
        n, views: pictures, and rows.
        direct, afd: mean probability of the two.
    """

    before: str
    after: str
    n: int
    views: int
    direct: float
    afd: float


@dataclass(frozen=True)
class Report:
    """Everything said about one run.

    Attributes:
        name: of the run.
        about: its classifier and module, "" if unknown.
        overall: of all its rows.
        groups: for each grouping, its groups in order.
        failures: (reason, files), the most frequent first.
        changes: the most frequent first.
        distributions: by the name of their group in the tidy table, its bins in order.
        remarks: sentences for the reader.
    """

    name: str
    about: str
    overall: Group
    groups: Mapping[str, tuple[Group, ...]]
    failures: tuple[tuple[str, int], ...]
    changes: tuple[Change, ...]
    distributions: Mapping[str, tuple[Group, ...]]
    remarks: tuple[str, ...] = ()


def summarise(runs: Sequence[Run], by: Sequence[str] = groups.DEFAULT) -> list[Report]:
    """Count and estimate everything about *runs*, overall and in the groupings *by*.

    Raises:
        UsageError: *by* names no column.
    """
    pool = [run.rows for run in runs]
    return [_report(run, by, pool) for run in runs]


def _report(run: Run, by: Sequence[str], pool: Sequence[pd.DataFrame]) -> Report:
    facts = Facts.of(run)
    everything = np.arange(len(run.rows))
    tables: dict[str, tuple[Group, ...]] = {}
    for name in by:
        grouping = groups.group(run.rows, name, pool)
        pairs = zip(grouping.names, grouping.members, strict=True)
        tables[name] = tuple(Group(name, value, facts.estimates(at)) for value, at in pairs)
    spread = {
        name: tuple(Group(name, value, estimates) for value, estimates in bins)
        for name, bins in distributions(run, facts).items()
    }
    about = " + AFD ".join(part for part in (run.backbone, run.plug) if part)
    return Report(
        name=run.name,
        about=about,
        overall=Group(ALL, "", facts.estimates(everything) | calibration_errors(facts)),
        groups=tables,
        failures=_failures(run.rows),
        changes=_changes(run),
        distributions=spread,
        remarks=(*run.warnings, *run.remarks),
    )


def tidy(reports: Sequence[Report], all_changes: bool = False) -> pd.DataFrame:
    """All reports as one table with `COLUMNS`, one row per number."""
    rows: list[tuple[object, ...]] = []

    def add(report: Report, by: str, value: str, estimates: Mapping[str, Estimate]) -> None:
        for metric, e in estimates.items():
            rows.append((report.name, by, value, metric, e.n, e.views, e.value, e.low, e.high))

    for report in reports:
        tables = [*report.groups.values(), *report.distributions.values()]
        for part in (report.overall, *itertools.chain.from_iterable(tables)):
            add(report, part.by, part.value, part.estimates)
        files = report.overall.get("files").n
        for reason, count in report.failures:
            add(report, "error", reason, {"failed": Estimate(files, count)})
        for change in report.changes[: None if all_changes else CHANGES]:
            numbers = {
                "pictures": change.n,
                "confidence_direct": change.direct,
                "confidence_afd": change.afd,
            }
            estimates = {m: Estimate(change.n, v, views=change.views) for m, v in numbers.items()}
            add(report, "change", f"{change.before} -> {change.after}", estimates)
    table: pd.DataFrame = pd.DataFrame(rows, columns=list(COLUMNS))
    return table


def _failures(rows: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    failed = rows[rows["status"] == FAILED]
    if "error" not in failed:
        return (("", len(failed)),) if len(failed) else ()
    return tuple((str(reason), int(n)) for reason, n in failed["error"].value_counts().items())


def _changes(run: Run) -> tuple[Change, ...]:
    changed = changed_flags(run.direct, run.afd)
    if changed is None or run.direct is None or run.afd is None:
        return ()
    at = changed == 1
    table = pd.DataFrame(
        {
            "before": run.direct["label"][at],
            "after": run.afd["label"][at],
            "direct": run.direct["prob"][at],
            "afd": run.afd["prob"][at],
            "picture": run.pictures[at],
        }
    )
    means = table.groupby(["before", "after"], sort=True).agg(
        n=("picture", "nunique"),
        views=("afd", "size"),
        direct=("direct", "mean"),
        afd=("afd", "mean"),
    )
    means = means.sort_values("views", ascending=False, kind="stable").reset_index()
    return tuple(Change(*row) for row in means.itertuples(index=False, name=None))
