"""The metrics of a group of rows, computed from the arrays of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from afdcli.constants import DAMAGED, FAILED
from afdcli.report.metrics import METRICS
from afdcli.report.runs import Run, TopClasses
from afdcli.report.stats import Estimate, Floats, Ids
from afdcli.results.rows import UNSURE

#: Groups with fewer pictures are too small for conclusions.
FEW = 10

#: Columns of a run, each (n,), see `run_arrays`.
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Group:
    """Estimates for the rows of one run whose *by*, such as "folder", is *value*, such as "cats".

    Attributes:
        estimates: metric (see `afdcli.report.metrics`) -> estimate, without metrics that no row
            of the run has a value for.
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


def run_arrays(run: Run) -> Arrays:
    """The columns of *run* that metrics need, as far as they are known.

    Flags are 1.0 for true, 0.0 for false, NaN if unknown. All arrays are float64 but "pictures"
    (intp): the index of the source picture.

    - "files": 1.0; "failed"; "damaged"; "unsure"; "drift", degrees;
    - "right_…" for direct, afd, clean and clean_afd: the top class is the true one. If both direct
      and AFD were run, only in rows that both classified;
    - "prob_direct", "prob_afd": probability of the top class, 0 to 1;
    - "changed": AFD changes the top class;
    - "agree_direct", "agree_afd": the top class equals that for the clean picture.
    """
    status, found = run.rows["status"].to_numpy(), {}
    found["files"] = np.ones(len(status))
    found["failed"] = (status == FAILED).astype(float)
    found["damaged"] = (status == DAMAGED).astype(float)
    if UNSURE in run.rows:
        found[UNSURE] = np.nan_to_num(run.rows[UNSURE].to_numpy(dtype=float))
    if "drift" in run.rows and run.rows["drift"].notna().any():
        found["drift"] = run.rows["drift"].to_numpy(dtype=float)
    for name, classes in run.predictions.items():
        if run.labelled:
            found[f"right_{name}"] = classes["right"].to_numpy(dtype=float)
        if name in ("direct", "afd"):
            found[f"prob_{name}"] = classes["prob"].to_numpy(dtype=float)
            if run.clean is not None:
                found[f"agree_{name}"] = 1 - changed_flags(classes, run.clean)
    if run.direct is not None and run.afd is not None:
        found["changed"] = changed_flags(run.direct, run.afd)
        if run.labelled:
            unknown = np.isnan(found["right_direct"] + found["right_afd"])
            for name in ("right_direct", "right_afd"):
                found[name] = np.where(unknown, np.nan, found[name])
    return found | {"pictures": run.pictures}


def changed_flags(before: TopClasses, after: TopClasses) -> Floats:
    """1.0 where the top class differs, 0.0 where it does not, NaN where one is missing."""
    missing = ((before["label"] == "") | (after["label"] == "")).to_numpy()
    return np.where(missing, np.nan, (before["label"] != after["label"]).to_numpy())


def estimates(arrays: Arrays, at: Ids) -> dict[str, Estimate]:
    """Compute all metrics of the rows at positions *at* that the *arrays* of their run allow."""
    # Indices without gaps make sums over pictures cheap.
    pictures = np.unique(arrays["pictures"][at], return_inverse=True)[1]
    found = {}
    for metric in METRICS.values():
        if metric.compute is None or not all(name in arrays for name in metric.of):
            continue
        values = [arrays[name][at] for name in metric.of]
        known = ~np.isnan(np.sum(values, axis=0))
        found[metric.name] = metric.compute(*(v[known] for v in values), pictures[known])
    return found
