"""How much AFD can be expected to gain on photos of given JPEG qualities, as measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from afdcli.models.measured import Measured, Pair

#: Bands of JPEG quality factors, first and last, with the measured factor that stands for them;
#: 0 stands for uncompressed photos, None for qualities that were not measured.
BANDS: tuple[tuple[int, int, int | None], ...] = (
    (1, 8, 7),
    (9, 12, 10),
    (13, 16, 15),
    (17, 21, 18),
    (22, 35, 25),
    (36, 79, None),
    (80, 100, 0),
)
#: Largest quality at which a gain was measured.
WORST = 35
_MOSTLY, _PARTLY = 0.25, 0.03  # shares of the images


@dataclass(frozen=True)
class Band:
    """The images of one band.

    Attributes:
        first, last: quality factors.
        images: number of images.
        measured: top-1 in % without and with AFD per classifier measured; empty if none was.
    """

    first: int
    last: int
    images: int
    measured: tuple[Pair, ...]

    @property
    def gains(self) -> tuple[float, ...]:
        """Points that AFD gained, lowest first."""
        return tuple(sorted(round(after - before, 1) for before, after in self.measured))


def bands(qualities: Iterable[float], numbers: Sequence[Measured]) -> list[Band]:
    """Count *qualities* (1 to 100) by band, with what was measured there."""
    rounded = [round(quality) for quality in qualities]
    return [
        Band(
            first,
            last,
            sum(first <= quality <= last for quality in rounded),
            tuple(_pair(each, at) for each in numbers) if at is not None else (),
        )
        for first, last, at in BANDS
    ]


def _pair(numbers: Measured, at: int) -> Pair:
    return numbers.by_quality[at] if at else numbers.clean


def verdict(found: Sequence[Band], images: int) -> str:
    """One sentence: will AFD help?

    Args:
        found: from `bands`.
        images: number of images looked at, those without a JPEG quality included.
    """
    bad = [band for band in found if band.last <= WORST and band.images]
    count = sum(band.images for band in bad)
    share = count / images if images else 0.0
    gains = [gain for band in bad for gain in band.gains]
    gained = f"where AFD gained {_span(gains)} points of accuracy" if gains else ""
    text = f"{share:.0%} of the images are JPEGs of quality {WORST} or below"
    if not count:
        text = f"no image is a JPEG of quality {WORST} or below"
    if not any(band.measured for band in found):
        return f"unknown: this module has not been measured; {text}"
    if share >= _MOSTLY:
        return ", ".join(filter(None, (f"yes: {text}", gained)))
    if share >= _PARTLY:
        return ", ".join(filter(None, (f"a little: {text}", gained)))
    only = "only " * (count > 0)
    return f"hardly: {only}{text}; on good photos AFD changes next to nothing"


def _span(gains: Sequence[float]) -> str:
    low, high = min(gains), max(gains)
    return f"{low:.1f}" if low == high else f"{low:.1f} to {high:.1f}"
