"""Distributions of a run: calibration and picture sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from afdcli.report.estimates import Arrays, Group
from afdcli.report.groups import UNKNOWN
from afdcli.report.stats import Estimate, Floats, Ids, count_pictures, proportion

#: Calibration bins, of equal width.
BINS = 10
#: Lower edges of the size bins but the first: longer side in pixels.
SIDES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)


def distributions(rows: pd.DataFrame, arrays: Arrays) -> Mapping[str, tuple[Group, ...]]:
    """All distributions of a run, by the name of their group in the tidy table.

    ``calibration_direct`` and ``calibration_afd`` have only bins that hold pictures, and are absent
    if true classes are unknown. ``size_histogram`` has all bins.
    """
    found = {f"calibration_{name}": _calibration(name, arrays) for name in ("direct", "afd")}
    if {"width", "height"} <= set(rows):
        found["size_histogram"] = _sizes(rows)
    return {name: bins for name, bins in found.items() if bins}


def calibration_errors(arrays: Arrays) -> dict[str, Estimate]:
    """Compute ``ece_direct`` and ``ece_afd``, as far as true classes are known.

    The expected calibration error, 0 to 1: the difference between accuracy and mean probability of
    each bin, averaged over bins weighted by their rows.

    Source: M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, AAAI 29 (2015); C. Guo et al., ICML 34
    (2017), with bins of equal width as here.
    """
    found = {}
    for name in ("direct", "afd"):
        right, prob, pictures, bins = _known(name, arrays)
        if len(right):
            gaps = np.bincount(bins, weights=right - prob)
            error = float(np.abs(gaps).sum()) / len(right)
            found[f"ece_{name}"] = Estimate(count_pictures(pictures), error, views=len(right))
    return found


def _known(name: str, arrays: Arrays) -> tuple[Floats, Floats, Ids, npt.NDArray[np.intp]]:
    """Right (1 or 0), probability, picture and bin (0 to 9) of the rows in which all are known."""
    nothing = np.empty(0)
    right, prob = arrays.get(f"right_{name}", nothing), arrays.get(f"prob_{name}", nothing)
    if not len(right):
        return nothing, nothing, nothing.astype(np.intp), nothing.astype(np.intp)
    known = ~np.isnan(right + prob)
    bins = np.ceil(prob[known] * BINS).astype(np.intp) - 1  # bins include their upper edge
    return right[known], prob[known], arrays["pictures"][known], np.clip(bins, 0, BINS - 1)


def _calibration(name: str, arrays: Arrays) -> tuple[Group, ...]:
    right, prob, pictures, bins = _known(name, arrays)
    made = []
    for number in np.unique(bins):
        inside = bins == number
        accuracy = proportion(right[inside], pictures[inside])
        n, views = accuracy.n, accuracy.views
        estimates = {
            "pictures": Estimate(n, float(n), views=views),
            f"confidence_{name}": Estimate(n, float(prob[inside].mean()), views=views),
            f"accuracy_{name}": accuracy,
        }
        edges = f"P {number / BINS:.1f}-{(number + 1) / BINS:.1f}"
        made.append(Group(f"calibration_{name}", edges, estimates))
    return tuple(made)


def _sizes(rows: pd.DataFrame) -> tuple[Group, ...]:
    """Files per bin of the longer side, then those of unknown size."""
    middle = [f"{low}-{2 * low - 1} px" for low in SIDES[:-1]]
    names = [f"below {SIDES[0]} px", *middle, f"from {SIDES[-1]} px"]
    longer = rows[["width", "height"]].max(axis=1)
    codes = pd.cut(longer, [1, *SIDES, math.inf], right=False, labels=names).cat.codes.to_numpy()
    counts = np.bincount(np.where(codes < 0, len(names), codes), minlength=len(names) + 1)
    return tuple(
        Group("size_histogram", name, {"files": Estimate(len(rows), float(count))})
        for name, count in zip([*names, UNKNOWN], counts, strict=True)
    )
