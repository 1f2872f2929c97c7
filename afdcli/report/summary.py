"""Compute all numbers of a report: a `Group` per group of rows, and one tidy table of all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from afdcli.report import groups
from afdcli.report.distributions import calibration_errors, distributions
from afdcli.report.estimates import RunArrays, changed_flags
from afdcli.report.runs import Run
from afdcli.report.stats import Estimate
from afdcli.results.rows import FAILED

#: Columns of the tidy table. ``group`` is one of: "all"; "folder", "quality" or another column;
#: "error" (``value`` is the reason); "change" (``value`` is "label without AFD -> label with AFD");
#: "calibration_direct" and "calibration_afd" (``value`` is a bin of the top class's probability,
#: including its upper edge); "size_histogram" (a bin of the longer side in pixels, including both
#: ends).
COLUMNS = ("results", "group", "value", "metric", "n", "views", "estimate", "low", "high")

ALL = "all"
#: Groups with fewer pictures are too small for conclusions.
FEW = 10
#: Changes in the tidy table without ``--all``.
CHANGES = 20


@dataclass(frozen=True)
class Group:
    """Estimates for a group of rows of one run.

    Attributes:
        by: what the rows are grouped by, such as "folder".
        value: the name of this group, such as "cats".
        estimates: metric (see `afdcli.report.metrics`) -> estimate, without metrics that cannot be
            computed.
    """

    by: str
    value: str
    estimates: Mapping[str, Estimate]

    def get(self, metric: str) -> Estimate:
        """The estimate of *metric*; if there is none, NaN with n = 0."""
        return self.estimates.get(metric, Estimate(0, math.nan))

    @property
    def main(self) -> Estimate:
        """The main estimate of the group: accuracy or confidence, with AFD if it was run."""
        shown = ("accuracy_afd", "accuracy_direct", "confidence_afd", "confidence_direct")
        return next((self.estimates[m] for m in shown if m in self.estimates), self.get(shown[0]))

    @property
    def n(self) -> int:
        """Number of pictures of the main estimate."""
        return self.main.n

    @property
    def views(self) -> int:
        """Number of rows of the main estimate."""
        return self.main.views


@dataclass(frozen=True)
class Change:
    """Pictures whose top class AFD changed from one label to another.

    Attributes:
        before, after: label without and with AFD.
        n, views: number of pictures and of rows.
        direct, afd: mean probability of *before* and of *after*, 0 to 1.
    """

    before: str
    after: str
    n: int
    views: int
    direct: float
    afd: float


@dataclass(frozen=True)
class Report:
    """All numbers of one run.

    Attributes:
        name: name of the run.
        about: classifier and plug point of the module, "" if unknown.
        overall: estimates for all rows.
        groups: what rows are grouped by -> groups in order.
        failures: (reason, number of files), most frequent first.
        changes: most frequent first.
        distributions: name of the group in the tidy table -> its bins in order.
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

    @property
    def all_failed(self) -> bool:
        """True if no file was classified."""
        return self.overall.get("failed").value == self.overall.get("files").n


def summarise(runs: Sequence[Run], by: Sequence[str] = groups.DEFAULT) -> list[Report]:
    """Compute the report of each of *runs*, overall and grouped by each of *by*.

    Args:
        runs: from `afdcli.report.load.load_runs`.
        by: see `afdcli.report.groups.group`.

    Raises:
        UsageError: *by* names a column that does not exist.
    """
    pool = [run.rows for run in runs]
    return [_report(run, by, pool) for run in runs]


def _report(run: Run, by: Sequence[str], pool: Sequence[pd.DataFrame]) -> Report:
    arrays = RunArrays.from_run(run)
    everything = np.arange(len(run.rows))
    tables: dict[str, tuple[Group, ...]] = {}
    for name in by:
        grouping = groups.group(run.rows, name, pool)
        pairs = zip(grouping.names, grouping.members, strict=True)
        tables[name] = tuple(Group(name, value, arrays.estimates(at)) for value, at in pairs)
    spread = {
        name: tuple(Group(name, value, estimates) for value, estimates in bins)
        for name, bins in distributions(run, arrays).items()
    }
    place = {"stem": "AFD at its stem", "input": "AFD on its input"}.get(run.plug, "")
    about = " with ".join(part for part in (run.backbone, place) if part)
    return Report(
        name=run.name,
        about=about,
        overall=Group(ALL, "", arrays.estimates(everything) | calibration_errors(arrays)),
        groups=tables,
        failures=_failures(run.rows),
        changes=_changes(run),
        distributions=spread,
        remarks=(*run.warnings, *run.remarks),
    )


def tidy(reports: Sequence[Report], all_changes: bool = False) -> pd.DataFrame:
    """Convert reports to one table with `COLUMNS` and one row per number.

    Args:
        reports: one or more.
        all_changes: False for the `CHANGES` most frequent ones only.
    """
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
