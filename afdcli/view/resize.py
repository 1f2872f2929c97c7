"""Stored pixels -> pixels of the view: bit for bit like timm's transform, or quickly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.photo import Photo
from afdcli.view.geometry import Geometry, geometry
from afdcli.view.orientation import Turn
from afdcli.view.quick_resize import FILTERS, quick_resize
from afdcli.view.spec import ViewSpec

#: A reduced picture is at least this many times as large as the resized one. At 4, 15 % of the
#: resized values differ by 1 and 0.004 % by 2; at 3, 0.1 % differ by more than 1; at 2, 2 %.
_REDUCING_GAP = 4.0

#: Most pixels that the resized picture may have. 1 x 60,000 pixels would become 256 x 15 million.
_MAX_RESIZED = 1 << 26


def reduction(width: int, height: int, spec: ViewSpec) -> int:
    """By how much a JPEG of *width* x *height* stored pixels may be decoded smaller: 1, 2, 4 or 8.

    Only for "fast". libjpeg's decoder averages the pixels that it omits, and the result is still
    four times as large as the resized picture: the resampling filter does most of the work.
    """
    if not _is_quick(spec):
        return 1
    least = math.inf
    for upright in ((height, width), (width, height)):  # the EXIF orientation is not known yet
        where = geometry(*upright, spec)
        least = min(least, *(axis.picture / axis.resized for axis in (where.y, where.x)))
    return next((factor for factor in (8, 4, 2) if least >= _REDUCING_GAP * factor), 1)


def render(photo: Photo, turn: Turn, where: Geometry, spec: ViewSpec) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 pixels of the view of *photo*, in sRGB if ``spec.icc``; read-only.

    Colours are converted last, when only the pixels of the view are left.
    """
    same_size = (where.y.resized, where.x.resized) == (where.y.picture, where.x.picture)
    if _is_quick(spec) and not same_size:
        shown = _quick(photo, turn, where, spec)
    else:
        shown = _exact(photo, turn, where, spec)
    if spec.icc and photo.profile is not None:
        shown = photo.profile.to_srgb(shown)
    if shown.size == (spec.width, spec.height):
        return np.asarray(shown)
    view = np.empty((spec.height, spec.width, 3), dtype=np.uint8)
    view[:] = spec.fill if spec.crop_mode == "border" else 0
    y, x = max(-where.y.offset, 0), max(-where.x.offset, 0)
    view[y : y + shown.height, x : x + shown.width] = np.asarray(shown)
    return view


def _is_quick(spec: ViewSpec) -> bool:
    return spec.resize == "fast" and spec.interpolation in FILTERS


def _exact(photo: Photo, turn: Turn, where: Geometry, spec: ViewSpec) -> Image.Image:
    """The visible part of the resized picture, as timm makes it.

    The whole picture is resized and then cropped. Resizing only the crop (Pillow's ``box``) would
    not give timm's exact bits: it rounds the filter's phase differently, and the order of Pillow's
    two passes, with uint8 rounding between them, depends on the sizes.
    """
    image = turn.image(photo.image)
    (top, bottom), (left, right) = where.y.shown, where.x.shown
    if where.y.resized * where.x.resized > _MAX_RESIZED:
        return _resize_crop_alone(image, where, spec)
    if image.size != (where.x.resized, where.y.resized):
        image = image.resize((where.x.resized, where.y.resized), spec.filter)
    return image.crop((left, top, right, bottom))


def _quick(photo: Photo, turn: Turn, where: Geometry, spec: ViewSpec) -> Image.Image:
    """As `_exact`, nearly: only the visible part is resized, and turned upright afterwards."""
    y, x = (
        np.array([axis.shown], dtype=np.float64) * axis.picture / axis.resized
        for axis in (where.y, where.x)
    )
    y, x = turn.to_stored(y, x, where.y.picture, where.x.picture)
    # A reduced picture has 1 / factor of the pixels, rounded up.
    x_factor, y_factor = (
        round(stored / image)
        for stored, image in zip((photo.width, photo.height), photo.image.size, strict=True)
    )
    box = (x[0, 0] / x_factor, y[0, 0] / y_factor, x[0, 1] / x_factor, y[0, 1] / y_factor)
    height, width = turn.pair(*(axis.shown[1] - axis.shown[0] for axis in (where.y, where.x)))
    small = quick_resize(
        photo.image, (width, height), spec.interpolation, box, columns_first=turn.transpose
    )
    return turn.image(small)


def _resize_crop_alone(image: Image.Image, where: Geometry, spec: ViewSpec) -> Image.Image:
    """For extreme shapes, for which timm would run out of memory: close to timm, not equal."""
    (top, bottom), (left, right) = where.y.shown, where.x.shown
    y, x = where.y.picture / where.y.resized, where.x.picture / where.x.resized
    box = (left * x, top * y, min(right * x, image.width), min(bottom * y, image.height))
    return image.resize((right - left, bottom - top), spec.filter, box=box)
