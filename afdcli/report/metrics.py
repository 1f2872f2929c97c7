"""All metrics of a report: what each means, and how tables show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from afdcli.report import cells
from afdcli.report.table import Cell


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
    """

    name: str
    meaning: str
    show: Callable[..., Cell] = cells.whole
    label: str = ""
    heading: str = ""
    shorten: int = 0
    drop: int = 0


# fmt: off
_ALL = (
    Metric("files", "inputs, including failed ones", label="files"),
    Metric("failed", "inputs that could not be classified; no other metric includes them",
           label="failed", heading="Failed", drop=8),
    Metric("damaged", "inputs that were classified although the decoder had to guess part of them",
           label="damaged"),
    Metric("unsure", "inputs whose best class is less probable than --min-prob", label="unsure"),
    Metric("accuracy_direct", "top-1 accuracy without AFD; Wilson interval",
           cells.percent, "accuracy, direct", "Direct %", shorten=2),
    Metric("accuracy_afd", "top-1 accuracy with AFD; Wilson interval",
           cells.percent, "accuracy, with AFD", "With AFD %", shorten=1),
    Metric("accuracy_difference", "accuracy_afd - accuracy_direct, paired; Newcombe interval",
           cells.points, "difference", "Difference", shorten=6),
    Metric("mcnemar_p", "two-sided p-value of the exact McNemar test of accuracy_difference = 0; "
           "one vote per picture", cells.p_value, "exact McNemar p", "p", drop=7),
    Metric("won", "views that only AFD gets right", label="won: only AFD is right"),
    Metric("lost", "views that only direct gets right", label="lost: only direct is right"),
    Metric("accuracy_clean", "top-1 accuracy of the plain backbone on the clean pictures; Wilson "
           "interval", cells.percent, "accuracy on clean pictures, direct", "Clean %", 9, 5),
    Metric("accuracy_clean_afd", "top-1 accuracy with AFD on the clean pictures; Wilson interval",
           cells.percent, "accuracy on clean pictures, with AFD"),
    Metric("clean_difference", "accuracy_clean_afd - accuracy_clean, paired; Newcombe interval",
           cells.points, "clean: difference"),
    Metric("compression_cost", "accuracy_clean - accuracy_direct, paired; Newcombe interval",
           cells.plain_points, "cost of compression"),
    Metric("recovered_share", "(AFD - direct) / (clean - direct), accuracies on the views that "
           "have all three; paired bootstrap interval; undefined if compression cost nothing",
           cells.whole_percent, "recovered share", "Recovered %", shorten=4),
    Metric("agreement_direct", "share of views with the same top class as the clean picture, "
           "without AFD; Wilson interval", cells.percent, "agreement with clean, direct"),
    Metric("agreement_afd", "the same, with AFD", cells.percent, "agreement with clean, with AFD"),
    Metric("agreement_difference", "agreement_afd - agreement_direct, paired; Newcombe interval",
           cells.points, "agreement: difference"),
    Metric("confidence_direct", "mean probability of the top class without AFD; normal interval",
           cells.probability, "mean confidence, direct", "Direct conf."),
    Metric("confidence_afd", "mean probability of the top class with AFD; normal interval",
           cells.probability, "mean confidence, with AFD", "AFD conf."),
    Metric("confidence_shift", "mean of confidence_afd - confidence_direct, paired; normal "
           "interval", cells.shift, "confidence shift"),
    Metric("changed", "share of views whose top class AFD changes; Wilson interval",
           cells.percent, "predictions that AFD changes", "Changed %", shorten=3),
    Metric("ece_direct", "expected calibration error without AFD, ten bins of equal width",
           cells.percent, "calibration error, direct"),
    Metric("ece_afd", "the same, with AFD", cells.percent, "calibration error, with AFD"),
    Metric("drift_p05", "5th percentile of the drift, degrees"),
    Metric("drift_p25", "25th percentile of the drift, degrees"),
    Metric("drift_p50", "median drift, degrees", cells.degrees, "median drift", "Drift", drop=3),
    Metric("drift_p75", "75th percentile of the drift, degrees"),
    Metric("drift_p95", "95th percentile of the drift, degrees"),
    Metric("pictures", "in group change: pictures with that change of the top class; in a "
           "calibration group: pictures whose top class has a probability in that bin"),
)
# fmt: on

#: All metrics by name, in the order in which tables show them. ``n`` counts source pictures,
#: ``views`` counts rows. Views of one picture are not independent, so intervals, tests and the
#: minimum group size use pictures. Accuracies, differences, means and counts use views. Shares,
#: accuracies and probabilities are 0 to 1. "Direct" is the plain backbone, "AFD" the same with a
#: module, "clean" the same picture uncompressed. If both direct and AFD were run, accuracies use
#: only rows that both classified.
METRICS = {metric.name: metric for metric in _ALL}
