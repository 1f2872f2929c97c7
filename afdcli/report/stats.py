"""Intervals and tests for accuracies, single and paired; no tables, no files.

Every interval is a 95 % one. Counts go in, so that a report's cost does not grow with its rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
#: Standard normal quantile of a two-sided 95 % interval, 1.95996.
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
#: Bootstrap draws and their seed: the same counts always give the same interval.
DRAWS = 4_000
SEED = 2401


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        n: pictures behind it.
        value: the estimate; NaN where it is undefined.
        low, high: ends of the interval; NaN where there is none.
    """

    n: int
    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Pairs:
    """How two classifiers fared on the same pictures: the 2x2 table of paired outcomes.

    Attributes:
        both: right under both.
        first: right under the first only.
        second: right under the second only.
        neither: wrong under both.
    """

    both: int
    first: int
    second: int
    neither: int

    @property
    def n(self) -> int:
        """Number of pictures."""
        return self.both + self.first + self.second + self.neither


def wilson(right: int, n: int) -> Estimate:
    """Proportion ``right / n`` with Wilson's score interval, without continuity correction.

    Source: E. B. Wilson, JASA 22 (1927) 209–212; recommended over the textbook interval for all
    n by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101–133.
    """
    if n == 0:
        return Estimate(0, math.nan)
    p = right / n
    scale = 1 + Z * Z / n
    centre = (p + Z * Z / (2 * n)) / scale
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / scale
    # At 0 and n one end is exactly 0 or 1; rounding must not move it.
    low = 0.0 if right == 0 else centre - half
    high = 1.0 if right == n else centre + half
    return Estimate(n, p, low, high)


def paired_difference(pairs: Pairs) -> Estimate:
    """Second proportion minus the first, on the same pictures, with Newcombe's interval.

    His method 10: the Wilson limits of both proportions, combined with their correlation phi,
    whose numerator is shrunk by n/2 where positive. It stays within -1..1 and does not collapse
    where no picture changed sides.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 2635–2650.
    """
    if pairs.n == 0:
        return Estimate(0, math.nan)
    one = wilson(pairs.both + pairs.first, pairs.n)
    two = wilson(pairs.both + pairs.second, pairs.n)
    phi = _phi(pairs)
    value = (pairs.second - pairs.first) / pairs.n
    down = _hypotenuse(two.value - two.low, one.high - one.value, phi)
    up = _hypotenuse(two.high - two.value, one.value - one.low, phi)
    return Estimate(pairs.n, value, value - down, value + up)


def _phi(pairs: Pairs) -> float:
    cross = float(pairs.both * pairs.neither - pairs.first * pairs.second)
    if cross > 0:
        cross = max(cross - pairs.n / 2, 0.0)
    margins = (
        (pairs.both + pairs.first)
        * (pairs.second + pairs.neither)
        * (pairs.both + pairs.second)
        * (pairs.first + pairs.neither)
    )
    return cross / math.sqrt(margins) if margins else 0.0


def _hypotenuse(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0))


def mean(values: NDArray[np.float64]) -> Estimate:
    """Mean with its normal interval, or of paired differences; NaN entries are left out.

    NaN limits where there are fewer than two.
    """
    known = values[~np.isnan(values)]
    n = len(known)
    if n == 0:
        return Estimate(0, math.nan)
    value = float(known.mean())
    if n == 1:
        return Estimate(1, value)
    half = Z * float(known.std(ddof=1)) / math.sqrt(n)
    return Estimate(n, value, value - half, value + half)


def mcnemar(pairs: Pairs) -> float:
    """Two-sided p of the exact McNemar test that both are right equally often.

    Under that hypothesis a picture that only one gets right is a fair coin: p is twice the
    smaller binomial tail, at most 1; 1 where no picture changed sides.

    Source: Q. McNemar, Psychometrika 12 (1947) 153–157; the exact form, F. Mosteller,
    Biometrics 8 (1952) 220–226.
    """
    flips = pairs.first + pairs.second
    fewer = min(pairs.first, pairs.second)
    # log of C(flips, k) for k = 0 … fewer, by products, so that a million flips neither
    # overflow nor need big integers.
    k = np.arange(1, fewer + 1)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((flips - k + 1) / k))])
    log_tail = float(np.logaddexp.reduce(log_choose)) - flips * math.log(2)
    return min(1.0, 2 * math.exp(log_tail))


def recovered_share(outcomes: ArrayLike) -> Estimate:
    """Share of what compression cost that the module wins back, with a bootstrap interval.

    ``(afd - direct) / (clean - direct)`` of the three accuracies on the same pictures.
    *outcomes* is (2, 2, 2) counts: how many pictures were wrong (0) or right (1) in the order
    [direct][afd][clean].

    The interval is the percentile interval of a paired bootstrap: pictures are drawn with
    replacement, each with all three outcomes, so that their correlation is kept. Drawing from
    the eight counts (a multinomial) is the same thing at a cost that does not depend on n. NaN
    value where compression cost nothing; NaN limits where more than 2.5 % of the draws say so,
    for then the ratio has no finite interval.

    Source: B. Efron, Annals of Statistics 7 (1979) 1–26; the share: arXiv 2401.01724, tables of
    accuracy, recomputed as a ratio.
    """
    counts = np.asarray(outcomes, dtype=np.int64).reshape(8)
    n = int(counts.sum())
    if n == 0:
        return Estimate(0, math.nan)
    gain, cost = _gain_and_cost(counts[None])
    if cost[0] <= 0:
        return Estimate(n, math.nan)
    value = float(gain[0] / cost[0])
    drawn = np.random.default_rng(SEED).multinomial(n, counts / n, size=DRAWS)
    gain, cost = _gain_and_cost(drawn)
    tail = (1 - LEVEL) / 2
    if float(np.mean(cost <= 0)) > tail:
        return Estimate(n, value)
    share = np.full(DRAWS, math.inf)
    np.divide(gain, cost, out=share, where=cost > 0)
    low, high = np.quantile(share, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(n, value, float(low), float(high))


def _gain_and_cost(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pictures won by the module and pictures lost to compression, for each row of (m, 8)."""
    cube = counts.reshape(-1, 2, 2, 2)
    direct = cube[:, 1].sum(axis=(1, 2))
    afd = cube[:, :, 1].sum(axis=(1, 2))
    clean = cube[:, :, :, 1].sum(axis=(1, 2))
    return (afd - direct).astype(np.float64), (clean - direct).astype(np.float64)
