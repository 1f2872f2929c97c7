"""Benchmark photos: resize the short side and crop the centre, as torchvision does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.photo import Photo
from afdcli.view.build import view_pixels
from afdcli.view.orientation import turn
from afdcli.view.spec import ViewSpec


def upright(photo: Photo) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 sRGB pixels of the whole *photo*, EXIF orientation applied."""
    pixels = photo.pixels
    if photo.profile is not None:
        pixels = np.asarray(photo.profile.to_srgb(photo.image))
    return np.ascontiguousarray(turn(photo.orientation).pixels(pixels))


def benchmark_crop(photo: Photo, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8 RGB: the centre of *photo*, EXIF orientation applied.

    The short side is resized to ``size * 256 / 224`` pixels, up or down (bicubic, bit for bit like
    torchvision's ``Resize`` and ``CenterCrop`` of a PIL image), unless the picture already has
    about the right size, see `ViewSpec.near`.
    """
    target = round(size * 256 / 224)
    return view_pixels(photo, ViewSpec(size, size, crop_pct=size / (target + 0.5)))  # rounded down
