"""All metrics of a report: what each means, how it is computed, and how tables show it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from afdcli.report import stats
from afdcli.report.stats import Estimate, Floats, Ids
from afdcli.report.table import DASH, Cell


@dataclass(frozen=True)
class Format:
    """How a kind of number is shown, such as ``31.8 % [29.7, 34.0]``; a dash if undefined.

    Attributes:
        factor: the number is multiplied by this.
        digits: decimals.
        unit: shown behind the number where no heading names it.
        signed: True to show a plus sign.
        interval: True to show the interval.
        graded: True to colour the cell if its interval excludes zero.
    """

    factor: float = 1.0
    digits: int = 0
    unit: str = ""
    signed: bool = False
    interval: bool = False
    graded: bool = False

    def __call__(self, e: Estimate, unit: bool = False) -> Cell:
        """Format *e*, with the unit if *unit* is True."""
        if math.isnan(e.value):
            return Cell(DASH)
        brief = self.number(e.value) + (self.unit if unit else "")
        if not self.interval or math.isnan(e.low):
            return Cell(brief, e.value)
        tone = ("good" if e.low > 0 else "bad" if e.high < 0 else "") if self.graded else ""
        text = f"{brief} [{self.number(e.low)}, {self.number(e.high)}]"
        return Cell(text, e.value, tone, brief)

    def number(self, value: float) -> str:
        """Format one number, without unit."""
        text = f"{self.factor * value:{'+' if self.signed else ''},.{self.digits}f}"
        return text[1:] if text[0] in "+-" and not text.strip("+-0.") else text


percent = Format(100, 1, " %", interval=True)
whole_percent = replace(percent, digits=0)
#: A difference of shares, in percentage points; `plain_points` where neither sign is good.
points = Format(100, 1, " pts", signed=True, interval=True, graded=True)
plain_points = replace(points, graded=False)
probability = Format(digits=3)
shift = Format(digits=3, signed=True, interval=True)
whole = Format()
degrees = Format(digits=1, unit="°")


def p_value(e: Estimate, unit: bool = False) -> Cell:
    """A p-value: ``< 0.0001``, or three or four decimals; it never has a unit."""
    p = e.value
    if math.isnan(p):
        return Cell(DASH)
    return Cell("< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}", p)


def _count(flags: Floats, pictures: Ids) -> Estimate:
    return Estimate(len(flags), float(flags.sum()))


def _only_second(first: Floats, second: Floats, pictures: Ids) -> Estimate:
    value = float(np.count_nonzero(second > first))
    return Estimate(stats.count_pictures(pictures), value, views=len(first))


def _only_first(first: Floats, second: Floats, pictures: Ids) -> Estimate:
    return _only_second(second, first, pictures)


def _mcnemar(first: Floats, second: Floats, pictures: Ids) -> Estimate:
    p = stats.mcnemar(first, second, pictures) if len(first) else math.nan
    return Estimate(stats.count_pictures(pictures), p, views=len(first))


def _mean_difference(first: Floats, second: Floats, pictures: Ids) -> Estimate:
    return stats.mean(second - first, pictures)


def _quantile(percent: int) -> Callable[[Floats, Ids], Estimate]:
    def quantile(values: Floats, pictures: Ids) -> Estimate:
        value = float(np.percentile(values, percent)) if len(values) else math.nan
        return Estimate(stats.count_pictures(pictures), value, views=len(values))

    return quantile


@dataclass(frozen=True)
class Metric:
    """A number that a report computes for a group of rows.

    Attributes:
        name: name in the tidy table.
        meaning: what it is.
        show: formats an estimate as a cell; its second argument is True to show the unit.
        label: name in the table of all numbers; "" if that does not show it.
        heading: column heading in tables of groups; "" if these do not show it.
        shorten, drop: see `Column`.
        compute: computes it from some arrays of a run, see `afdcli.report.estimates.run_arrays`,
            and the pictures; None if it is computed elsewhere.
        of: names of these arrays.
    """

    name: str
    meaning: str
    show: Callable[..., Cell] = whole
    label: str = ""
    heading: str = ""
    shorten: int = 0
    drop: int = 0
    compute: Callable[..., Estimate] | None = None
    of: tuple[str, ...] = ()


_BOTH = ("right_direct", "right_afd")

# fmt: off
_ALL = (
    Metric("files", "inputs, including failed ones", label="files",
           compute=_count, of=("files",)),
    Metric("failed", "inputs that could not be classified; no other metric includes them",
           label="failed", heading="Failed", drop=8, compute=_count, of=("failed",)),
    Metric("damaged", "inputs that were classified although the decoder had to guess part of them",
           label="damaged", compute=_count, of=("damaged",)),
    Metric("unsure", "inputs whose best class is less probable than --min-prob", label="unsure",
           compute=_count, of=("unsure",)),
    Metric("accuracy_direct", "top-1 accuracy without AFD; Wilson interval",
           percent, "accuracy, direct", "Direct %", shorten=2,
           compute=stats.proportion, of=("right_direct",)),
    Metric("accuracy_afd", "top-1 accuracy with AFD; Wilson interval",
           percent, "accuracy, with AFD", "With AFD %", shorten=1,
           compute=stats.proportion, of=("right_afd",)),
    Metric("accuracy_difference", "accuracy_afd - accuracy_direct, paired; Newcombe interval",
           points, "difference", "Difference", shorten=6,
           compute=stats.paired_difference, of=_BOTH),
    Metric("mcnemar_p", "two-sided p-value of the exact McNemar test of accuracy_difference = 0; "
           "one vote per picture", p_value, "exact McNemar p", "p", drop=7,
           compute=_mcnemar, of=_BOTH),
    Metric("won", "views that only AFD gets right", label="won: only AFD is right",
           compute=_only_second, of=_BOTH),
    Metric("lost", "views that only direct gets right", label="lost: only direct is right",
           compute=_only_first, of=_BOTH),
    Metric("accuracy_clean", "top-1 accuracy of the plain backbone on the clean pictures; Wilson "
           "interval", percent, "accuracy on clean pictures, direct", "Clean %", 9, 5,
           compute=stats.proportion, of=("right_clean",)),
    Metric("accuracy_clean_afd", "top-1 accuracy with AFD on the clean pictures; Wilson interval",
           percent, "accuracy on clean pictures, with AFD",
           compute=stats.proportion, of=("right_clean_afd",)),
    Metric("clean_difference", "accuracy_clean_afd - accuracy_clean, paired; Newcombe interval",
           points, "clean: difference",
           compute=stats.paired_difference, of=("right_clean", "right_clean_afd")),
    Metric("compression_cost", "accuracy_clean - accuracy_direct, paired; Newcombe interval",
           plain_points, "cost of compression",
           compute=stats.paired_difference, of=("right_direct", "right_clean")),
    Metric("recovered_share", "(AFD - direct) / (clean - direct), accuracies on the views that "
           "have all three; paired bootstrap interval; undefined if nothing was lost",
           whole_percent, "recovered share", "Recovered %", shorten=4,
           compute=stats.recovered_share, of=(*_BOTH, "right_clean")),
    Metric("agreement_direct", "share of views with the same label as the clean picture, "
           "without AFD; Wilson interval", percent, "agreement with clean, direct",
           compute=stats.proportion, of=("agree_direct",)),
    Metric("agreement_afd", "the same, with AFD", percent, "agreement with clean, with AFD",
           compute=stats.proportion, of=("agree_afd",)),
    Metric("agreement_difference", "agreement_afd - agreement_direct, paired; Newcombe interval",
           points, "agreement: difference",
           compute=stats.paired_difference, of=("agree_direct", "agree_afd")),
    Metric("confidence_direct", "mean probability of the label without AFD; normal interval",
           probability, "mean confidence, direct", "Direct conf.",
           compute=stats.mean, of=("prob_direct",)),
    Metric("confidence_afd", "mean probability of the label with AFD; normal interval",
           probability, "mean confidence, with AFD", "AFD conf.",
           compute=stats.mean, of=("prob_afd",)),
    Metric("confidence_shift", "mean of confidence_afd - confidence_direct, paired; normal "
           "interval", shift, "confidence shift",
           compute=_mean_difference, of=("prob_direct", "prob_afd")),
    Metric("changed", "share of views whose label AFD changes; Wilson interval",
           percent, "labels that AFD changes", "Changed %", shorten=3,
           compute=stats.proportion, of=("changed",)),
    Metric("ece_direct", "expected calibration error without AFD, ten bins of equal width",
           percent, "calibration error, direct"),
    Metric("ece_afd", "the same, with AFD", percent, "calibration error, with AFD"),
    Metric("drift_p05", "5th percentile of the drift, degrees",
           compute=_quantile(5), of=("drift",)),
    Metric("drift_p25", "25th percentile of the drift, degrees",
           compute=_quantile(25), of=("drift",)),
    Metric("drift_p50", "median drift, degrees", degrees, "median drift", "Drift", drop=3,
           compute=_quantile(50), of=("drift",)),
    Metric("drift_p75", "75th percentile of the drift, degrees",
           compute=_quantile(75), of=("drift",)),
    Metric("drift_p95", "95th percentile of the drift, degrees",
           compute=_quantile(95), of=("drift",)),
    Metric("pictures", "in group change: pictures with that change of label; in a "
           "calibration group: pictures whose label has a probability in that bin"),
)
# fmt: on

#: All metrics by name, in the order in which tables show them. ``n`` counts source pictures,
#: ``views`` counts rows. Views of one picture are not independent, so intervals, tests and the
#: minimum group size use pictures. Accuracies, differences, means and counts use views. Shares,
#: accuracies and probabilities are 0 to 1. "Direct" is the plain backbone, "AFD" the same with a
#: module, "clean" the same picture uncompressed. If both direct and AFD were run, accuracies use
#: only rows that both classified.
METRICS = {metric.name: metric for metric in _ALL}
