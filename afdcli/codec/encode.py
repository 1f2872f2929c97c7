"""Compress a picture once or several times, and the compressions of the paper."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.errors import ErrorCode, PhotoError, UsageError

Codec = Literal["jpeg", "avif", "webp"]
CODECS: tuple[Codec, ...] = get_args(Codec)
#: Chroma subsampling; WebP supports only 4:2:0.
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
#: File suffix of each codec.
SUFFIX: dict[Codec, str] = {"jpeg": ".jpg", "avif": ".avif", "webp": ".webp"}
#: Longest side in pixels: libjpeg's JPEG_MAX_DIMENSION, WebP's 14 bits, AV1's 16 bits.
_LONGEST_SIDE: dict[Codec, int] = {"jpeg": 65_500, "avif": 65_536, "webp": 16_383}
#: Quality factors of the paper: JPEG severities 1 to 5 of ImageNet-C.
PAPER_QUALITIES = (25, 18, 15, 10, 7)


@dataclass(frozen=True)
class Compression:
    """One round of compression.

    Attributes:
        codec: "jpeg", "avif" or "webp".
        quality: 1 to 100 on the codec's own scale; IJG quality factor for JPEG.
        subsampling: "4:4:4", "4:2:2" or "4:2:0"; WebP supports only "4:2:0".

    Raises:
        UsageError: a value is out of range.
    """

    codec: Codec
    quality: int
    subsampling: str = "4:2:0"

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise UsageError(f"codec {self.codec!r}: choose from {', '.join(CODECS)}")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality factor {self.quality}: must lie between 1 and 100")
        if self.subsampling not in SUBSAMPLINGS:
            known = ", ".join(SUBSAMPLINGS)
            raise UsageError(f"subsampling {self.subsampling!r}: choose from {known}")
        if self.codec == "webp" and self.subsampling != "4:2:0":
            raise UsageError(f"subsampling {self.subsampling}: WebP supports only 4:2:0")


def compress(pixels: NDArray[np.uint8], rounds: Sequence[Compression]) -> bytes:
    """Compress *pixels* in successive rounds, each on the decoded result of the previous one.

    The picture is never shifted or resized between rounds, so all rounds share one block grid.
    Equal pixels and rounds give equal bytes, whatever the number of cores.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        rounds: at least one.

    Raises:
        PhotoError: TOO_LARGE for the codec.
        UsageError: the installed Pillow cannot write the codec.
    """
    data = b""
    for number, step in enumerate(rounds):
        image = Image.open(io.BytesIO(data)).convert("RGB") if number else Image.fromarray(pixels)
        data = _encode(image, step)
    return data


@cache
def require(codec: Codec) -> None:
    """Check that the installed Pillow can write *codec*. Raises UsageError if not."""
    Image.init()
    if codec == "avif" and "AVIF" not in Image.SAVE:
        with suppress(ImportError):
            import pillow_avif  # noqa: F401
    if codec.upper() not in Image.SAVE:
        cure = "pip install pillow-avif-plugin" if codec == "avif" else "pip install -U pillow"
        raise UsageError(f"this Pillow cannot write {codec}: {cure}")


@dataclass(frozen=True)
class Recipe:
    """How pictures are degraded.

    Attributes:
        codec: of every round.
        quality: quality factor of the last round, 1 to 100; None draws it like the others.
        subsampling: of every round.
        rounds: number of successive compressions (the paper's CT = 1 to 5). The quality factors of
            all rounds but the last are drawn from `PAPER_QUALITIES`.

    Raises:
        UsageError: a value is out of range.
    """

    codec: Codec = "jpeg"
    quality: int | None = 10
    subsampling: str = "4:2:0"
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise UsageError(f"{self.rounds} rounds: at least one is needed")
        quality = PAPER_QUALITIES[0] if self.quality is None else self.quality
        Compression(self.codec, quality, self.subsampling)  # checks the ranges

    def draw(self, seed: int, name: str) -> tuple[Compression, ...]:
        """The rounds of the picture *name*, first to last.

        They depend only on *seed*, *name* and the number of the round, not on other pictures or on
        a random number generator whose next version may differ.
        """
        qualities = [_drawn(seed, name, number) for number in range(self.rounds)]
        if self.quality is not None:
            qualities[-1] = self.quality
        return tuple(Compression(self.codec, q, self.subsampling) for q in qualities)


def severity(level: int) -> int:
    """Quality factor of an ImageNet-C JPEG severity, 1 (mild) to 5 (strong).

    Raises:
        UsageError: no such severity.
    """
    if not 1 <= level <= len(PAPER_QUALITIES):
        raise UsageError(f"severity {level}: must lie between 1 and {len(PAPER_QUALITIES)}")
    return PAPER_QUALITIES[level - 1]


def _encode(image: Image.Image, step: Compression) -> bytes:
    require(step.codec)
    longest = _LONGEST_SIDE[step.codec]
    if max(image.size) > longest:
        message = (
            f"{image.width}x{image.height}: {step.codec} allows at most {longest} pixels a side"
        )
        raise PhotoError(ErrorCode.TOO_LARGE, message)
    options: dict[str, Any] = {"quality": step.quality, "subsampling": step.subsampling}
    if step.codec == "webp":
        options = {"quality": step.quality, "method": 4}
    if step.codec == "avif":
        options["max_threads"] = 1  # the workers already use all cores
    file = io.BytesIO()
    image.save(file, step.codec.upper(), **options)
    return file.getvalue()


def _drawn(seed: int, name: str, number: int) -> int:
    digest = hashlib.sha256(f"{seed}\0{number}\0{name}".encode()).digest()
    return PAPER_QUALITIES[int.from_bytes(digest[:8], "big") % len(PAPER_QUALITIES)]
