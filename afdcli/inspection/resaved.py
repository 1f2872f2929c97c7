"""Was this JPEG a JPEG before? A hint from the histograms of its quantised levels.

Coefficients that were quantised twice, first in steps of q1 and then of q2, cannot take all
multiples of q2 alike: their histogram has periodic gaps where q1 > q2 and periodic peaks where
q1 < q2 (Popescu and Farid, "Statistical tools for digital forensics", 2004). As Lukáš and Fridrich
do ("Estimation of primary quantization matrix in double compressed JPEG images", 2003), each
first quality factor is tried on an estimate of the picture before any compression: the decoded
picture with its first four rows and columns cut off, so that its blocks straddle the old ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.dct import LEVEL_SHIFT, pixel_coefficients, samples_from_coefficients
from afdcli.codec.photo import Photo, Plane
from afdcli.codec.quality import standard_tables

#: (v, u) of the luma frequencies looked at: the first nine behind the mean in zigzag order.
FREQUENCIES = ((0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0))
LARGEST = 30  # |level| from which on levels are not counted

#: Gain in log-likelihood per level (nats) from which on "likely" is said. Measured on 40 photos,
#: reduced in size to lose their own JPEG traces: at most 0.05 when saved once (QF 30 to 100); when
#: saved twice, medians of 1.16 (QF 60, then 90), 0.67 (80, 92), 0.17 (30, 40), but 0.04 (70, 75)
#: and 0.00 (95, 70).
LIKELY = 0.08
_ENOUGH = 400  # levels other than 0, below which nothing is said
_ENOUGH_LARGE = 200  # levels beyond 1 and -1: with fewer there is no period to be seen
_SIDE = 64  # blocks; the middle 512 x 512 pixels tell enough
_ROUNDING = 0.5  # deviation of a coefficient by rounding pixels and colours between the two saves
_OUTLIERS = 0.1  # share of levels that a first save is not asked to explain (clipping, edits)


@dataclass(frozen=True)
class Histogram:
    """Levels of one luma frequency.

    Attributes:
        frequency: (v, u).
        step: of the file's table.
        counts: (LARGEST - 1,) of |level| 1, 2, ... as found.
        expected: the same, had the picture been saved once.
    """

    frequency: tuple[int, int]
    step: float
    counts: NDArray[np.float64]
    expected: NDArray[np.float64]


@dataclass(frozen=True)
class Resaved:
    """The hint.

    Attributes:
        verdict: "likely", "no sign" or "cannot tell".
        reason: one sentence on what the verdict rests on.
        score: gain in log-likelihood per non-zero level by the best first save; None where the
            verdict is "cannot tell".
        first_quality: IJG quality factor of that save; None unless "likely".
        histogram: the frequency that says most; None where there is nothing to see.
    """

    verdict: Literal["likely", "no sign", "cannot tell"]
    reason: str
    score: float | None = None
    first_quality: int | None = None
    histogram: Histogram | None = None


def resaved(photo: Photo) -> Resaved:
    """Look for the traces of an earlier JPEG compression on the same block grid."""
    coefficients = photo.file_coefficients
    if coefficients is None:
        return Resaved("cannot tell", "the file's own quantised levels are not at hand")
    plane = _middle(coefficients.planes[0])
    before = _uncompressed(plane)
    if before is None:
        return Resaved("cannot tell", "the picture is too small")
    histograms = [_histogram(plane, before, frequency) for frequency in FREQUENCIES]
    count = int(sum(h.counts.sum() for h in histograms))
    if count < _ENOUGH:
        reason = f"only {count} low-frequency levels are not zero, {_ENOUGH} are needed"
        return Resaved("cannot tell", reason)
    gains = _gains(plane, before, histograms)
    best = int(gains.sum(axis=1).argmax())
    score = max(0.0, float(gains[best].sum()) / count)
    histogram = histograms[int(gains[best].argmax())]
    large = int(sum(h.counts[1:].sum() for h in histograms))
    if score < LIKELY and large < _ENOUGH_LARGE:
        reason = f"compressed so hard that only {large} low-frequency levels go beyond 1 and -1"
        return Resaved("cannot tell", reason, histogram=histogram)
    if score < LIKELY:
        reason = (
            "the levels look as after one save; an earlier save at a higher quality factor, "
            "with the same tables, or before resizing or cropping would not show"
        )
        return Resaved("no sign", reason, score, None, histogram)
    first = best + 1
    reason = f"gaps and peaks in the levels fit a first save near quality factor {first}"
    return Resaved("likely", reason, score, first, histogram)


def _middle(plane: Plane) -> Plane:
    rows, cols = (max(0, (n - _SIDE) // 2) for n in plane.levels.shape[:2])
    levels = plane.levels[rows : rows + _SIDE, cols : cols + _SIDE]
    return Plane(levels, plane.steps, plane.block_size)


def _uncompressed(plane: Plane) -> NDArray[np.float32] | None:
    """Coefficients (rows, cols, 8, 8) of blocks that lie across four blocks of *plane*."""
    samples = samples_from_coefficients(plane.coefficients) + LEVEL_SHIFT
    grey = np.rint(samples.clip(0, 255)).astype(np.uint8)[4:-4, 4:-4]
    if not grey.size:
        return None
    return pixel_coefficients(np.repeat(grey[:, :, None], 3, axis=2)).planes[0].coefficients


def _counts(levels: NDArray[np.float32]) -> NDArray[np.float64]:
    """How often |level| is 1, 2, ... LARGEST - 1. 0 is left out: it depends on sharpness most."""
    found = np.bincount(np.abs(levels).astype(np.int64).ravel(), minlength=LARGEST)
    return found[1:LARGEST].astype(np.float64)


def _histogram(plane: Plane, before: NDArray[np.float32], frequency: tuple[int, int]) -> Histogram:
    v, u = frequency
    step = float(plane.steps[v, u])
    counts = _counts(plane.levels[:, :, v, u].astype(np.float32))
    once = _counts(np.rint(before[:, :, v, u] / step))
    expected = once * (counts.sum() / max(1.0, once.sum()))
    return Histogram(frequency, step, counts, expected)


def _share(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities; half a count more for each level, so that none is impossible."""
    smooth = counts + 0.5
    share: NDArray[np.float64] = smooth / smooth.sum()
    return share


def _gains(
    plane: Plane, before: NDArray[np.float32], histograms: list[Histogram]
) -> NDArray[np.float64]:
    """(100, frequencies) gain in log-likelihood by a first save at quality factor 1 ... 100."""
    tables = np.stack([standard_tables(quality)[0] for quality in range(1, 101)])
    noise = np.random.default_rng(0).normal(0, _ROUNDING, before.shape[:2])
    gains = np.zeros((len(tables), len(histograms)))
    for column, histogram in enumerate(histograms):
        (v, u), step = histogram.frequency, histogram.step
        values, first_steps = before[:, :, v, u], tables[:, v, u]
        once = _share(_counts(np.rint(values / step)))
        for first in np.unique(first_steps):
            saved = np.rint(values / first) * first + noise
            twice = _share(_counts(np.rint(saved / step)))
            ratio = np.log((1 - _OUTLIERS) * twice / once + _OUTLIERS)
            gains[first_steps == first, column] = histogram.counts @ ratio
    return gains
