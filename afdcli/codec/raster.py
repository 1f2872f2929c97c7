"""A decoded file, and what is asked of the decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from afdcli.codec.exif import Exif
from afdcli.codec.profile import Profile


@dataclass(frozen=True)
class Raster:
    """A decoded file.

    Attributes:
        image: 8-bit RGB, loaded.
        orientation: EXIF orientation, 1 to 8.
        notes: for the results table: how the pixels were converted.
        profile: colour profile that still has to be applied to *image*; None for sRGB.
        exif: time and place; None unless they were asked for.
        stored: (width, height) of the stored picture, if *image* is smaller; else None.
    """

    image: Image.Image
    orientation: int
    notes: tuple[str, ...]
    profile: Profile | None = None
    exif: Exif | None = None
    stored: tuple[int, int] | None = None


#: From the stored (width, height) of a JPEG to 1, 2, 4 or 8: one over its size once decoded.
Reduce = Callable[[int, int], int]


@dataclass(frozen=True)
class Extras:
    """What to read of a file besides its pixels, and in which size.

    Attributes:
        icc: the colour profile; False ignores it.
        exif: time and place.
        reduce: lets a JPEG be decoded smaller; None: never.
    """

    icc: bool = True
    exif: bool = False
    reduce: Reduce | None = None
