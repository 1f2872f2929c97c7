"""The photos of a benchmark: resize the short side, crop the centre; as torchvision does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.photo import Photo
from afdcli.view.geometry import Axis, Geometry
from afdcli.view.orientation import turn
from afdcli.view.resize import render
from afdcli.view.spec import ViewSpec


def upright(photo: Photo) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 pixels of the whole *photo*, in sRGB, EXIF orientation applied."""
    pixels = photo.pixels
    if photo.profile is not None:
        pixels = np.asarray(photo.profile.to_srgb(photo.image))
    return np.ascontiguousarray(turn(photo.orientation).pixels(pixels))


def benchmark_crop(photo: Photo, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: the centre of *photo*, EXIF orientation applied.

    The short side is resized, up or down, to 256 pixels for a *size* of 224 and in proportion
    for others (bicubic, bit for bit ``Resize`` and ``CenterCrop`` of torchvision on a PIL
    image), unless the picture fits already, see `ViewSpec.near`.
    """
    turned = turn(photo.orientation)
    height, width = turned.pair(photo.height, photo.width)
    spec = ViewSpec(size, size, "bicubic")
    resized_height, resized_width = _resized(height, width, spec)
    where = Geometry(_axis(height, resized_height, size), _axis(width, resized_width, size))
    return render(photo, turned, where, spec)


def _resized(height: int, width: int, spec: ViewSpec) -> tuple[int, int]:
    if spec.fits(height, width):
        return height, width
    target = round(spec.height * 256 / 224)
    if height < width:
        return target, target * width // height
    return target * height // width, target


def _axis(picture: int, resized: int, size: int) -> Axis:
    return Axis(picture, resized, round((resized - size) / 2), size)
