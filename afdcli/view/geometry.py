"""Which part of the picture each pixel and grid cell of the view shows; no pixel data here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from afdcli.constants import CELL
from afdcli.view.spec import ViewSpec


@dataclass(frozen=True)
class Axis:
    """How one axis of the oriented picture is resized and cropped, in pixels.

    Attributes:
        picture: length of the oriented picture.
        resized: its length after resizing.
        offset: view pixel p shows resized pixel ``p + offset``; negative if the view is padded.
        view: length of the view.
    """

    picture: int
    resized: int
    offset: int
    view: int

    @property
    def log_scale(self) -> float:
        """Natural logarithm of view pixels per picture pixel."""
        return math.log(self.resized / self.picture)

    @property
    def shown(self) -> tuple[int, int]:
        """Range of resized pixels that the view shows, end exclusive."""
        return max(self.offset, 0), min(self.offset + self.view, self.resized)

    @cached_property
    def cells(self) -> NDArray[np.float64]:
        """(cells, 2) start and end under each cell, in picture pixels; equal in the padding.

        Read-only.
        """
        edges = np.minimum(CELL * np.arange(-(-self.view // CELL) + 1), self.view) + self.offset
        edges = np.clip(edges, 0, self.resized) * self.picture / self.resized
        cells = np.stack([edges[:-1], edges[1:]], axis=1)
        cells.flags.writeable = False
        return cells


@dataclass(frozen=True)
class Geometry:
    """Both axes of an oriented picture, resized and cropped for a `ViewSpec`."""

    y: Axis
    x: Axis


@lru_cache(maxsize=64)  # pictures often have the same size
def geometry(height: int, width: int, spec: ViewSpec) -> Geometry:
    """How an oriented picture of *height* x *width* pixels is resized and cropped for *spec*."""
    resized_height, resized_width = _resized(height, width, spec)
    return Geometry(
        y=Axis(height, resized_height, _offset(resized_height, spec.height), spec.height),
        x=Axis(width, resized_width, _offset(resized_width, spec.width), spec.width),
    )


def _resized(height: int, width: int, spec: ViewSpec) -> tuple[int, int]:
    """(height, width) after resizing, rounded like timm's ``transforms_imagenet_eval``."""
    if spec.fits(height, width):
        return height, width
    target_height = math.floor(spec.height / spec.crop_pct)
    target_width = math.floor(spec.width / spec.crop_pct)
    if spec.crop_mode == "squash":
        return target_height, target_width
    if spec.crop_mode == "center" and target_height == target_width:
        # torchvision's Resize truncates the longer side; timm's ResizeKeepRatio rounds it.
        if width <= height:
            return int(target_width * height / width), target_width
        return target_height, int(target_height * width / height)
    ratios = height / target_height, width / target_width
    ratio = max(ratios) if spec.crop_mode == "border" else min(ratios)
    # Extreme shapes would shrink to 0 pixels, which Pillow rejects: keep at least one.
    return max(1, round(height / ratio)), max(1, round(width / ratio))


def _offset(resized: int, view: int) -> int:
    """Resized pixel shown at view pixel 0, as torchvision's ``center_crop`` rounds it."""
    if view > resized:
        return -((view - resized) // 2)
    return round((resized - view) / 2.0)
