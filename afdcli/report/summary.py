"""Compute all numbers of a report: a `Group` per group of rows, and one tidy table of all."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from afdcli.constants import FAILED
from afdcli.report import groups
from afdcli.report.distributions import calibration_errors, distributions
from afdcli.report.estimates import Group, estimates, run_arrays
from afdcli.report.runs import Run
from afdcli.report.stats import Estimate

#: Columns of the tidy table. ``group`` is one of: "all"; "folder", "quality" or another column;
#: "error" (``value`` is the reason); "change" (``value`` is "label without AFD -> label with AFD");
#: "calibration_direct" and "calibration_afd" (``value`` is a bin of the top class's probability,
#: including its upper edge); "size_histogram" (a bin of the longer side in pixels, including both
#: ends).
COLUMNS = ("results", "group", "value", "metric", "n", "views", "estimate", "low", "high")

#: Changes in the tidy table without ``--all``.
CHANGES = 20


@dataclass(frozen=True)
class Report:
    """All numbers of one run.

    Attributes:
        name: name of the run.
        about: classifier and plug point of the module, "" if unknown.
        overall: estimates for all rows.
        groups: what rows are grouped by -> groups in order.
        failures: reason -> number of files, most frequent first.
        changes: one row per change of the top class by AFD, most frequent first: labels ``before``
            and ``after``, number ``n`` of pictures and ``views`` of rows, and mean probability of
            both, ``direct`` and ``afd``.
        distributions: name of the group in the tidy table -> its bins in order.
        remarks: sentences for the reader.
    """

    name: str
    about: str
    overall: Group
    groups: Mapping[str, tuple[Group, ...]]
    failures: Mapping[str, int]
    changes: pd.DataFrame
    distributions: Mapping[str, tuple[Group, ...]]
    remarks: tuple[str, ...] = ()

    @property
    def all_failed(self) -> bool:
        """True if no file was classified."""
        return self.overall.get("failed").value == self.overall.get("files").n


def summarise(runs: Sequence[Run], by: Sequence[str] = groups.DEFAULT) -> list[Report]:
    """Compute the report of each of *runs*, overall and grouped by each of *by*, see `group`.

    Raises:
        UsageError: *by* names a column that does not exist.
    """
    pool = [run.rows for run in runs]
    return [_report(run, by, pool) for run in runs]


def _report(run: Run, by: Sequence[str], pool: Sequence[pd.DataFrame]) -> Report:
    arrays = run_arrays(run)
    overall = estimates(arrays, np.arange(len(run.rows))) | calibration_errors(arrays)
    place = {"stem": "AFD at its stem", "input": "AFD on its input"}.get(run.plug, "")
    failed = run.rows.reindex(columns=["error"], fill_value="")[run.rows["status"] == FAILED]
    return Report(
        name=run.name,
        about=" with ".join(filter(None, (run.backbone, place))),
        overall=Group("all", "", overall),
        groups={
            name: tuple(
                Group(name, value, estimates(arrays, at))
                for value, at in groups.group(run.rows, name, pool).items()
            )
            for name in by
        },
        failures={str(reason): int(n) for reason, n in failed["error"].value_counts().items()},
        changes=_changes(run),
        distributions=distributions(run.rows, arrays),
        remarks=run.remarks,
    )


def _changes(run: Run) -> pd.DataFrame:
    if run.direct is None or run.afd is None:
        nothing: pd.DataFrame = pd.DataFrame()
        return nothing
    both = run.direct.add_prefix("direct_").join(run.afd).assign(picture=run.pictures)
    changed = (both["direct_label"] != both["label"]) & (both["direct_label"] != "")
    pairs = both[changed & (both["label"] != "")].groupby(["direct_label", "label"])
    means = pairs.agg(
        n=("picture", "nunique"),
        views=("picture", "size"),
        direct=("direct_prob", "mean"),
        afd=("prob", "mean"),
    )
    means = means.rename_axis(["before", "after"])
    changes: pd.DataFrame = means.sort_values("views", ascending=False, kind="stable").reset_index()
    return changes


def tidy(reports: Sequence[Report], all_changes: bool = False) -> pd.DataFrame:
    """Convert reports to one table with `COLUMNS` and one row per number.

    It has all changes, or the `CHANGES` most frequent ones.
    """
    rows = []
    for report in reports:
        parts = [report.overall]
        parts += itertools.chain(*report.groups.values(), *report.distributions.values())
        files = report.overall.get("files").n
        for reason, count in report.failures.items():
            parts.append(Group("error", reason, {"failed": Estimate(files, count)}))
        for change in report.changes[: None if all_changes else CHANGES].itertuples():
            numbers = {
                "pictures": change.n,
                "confidence_direct": change.direct,
                "confidence_afd": change.afd,
            }
            found = {m: Estimate(change.n, v, views=change.views) for m, v in numbers.items()}
            parts.append(Group("change", f"{change.before} -> {change.after}", found))
        for part in parts:
            for metric, e in part.estimates.items():
                numbers_of = (e.n, e.views, e.value, e.low, e.high)
                rows.append((report.name, part.by, part.value, metric, *numbers_of))
    table: pd.DataFrame = pd.DataFrame(rows, columns=list(COLUMNS))
    return table
