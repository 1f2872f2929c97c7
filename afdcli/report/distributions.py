"""Distributions of a run: calibration and picture sizes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from afdcli.report.estimates import RunArrays
from afdcli.report.groups import UNKNOWN
from afdcli.report.runs import Run
from afdcli.report.stats import Estimate, Floats, Ids, count_pictures, proportion

#: Calibration bins, of equal width.
BINS = 10
#: Lower edges of the size bins but the first: longer side in pixels.
SIDES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)

#: One bin: its name and its estimates by metric.
Bin = tuple[str, dict[str, Estimate]]


def distributions(run: Run, arrays: RunArrays) -> Mapping[str, tuple[Bin, ...]]:
    """Compute all distributions of *run*, by the name of their group in the tidy table.

    ``calibration_direct`` and ``calibration_afd`` have only bins that hold pictures, and are absent
    if true classes are unknown. ``size_histogram`` has all bins.
    """
    found = {
        f"calibration_{name}": _calibration(name, *_known(arrays, name)) for name in arrays.prob
    }
    found["size_histogram"] = _sizes(run.rows)
    return {name: bins for name, bins in found.items() if bins}


def calibration_errors(arrays: RunArrays) -> dict[str, Estimate]:
    """Compute ``ece_direct`` and ``ece_afd``, as far as true classes are known.

    The expected calibration error, 0 to 1: the difference between accuracy and mean probability of
    each bin, averaged over bins weighted by their rows.

    Source: M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, AAAI 29 (2015); C. Guo et al., ICML 34
    (2017), with bins of equal width as here.
    """
    found = {}
    for name in arrays.prob:
        right, prob, pictures = _known(arrays, name)
        if len(right):
            gaps = np.bincount(_bin_of(prob), weights=right - prob, minlength=BINS)
            error = float(np.abs(gaps).sum()) / len(right)
            found[f"ece_{name}"] = Estimate(count_pictures(pictures), error, views=len(right))
    return found


def _known(arrays: RunArrays, name: str) -> tuple[Floats, Floats, Ids]:
    """Right (1 or 0), probability and picture, each (m,), of the rows in which all are known.

    If both direct and AFD were run, only of rows that both classified.
    """
    right, prob = arrays.right.get(name), arrays.prob[name]
    if right is None:
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.intp)
    known = ~np.isnan(right) & ~np.isnan(prob)
    for other in ("direct", "afd"):
        if other in arrays.right:
            known &= ~np.isnan(arrays.right[other])
    return right[known], prob[known], arrays.pictures[known]


def _bin_of(prob: Floats) -> npt.NDArray[np.intp]:
    """Bin (0 to 9) of each probability; bins include their upper edge."""
    return np.clip(np.ceil(prob * BINS).astype(np.intp) - 1, 0, BINS - 1)


def _calibration(name: str, right: Floats, prob: Floats, pictures: Ids) -> tuple[Bin, ...]:
    bins = _bin_of(prob)
    made = []
    for number in range(BINS):
        inside = bins == number
        if inside.any():
            accuracy = proportion(right[inside], pictures[inside])
            n, views = accuracy.n, accuracy.views
            estimates = {
                "pictures": Estimate(n, float(n), views=views),
                f"confidence_{name}": Estimate(n, float(prob[inside].mean()), views=views),
                f"accuracy_{name}": accuracy,
            }
            made.append((f"P {number / BINS:.1f}-{(number + 1) / BINS:.1f}", estimates))
    return tuple(made)


def _sizes(rows: pd.DataFrame) -> tuple[Bin, ...]:
    if "width" not in rows or "height" not in rows:
        return ()
    names = [f"below {SIDES[0]} px"]
    names += [f"{low}-{high - 1} px" for low, high in itertools.pairwise(SIDES)]
    names.append(f"from {SIDES[-1]} px")
    longer = rows[["width", "height"]].max(axis=1).to_numpy(dtype=float)
    return _histogram(longer, [1, *SIDES, math.inf], names)


def _histogram(values: Floats, edges: list[float], names: list[str]) -> tuple[Bin, ...]:
    """Files per bin ``edges[i] <= value < edges[i + 1]``, then those without a value."""
    at = np.searchsorted(edges, values, side="right") - 1
    at = np.where((at >= 0) & (at < len(names)), at, len(names))  # NaN sorts after the last edge
    counts = np.bincount(at, minlength=len(names) + 1)
    named = zip([*names, UNKNOWN], counts.tolist(), strict=True)
    return tuple((name, {"files": Estimate(len(values), float(count))}) for name, count in named)
