"""Choose a few blocks of the stored picture for a close look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afdcli.codec.photo import Photo
from afdcli.inspect.predict import Inspection
from afdcli.view.orientation import turn

BLOCKS = 6  # along each side


@dataclass(frozen=True)
class Patch:
    """A square of blocks.

    Attributes:
        stored: (top, left, bottom, right) in pixels of the stored picture; top and left are
            multiples of 8.
        upright: the same in pixels of the upright picture.
        chosen: why these, for the title of a panel.
    """

    stored: tuple[int, int, int, int]
    upright: tuple[int, int, int, int]
    chosen: str


def choose_patch(photo: Photo, inspection: Inspection) -> Patch:
    """The blocks under the largest drift, or those in the middle where there is no module."""
    y, x = _centre(inspection)
    turned = turn(photo.orientation)
    upright = turned.pair(photo.height, photo.width)
    points = [np.array([[value, value]]) for value in (y, x)]
    stored = turned.to_stored(points[0], points[1], *upright)
    top, bottom = _span(float(stored[0][0, 0]), photo.height)
    left, right = _span(float(stored[1][0, 0]), photo.width)
    rows, cols = turned.pair((top, bottom), (left, right))
    if turned.flip_y:
        rows = (upright[0] - rows[1], upright[0] - rows[0])
    if turned.flip_x:
        cols = (upright[1] - cols[1], upright[1] - cols[0])
    chosen = "around the largest drift" if inspection.drift else "in the middle of the view"
    return Patch((top, left, bottom, right), (rows[0], cols[0], rows[1], cols[1]), chosen)


def _centre(inspection: Inspection) -> tuple[float, float]:
    """(y, x) in pixels of the upright picture."""
    top, left, bottom, right = inspection.framing.box
    drift = inspection.drift
    if drift is None:
        return (top + bottom) / 2, (left + right) / 2
    row, col = np.unravel_index(int(drift.angles.argmax()), drift.angles.shape)
    origin = inspection.framing.origin
    scale = inspection.framing.scale
    y, x = (
        (int(cell) + 0.5) * size / count
        for cell, size, count in zip((row, col), drift.covers, drift.angles.shape, strict=True)
    )
    y, x = (y + origin[0]) / scale[0], (x + origin[1]) / scale[1]
    return min(max(y, top), bottom), min(max(x, left), right)


def _span(middle: float, length: int) -> tuple[int, int]:
    """[first, last) pixel of at most `BLOCKS` whole blocks around *middle*."""
    blocks = -(-length // 8)
    first = min(max(0, round(middle / 8 - BLOCKS / 2)), max(0, blocks - BLOCKS))
    return 8 * first, min(8 * (first + BLOCKS), length)
