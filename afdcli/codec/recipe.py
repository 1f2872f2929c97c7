"""Which compressions the paper applies, and how they are drawn for one picture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from afdcli.codec.encode import Codec, Compression
from afdcli.errors import UsageError

#: Quality factors of the paper; the JPEG severities 1 to 5 of ImageNet-C.
PAPER_QUALITIES = (25, 18, 15, 10, 7)


@dataclass(frozen=True)
class Recipe:
    """How pictures are degraded.

    Attributes:
        codec: of every round.
        quality: quality factor of the last round; None draws that one too.
        subsampling: of every round.
        rounds: successive compressions; the quality factors of those before the last are drawn
            from `PAPER_QUALITIES` (the paper's CT = 1 to 5).

    Raises:
        UsageError: any of them is out of range.
    """

    codec: Codec = "jpeg"
    quality: int | None = 10
    subsampling: str = "4:2:0"
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise UsageError(f"{self.rounds} rounds: at least one is needed")
        quality = PAPER_QUALITIES[0] if self.quality is None else self.quality
        Compression(self.codec, quality, self.subsampling)  # refuses what is out of range

    def draw(self, seed: int, name: str) -> tuple[Compression, ...]:
        """The rounds, first to last, of the picture *name*.

        They depend on *seed*, *name* and the number of the round alone: not on other pictures,
        nor on the version of any random number generator.
        """
        qualities = [_drawn(seed, name, number) for number in range(self.rounds)]
        if self.quality is not None:
            qualities[-1] = self.quality
        return tuple(Compression(self.codec, q, self.subsampling) for q in qualities)


def severity(level: int) -> int:
    """Quality factor of an ImageNet-C JPEG severity, 1 (mild) to 5.

    Raises:
        UsageError: no such severity.
    """
    if not 1 <= level <= len(PAPER_QUALITIES):
        raise UsageError(f"severity {level}: must lie between 1 and {len(PAPER_QUALITIES)}")
    return PAPER_QUALITIES[level - 1]


def _drawn(seed: int, name: str, number: int) -> int:
    digest = hashlib.sha256(f"{seed}\0{number}\0{name}".encode()).digest()
    return PAPER_QUALITIES[int.from_bytes(digest[:8], "big") % len(PAPER_QUALITIES)]
