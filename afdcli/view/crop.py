"""Benchmark photos: resize the short side and crop the centre, as torchvision does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.photo import Photo
from afdcli.view.geometry import Axis, Geometry
from afdcli.view.orientation import turn
from afdcli.view.resize import render
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
    turned = turn(photo.orientation)
    height, width = turned.pair(photo.height, photo.width)
    spec = ViewSpec(size, size, "bicubic")
    resized_height, resized_width = _resized(height, width, spec)
    where = Geometry(_axis(height, resized_height, size), _axis(width, resized_width, size))
    return np.array(render(photo, turned, where, spec))


def _resized(height: int, width: int, spec: ViewSpec) -> tuple[int, int]:
    if spec.fits(height, width):
        return height, width
    target = round(spec.height * 256 / 224)
    if height < width:
        return target, target * width // height
    return target * height // width, target


def _axis(picture: int, resized: int, size: int) -> Axis:
    return Axis(picture, resized, round((resized - size) / 2), size)
