"""One compression of a picture, and several in a row: pixels in, bytes of a file out."""

from __future__ import annotations

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
#: Of luma to chroma samples; WebP knows the last only.
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
#: How the names of files end.
SUFFIX: dict[Codec, str] = {"jpeg": ".jpg", "avif": ".avif", "webp": ".webp"}
#: Pixels along a side that a file may have: libjpeg's JPEG_MAX_DIMENSION, WebP's 14 bits, AV1's 16.
_LONGEST_SIDE: dict[Codec, int] = {"jpeg": 65_500, "avif": 65_536, "webp": 16_383}


@dataclass(frozen=True)
class Compression:
    """One round of compression.

    Attributes:
        codec: "jpeg", "avif" or "webp".
        quality: 1 to 100 on the codec's own scale; IJG quality factor for JPEG.
        subsampling: "4:4:4", "4:2:2" or "4:2:0"; WebP knows the last only.

    Raises:
        UsageError: any of them is out of range.
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
            raise UsageError(f"subsampling {self.subsampling}: WebP knows 4:2:0 only")


def compress(pixels: NDArray[np.uint8], rounds: Sequence[Compression]) -> bytes:
    """The file after the last of *rounds*; each round compresses what the one before decodes to.

    The picture is never moved or resized in between, so all rounds share one block grid. Equal
    pixels and rounds give equal bytes, whatever the number of cores.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        rounds: at least one.

    Raises:
        PhotoError: TOO_LARGE for the codec.
        UsageError: this Pillow cannot write the codec.
    """
    data = b""
    for number, step in enumerate(rounds):
        image = _decode(data) if number else Image.fromarray(pixels)
        data = _encode(image, step)
    return data


@cache
def require(codec: Codec) -> None:
    """Raise `UsageError` if this Pillow cannot write *codec*."""
    Image.init()
    if codec == "avif" and "AVIF" not in Image.SAVE:
        with suppress(ImportError):
            import pillow_avif  # noqa: F401
    if codec.upper() not in Image.SAVE:
        cure = "pip install pillow-avif-plugin" if codec == "avif" else "pip install -U pillow"
        raise UsageError(f"this Pillow cannot write {codec}: {cure}")


def _decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _encode(image: Image.Image, step: Compression) -> bytes:
    require(step.codec)
    longest = _LONGEST_SIDE[step.codec]
    if max(image.size) > longest:
        message = f"{image.width}x{image.height}: {step.codec} ends at {longest} pixels a side"
        raise PhotoError(ErrorCode.TOO_LARGE, message)
    options: dict[str, Any] = {"quality": step.quality}
    if step.codec == "webp":
        options |= {"method": 4}
    else:
        options |= {"subsampling": step.subsampling}
    if step.codec == "avif":
        options |= {"max_threads": 1}  # workers are parallel already
    file = io.BytesIO()
    image.save(file, step.codec.upper(), **options)
    return file.getvalue()
