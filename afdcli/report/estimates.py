"""All metrics of a group of rows, computed from the arrays of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from afdcli.report import stats
from afdcli.report.runs import Run, TopClasses
from afdcli.report.stats import Estimate, Floats, Ids
from afdcli.results.rows import DAMAGED, FAILED, UNSURE

QUANTILES = (5, 25, 50, 75, 95)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RunArrays:
    """The columns of a run as arrays of shape (n,), so that many groups are computed quickly.

    Flags are float64: 1.0 for true, 0.0 for false, NaN if unknown.

    Attributes:
        failed: bool, True if the row could not be classified.
        damaged: bool, True if it was classified but its decoder had to guess part of it.
        unsure: flags: its best class is less probable than ``--min-prob``; None without it.
        drift: float64, degrees; NaN if unknown.
        right: "direct", "afd", "clean" or "clean_afd", as far as run -> flags: the top class is the
            true one.
        prob: "direct" or "afd" -> float64, probability of the top class, 0 to 1; NaN without one.
        changed: flags: AFD changes the top class; None unless both were run.
        agree: "direct" or "afd" -> flags: the top class equals that for the clean picture.
        pictures: intp, index of the source picture.
    """

    failed: Flags
    damaged: Flags
    unsure: Floats | None
    drift: Floats
    right: Mapping[str, Floats]
    prob: Mapping[str, Floats]
    changed: Floats | None
    agree: Mapping[str, Floats]
    pictures: Ids

    @classmethod
    def from_run(cls, run: Run) -> RunArrays:
        """Extract the arrays of *run*."""
        given = {"direct": run.direct, "afd": run.afd}
        clean = {"clean": run.clean, "clean_afd": run.clean_afd}
        empty = np.full(len(run.rows), np.nan)
        return cls(
            failed=(run.rows["status"] == FAILED).to_numpy(),
            damaged=(run.rows["status"] == DAMAGED).to_numpy(),
            unsure=run.rows[UNSURE].to_numpy(dtype=float) if UNSURE in run.rows else None,
            drift=run.rows["drift"].to_numpy(dtype=float) if "drift" in run.rows else empty,
            right={
                name: top_classes["right"].to_numpy(dtype=float)
                for name, top_classes in (given | clean).items()
                if top_classes is not None and run.labelled
            },
            prob={
                name: top_classes["prob"].to_numpy(dtype=float)
                for name, top_classes in given.items()
                if top_classes is not None
            },
            changed=changed_flags(run.direct, run.afd),
            agree={
                name: 1 - different
                for name, top_classes in given.items()
                if (different := changed_flags(top_classes, run.clean)) is not None
            },
            pictures=run.pictures,
        )

    def estimates(self, at: Ids) -> dict[str, Estimate]:
        """Compute all metrics (see `afdcli.report.metrics.METRICS`) that the rows *at* allow.

        Args:
            at: positions of the rows, 0 to n-1.
        """
        part = self._rows(at)
        found = {
            "files": Estimate(len(at), float(len(at))),
            "failed": Estimate(len(at), float(part.failed.sum())),
            "damaged": Estimate(len(at), float(part.damaged.sum())),
        }
        if part.unsure is not None:
            found["unsure"] = Estimate(len(at), float(np.nansum(part.unsure)))
        found |= part._accuracies()
        for name, prob in part.prob.items():
            found[f"confidence_{name}"] = part._over(stats.mean, prob)
        if len(part.prob) == 2:
            shift = part.prob["afd"] - part.prob["direct"]
            found["confidence_shift"] = part._over(stats.mean, shift)
        if part.changed is not None:
            found["changed"] = part.share(part.changed)
        for name, agree in part.agree.items():
            found[f"agreement_{name}"] = part.share(agree)
        if len(part.agree) == 2:
            found["agreement_difference"] = part._difference(*part.agree.values())
        drift = part._over(_median, part.drift)
        if drift.n:
            values = np.nanpercentile(part.drift, QUANTILES)
            for q, value in zip(QUANTILES, values, strict=True):
                found[f"drift_p{q:02d}"] = replace(drift, value=float(value))
        return found

    def share(self, flags: Floats) -> Estimate:
        """Share of true among the known *flags*, see the class."""
        return self._over(stats.proportion, flags)

    def _rows(self, at: Ids) -> RunArrays:
        return RunArrays(
            failed=self.failed[at],
            damaged=self.damaged[at],
            unsure=None if self.unsure is None else self.unsure[at],
            drift=self.drift[at],
            right={name: values[at] for name, values in self.right.items()},
            prob={name: values[at] for name, values in self.prob.items()},
            changed=None if self.changed is None else self.changed[at],
            agree={name: values[at] for name, values in self.agree.items()},
            # Indices without gaps make sums over pictures cheap.
            pictures=np.unique(self.pictures[at], return_inverse=True)[1],
        )

    def _over(self, statistic: Callable[..., Estimate], *values: Floats) -> Estimate:
        """Apply *statistic* to the rows in which all *values* are known."""
        known = ~np.isnan(np.sum(values, axis=0))
        return statistic(*(value[known] for value in values), self.pictures[known])

    def _difference(self, first: Floats, second: Floats) -> Estimate:
        return self._over(stats.paired_difference, first, second)

    def _accuracies(self) -> dict[str, Estimate]:
        """Accuracies, and the metrics computed from them."""
        direct, afd, clean = (self.right.get(name) for name in ("direct", "afd", "clean"))
        found: dict[str, Estimate] = {}
        if direct is not None and afd is not None:
            known = ~np.isnan(direct + afd)
            direct, afd = np.where(known, direct, np.nan), np.where(known, afd, np.nan)
            found["accuracy_difference"] = difference = self._difference(direct, afd)
            p = stats.mcnemar(direct[known], afd[known], self.pictures[known])
            found["mcnemar_p"] = replace(
                _without_interval(difference), value=p if difference.n else math.nan
            )
            for name, sign in (("won", 1), ("lost", -1)):
                count = float(np.count_nonzero(afd - direct == sign))
                found[name] = replace(_without_interval(difference), value=count)
        if direct is not None:
            found["accuracy_direct"] = self.share(direct)
        if afd is not None:
            found["accuracy_afd"] = self.share(afd)
        if clean is None:
            return found
        found["accuracy_clean"] = self.share(clean)
        if (clean_afd := self.right.get("clean_afd")) is not None:
            found["accuracy_clean_afd"] = self.share(clean_afd)
            found["clean_difference"] = self._difference(clean, clean_afd)
        if direct is not None:
            found["compression_cost"] = self._difference(direct, clean)
        if direct is not None and afd is not None:
            found["recovered_share"] = self._over(stats.recovered_share, direct, afd, clean)
        return found


def _without_interval(e: Estimate) -> Estimate:
    return replace(e, low=math.nan, high=math.nan)


def _median(values: Floats, pictures: Ids) -> Estimate:
    value = float(np.median(values)) if len(values) else math.nan
    n = stats.count_pictures(pictures) if len(values) else 0
    return Estimate(n, value, views=len(values))


def changed_flags(before: TopClasses | None, after: TopClasses | None) -> Floats | None:
    """1.0 where the top class differs, 0.0 where it does not, NaN where one is missing."""
    if before is None or after is None:
        return None
    missing = ((before["label"] == "") | (after["label"] == "")).to_numpy()
    return np.where(missing, np.nan, (before["label"] != after["label"]).to_numpy())
