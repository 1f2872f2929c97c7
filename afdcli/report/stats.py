"""Confidence intervals and tests for accuracies, single and paired.

All intervals are 95 %. A picture may occur in several rows, its views: one photo compressed five
times is not five independent photos. So pictures are the sampling units everywhere. If every row is
a picture of its own, all formulas are the textbook ones.

Unless stated otherwise, arguments are float64 arrays of shape (n,) with one entry per view: 1 if
the prediction is right, 0 if it is wrong. *pictures* is an intp array of shape (n,) with indices
from 0 on, equal for the views of one picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
#: Standard normal quantile of a two-sided 95 % interval, 1.95996.
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
#: Bootstrap draws, and their seed: the same predictions always give the same interval.
DRAWS = 4_000
SEED = 2401

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        n: number of pictures.
        value: the estimate; NaN if it is undefined.
        low, high: ends of the interval; NaN if there is none.
        views: number of rows, at least *n*; 0 means *n*.
    """

    n: int
    value: float
    low: float = math.nan
    high: float = math.nan
    views: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "views", self.views or self.n)


def count_pictures(pictures: Ids) -> int:
    """Number of distinct *pictures*."""
    return int(np.count_nonzero(np.bincount(pictures)))


def proportion(right: Floats, pictures: Ids) -> Estimate:
    """Share of right predictions with Wilson's score interval for the effective number of views.

    Sources: E. B. Wilson, JASA 22 (1927) 209–212, without continuity correction; recommended over
    the textbook interval for all n by Brown, Cai and DasGupta, Statistical Science 16 (2001)
    101–133. Counts of clusters divided by their design effect: J. N. K. Rao and A. J. Scott,
    Biometrics 48 (1992) 577–585.
    """
    if not len(right):
        return Estimate(0, math.nan)
    low, high = wilson(float(right.mean()), _effective(right, pictures))
    return Estimate(count_pictures(pictures), float(right.mean()), low, high, len(right))


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's interval for a share *p* (0 to 1) of *n* > 0 pictures; *n* may be fractional."""
    scale = 1 + Z * Z / n
    centre = (p + Z * Z / (2 * n)) / scale
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / scale
    # For p of 0 or 1, one end is exactly 0 or 1, whatever the rounding.
    return (0.0 if p == 0 else centre - half), (1.0 if p == 1 else centre + half)


def paired_difference(first: Floats, second: Floats, pictures: Ids) -> Estimate:
    """Second share minus the first, for the same views, with Newcombe's interval; -1 to 1.

    Newcombe's method 10 combines the Wilson limits of both shares (here for the effective number of
    views) with the correlation of both estimates (here that of the sums over pictures), which is
    shrunk if positive. The interval stays within -1 to 1, and keeps a width even if no picture
    changes sides.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 2635–2650. That limits and correlation
    may be those of clusters: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693–1702.
    """
    if not len(first):
        return Estimate(0, math.nan)
    one, two = float(first.mean()), float(second.mean())
    n_one, n_two = _effective(first, pictures), _effective(second, pictures)
    low_one, high_one = wilson(one, n_one)
    low_two, high_two = wilson(two, n_two)
    phi = _correlation(first, second, pictures, math.sqrt(n_one * n_two))
    value = float((second - first).mean())
    down = _hypotenuse(two - low_two, high_one - one, phi)
    up = _hypotenuse(high_two - two, one - low_one, phi)
    return Estimate(count_pictures(pictures), value, value - down, value + up, len(first))


def _residuals(values: Floats, pictures: Ids) -> Floats:
    """Sum of ``value - mean`` over the views of each picture."""
    return np.bincount(pictures, weights=values - values.mean()).astype(np.float64)


def _effective(right: Floats, pictures: Ids) -> float:
    """Effective sample size of a share: n divided by the design effect, at most n.

    The design effect is the linearised variance over pictures divided by the binomial variance. If
    all predictions are right, or all wrong, it cannot be estimated. Then views of one picture are
    taken as fully correlated, which gives Kish's n (L. Kish, Survey Sampling, 1965). It is capped
    at n because negatively correlated views of a few pictures are mere chance.
    """
    n = len(right)
    sizes = np.bincount(pictures)
    if sizes.max() == 1:
        return float(n)
    p = float(right.mean())
    binomial = n * p * (1 - p)
    if binomial == 0:
        return n * n / float(np.square(sizes).sum())
    squares = float(np.square(_residuals(right, pictures)).sum())
    return min(float(n), n * binomial / squares) if squares else float(n)


def _correlation(first: Floats, second: Floats, pictures: Ids, n: float) -> float:
    """Newcombe's phi for *n* effective views: the correlation of the sums over pictures."""
    one, two = _residuals(first, pictures), _residuals(second, pictures)
    spread = math.sqrt(float(np.square(one).sum() * np.square(two).sum()))
    deviation = float(first.std() * second.std())
    if spread == 0 or deviation == 0:
        return 0.0
    phi = float(np.dot(one, two)) / spread
    return max(phi - 1 / (2 * n * deviation), 0.0) if phi > 0 else phi


def _hypotenuse(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0))


def mean(values: Floats, pictures: Ids) -> Estimate:
    """Mean of *values* (any real numbers, such as paired differences) with its normal interval.

    The variance is the linearised one of sums over pictures. The limits are NaN for fewer than two
    pictures.
    """
    n = count_pictures(pictures) if len(values) else 0
    if n == 0:
        return Estimate(0, math.nan)
    value = float(values.mean())
    if n == 1:
        return Estimate(1, value, views=len(values))
    squares = float(np.square(_residuals(values, pictures)).sum())
    half = Z * math.sqrt(squares * n / (n - 1)) / len(values)
    return Estimate(n, value, value - half, value + half, len(values))


def mcnemar(first: Floats, second: Floats, pictures: Ids) -> float:
    """Two-sided p-value, 0 to 1, of the exact McNemar test that both are right equally often.

    Each picture casts one vote: for the classifier that is right in more of its views, or none if
    both are equal. Under the null hypothesis a vote is a fair coin, so p is twice the smaller
    binomial tail, at most 1; it is 1 without votes. This is exact for any correlation between the
    views of a picture. The tests of N. Obuchowski (Statistics in Medicine 17 (1998) 1495–1507) and
    V. Durkalski et al. (22 (2003) 2417–2428) need many pictures.

    Source: Q. McNemar, Psychometrika 12 (1947) 153–157; the exact form, F. Mosteller,
    Biometrics 8 (1952) 220–226; as a sign test, W. J. Dixon and A. M. Mood, JASA 41 (1946)
    557–566.
    """
    votes = np.bincount(pictures, weights=second - first)
    won, lost = int(np.count_nonzero(votes > 0)), int(np.count_nonzero(votes < 0))
    flips, fewer = won + lost, min(won, lost)
    # log of C(flips, k) for k = 0 … fewer as a cumulative sum: a million flips must not overflow.
    k = np.arange(1, fewer + 1)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((flips - k + 1) / k))])
    log_tail = float(np.logaddexp.reduce(log_choose)) - flips * math.log(2)
    return min(1.0, 2 * math.exp(log_tail))


def recovered_share(direct: Floats, afd: Floats, clean: Floats, pictures: Ids) -> Estimate:
    """Share of the accuracy lost to compression that AFD recovers, with a bootstrap interval.

    ``(afd - direct) / (clean - direct)``, from the three accuracies on the same views.

    The interval is the percentile interval of a paired bootstrap. Pictures are drawn with
    replacement, each with all its views, which keeps their correlation. Pictures with equal gain
    and cost are drawn together, from a multinomial distribution, so the cost does not depend on n.
    The value is NaN if nothing was lost. The limits are NaN for a single picture, and if
    nothing was lost in more than 2.5 % of the draws: then the ratio has no finite interval.

    Sources: B. Efron, Annals of Statistics 7 (1979) 1–26; for clusters, A. C. Davison and D. V.
    Hinkley, Bootstrap Methods and their Application (1997) 3.8; the share is computed from the
    accuracy tables of arXiv 2401.01724.
    """
    if not len(direct):
        return Estimate(0, math.nan)
    present = np.bincount(pictures) > 0
    sums = [np.bincount(pictures, weights=other - direct)[present] for other in (afd, clean)]
    kinds, counts = np.unique(np.stack(sums, axis=1), axis=0, return_counts=True)
    n, views = int(counts.sum()), len(direct)
    gain, cost = counts @ kinds
    if cost <= 0:
        return Estimate(n, math.nan, views=views)
    value = float(gain / cost)
    drawn = np.random.default_rng(SEED).multinomial(n, counts / n, size=DRAWS) @ kinds
    gains, costs = drawn[:, 0], drawn[:, 1]
    tail = (1 - LEVEL) / 2
    if n == 1 or float(np.mean(costs <= 0)) > tail:
        return Estimate(n, value, views=views)
    share = np.full(DRAWS, math.inf)
    np.divide(gains, costs, out=share, where=costs > 0)
    low, high = np.quantile(share, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(n, value, float(low), float(high), views)
