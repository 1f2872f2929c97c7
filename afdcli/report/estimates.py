"""Every number that can be told of some rows of a run, from arrays of right and wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from afdcli.report import stats
from afdcli.report.runs import Guesses, Run
from afdcli.report.stats import Estimate, Floats, Ids
from afdcli.results.rows import DAMAGED, FAILED

QUANTILES = (5, 25, 50, 75, 95)

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
        pictures: (n,) number of the source picture.
    """

    failed: Flags
    damaged: Flags
    drift: Floats
    right: Mapping[str, Floats]
    prob: Mapping[str, Floats]
    changed: Floats | None
    agree: Mapping[str, Floats]
    pictures: Ids

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
            pictures=run.pictures,
        )

    def estimates(self, at: Ids) -> dict[str, Estimate]:
        """Every metric of `afdcli.report.summary.METRICS` that can be known of the rows *at*."""
        part = self._of(at)
        found = {
            "files": Estimate(len(at), float(len(at))),
            "failed": Estimate(len(at), float(part.failed.sum())),
            "damaged": Estimate(len(at), float(part.damaged.sum())),
        }
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
        """Share of ones among *flags*, which are 1, 0 or NaN where unknown."""
        return self._over(stats.proportion, flags)

    def _of(self, at: Ids) -> Facts:
        """The facts of the rows *at*."""
        return Facts(
            failed=self.failed[at],
            damaged=self.damaged[at],
            drift=self.drift[at],
            right={name: values[at] for name, values in self.right.items()},
            prob={name: values[at] for name, values in self.prob.items()},
            changed=None if self.changed is None else self.changed[at],
            agree={name: values[at] for name, values in self.agree.items()},
            # Numbers from 0 on without gaps, so that sums over pictures cost little.
            pictures=np.unique(self.pictures[at], return_inverse=True)[1],
        )

    def _over(self, statistic: Callable[..., Estimate], *values: Floats) -> Estimate:
        """*statistic* of the rows in which all *values* are known, and of their pictures."""
        known = ~np.isnan(np.sum(values, axis=0))
        return statistic(*(value[known] for value in values), self.pictures[known])

    def _difference(self, first: Floats, second: Floats) -> Estimate:
        return self._over(stats.paired_difference, first, second)

    def _accuracies(self) -> dict[str, Estimate]:
        """Accuracies and what follows from them."""
        direct, afd, clean = (self.right.get(name) for name in ("direct", "afd", "clean"))
        found: dict[str, Estimate] = {}
        if direct is not None and afd is not None:
            known = ~np.isnan(direct + afd)
            direct, afd = np.where(known, direct, np.nan), np.where(known, afd, np.nan)
            found["accuracy_difference"] = difference = self._difference(direct, afd)
            p = stats.mcnemar(direct[known], afd[known], self.pictures[known])
            found["mcnemar_p"] = replace(_plain(difference), value=p if difference.n else math.nan)
            for name, sign in (("won", 1), ("lost", -1)):
                count = float(np.count_nonzero(afd - direct == sign))
                found[name] = replace(_plain(difference), value=count)
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


def _plain(e: Estimate) -> Estimate:
    """*e* without its interval."""
    return replace(e, low=math.nan, high=math.nan)


def _median(values: Floats, pictures: Ids) -> Estimate:
    value = float(np.median(values)) if len(values) else math.nan
    n = stats.count_pictures(pictures) if len(values) else 0
    return Estimate(n, value, views=len(values))


def changed_flags(before: Guesses | None, after: Guesses | None) -> Floats | None:
    """1 where the top guess differs, 0 where not, NaN where one is missing."""
    if before is None or after is None:
        return None
    missing = ((before["label"] == "") | (after["label"] == "")).to_numpy()
    return np.where(missing, np.nan, (before["label"] != after["label"]).to_numpy())
