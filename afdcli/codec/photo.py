"""What a file holds, once read: pixels, block coefficients and what is known of its compression."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DAMAGED = "damaged: "  # how a note begins where the decoder had to guess


@dataclass(frozen=True)
class Plane:
    """The 8x8 DCT blocks of one colour component.

    Attributes:
        levels: (rows, cols, 8, 8), natural order ``[v, u]``. int16 quantised levels of a JPEG
            file, or float32 coefficients where the transform was computed from pixels.
        steps: (8, 8) float32, the quantisation table; all ones where nothing was quantised.
        block_size: (height, width) in pixels of the stored picture that one block covers:
            (8, 8) for luma, (16, 16) for chroma in 4:2:0.
    """

    levels: NDArray[np.int16] | NDArray[np.float32]
    steps: NDArray[np.float32]
    block_size: tuple[int, int]

    @property
    def coefficients(self) -> NDArray[np.float32]:
        """(rows, cols, 8, 8) float32: ``levels * steps``, JPEG scale (DC = 8 x mean)."""
        return self.levels.astype(np.float32) * self.steps


@dataclass(frozen=True)
class Coefficients:
    """Block coefficients of a picture, on the block grid of its *stored* pixels.

    Attributes:
        planes: (Y,) for grey, else (Y, Cb, Cr) with BT.601 full-range colours, as in JFIF.
        exact: True where they are the file's own; False where computed from decoded pixels.
    """

    planes: tuple[Plane, ...]
    exact: bool


@dataclass(frozen=True)
class Photo:
    """One picture as read from a file.

    Attributes:
        image: RGB, 8 bits, as stored, *before* EXIF orientation; loaded.
        codec: "jpeg", "avif", "webp", "png", "bmp", "tiff" or "gif".
        orientation: EXIF orientation, 1 to 8 (1 = as stored).
        quality: estimated IJG quality factor, 1 to 100, of the last JPEG compression; None
            where the file does not tell.
        subsampling: "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "grey" or "" if unknown.
        progressive: True for a progressive JPEG.
        notes: remarks for the results table, e.g. why coefficients are not the file's own; those on
            damage begin with `DAMAGED`.
        file_coefficients: the file's own coefficients, None where it has none that make sense.
    """

    image: Image.Image = field(repr=False)
    codec: str
    orientation: int = 1
    quality: float | None = None
    subsampling: str = ""
    progressive: bool = False
    notes: tuple[str, ...] = ()
    file_coefficients: Coefficients | None = field(default=None, repr=False)

    @classmethod
    def from_pixels(cls, pixels: NDArray[np.uint8], codec: str = "png", **known: Any) -> Photo:
        """The picture of *pixels* (height, width, 3) uint8 RGB; *known* as the attributes."""
        return cls(Image.fromarray(pixels), codec, **known)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB, as stored, read-only: a copy, made when first asked for."""
        return np.asarray(self.image)

    @property
    def damage(self) -> str:
        """What is broken in the file although it could be decoded, or ""."""
        found = (note for note in self.notes if note.startswith(DAMAGED))
        return next(found, "").removeprefix(DAMAGED)

    @property
    def width(self) -> int:
        """Stored width in pixels, before orientation."""
        return self.image.width

    @property
    def height(self) -> int:
        """Stored height in pixels, before orientation."""
        return self.image.height

    @cached_property
    def coefficients(self) -> Coefficients:
        """The file's own coefficients, else the block DCT of the decoded pixels."""
        if self.file_coefficients is not None:
            return self.file_coefficients
        from afdcli.codec.dct import pixel_coefficients

        return pixel_coefficients(self.pixels)
