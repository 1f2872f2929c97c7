"""Stored pixels -> pixels of the view, bit for bit like timm's transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.photo import Photo
from afdcli.view.geometry import Geometry
from afdcli.view.orientation import Turn
from afdcli.view.spec import ViewSpec

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_TRANSPOSES = {  # (transpose, flip_y, flip_x) -> Pillow's method
    (False, False, True): Image.Transpose.FLIP_LEFT_RIGHT,
    (False, True, True): Image.Transpose.ROTATE_180,
    (False, True, False): Image.Transpose.FLIP_TOP_BOTTOM,
    (True, False, False): Image.Transpose.TRANSPOSE,
    (True, False, True): Image.Transpose.ROTATE_270,
    (True, True, True): Image.Transpose.TRANSVERSE,
    (True, True, False): Image.Transpose.ROTATE_90,
}

#: Most pixels that the resized picture may have. 1 x 60,000 pixels would become 256 x 15 million.
_MAX_RESIZED = 1 << 26


def render(photo: Photo, turn: Turn, where: Geometry, spec: ViewSpec) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 pixels of the view of *photo*, in sRGB if ``spec.icc``.

    The whole picture is resized and then cropped. Resizing only the crop (Pillow's ``box``) would
    not give timm's exact bits: it rounds the filter's phase differently, and the order of Pillow's
    two passes, with uint8 rounding between them, depends on the sizes. Colours are converted last,
    when only the pixels of the view are left.
    """
    image = _upright(photo.image, turn)
    (top, bottom), (left, right) = where.y.shown, where.x.shown
    if where.y.resized * where.x.resized > _MAX_RESIZED:
        shown = _resize_crop_alone(image, where, spec)
    else:
        if image.size != (where.x.resized, where.y.resized):
            image = image.resize((where.x.resized, where.y.resized), _FILTERS[spec.interpolation])
        shown = image.crop((left, top, right, bottom))
    if spec.icc and photo.profile is not None:
        shown = photo.profile.to_srgb(shown)
    if shown.size == (spec.width, spec.height):
        return np.array(shown)
    view = np.empty((spec.height, spec.width, 3), dtype=np.uint8)
    view[:] = spec.fill if spec.crop_mode == "border" else 0
    y, x = max(-where.y.offset, 0), max(-where.x.offset, 0)
    view[y : y + shown.height, x : x + shown.width] = np.asarray(shown)
    return view


def _upright(stored: Image.Image, turn: Turn) -> Image.Image:
    """The oriented picture. Pillow transposes large pictures three times as fast as numpy."""
    method = _TRANSPOSES.get((turn.transpose, turn.flip_y, turn.flip_x))
    return stored if method is None else stored.transpose(method)


def _resize_crop_alone(image: Image.Image, where: Geometry, spec: ViewSpec) -> Image.Image:
    """For extreme shapes, for which timm would run out of memory: close to timm, not equal."""
    (top, bottom), (left, right) = where.y.shown, where.x.shown
    y, x = where.y.picture / where.y.resized, where.x.picture / where.x.resized
    box = (left * x, top * y, min(right * x, image.width), min(bottom * y, image.height))
    return image.resize((right - left, bottom - top), _FILTERS[spec.interpolation], box=box)
