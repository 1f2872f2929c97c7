"""Which compression is drawn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from kit.pictures import scene

from afdcli.codec.encode import PAPER_QUALITIES, Compression, Recipe, compress


def test_quality_counts_in_every_codec() -> None:
    pixels = scene(64, 64)
    for codec in ("jpeg", "avif", "webp"):
        sizes = [len(compress(pixels, [Compression(codec, q)])) for q in (5, 25, 90)]  # type: ignore[arg-type]
        assert sizes == sorted(set(sizes))


@settings(derandomize=True, max_examples=50)
@given(st.integers(0, 2**64), st.text(max_size=8), st.integers(1, 5))
def test_draws_depend_on_seed_and_name_alone(seed: int, name: str, rounds: int) -> None:
    drawn = Recipe(quality=None, rounds=rounds).draw(seed, name)
    assert drawn == Recipe(quality=None, rounds=5).draw(seed, name)[:rounds]
    assert all(step.quality in PAPER_QUALITIES for step in drawn)
    fixed = Recipe(quality=42, rounds=rounds).draw(seed, name)
    assert fixed[:-1] == drawn[:-1]
    assert fixed[-1].quality == 42


def test_draws_are_even_and_never_change() -> None:
    drawn = [Recipe(quality=None).draw(0, f"{n}.jpg")[0].quality for n in range(5000)]
    counts = [drawn.count(q) for q in PAPER_QUALITIES]
    assert max(abs(count - 1000) for count in counts) < 120  # 4 standard deviations
    three = Recipe(quality=None, rounds=3).draw(0, "a.jpg")
    assert [step.quality for step in three] == [15, 25, 7]
