"""The content of an image file: pixels, block coefficients, and how it was compressed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.exif import Exif
from afdcli.codec.pixel_dct import Coefficients, pixel_coefficients
from afdcli.codec.profile import Profile

DAMAGED = "damaged: "  # prefix of notes about data that the decoder had to guess


@dataclass(frozen=True)
class Photo:
    """One picture as read from a file.

    Attributes:
        image: 8-bit RGB, as stored, *before* EXIF orientation and `profile`; loaded. Smaller than
            the stored picture if `read_photo` was allowed to reduce it.
        codec: "jpeg", "avif", "webp", "png", "bmp", "tiff", "gif", "heic" or "jxl".
        orientation: EXIF orientation, 1 to 8 (1 = as stored).
        quality: estimated IJG quality factor, 1 to 100, of the last JPEG compression; None
            if unknown.
        subsampling: "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "grey" or "" if unknown.
        progressive: True for a progressive JPEG.
        notes: for the results table, e.g. why the coefficients are not the file's own; notes on
            damage begin with `DAMAGED`.
        file_coefficients: the file's own coefficients; None if it has none that are usable.
        profile: colour profile that still has to be applied to *image*; None for sRGB.
        exif: time and place; None unless `read_photo` was asked for them.
        stored: (width, height) in pixels, if *image* is smaller; else None.
    """

    image: Image.Image = field(repr=False)
    codec: str
    orientation: int = 1
    quality: float | None = None
    subsampling: str = ""
    progressive: bool = False
    notes: tuple[str, ...] = ()
    file_coefficients: Coefficients | None = field(default=None, repr=False)
    profile: Profile | None = None
    exif: Exif | None = None
    stored: tuple[int, int] | None = None

    @classmethod
    def from_pixels(cls, pixels: NDArray[np.uint8], codec: str = "png", **known: Any) -> Photo:
        """A photo of *pixels*, (height, width, 3) uint8 RGB; *known* sets further attributes."""
        return cls(Image.fromarray(pixels), codec, **known)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB of `image`, read-only; copied from it on first use."""
        return np.asarray(self.image)

    @property
    def damage(self) -> str:
        """What is damaged in the file, although it could be decoded; "" if nothing."""
        found = (note for note in self.notes if note.startswith(DAMAGED))
        return next(found, "").removeprefix(DAMAGED)

    @property
    def width(self) -> int:
        """Stored width in pixels, before orientation."""
        return (self.stored or self.image.size)[0]

    @property
    def height(self) -> int:
        """Stored height in pixels, before orientation."""
        return (self.stored or self.image.size)[1]

    @cached_property
    def coefficients(self) -> Coefficients:
        """The file's own coefficients; if there are none, the block DCT of the decoded pixels."""
        if self.file_coefficients is not None:
            return self.file_coefficients
        return pixel_coefficients(self.pixels)
