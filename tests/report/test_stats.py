"""Intervals and tests against published worked examples, scipy and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afdcli.report.stats import (
    Pairs,
    mcnemar,
    paired_difference,
    recovered_share,
    wilson,
)

counts = st.integers(0, 400)
tables = st.builds(Pairs, counts, counts, counts, counts)


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
    got = paired_difference(table)
    assert got.value == (table.second - table.first) / table.n
    assert (got.low, got.high) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))


@settings(derandomize=True, max_examples=100)
@given(table=tables.filter(lambda table: table.n > 0))
def test_paired_difference_is_sound(table: Pairs) -> None:
    got = paired_difference(table)
    assert -1 <= got.low <= got.value <= got.high <= 1
    turned = paired_difference(Pairs(table.both, table.second, table.first, table.neither))
    assert turned.value == pytest.approx(-got.value)
    assert (turned.low, turned.high) == (pytest.approx(-got.high), pytest.approx(-got.low))


def test_paired_difference_covers_the_truth_as_often_as_it_says() -> None:
    shares = np.array([0.40, 0.05, 0.15, 0.40])  # both, first, second, neither
    drawn = np.random.default_rng(5).multinomial(200, shares, size=4000)
    intervals = [paired_difference(Pairs(*map(int, row))) for row in drawn]
    covered = np.mean([e.low <= 0.10 <= e.high for e in intervals])
    assert 0.94 < covered < 0.96


def test_paired_difference_uses_the_pairing() -> None:
    agreeing = paired_difference(Pairs(450, 10, 40, 500))
    unrelated = paired_difference(Pairs(220, 240, 270, 270))
    assert agreeing.value == unrelated.value
    assert agreeing.high - agreeing.low < (unrelated.high - unrelated.low) / 2


@settings(derandomize=True, max_examples=100)
@given(table=tables)
def test_mcnemar_equals_scipy(table: Pairs) -> None:
    flips = table.first + table.second
    want = stats.binomtest(table.first, flips).pvalue if flips else 1.0
    assert mcnemar(table) == pytest.approx(want, rel=1e-9)


def test_mcnemar_of_many_flips_neither_overflows_nor_crawls() -> None:
    even = mcnemar(Pairs(0, 500_500, 499_500, 0))
    assert even == pytest.approx(stats.binomtest(499_500, 1_000_000).pvalue, rel=1e-6)
    assert mcnemar(Pairs(0, 0, 1_000_000, 0)) == 0.0


def cube(direct: np.ndarray, afd: np.ndarray, clean: np.ndarray) -> np.ndarray:
    return np.bincount(4 * direct + 2 * afd + clean, minlength=8).reshape(2, 2, 2)


def test_recovered_share_is_exact() -> None:
    outcomes = np.zeros((2, 2, 2), dtype=int)
    outcomes[1, 1, 1] = 50  # right everywhere
    outcomes[0, 1, 1] = 12  # lost to compression, won back
    outcomes[0, 0, 1] = 20  # lost for good
    outcomes[1, 0, 1] = 2  # broken by the module
    outcomes[0, 0, 0] = 16  # hopeless
    got = recovered_share(outcomes)
    assert got.n == 100
    assert got.value == pytest.approx((62 - 52) / (84 - 52))
    assert got.low < got.value < got.high
    assert got == recovered_share(outcomes)  # seeded


def test_recovered_share_interval_is_that_of_resampled_pictures() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(400)
    direct, afd, clean = ((hard < share).astype(int) for share in (0.4, 0.6, 0.9))
    afd ^= rng.random(400) < 0.05
    got = recovered_share(cube(direct, afd, clean))
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
    assert math.isnan(recovered_share(nothing_lost).value)
    assert math.isnan(recovered_share(np.zeros((2, 2, 2), dtype=int)).value)


def test_recovered_share_of_an_uncertain_loss_has_no_interval() -> None:
    outcomes = np.zeros((2, 2, 2), dtype=int)
    outcomes[1, 1, 1] = 40
    outcomes[0, 1, 1] = 6
    outcomes[1, 1, 0] = 4  # clean is hardly better than direct
    got = recovered_share(outcomes)
    assert got.value == 3.0
    assert math.isnan(got.low)
    assert math.isnan(got.high)


def test_no_pictures_no_numbers() -> None:
    assert math.isnan(wilson(0, 0).value)
    assert math.isnan(paired_difference(Pairs(0, 0, 0, 0)).value)
    assert mcnemar(Pairs(0, 0, 0, 0)) == 1.0
