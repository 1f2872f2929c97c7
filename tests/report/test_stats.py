"""Intervals and tests against published worked examples, scipy and brute force."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afdcli.report.stats import (
    DRAWS,
    Estimate,
    mcnemar,
    mean,
    paired_difference,
    proportion,
    recovered_share,
)

counts = st.integers(0, 400)


@dataclass(frozen=True)
class Pairs:
    """A 2x2 table of paired outcomes, as textbooks have it."""

    both: int
    first: int
    second: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.first + self.second + self.neither

    def views(self, copies: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Answers of both, and pictures; each picture as often as *copies*."""
        sizes = (self.both, self.first, self.second, self.neither)
        first, second = (np.repeat(np.array(v, float), sizes) for v in ((1, 1, 0, 0), (1, 0, 1, 0)))
        return (*(np.repeat(v, copies) for v in (first, second)), np.arange(self.n).repeat(copies))


tables = st.builds(Pairs, counts, counts, counts, counts)


def wilson(right: int, n: int, copies: int = 1) -> Estimate:
    answers = np.repeat([1.0, 0.0], [right * copies, (n - right) * copies])
    return proportion(answers, np.arange(n).repeat(copies))


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998) 857–872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(right: int, n: int, low: float, high: float) -> None:
    got = wilson(right, n)
    assert got.n == n
    assert got.value == right / n
    assert (round(got.low, 4), round(got.high, 4)) == (low, high)


@settings(derandomize=True, max_examples=100)
@given(n=st.integers(1, 2000), share=st.floats(0, 1))
def test_wilson_equals_scipy(n: int, share: float) -> None:
    right = round(share * n)
    got, want = wilson(right, n), stats.binomtest(right, n).proportion_ci(method="wilson")
    assert got.low == pytest.approx(want.low, abs=1e-12)
    assert got.high == pytest.approx(want.high, abs=1e-12)
    assert 0 <= got.low <= got.value <= got.high <= 1


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Altman et al., Statistics with Confidence (2000), table 6.2
        (Pairs(both=14, first=0, second=5, neither=22), 0.011, 0.226),
        # Bentur et al. 2009, in Fagerland, Lydersen, Laake, Stat. Med. 33 (2014) 2850–2875
        (Pairs(both=1, first=7, second=1, neither=12), -0.507, -0.026),
    ],
)
def test_paired_difference_published(table: Pairs, low: float, high: float) -> None:
    got = paired_difference(*table.views())
    assert got.value == (table.second - table.first) / table.n
    assert (got.low, got.high) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))


@settings(derandomize=True, max_examples=100)
@given(table=tables.filter(lambda table: table.n > 0))
def test_paired_difference_is_sound(table: Pairs) -> None:
    got = paired_difference(*table.views())
    assert -1 <= got.low <= got.value <= got.high <= 1
    turned = paired_difference(*Pairs(table.both, table.second, table.first, table.neither).views())
    assert turned.value == pytest.approx(-got.value)
    assert (turned.low, turned.high) == (pytest.approx(-got.high), pytest.approx(-got.low))


def test_paired_difference_covers_the_truth_as_often_as_it_says() -> None:
    shares = np.array([0.40, 0.05, 0.15, 0.40])  # both, first, second, neither
    drawn = np.random.default_rng(5).multinomial(200, shares, size=4000)
    intervals = [paired_difference(*Pairs(*map(int, row)).views()) for row in drawn]
    covered = np.mean([e.low <= 0.10 <= e.high for e in intervals])
    assert 0.94 < covered < 0.96


def test_paired_difference_uses_the_pairing() -> None:
    agreeing = paired_difference(*Pairs(450, 10, 40, 500).views())
    unrelated = paired_difference(*Pairs(220, 240, 270, 270).views())
    assert agreeing.value == unrelated.value
    assert agreeing.high - agreeing.low < (unrelated.high - unrelated.low) / 2


@settings(derandomize=True, max_examples=100)
@given(table=tables)
def test_mcnemar_equals_scipy(table: Pairs) -> None:
    flips = table.first + table.second
    want = stats.binomtest(table.first, flips).pvalue if flips else 1.0
    assert mcnemar(*table.views()) == pytest.approx(want, rel=1e-9)


def test_mcnemar_of_many_flips_neither_overflows_nor_crawls() -> None:
    even = mcnemar(*Pairs(0, 500_500, 499_500, 0).views())
    assert even == pytest.approx(stats.binomtest(499_500, 1_000_000).pvalue, rel=1e-6)
    assert mcnemar(*Pairs(0, 0, 1_000_000, 0).views()) == 0.0


def views(outcomes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Answers direct, AFD and clean, and pictures, from (2, 2, 2) counts."""
    kinds = np.indices((2, 2, 2)).reshape(3, 8).repeat(outcomes.ravel(), axis=1).astype(float)
    return (*kinds, np.arange(kinds.shape[1]))


def test_recovered_share_is_exact() -> None:
    outcomes = np.zeros((2, 2, 2), dtype=int)
    outcomes[1, 1, 1] = 50  # right everywhere
    outcomes[0, 1, 1] = 12  # lost to compression, won back
    outcomes[0, 0, 1] = 20  # lost for good
    outcomes[1, 0, 1] = 2  # broken by the module
    outcomes[0, 0, 0] = 16  # hopeless
    got = recovered_share(*views(outcomes))
    assert got.n == 100
    assert got.value == pytest.approx((62 - 52) / (84 - 52))
    assert got.low < got.value < got.high
    assert got == recovered_share(*views(outcomes))  # seeded


def test_recovered_share_interval_is_that_of_resampled_pictures() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(400)
    direct, afd, clean = ((hard < share).astype(int) for share in (0.4, 0.6, 0.9))
    afd ^= rng.random(400) < 0.05
    got = recovered_share(*(a.astype(float) for a in (direct, afd, clean)), np.arange(400))
    shares = []
    for _ in range(4000):
        at = rng.integers(400, size=400)
        shares.append((afd[at].mean() - direct[at].mean()) / (clean[at].mean() - direct[at].mean()))
    low, high = np.quantile(shares, [0.025, 0.975])
    assert got.low == pytest.approx(low, abs=0.01)
    assert got.high == pytest.approx(high, abs=0.01)


def test_recovered_share_of_nothing_is_undefined() -> None:
    nothing_lost = np.zeros((2, 2, 2), dtype=int)
    nothing_lost[1, 1, 1] = 90
    nothing_lost[0, 1, 0] = 10
    assert math.isnan(recovered_share(*views(nothing_lost)).value)
    assert math.isnan(recovered_share(*views(np.zeros((2, 2, 2), dtype=int))).value)


def test_recovered_share_of_an_uncertain_loss_has_no_interval() -> None:
    outcomes = np.zeros((2, 2, 2), dtype=int)
    outcomes[1, 1, 1] = 40
    outcomes[0, 1, 1] = 6
    outcomes[1, 1, 0] = 4  # clean is hardly better than direct
    got = recovered_share(*views(outcomes))
    assert got.value == 3.0
    assert math.isnan(got.low)
    assert math.isnan(got.high)


def test_one_picture_has_no_recovered_interval() -> None:
    one, zero = np.ones(5), np.zeros(5)
    got = recovered_share(zero, one, one, np.zeros(5, dtype=int))
    assert (got.n, got.views, got.value) == (1, 5, 1.0)
    assert math.isnan(got.low)


def test_no_pictures_no_numbers() -> None:
    assert math.isnan(wilson(0, 0).value)
    assert math.isnan(paired_difference(*Pairs(0, 0, 0, 0).views()).value)
    assert mcnemar(*Pairs(0, 0, 0, 0).views()) == 1.0


# Views of one picture


@pytest.mark.parametrize("copies", [2, 5])
@pytest.mark.parametrize("right", [0, 1, 209, 300])
def test_identical_views_count_as_one_picture(right: int, copies: int) -> None:
    got, want = wilson(right, 300, copies), wilson(right, 300)
    assert (got.n, got.views) == (300, 300 * copies)
    assert (got.value, got.low, got.high) == pytest.approx((want.value, want.low, want.high))


def test_the_interval_of_300_photos_five_times_is_that_of_300() -> None:
    got = wilson(209, 300, copies=5)
    assert (round(100 * got.low, 1), round(100 * got.high, 1)) == (64.2, 74.6)


@settings(derandomize=True, max_examples=50)
@given(table=tables.filter(lambda table: table.n > 0), copies=st.integers(2, 6))
def test_identical_pairs_count_as_one_picture(table: Pairs, copies: int) -> None:
    got, want = paired_difference(*table.views(copies)), paired_difference(*table.views())
    assert (got.n, got.views) == (table.n, table.n * copies)
    wanted = pytest.approx((want.value, want.low, want.high), abs=1e-6)
    assert (got.value, got.low, got.high) == wanted
    assert mcnemar(*table.views(copies)) == mcnemar(*table.views())


def test_recovered_share_of_equal_views_is_that_of_the_pictures() -> None:
    outcomes = np.array([[[16, 20], [0, 12]], [[0, 2], [0, 50]]])
    one = recovered_share(*views(outcomes))
    five = recovered_share(*(np.repeat(a, 5) for a in views(outcomes)))
    assert (five.n, five.views) == (100, 500)
    assert (five.value, five.low, five.high) == pytest.approx((one.value, one.low, one.high))


def photos(k: int, seed: int) -> tuple[np.ndarray, ...]:
    """Answers direct, AFD and clean of *k* photos at five qualities, and the photos.

    Some photos are hard at every quality, as real ones are; a few have only one or two copies.
    """
    rng = np.random.default_rng(seed)
    copies = np.where(rng.random(k) < 0.2, rng.integers(1, 3, k), 5)
    pictures = np.arange(k).repeat(copies)
    hard = rng.normal(size=k)[pictures] + 0.7 * rng.normal(size=len(pictures))
    loss = np.tile([0.3, 0.6, 0.9, 1.2, 1.5], k)[: len(pictures)]
    clean = (rng.normal(size=k) * 0.3 + rng.normal(size=k) * 0)[pictures] + 0.9 > hard
    answers = (hard + loss < 0.9, hard + 0.5 * loss + 0.3 * rng.normal(size=len(hard)) < 0.9, clean)
    return (*(a.astype(float) for a in answers), pictures)


Statistic = Callable[..., float]


def bootstrapped(statistic: Statistic, *answers: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Ends of the percentile interval of *statistic* over pictures drawn with replacement."""
    rng = np.random.default_rng(7)
    sizes = np.bincount(pictures)
    sums = [np.bincount(pictures, weights=a) for a in answers]
    drawn = rng.integers(len(sizes), size=(DRAWS, len(sizes)))
    n = sizes[drawn].sum(1)
    return np.quantile(statistic(*(s[drawn].sum(1) / n for s in sums)), [0.025, 0.975])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_are_those_of_a_bootstrap_over_pictures(seed: int) -> None:
    direct, afd, clean, pictures = photos(400, seed)
    cases: list[tuple[Estimate, np.ndarray]] = [
        (
            proportion(direct, pictures),
            bootstrapped(lambda p: p, direct, pictures=pictures),
        ),
        (
            paired_difference(direct, afd, pictures),
            bootstrapped(lambda a, b: b - a, direct, afd, pictures=pictures),
        ),
        (
            mean(afd - direct, pictures),
            bootstrapped(lambda d: d, afd - direct, pictures=pictures),
        ),
        (
            recovered_share(direct, afd, clean, pictures),
            bootstrapped(
                lambda d, a, c: (a - d) / (c - d), direct, afd, clean, pictures=pictures
            ),
        ),
    ]  # fmt: skip
    for got, (low, high) in cases:
        assert got.n == 400
        assert got.views == len(pictures)
        tolerance = 0.1 * (high - low)
        assert got.low == pytest.approx(low, abs=tolerance)
        assert got.high == pytest.approx(high, abs=tolerance)
    wrong = proportion(direct, np.arange(len(direct)))
    assert wrong.high - wrong.low < 0.7 * (cases[0][0].high - cases[0][0].low)


def test_intervals_of_views_cover_the_truth_as_often_as_they_say() -> None:
    truth = np.mean([photos(20_000, 99)[k].mean() for k in (0,)])
    gain = float(np.subtract(*(photos(20_000, 99)[k].mean() for k in (1, 0))))
    covered = []
    for seed in range(400):
        direct, afd, _, pictures = photos(60, seed)
        shares, gains = proportion(direct, pictures), paired_difference(direct, afd, pictures)
        covered.append([shares.low <= truth <= shares.high, gains.low <= gain <= gains.high])
    assert np.all(np.mean(covered, axis=0) > 0.92)


def test_mcnemar_of_views_holds_its_level() -> None:
    rng = np.random.default_rng(4)
    pictures = np.arange(60).repeat(5)
    clustered, naive = [], []
    for _ in range(500):
        # One coin per picture says which of both is right in all of its views.
        coin = rng.integers(0, 2, 60).astype(float)[pictures]
        clustered.append(mcnemar(coin, 1 - coin, pictures))
        naive.append(mcnemar(coin, 1 - coin, np.arange(300)))
    assert np.mean(np.array(clustered) < 0.05) < 0.05
    assert np.mean(np.array(naive) < 0.05) > 0.2
