"""Every number that can be told of some rows of a run, from arrays of right and wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from afdcli.report.runs import Guesses, Run
from afdcli.report.stats import (
    Estimate,
    Pairs,
    mcnemar,
    mean,
    paired_difference,
    recovered_share,
    wilson,
)
from afdcli.results.rows import DAMAGED, FAILED

QUANTILES = (5, 25, 50, 75, 95)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Facts:
    """A run's columns as arrays, so that many groups cost little.

    Attributes:
        failed: (n,) True where the row could not be classified.
        damaged: (n,) True where it was, but its decoder had to guess.
        drift: (n,) degrees, NaN where unknown.
        right: by "direct", "afd", "clean", "clean_afd", as far as run: (n,) 1, 0, NaN if unknown.
        prob: by "direct", "afd": (n,) probability of the top guess, NaN where there is none.
        changed: (n,) 1 where AFD changes the top guess, else 0, NaN where one is missing.
        agree: by "direct", "afd": (n,) 1 where the top guess is that for the clean picture, else
            0, NaN where one is missing.
    """

    failed: Flags
    damaged: Flags
    drift: Floats
    right: Mapping[str, Floats]
    prob: Mapping[str, Floats]
    changed: Floats | None
    agree: Mapping[str, Floats]

    @classmethod
    def of(cls, run: Run) -> Facts:
        """The facts of *run*."""
        given = {"direct": run.direct, "afd": run.afd}
        clean = {"clean": run.clean, "clean_afd": run.clean_afd}
        empty = np.full(len(run.rows), np.nan)
        return cls(
            failed=(run.rows["status"] == FAILED).to_numpy(),
            damaged=(run.rows["status"] == DAMAGED).to_numpy(),
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
        )

    def estimates(self, at: npt.NDArray[np.intp]) -> dict[str, Estimate]:
        """Every metric of `afdcli.report.summary.METRICS` that can be known of the rows *at*."""
        found = {
            "files": Estimate(len(at), float(len(at))),
            "failed": Estimate(len(at), float(self.failed[at].sum())),
            "damaged": Estimate(len(at), float(self.damaged[at].sum())),
        }
        found |= _accuracies({name: values[at] for name, values in self.right.items()})
        for name, values in self.prob.items():
            found[f"confidence_{name}"] = mean(values[at])
        if len(self.prob) == 2:
            found["confidence_shift"] = mean(self.prob["afd"][at] - self.prob["direct"][at])
        if self.changed is not None:
            found["changed"] = share(self.changed[at])
        found |= _agreements({name: values[at] for name, values in self.agree.items()})
        drift = self.drift[at]
        drift = drift[~np.isnan(drift)]
        if len(drift):
            for q, value in zip(QUANTILES, np.percentile(drift, QUANTILES), strict=True):
                found[f"drift_p{q:02d}"] = Estimate(len(drift), float(value))
        return found


def _accuracies(right: Mapping[str, Floats]) -> dict[str, Estimate]:
    """Accuracies and what follows from them; *right* holds 1, 0 or NaN per row."""
    direct, afd = right.get("direct"), right.get("afd")
    found: dict[str, Estimate] = {}
    if direct is not None and afd is not None:
        known = ~np.isnan(direct) & ~np.isnan(afd)
        direct, afd = np.where(known, direct, np.nan), np.where(known, afd, np.nan)
    if direct is not None:
        found["accuracy_direct"] = share(direct)
    if afd is not None:
        found["accuracy_afd"] = share(afd)
    if direct is not None and afd is not None:
        pairs = _pairs(direct, afd)
        found["accuracy_difference"] = paired_difference(pairs)
        found["mcnemar_p"] = Estimate(pairs.n, mcnemar(pairs) if pairs.n else math.nan)
        found["won"] = Estimate(pairs.n, pairs.second)
        found["lost"] = Estimate(pairs.n, pairs.first)
    if "clean" in right:
        found |= _against_clean(direct, afd, right["clean"], right.get("clean_afd"))
    return found


def _against_clean(
    direct: Floats | None, afd: Floats | None, clean: Floats, clean_afd: Floats | None
) -> dict[str, Estimate]:
    found = {"accuracy_clean": share(clean)}
    if clean_afd is not None:
        found["accuracy_clean_afd"] = share(clean_afd)
        found["clean_difference"] = paired_difference(_pairs(clean, clean_afd))
    if direct is not None:
        found["compression_cost"] = paired_difference(_pairs(direct, clean))
    if direct is not None and afd is not None:
        known = ~np.isnan(direct) & ~np.isnan(afd) & ~np.isnan(clean)
        cell = (4 * direct + 2 * afd + clean)[known].astype(np.intp)
        found["recovered_share"] = recovered_share(np.bincount(cell, minlength=8))
    return found


def _agreements(agree: Mapping[str, Floats]) -> dict[str, Estimate]:
    found = {f"agreement_{name}": share(values) for name, values in agree.items()}
    if len(agree) == 2:
        found["agreement_difference"] = paired_difference(_pairs(agree["direct"], agree["afd"]))
    return found


def _pairs(first: Floats, second: Floats) -> Pairs:
    known = ~np.isnan(first) & ~np.isnan(second)
    cell = (2 * first + second)[known].astype(np.intp)
    neither, only_second, only_first, both = (int(n) for n in np.bincount(cell, minlength=4))
    return Pairs(both, only_first, only_second, neither)


def share(flags: Floats) -> Estimate:
    """Share of ones among *flags*, which are 1, 0 or NaN where unknown; Wilson interval."""
    known = flags[~np.isnan(flags)]
    return wilson(int(known.sum()), len(known))


def changed_flags(before: Guesses | None, after: Guesses | None) -> Floats | None:
    """1 where the top guess differs, 0 where not, NaN where one is missing."""
    if before is None or after is None:
        return None
    missing = ((before["label"] == "") | (after["label"] == "")).to_numpy()
    return np.where(missing, np.nan, (before["label"] != after["label"]).to_numpy())
